"""Fills in what azureml-core reads from the run configurations of ``run_configurations.json``, and what it saves.

Run it by a Python that has azureml-core 1.61: ``python tests/azureml_core/record_run_configurations.py``.
"""

from __future__ import annotations

import json
import tempfile
from importlib import metadata
from pathlib import Path

from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import RunConfiguration, _serialize_to_dict

FILE = Path(__file__).with_name("run_configurations.json")
NAME = "sklearn"


def read(files: dict[str, str]) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        found = _serialize_to_dict(RunConfiguration.load(folder, NAME))
        return json.loads(json.dumps(found, default=dict))


def saved() -> dict[str, str]:
    """A run configuration as it is saved into the folder that the CLI makes, with a comment for each key."""
    given = RunConfiguration(script="train.py", arguments=["--x", "1"], framework="Python")
    given.target = "cpu-cluster"
    given.environment.python.conda_dependencies = CondaDependencies.create(
        conda_packages=["scikit-learn"], python_version="3.8.13"
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".azureml").mkdir()
        given.save(folder, f"{NAME}.runconfig")
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def main() -> None:
    golden = json.loads(FILE.read_text())
    golden["packages"] = {"azureml-core": metadata.version("azureml-core")}
    golden["cases"]["a file that it has saved"] = {"given": saved()}
    for case in golden["cases"].values():
        case["read"] = read(case["given"])
    FILE.write_text(json.dumps(golden, indent=2) + "\n")


if __name__ == "__main__":
    main()
