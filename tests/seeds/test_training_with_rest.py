"""Document 002, "Train models with REST (preview)", against the emulator.

What it includes from ``cli/train-rest.sh`` of Azure/azureml-examples are PUT requests; they are sent here with the
properties that they have there.
"""

from __future__ import annotations

import json
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import CONDA_FILE
from tests.seeds.documents import Block

if TYPE_CHECKING:
    from tests.emulator.execution import Workspace
    from tests.seeds.shell import Answer, Shell

pytestmark = pytest.mark.shared

CORRECTIONS = {
    # without -r, jq prints quotation marks, which would become a part of the names; cli/train-rest.sh has it
    "002-datastore-1": ("| jq '", "| jq -r '"),
}
"""What is wrong in the document as it stands, and what its author must have meant."""
AZ = """\
az() {{
  case "$1 $2 $3" in
    "account get-access-token --query") echo "$TOKEN_OF_AZ" ;;
    "storage account keys") printf '[{{"keyName": "key1", "value": "%s"}}]' "$KEY_OF_AZ" ;;
    "storage blob upload-batch") PYTHONPATH={tests} {python} -m tests.seeds.upload_batch "${{@:4}}" ;;
  esac
}}
"""
"""What stands in for ``az``, which asks other services than Azure ML here."""
MAIN = """\
import argparse, json, os, urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("--iris-csv")
parser.add_argument("--learning_rate", type=float, default=0.1)
parser.add_argument("--boosting", default="gbdt")
given = parser.parse_args()
with open(given.iris_csv) as file:
    print("flowers:", len(file.readlines()))
metric = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": "test-multi_logloss", "value": given.learning_rate}
url = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-metric"
headers = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"}
urllib.request.urlopen(urllib.request.Request(url, json.dumps(metric).encode(), headers))
"""


@dataclass(frozen=True)
class Session:
    """A shell in which the blocks of the document follow each other."""

    shell: Shell
    workspace: Workspace

    def run(self, *commands: str) -> Answer:
        """Run commands, after those that set the variables of all of them."""
        workspace = self.workspace
        lines = [
            AZ.format(tests=Path(__file__).parents[2], python=sys.executable),
            self.text("create-machine-learning-assets-1"),
            self.text("create-machine-learning-assets-2"),
            self.text("compute-2"),
            *commands,
        ]
        return self.shell.run(
            "\n".join(lines),
            SUBSCRIPTION_ID=workspace.id.subscription_id,
            RESOURCE_GROUP=workspace.id.resource_group,
            WORKSPACE=workspace.id.name,
            TOKEN_OF_AZ=workspace._token(workspace.emulator.https_url),
            KEY_OF_AZ=workspace.call("POST", f"{workspace.id}/listKeys").json()["userStorageKey"],
            REQUESTS_CA_BUNDLE=workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
        )

    def text(self, name: str) -> str:
        """A block, put right."""
        block = Block.named(f"002-{name}")
        wrong, right = CORRECTIONS.get(block.name, ("", ""))
        assert wrong in block.text
        return block.text.replace(wrong, right) if wrong else block.text

    def value(self, variable: str, *commands: str) -> str:
        """What a variable holds after some commands."""
        return self.run(*commands, f'echo "${variable}"').text.splitlines()[-1]

    def put(self, where: str, /, **properties: Any) -> Answer:
        """Send a PUT request as the included ones are."""
        url = f"https://management.azure.com{self.workspace.id}/{where}?api-version=$API_VERSION"
        body = json.dumps({"properties": properties})
        (self.shell.folder / "body.json").write_text(body)
        headers = '--header "Authorization: Bearer $TOKEN" --header "Content-Type: application/json"'
        return self.run(f'curl --location --request PUT "{url}" {headers} --data-raw "$(cat body.json)"')

    def id(self, path: str) -> str:
        return f"{self.workspace.id}/{path}"

    def environment(self) -> Answer:
        docker = {
            "DockerSpecificationType": "Image",
            "DockerImageUri": "mcr.microsoft.com/azureml/openmpi3.1.2-ubuntu18.04",
        }
        return self.put("environments/lightgbm-environment/versions/1", condaFile=CONDA_FILE, Docker=docker)

    def data(self) -> Answer:
        """The data, as the emulator's own storage has them: it fetches nothing from the internet."""
        self.workspace.data({"iris.csv": "5.1\n4.9\n"}, "datasets")
        url = self.workspace.blob_url("datasets/iris.csv").partition("?")[0]
        described = {"description": "Iris", "datasetType": "Simple", "path": url}
        return self.put("data/iris-data/versions/1", **described)

    def uploaded(self) -> Answer:
        """The code in storage, by the commands of the document."""
        source = self.shell.folder / "jobs/train/lightgbm/iris/src"
        source.mkdir(parents=True, exist_ok=True)
        (source / "main.py").write_text(MAIN)
        return self.run(self.text("datastore-1"), self.text("code-1"))

    def code(self) -> Answer:
        self.uploaded()
        datastore = self.id("datastores/workspaceblobstore")
        return self.put("codes/train-lightgbm/versions/1", description="Train code", datastoreId=datastore, path="src")

    def made(self) -> None:
        """All that jobs need."""
        self.environment()
        self.data()
        self.code()

    @property
    def trial(self) -> dict[str, Any]:
        """What runs, once or as a trial."""
        return {
            "codeId": self.id("codes/train-lightgbm/versions/1"),
            "command": "python main.py --iris-csv $AZURE_ML_INPUT_iris",
            "environmentId": self.id("environments/lightgbm-environment/versions/1"),
            "inputDataBindings": {"iris": {"dataId": self.id("data/iris-data/versions/1")}},
        }

    @property
    def compute(self) -> dict[str, Any]:
        return {"target": self.id("computes/cpu-cluster"), "instanceCount": 1}


@pytest.fixture
def session(shell: Shell, workspace: Workspace, document: str) -> Session:
    properties = {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"maxNodeCount": 4}}
    described = {"computeType": "AmlCompute", "properties": properties}
    workspace.put("compute", "cpu-cluster", location="local", properties=described)
    return Session(shell, workspace)


def test_002_create_machine_learning_assets_1(session: Session) -> None:
    assert session.value("TOKEN").count(".") == 2


def test_002_create_machine_learning_assets_2(session: Session) -> None:
    assert session.value("API_VERSION") == "2021-03-01-preview"


def test_002_compute_1(session: Session, block: Block) -> None:
    answer = session.run(block.text)
    assert answer.status == 200
    assert "cpu-cluster" in [each["name"] for each in answer.body["value"]]


def test_002_compute_2(session: Session) -> None:
    assert session.value("COMPUTE_NAME") == "cpu-cluster"


def test_002_environment_1(session: Session) -> None:
    answer = session.environment()
    assert answer.status in (200, 201)
    made = session.workspace.get("environment", "lightgbm-environment", "1")["properties"]
    assert made["image"] == "mcr.microsoft.com/azureml/openmpi3.1.2-ubuntu18.04"
    assert made["condaFile"] == CONDA_FILE


def test_002_datastore_1(session: Session) -> None:
    command = session.text("datastore-1")
    store = session.workspace.get("datastore", "workspaceblobstore")["properties"]
    assert session.value("AZURE_STORAGE_ACCOUNT", command) == store["accountName"]
    assert session.value("AZUREML_DEFAULT_DATASTORE", command) == "workspaceblobstore"
    assert session.value("AZUREML_DEFAULT_CONTAINER", command) == store["containerName"]
    assert session.value("AZURE_STORAGE_KEY", command)


def test_002_data_1(session: Session) -> None:
    answer = session.data()
    assert answer.status in (200, 201)
    assert answer.body["properties"]["datasetType"] == "Simple"
    assert session.workspace.get("data", "iris-data", "1")["properties"]["dataUri"].endswith("/datasets/iris.csv")


def test_002_code_1(session: Session) -> None:
    session.uploaded()
    folder = "azureml://datastores/workspaceblobstore/paths/src/"
    assert session.workspace.run_and_read("cat ${{inputs.x}}/main.py", folder) == MAIN


def test_002_code_2(session: Session) -> None:
    answer = session.code()
    assert answer.status in (200, 201)
    assert answer.body["properties"]["path"] == "src"


def test_002_submit_a_training_job_1(session: Session) -> None:
    session.made()
    run_id = str(uuid.uuid4())
    job = {"jobType": "Command", **session.trial, "experimentName": "lightgbm-iris", "compute": session.compute}
    answer = session.put(f"jobs/{run_id}", **job)
    assert (answer.status, answer.body["properties"]["compute"]) == (201, session.compute)
    session.workspace.until(run_id, ["Completed"])
    assert "flowers: 2" in session.workspace.log(run_id)


def test_002_submit_a_hyperparameter_sweep_job_1(session: Session) -> None:
    session.made()
    run_id = str(uuid.uuid4())
    # in cli/train-rest.sh its trials do not name the data that their command takes
    answer = session.put(
        f"jobs/{run_id}",
        jobType="Sweep",
        algorithm="Random",
        trial=session.trial,
        experimentName="lightgbm-iris-sweep",
        compute=session.compute,
        objective={"primaryMetric": "test-multi_logloss", "goal": "minimize"},
        searchSpace={"--learning_rate": ["uniform", [0.01, 0.9]], "--boosting": ["choice", [["gbdt", "dart"]]]},
        maxTotalTrials=4,
        maxConcurrentTrials=2,
        timeout="PT120M",
    )
    assert answer.status == 201
    session.workspace.until(run_id, ["Completed"])
    best = session.workspace.history(f"runs/{run_id}")["properties"]["best_child_run_id"]
    assert session.workspace.log(best).startswith("flowers: 2")
