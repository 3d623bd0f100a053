"""Web services of CLI v1, as endpoints and deployments of today, and as what the service of v1 was sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.instance_sizes import smallest
from airflow_provider_azml.spec.source import Source, as_written
from airflow_provider_azml.spec.v1 import clones, deployment, environments, formats, inference, service_requests
from airflow_provider_azml.spec.v1.deployment import DeploymentConfig
from airflow_provider_azml.spec.v1.inference import InferenceConfig
from airflow_provider_azml.spec.v1.no_code import frameworks
from airflow_provider_azml.spec.v1.service_requests import Uploaded
from airflow_provider_azml.spec.v1.web_services import web_service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.spec.v1.translation import Translation
    from airflow_provider_azml.spec.v1.web_services import WebService

GOLDEN = json.loads((Path(__file__).parents[2] / "azureml_core" / "web_services.json").read_text())["cases"]
SCORE = "def init(): pass\ndef run(raw): return raw\n"
INFERENCE: dict[str, Any] = {"entryScript": "score.py", "sourceDirectory": "src"}
AKS: dict[str, Any] = {"computeType": "aks", "computeTargetName": "cluster"}


def written(folder: Path, name: str, content: Mapping[str, Any]) -> Source:
    (folder / name).write_text(json.dumps(content, indent=1))
    return as_written(folder / name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a script in ``src``."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "score.py").write_text(SCORE)
    return tmp_path


def service(
    folder: Path,
    config: Mapping[str, Any] | None = None,
    asked: Mapping[str, Any] | None = INFERENCE,
    models: tuple[str, ...] = ("mymodel:1",),
    **arguments: Any,
) -> WebService:
    return web_service(
        "myservice",
        models,
        None if asked is None else written(folder, "inferenceconfig.json", asked),
        None if config is None else written(folder, "deploymentconfig.json", config),
        base_path=folder,
        **arguments,
    )


def problems(folder: Path, *given: Any, **arguments: Any) -> list[str]:
    with pytest.raises(SpecError) as raised:
        service(folder, *given, **arguments)
    return [str(problem).removeprefix(f"{folder}/") for problem in raised.value.problems if problem.severity == "error"]


def checked(made: Translation, folder: Path) -> dict[str, Any]:
    """The content, which is valid, and its REST body is made."""
    source = formats.source_of(made, folder / "made")
    kinds.check(source, made.kind, strict=True)
    return {key: value for key, value in source.value.items() if key != "$schema"}


# -- what azureml-core reads -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, case in GOLDEN.items() if "computeType" in case["given"]])
def test_a_deployment_configuration_asks_for_what_azureml_core_asks_for(name: str, tmp_path: Path) -> None:
    case = GOLDEN[name]
    for file, text in case["files"].items():
        (tmp_path / file).write_text(text)
    config = DeploymentConfig(written(tmp_path, "deploymentconfig.json", case["given"]))
    errors = [str(each) for each in config.problems(today=False) if each.severity == "error"]
    if "refuses" in case["read"]:
        assert errors, case["read"]
        return
    assert errors == []
    image = {"modelIds": ["mymodel:1"]}
    body = service_requests.service_request(
        "myservice", config, image, description="free text", tags={"of": "v1"}, overwrite=True
    )
    assert body == case["read"]["sends"]


@pytest.mark.parametrize("name", [name for name, case in GOLDEN.items() if "computeType" not in case["given"]])
def test_an_inference_configuration_asks_for_what_azureml_core_asks_for(name: str, tmp_path: Path) -> None:
    case = GOLDEN[name]
    for file, text in case["files"].items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    asked = InferenceConfig(written(tmp_path, "inferenceconfig.json", case["given"]))
    errors = [str(each) for each in asked.problems(today=False) if each.severity == "error"]
    if "refuses" in case["read"]:
        assert errors, case["read"]
        return
    assert errors == []
    driver, code = Uploaded("main.py", "aml://artifact/1"), Uploaded("code.tar.gz", "aml://artifact/2", unpack=True)
    made = service_requests.image_request(
        asked, ["mymodel:1"], driver, code, service_requests.environment(asked, "myservice")
    )
    theirs = case["read"]["sends"]
    ours = made.get("environment")
    if theirs is None:
        assert ours is None
        return
    assert ours is not None
    # it fills in the defaults of every key, which the service does too, and an example of a variable
    assert ours["name"] == theirs["name"]
    assert ours["environmentVariables"].items() <= theirs["environmentVariables"].items()
    assert ours["python"]["condaDependencies"] == theirs["python"]["condaDependencies"]
    assert ours["docker"]["baseImage"].partition(":")[0] == theirs["docker"]["baseImage"].partition(":")[0]


# -- what it is today --------------------------------------------------------------------------------------------------


def test_nothing_said_is_what_v1_took(folder: Path) -> None:
    made = service(folder)
    assert checked(made.endpoint, folder) == {"name": "myservice", "auth_mode": "key"}
    value = checked(made.deployment, folder)
    assert value.pop("environment")["image"].startswith("mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04")
    assert value == {
        "name": "default",
        "endpoint_name": "myservice",
        "type": "managed",
        "model": "azureml:mymodel:1",
        "code_configuration": {"code": "src", "scoring_script": "score.py"},
        "instance_type": "Standard_DS1_v2",
        "instance_count": 1,
        "request_settings": {"request_timeout_ms": 60000},
    }
    told = {remark.place[0] for remark in (*made.endpoint.remarks, *made.deployment.remarks)}
    assert told == {"name", "auth_mode", "instance_type", "request_settings"}
    assert (made.traffic, made.local_port) == (100, None)


def test_every_setting_of_a_cluster(folder: Path) -> None:
    config = GOLDEN["aks with everything"]["given"]
    unsayable = {"keys", "namespace"}
    given = {key: value for key, value in config.items() if key not in unsayable}
    made = service(folder, given, compute_target="cluster", tags={"a": "b"}, description="free text")
    assert checked(made.endpoint, folder) == {
        "name": "myservice",
        "description": "free text",
        "tags": {"a": "b"},
        "auth_mode": "aml_token",
        "compute": "azureml:cluster",
    }
    value = checked(made.deployment, folder)
    assert {key: value[key] for key in value.keys() - {"environment", "code_configuration", "model"}} == {
        "name": "default",
        "endpoint_name": "myservice",
        "type": "kubernetes",
        "description": "free text",
        "tags": {"a": "b"},
        "instance_count": 2,
        "scale_settings": {"type": "default"},
        "resources": {
            "requests": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"},
            "limits": {"cpu": "2", "memory": "2Gi", "nvidia.com/gpu": "1"},
        },
        "app_insights_enabled": True,
        "request_settings": {
            "request_timeout_ms": 1000,
            "max_concurrent_requests_per_instance": 2,
            "max_queue_wait_ms": 100,
        },
        "liveness_probe": {
            "initial_delay": 2,
            "period": 1,
            "timeout": 3,
            "success_threshold": 1,
            "failure_threshold": 4,
        },
    }
    lines = problems(folder, {**AKS, "keys": config["keys"], "namespace": "mine"})
    assert [line.split(": ")[1] for line in lines] == ["keys.primaryKey", "keys.secondaryKey", "namespace"]
    assert "one" not in "".join(lines)


def test_a_cluster_scales_as_it_says_or_as_v1_did(folder: Path) -> None:
    value = service(folder, AKS).deployment.source.value
    assert value["scale_settings"] == {
        "type": "target_utilization",
        "min_instances": 1,
        "max_instances": 10,
        "polling_interval": 1,
        "target_utilization_percentage": 70,
    }
    made = service(
        folder,
        {**AKS, "autoScaler": {"autoscaleEnabled": True, "maxReplicas": 3}, "dataCollection": {"storageEnabled": True}},
    )
    value = checked(made.deployment, folder)
    assert value["scale_settings"]["max_instances"] == 3
    assert value["data_collector"]["collections"].keys() == {"model_inputs", "model_outputs"}
    assert ("data_collector",) in {remark.place for remark in made.deployment.remarks}


def test_a_version_of_an_endpoint_gets_its_share(folder: Path) -> None:
    given = {**AKS, "computeType": "AksEndpoint", "versionName": "green", "trafficPercentile": 20}
    made = service(folder, given)
    assert made.deployment.source.value["name"] == "green"
    assert made.traffic == 20


@pytest.mark.parametrize(
    ("cores", "memory", "gpus", "size"),
    [
        (0.1, 0.5, 0, "Standard_DS1_v2"),
        (1, 4, 0, "Standard_F2s_v2"),
        (2, 6.5, 0, "Standard_DS2_v2"),
        (4, 16, 0, "Standard_E4s_v3"),
        (1, 1, 1, "Standard_NC4as_T4_v3"),
        (1, 1, 9, None),
    ],
)
def test_the_smallest_machine_that_is_enough(cores: float, memory: float, gpus: int, size: str | None) -> None:
    found = smallest(cores, memory, gpus)
    assert (found.name if found else None) == size


def test_what_no_machine_has_is_refused(folder: Path) -> None:
    (line,) = problems(folder, {"computeType": "aci", "containerResourceRequirements": {"cpu": 500}})
    assert line.startswith("deploymentconfig.json:3:35: containerResourceRequirements: no machine")


def test_older_keys_are_an_environment(folder: Path) -> None:
    (folder / "src" / "myenv.yml").write_text("dependencies: [python=3.8]")
    older = {
        **INFERENCE,
        "runtime": "Python",
        "condaFile": "myenv.yml",
        "extraDockerfileSteps": None,
        "baseImage": "azureml/o16n",
        "baseImageRegistry": "mcr.microsoft.com",
    }
    made = service(folder, asked=older)
    assert made.deployment.source.value["environment"] == {
        "image": "mcr.microsoft.com/azureml/o16n",
        "conda_file": "src/myenv.yml",
    }
    assert [remark.text for remark in made.deployment.remarks if remark.place == ("environment",)] == [
        "its packages must have azureml-defaults or azureml-inference-server-http, unless the image has"
    ]
    gpu = service(folder, asked={**INFERENCE, "enableGpu": True}).deployment.source.value
    assert "cuda" in gpu["environment"]["image"]
    assert gpu["instance_type"] == "Standard_NC4as_T4_v3"


def test_what_answers_requests_is_added_where_v1_was_asked_to(folder: Path) -> None:
    (folder / "src" / "myenv.yml").write_text("dependencies: [python=3.8]")
    environment = {"inferencingStackVersion": "latest", "python": {"condaDependenciesFile": "myenv.yml"}}
    made = service(folder, asked={**INFERENCE, "environment": environment})
    conda = {"dependencies": ["python=3.8", {"pip": ["azureml-inference-server-http"]}]}
    assert checked(made.deployment, folder)["environment"]["conda_file"] == conda
    in_image = {**environment, "python": {"userManagedDependencies": True}}
    (line,) = problems(folder, None, {**INFERENCE, "environment": in_image})
    assert "environment.inferencingStackVersion: v2 adds no server to an image" in line
    (line,) = problems(folder, None, {**INFERENCE, "environment": {**environment, "inferencingStackVersion": "1"}})
    assert "there is 'latest' alone" in line


def test_a_script_alone_goes_alone(folder: Path) -> None:
    (folder / "score.py").write_text(SCORE)
    (folder / "secret.txt").write_text("not to be sent")
    made = service(folder, asked={"entryScript": "score.py"})
    value = checked(made.deployment, folder)
    code = Path(value["code_configuration"]["code"])
    assert [file.name for file in code.iterdir()] == ["score.py"]


def test_several_models_are_shown_to_the_script_where_v1_had_them(folder: Path) -> None:
    made = service(folder, models=("one:1", "azureml:two@latest"))
    value = checked(made.deployment, folder)
    code, model = Path(value["code_configuration"]["code"]), Path(value["model"]["path"])
    assert sorted(file.name for file in code.iterdir()) == ["azml_entry.py", "score.py"]
    assert value["code_configuration"]["scoring_script"] == "azml_entry.py"
    told = (model / "README.txt").read_text()
    assert "az ml model download --name one --version 1 --download-path models/one/1" in told
    assert "--name two --label latest" in told


def test_a_local_model_is_registered_after_its_file(folder: Path) -> None:
    (folder / "model.pkl").write_text("")
    made = service(folder, models=("model.pkl",))
    assert checked(made.deployment, folder)["model"] == {
        "name": "model-pkl",  # v2 has no dots in names of models
        "path": "model.pkl",
        "type": "custom_model",
    }


@pytest.mark.parametrize("word", ["ScikitLearn", "sklearn", "Onnx", "TensorFlow"])
def test_models_without_code_get_some(word: str, folder: Path) -> None:
    made = service(folder, asked=None, framework=word, framework_version="1.5.0")
    value = checked(made.deployment, folder)
    script = Path(value["code_configuration"]["code"]) / value["code_configuration"]["scoring_script"]
    compile(script.read_text(), str(script), "exec")
    (pip,) = [each for each in value["environment"]["conda_file"]["dependencies"] if isinstance(each, dict)]
    assert "azureml-inference-server-http" in pip["pip"]


def test_a_model_of_mlflow_needs_none(folder: Path) -> None:
    value = checked(service(folder, asked=None, framework="MLflow").deployment, folder)
    assert value.keys().isdisjoint({"code_configuration", "environment"})


@pytest.mark.parametrize(
    ("shown", "framework"),
    [
        ({"modelType": "mlflow_model"}, ("MLflow", None)),
        ({"properties": {"framework": "ScikitLearn", "frameworkVersion": "1.2"}}, ("ScikitLearn", "1.2")),
        ({"tags": {"model_framework": "onnx"}}, ("Onnx", None)),
        ({"flavors": {"python_function": {}, "sklearn": {}}}, ("ScikitLearn", None)),
        ({"tags": {"framework": "PyTorch"}}, ("PyTorch", None)),
        ({}, (None, None)),
    ],
)
def test_the_framework_that_a_model_tells(shown: dict[str, Any], framework: tuple[str | None, str | None]) -> None:
    assert frameworks.of_model({"properties": shown}) == framework


def test_a_registered_environment_instead(folder: Path) -> None:
    value = checked(service(folder, environment="AzureML-sklearn-1.5").deployment, folder)
    assert value["environment"] == "azureml:AzureML-sklearn-1.5@latest"
    retired = service(folder, environment="AzureML-Minimal:9").deployment
    assert checked(retired, folder)["environment"]["conda_file"] == environments.CONDA
    assert "AzureML-Minimal:9 is retired; this is what v1 installs where nothing is said" in {
        remark.text for remark in retired.remarks
    }
    registry = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
    for named, reference in {
        "mine:3": "azureml:mine:3",
        "azureml:mine@latest": "azureml:mine@latest",
        registry: registry,
    }.items():
        value = checked(service(folder, environment=named).deployment, folder)
        assert value["environment"] == reference
    shown = {"id": "x", "properties": {"image": "i", "condaFile": "dependencies: [python=3.10, {pip: [a]}]"}}
    made = clones.with_packages(shown, ["a", "scikit-learn"])
    assert made == {"image": "i", "conda_file": {"dependencies": ["python=3.10", {"pip": ["a", "scikit-learn"]}]}}
    with pytest.raises(SpecError, match="in its image"):
        clones.with_packages({"id": "x", "properties": {"image": "i"}}, ["a"])


def test_this_machine(folder: Path) -> None:
    made = service(folder, {"computeType": "Local", "port": 8890})
    assert made.local_port == 8890
    assert service(folder, {"computeType": "local"}).local_port == 0


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({**AKS, "numReplicas": 0}, "deploymentconfig.json:4:17: numReplicas: is 0; it must be at least 1"),
        ({**AKS, "scoringTimeoutMs": 400000}, "deploymentconfig.json:4:22: scoringTimeoutMs: is 400000, and v2 lets"),
        ({**AKS, "namespace": "a_b"}, "deploymentconfig.json:4:15: namespace: 'a_b' is no namespace of Kubernetes"),
        (
            {**AKS, "namespace": "None"},
            "deploymentconfig.json:4:15: namespace: is 'None'; it must not be the word None",
        ),
        ({**AKS, "numReplica": 1}, "deploymentconfig.json:4:2: numReplica: unknown key; did you mean 'numReplicas'?"),
        ({"computeType": "aks"}, "deploymentconfig.json:2:17: computeType: a service on Kubernetes needs a cluster"),
        (
            {"computeType": "IOT"},
            "deploymentconfig.json:2:17: computeType: 'IOT' cannot be deployed to: v2 has no modules",
        ),
        (
            {"computeType": "fpga"},
            "deploymentconfig.json:2:17: computeType: 'fpga' cannot be deployed to: Azure ML has no",
        ),
        ({"computeType": "asi"}, "deploymentconfig.json:2:17: computeType: 'asi' is no type of compute; it is one of"),
        ({"computeType": "aci", "cname": "x"}, "deploymentconfig.json:3:2: cname: an endpoint of v2 has a certificate"),
        (
            {"computeType": "aci", "sslKey": "x"},
            "deploymentconfig.json:3:2: sslKey: an endpoint of v2 has a certificate",
        ),
        ({"computeType": "local", "port": "1"}, "deploymentconfig.json:3:10: port: is '1'; it must be a whole number"),
        (
            {"computeType": "aci", "authEnabled": "true"},
            "deploymentconfig.json:3:17: authEnabled: is 'true'; it must be",
        ),
    ],
)
def test_a_deployment_configuration_is_refused_by_name(config: dict[str, Any], line: str, folder: Path) -> None:
    found = problems(folder, config)
    assert [each for each in found if each.startswith(line)], found


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"entryScript": "../score.py"}, "2:17: entryScript: '../score.py' is outside of sourceDirectory 'src'"),
        ({"entryScript": "other.py"}, "2:17: entryScript: there is no file 'other.py'"),
        ({"entryScript": "None"}, "2:17: entryScript: is 'None'; it must be the path of a script"),
        ({"sourceDirectory": "None"}, "3:21: sourceDirectory: is 'None'; it must not be the word None"),
        ({"sourceDirectory": "other"}, "3:21: sourceDirectory: there is no folder 'other'"),
        ({"schemaFile": "x.json"}, "4:2: schemaFile: v2 takes the schema from the script"),
        ({"extraDockerFileSteps": "x"}, "4:2: extraDockerFileSteps: v2 builds an image from a folder"),
        ({"runtime": "spark-py"}, "4:2: runtime: v2 has no Spark behind endpoints"),
        ({"cudaVersion": "9.1"}, "4:2: cudaVersion: v2 takes CUDA from the image"),
        ({"baseImageRegistry": {"password": "secret"}}, "5:3: baseImageRegistry.password: a file of v2 holds no"),
        ({"condaFile": "no.yml"}, "4:15: condaFile: there is no file 'no.yml'"),
        ({"entryscript": "x"}, "4:2: entryscript: unknown key; did you mean 'entryScript'?"),
        (
            {"environment": {"name": "AzureML-mine", "python": {"userManagedDependencies": True}}},
            "5:11: environment.name: 'AzureML-mine' begins as the names of Azure ML's own environments do",
        ),
        (
            {"environment": {"docker": {"baseDockerfile": "FROM x"}}},
            "6:4: environment.docker.baseDockerfile: v2 builds from a folder",
        ),
    ],
)
def test_an_inference_configuration_is_refused_by_name(asked: dict[str, Any], line: str, folder: Path) -> None:
    found = problems(folder, None, {**INFERENCE, **asked})
    assert [each for each in found if each.startswith(f"inferenceconfig.json:{line}")], found
    assert "secret" not in "".join(found)


def test_arguments_are_refused_by_name(folder: Path) -> None:
    with pytest.raises(SpecError, match="name: 'My' is no name of a service"):
        web_service("My", [], None, None)
    assert "no model cannot be deployed without" in problems(folder, None, None, models=())[0]
    assert "2 models cannot be deployed without" in problems(folder, None, None, models=("a", "b"))[0]
    assert (
        "is not known of the model; without inference_config it must be one of ScikitLearn"
        in problems(folder, None, None)[0]
    )
    assert "is 'PyTorch'; without inference_config it must be" in problems(folder, None, None, framework="PyTorch")[0]
    assert "'a b' is no model" in problems(folder, None, INFERENCE, models=("a b",))[0]
    assert "counts with computeType aks alone" in problems(folder, {"computeType": "aci"}, compute_target="c")[0]
    assert "compute_target is 'c'" in problems(folder, AKS, compute_target="c")[0]
    assert (
        "is named beside this file"
        in problems(folder, None, {**INFERENCE, "environment": {"name": "a"}}, environment="b")[0]
    )


def test_files_are_known_by_what_is_in_them(folder: Path) -> None:
    asked, config = written(folder, "a.json", INFERENCE), written(folder, "b.json", AKS)
    assert (inference.is_inference_config(asked), inference.is_inference_config(config)) == (True, False)
    assert (deployment.is_deployment_config(asked), deployment.is_deployment_config(config)) == (False, True)
    body = written(folder, "c.json", {"properties": {"computeType": "AKS"}, "computeType": "AKS"})
    assert not deployment.is_deployment_config(body)
    notes = deployment.check(written(folder, "d.json", {"computeType": "aci", "location": "westeurope"}))
    assert [note.severity for note in notes] == ["note"]
    assert inference.check(asked) == []
    with pytest.raises(SpecError):
        deployment.check(written(folder, "e.json", {"computeType": "iot"}))
