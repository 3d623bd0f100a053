"""What the recorded script did with MLClient, step by step: workspaces, computes, environments, data and models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ResourceNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient
    from azure.core.credentials import TokenCredential

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

TRAIN = """
import argparse, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--d"); parser.add_argument("--lr", type=float); parser.add_argument("--o")
parser.add_argument("places", nargs="*")
given = parser.parse_args()
data, output = given.places or (given.d, given.o)
found = sorted(file for file in [pathlib.Path(data), *pathlib.Path(data).rglob("*")] if file.is_file())
print("training on", [file.name for file in found])
pathlib.Path(output, "model.txt").write_text("".join(file.read_text() for file in found) + f"lr={given.lr}\\n")
pathlib.Path("outputs").mkdir(exist_ok=True)
pathlib.Path("outputs/model.txt").write_text("a model")
if os.environ.get("LOGS_A_METRIC"):
    import mlflow
    mlflow.log_metric("acc", given.lr)
"""
SCORE = """
import json, os, pathlib

def init():
    global weight
    weight = len(next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("model.pkl")).read_bytes())
    print("loaded", weight)

def run(raw):
    return [weight * number for number in json.loads(raw)["data"]]
"""


class AssetSteps:
    """The steps that need no job.

    Args:
        emulator: The service.
        credential: Whoever runs it.
        folder: Where its files are, and where it downloads to.
    """

    def __init__(self, emulator: RunningEmulator, credential: TokenCredential, folder: Path) -> None:
        self._emulator = emulator
        self._credential = credential
        self._folder = folder
        self._workspace = "transcript"
        self._jobs: dict[str, Any] = {}
        self._code = folder / "src"
        for name, content in {
            "src/train.py": TRAIN,
            "src/score.py": SCORE,
            "data/x.csv": "a,b\n1,2\n",
            "model/model.pkl": "123",
            "request.json": '{"data": [1]}',
        }.items():
            file = folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(content)

    def get_token(self) -> None:
        assert self._credential.get_token(f"{self._emulator.https_url}/.default").token.count(".") == 2

    def make_client(self) -> None:
        from azure.ai.ml import MLClient

        self._client: MLClient = MLClient(
            self._credential,
            self._emulator.subscription_id,
            self._emulator.resource_group,
            self._workspace,
            enable_telemetry=False,
        )

    def get_missing_workspace(self) -> None:
        with pytest.raises(ResourceNotFoundError):
            self._client.workspaces.get("nope")

    def create_workspace(self) -> None:
        from azure.ai.ml.entities import Workspace

        workspace = Workspace(name=self._workspace, location="westeurope", display_name="Transcript")
        made = self._client.workspaces.begin_create(workspace).result()
        assert (made.name, made.location) == (self._workspace, "westeurope")

    def get_workspace(self) -> None:
        found = self._client.workspaces.get(self._workspace)
        assert (found.display_name, found.resource_group) == ("Transcript", self._emulator.resource_group)
        assert "/storageAccounts/" in found.storage_account

    def create_compute(self) -> None:
        from azure.ai.ml.entities import AmlCompute

        cluster = AmlCompute(name="cpu", size="Standard_DS3_v2", max_instances=2, idle_time_before_scale_down=120)
        made = self._client.compute.begin_create_or_update(cluster).result()
        assert made.provisioning_state == "Succeeded"

    def get_compute(self) -> None:
        found = self._client.compute.get("cpu")
        assert (found.size, found.min_instances, found.max_instances) == ("Standard_DS3_v2", 0, 2)

    def list_computes(self) -> None:
        assert [one.name for one in self._client.compute.list()] == ["cpu"]

    def delete_compute(self) -> None:
        self._client.compute.begin_delete("cpu").result()
        assert list(self._client.compute.list()) == []

    def create_environment(self) -> None:
        from azure.ai.ml.entities import Environment

        conda = self._folder / "conda.yml"
        conda.write_text("name: x\ndependencies:\n- python=3.11\n- pip\n")
        environment = Environment(name="env", version="1", image="img", conda_file=conda)
        made = self._client.environments.create_or_update(environment)
        assert made.conda_file == {"name": "x", "dependencies": ["python=3.11", "pip"]}

    def create_environment_without_version(self) -> None:
        from azure.ai.ml.entities import Environment

        assert self._client.environments.create_or_update(Environment(name="env2", image="img")).version == "1"

    def get_latest_environment(self) -> None:
        assert self._client.environments.get("env", label="latest").version == "1"

    def create_data_of_a_file(self) -> None:
        made = self._put_data("d1", "1", self._folder / "data/x.csv", "uri_file")
        assert made.path.endswith("/x.csv")

    def create_data_of_a_folder(self) -> None:
        self._jobs["d2"] = self._put_data("d2", "1", self._folder / "data", "uri_folder").path

    def create_data_again(self) -> None:
        assert self._put_data("d2", "2", self._folder / "data", "uri_folder").path == self._jobs["d2"]

    def get_data(self) -> None:
        assert self._client.data.get("d1", "1").type == "uri_file"

    def create_model(self) -> None:
        assert self._put_model("m1", str(self._folder / "model"), "1").version == "1"

    def create_model_without_version(self) -> None:
        assert self._put_model("m2", str(self._folder / "model")).version == "1"

    def download_model(self) -> None:
        self._client.models.download("m1", "1", download_path=str(self._folder / "models"))
        assert (self._folder / "models/m1/model/model.pkl").read_text() == "123"

    def _name(self, job: str) -> str:
        """The name of a job, which is the service's own for some."""
        return str(self._jobs.get(job, f"transcript-{job}"))

    def _put_data(self, name: str, version: str, path: Path, kind: str) -> Any:
        from azure.ai.ml.entities import Data

        return self._client.data.create_or_update(Data(name=name, version=version, path=str(path), type=kind))

    def _put_model(self, name: str, path: str, version: str | None = None) -> Any:
        from azure.ai.ml.entities import Model

        model = Model(name=name, version=version, path=path, type="custom_model")
        return self._client.models.create_or_update(model)
