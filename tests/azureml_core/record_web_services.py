"""Fills in what azureml-core makes of the deployment and inference configurations of ``web_services.json``.

Run it by a Python that has azureml-core 1.61: ``python tests/azureml_core/record_web_services.py``.
"""

from __future__ import annotations

import json
import os
import tempfile
from importlib import metadata
from pathlib import Path

import azureml.core.model
from azureml._model_management._util import convert_parts_to_environment, deploy_config_dict_to_obj
from azureml.core.container_registry import ContainerRegistry
from azureml.core.environment import Environment
from azureml.core.model import InferenceConfig

FILE = Path(__file__).with_name("web_services.json")
ARGUMENTS = {
    "entryScript": "entry_script",
    "runtime": "runtime",
    "condaFile": "conda_file",
    "extraDockerfileSteps": "extra_docker_file_steps",
    "sourceDirectory": "source_directory",
    "enableGpu": "enable_gpu",
    "cudaVersion": "cuda_version",
    "description": "description",
    "baseImage": "base_image",
}
# it takes what is uploaded for an address; nothing is sent
azureml.core.model.upload_dependency = lambda _, path, *__, **___: ("uploaded", Path(path).name)


def said(value: object) -> object:
    """A value without what says nothing."""
    if isinstance(value, dict):
        kept = {key: said(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item != {}}
    return value


def deployed(config: dict[str, object]) -> object:
    made = deploy_config_dict_to_obj(config, {"of": "v1"}, None, "free text")
    payload = made._build_create_payload("myservice", {"modelIds": ["mymodel:1"]}, overwrite=True)
    return said({key: value for key, value in payload.items() if key != "properties"})


def asked(config: dict[str, object]) -> object:
    given = {ARGUMENTS[key]: value for key, value in config.items() if key in ARGUMENTS}
    if isinstance(config.get("baseImageRegistry"), str):
        given["base_image_registry"] = ContainerRegistry()
        given["base_image_registry"].address = config["baseImageRegistry"]
    if config.get("environment"):
        given["environment"] = Environment._deserialize_and_add_to_object(config["environment"])
    made, by_environment = convert_parts_to_environment("myservice", InferenceConfig(**given))
    assert by_environment
    return said(made._build_environment_image_request(None, ["mymodel:1"]).get("environment"))


def read(case: dict[str, dict[str, object]]) -> dict[str, object]:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for name, text in case["files"].items():
                Path(name).parent.mkdir(parents=True, exist_ok=True)
                Path(name).write_text(str(text))
            return {"sends": deployed(case["given"]) if "computeType" in case["given"] else asked(case["given"])}
        except Exception as error:  # noqa: BLE001 (whatever it refuses, and however)
            why = error.__cause__ or error
            message = str(getattr(why, "message", why)).strip()
            return {"refuses": " ".join(message.replace(f"{folder}/", "").split())}
        finally:
            os.chdir(before)


def main() -> None:
    golden = json.loads(FILE.read_text())
    golden["packages"] = {"azureml-core": metadata.version("azureml-core")}
    for case in golden["cases"].values():
        case["read"] = read(case)
    FILE.write_text(json.dumps(golden, indent=2) + "\n")


if __name__ == "__main__":
    main()
