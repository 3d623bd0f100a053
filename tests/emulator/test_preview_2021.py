"""The first preview of the REST interface, 2021-03-01-preview: what is sent in its words really runs.

The bodies are those of ``cli/train-rest.sh`` of Azure/azureml-examples.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.spec import schema_files
from airflow_provider_azml.spec.v1 import preview_2021
from tests.emulator.execution import CONDA_FILE, Workspace
from tests.emulator.test_sweeps import TRAIN

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

VERSION = {"api-version": preview_2021.API_VERSION}
SCRIPT = """
import argparse
given = argparse.ArgumentParser()
given.add_argument("--iris-csv")
given.add_argument("--learning_rate", type=float, default=0.1)
given.add_argument("--boosting", default="none")
given = given.parse_args()
print(len(open(given.iris_csv).readlines()), given.learning_rate, given.boosting)
"""


@dataclass
class Preview:
    """A workspace as that version shows it."""

    workspace: Workspace

    def id(self, kind: str, *names: str) -> str:
        return self.workspace.id.child(kind, *names)

    def get(self, kind: str, *names: str, **query: str) -> Any:
        answer = self.workspace.call("GET", self.id(kind, *names), params={**VERSION, **query}).json()
        for each in answer.get("value", [answer]):
            in_its_words(kind, each)
        return answer

    def put(self, kind: str, *names: str, ok: bool = True, **properties: Any) -> Any:
        body = {"properties": properties}
        answer = self.workspace.call("PUT", self.id(kind, *names), json=body, params=VERSION, ok=ok).json()
        return in_its_words(kind, answer) if ok else answer


def in_its_words(kind: str, resource: Any) -> Any:
    """A resource whose keys are all of that version, as its OpenAPI file has them."""
    if kind in preview_2021.KINDS:
        properties = resource["properties"]
        name = f"{properties['jobType'].lower()}_job" if kind == "job" else kind
        known = schema_files.part(preview_2021.SCHEMA, "/$defs")
        # other tests run jobs of types that the version did not have
        assert name not in known or properties.keys() <= known[name]["properties"].keys()
    return resource


@pytest.fixture
def preview(azml_emulator: RunningEmulator) -> Preview:
    return Preview(Workspace(azml_emulator).ensure())


@pytest.fixture
def compute(preview: Preview) -> str:
    properties = {"computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_D2_V2"}}
    properties["properties"] |= {"scaleSettings": {"maxNodeCount": 2, "minNodeCount": 0}}  # type: ignore[operator]
    return preview.workspace.put("compute", "cpu-cluster", location="local", properties=properties)


@pytest.fixture
def environment(preview: Preview) -> str:
    preview.put(
        "environment",
        "lightgbm-environment",
        "7",
        condaFile=CONDA_FILE,
        Docker={"DockerSpecificationType": "Image", "DockerImageUri": "mcr.microsoft.com/azureml/openmpi3.1.2"},
    )
    return preview.id("environment", "lightgbm-environment", "7")


def uploaded(preview: Preview, script: str) -> str:
    """Code that was uploaded by a key of the storage account, and is named by its datastore."""
    name = f"train-{uuid.uuid4().hex[:8]}"
    preview.workspace.data({"main.py": script}, name)
    store = preview.get("datastore", isDefault="true")["value"][0]
    shown = preview.put("code", name, "1", description="Train code", datastoreId=store["id"], path=name)
    assert shown["properties"]["datastoreId"] == store["id"]
    assert shown["properties"]["path"] == name
    return preview.id("code", name, "1")


def iris(preview: Preview) -> str:
    folder = preview.workspace.data({"iris.csv": "a\nb\n"}, "iris-of-2021")
    store = preview.id("datastore", folder.split("/")[3])
    preview.put("data", "iris-data", "3", datasetType="Simple", datastoreId=store, path="iris-of-2021/iris.csv")
    return preview.id("data", "iris-data", "3")


def test_datastores_are_shown_with_their_contents(preview: Preview) -> None:
    (store,) = preview.get("datastore", isDefault="true")["value"]
    assert store["name"] == "workspaceblobstore"
    assert store["properties"]["isDefault"]
    contents = store["properties"]["contents"]
    today = preview.workspace.get("datastore", "workspaceblobstore")["properties"]
    assert contents["contentsType"] == "AzureBlob"
    for key in ("accountName", "containerName", "endpoint", "protocol", "credentials"):
        assert contents[key] == today[key]


def test_a_datastore_is_made_in_its_words(preview: Preview) -> None:
    credentials = {"credentialsType": "AccountKey", "secrets": {"secretsType": "AccountKey", "key": "c2VjcmV0"}}
    contents = {"contentsType": "AzureBlob", "accountName": "other", "containerName": "c", "endpoint": "x.net"}
    contents |= {"protocol": "https", "credentials": credentials}  # type: ignore[dict-item]
    shown = preview.put("datastore", "other2021", contents=contents)
    assert shown["properties"]["contents"] == {**contents, "credentials": {"credentialsType": "AccountKey"}}
    assert preview.workspace.get("datastore", "other2021")["properties"]["accountName"] == "other"


def test_a_command_job_of_that_version_really_runs(preview: Preview, environment: str, compute: str) -> None:
    name = str(uuid.uuid4())
    sent = {
        "jobType": "Command",
        "codeId": uploaded(preview, SCRIPT),
        "command": "python main.py --iris-csv $AZURE_ML_INPUT_iris",
        "environmentId": environment,
        "inputDataBindings": {"iris": {"dataId": iris(preview)}},
        "experimentName": "lightgbm-iris",
        "compute": {"target": compute, "instanceCount": 1},
        "timeout": "PT10M",
    }
    shown = preview.put("job", name, **sent)["properties"]
    preview.workspace.until(name, ["Completed"])
    assert preview.workspace.log(name).split() == ["2", "0.1", "none"]
    after = preview.get("job", name)["properties"]
    assert after["status"] == "Completed"
    assert after["interactionEndpoints"]["Studio"]["jobEndpointType"] == "Studio"
    for key, value in sent.items():
        if key != "inputDataBindings":
            assert shown[key] == after[key] == value
    assert after["inputDataBindings"]["iris"]["dataId"] == sent["inputDataBindings"]["iris"]["dataId"]  # type: ignore[index]
    today = preview.workspace.get("job", name)["properties"]
    assert today["computeId"] == compute
    assert today["inputs"]["iris"]["jobInputType"] == "uri_file"
    assert name in [job["name"] for job in preview.get("job")["value"]]


def test_a_sweep_of_that_version_really_runs(preview: Preview, environment: str, compute: str) -> None:
    name = str(uuid.uuid4())
    script = TRAIN.replace('lr = float(os.environ["AZUREML_SWEEP_lr"])', "log(0.1, 'test-multi_logloss')") + SCRIPT
    sent = {
        "algorithm": "Random",
        "jobType": "Sweep",
        "trial": {
            "codeId": uploaded(preview, script),
            "command": "python main.py --iris-csv $AZURE_ML_INPUT_iris",
            "environmentId": environment,
            "inputDataBindings": {"iris": {"dataId": iris(preview), "mode": "Download"}},
        },
        "experimentName": "lightgbm-iris-sweep",
        "compute": {"target": compute, "instanceCount": 1},
        "objective": {"primaryMetric": "test-multi_logloss", "goal": "minimize"},
        "searchSpace": {"--learning_rate": ["uniform", [0.01, 0.9]], "--boosting": ["choice", [["gbdt", "dart"]]]},
        "maxTotalTrials": 2,
        "maxConcurrentTrials": 2,
        "timeout": "PT120M",
    }
    shown = preview.put("job", name, **sent)["properties"]
    for key in ("algorithm", "maxTotalTrials", "maxConcurrentTrials", "timeout", "compute", "experimentName"):
        assert shown[key] == sent[key]
    assert sorted(shown["searchSpace"]) == ["boosting", "learning_rate"]
    preview.workspace.until(name, ["Completed"])
    children = preview.workspace.history(f"experiments/{sent['experimentName']}/runs/{name}/children")["value"]
    assert len(children) == 2
    for child in children:
        lines, rate, boosting = preview.workspace.log(child["runId"]).split()
        assert lines == "2"
        assert 0.01 <= float(rate) <= 0.9
        assert boosting in {"gbdt", "dart"}


def test_environments_data_and_lists_are_shown_in_its_words(preview: Preview, environment: str) -> None:
    shown = preview.get("environment", *environment.split("/")[-3::2])["properties"]
    assert shown["docker"]["dockerImageUri"] == "mcr.microsoft.com/azureml/openmpi3.1.2"
    assert shown["docker"]["dockerSpecificationType"] == "Image"
    assert shown["condaFile"] == CONDA_FILE
    preview.put("data", "web", "1", datasetType="Simple", path="https://example.com/iris.csv", description="Iris")
    listed = preview.workspace.call("GET", f"{preview.id('data', 'web')}/versions", params=VERSION).json()["value"]
    (version,) = listed
    expected = {"datasetType": "Simple", "path": "https://example.com/iris.csv", "description": "Iris"}
    assert {key: version["properties"][key] for key in expected} == expected
    assert preview.workspace.get("data", "web", "1")["properties"]["dataType"] == "uri_file"
    assert preview.get("compute")["value"] is not None
    for path in ("http://broken]", "azureml://jobs/gone/outputs/x"):
        shown = preview.put("data", f"odd-{uuid.uuid4().hex[:8]}", "1", path=path)
        assert (shown["properties"]["path"], shown["properties"]["datastoreId"]) == (path, None)


def test_what_has_no_equal_today_is_refused_by_name(preview: Preview) -> None:
    body = {
        "jobType": "Command",
        "command": "true",
        "environmentId": "x",
        "priority": 3,
        "compute": {"isLocal": True},
        "inputDataBindings": {"x": {"mode": "Upload"}},
        "limit": 3,
    }
    error = preview.put("job", "no", ok=False, **body)["error"]
    assert error["code"] == "ValidationError"
    assert {detail["target"] for detail in error["details"]} == {
        "properties.compute",
        "properties.compute.isLocal",
        "properties.inputDataBindings.x",
        "properties.inputDataBindings.x.mode",
        "properties.limit",
        "properties.priority",
    }
    labelling = preview.put("job", "no", ok=False, jobType="Labeling")["error"]
    assert "must be Command or Sweep" in labelling["message"]
