"""Profiles of models: measured on a server that is there for no longer, and metrics of those that stay."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace
from tests.emulator.model_management import ModelManagement

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

BUSY = """
import json, time

def init():
    global held
    held = bytearray(64 << 20)

def run(raw):
    if "data" not in json.loads(raw):
        raise KeyError("data")
    until = time.process_time() + 0.005
    while time.process_time() < until:
        pass
    return len(held)
"""


@pytest.fixture(scope="module")
def management(azml_emulator: RunningEmulator) -> ModelManagement:
    return ModelManagement(Workspace(azml_emulator).ensure())


def request(management: ModelManagement, name: str, **fields: Any) -> dict[str, Any]:
    image = management.request(name, [], BUSY)["environmentImageRequest"]
    return {"name": name, "environmentImageRequest": image, **fields}


def profile(management: ModelManagement, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make a profile: the operation when it has ended, and the profile."""
    operation = management.settle(management.call("POST", "profiles", json=body))
    query = {"name": body["name"], "orderBy": "CreatedAtDesc", "count": "1"}
    return operation, management.get("profiles", params=query)["value"][0]


def test_a_profile_says_what_a_model_takes(management: ModelManagement) -> None:
    asked = {"containerResourceRequirements": {"cpu": 1, "memoryInGB": 2}, "inputData": json.dumps({"data": [1]})}
    operation, found = profile(management, request(management, "busy", **asked))
    assert operation["state"] == found["state"] == "Succeeded"
    assert (found["totalQueries"], found["successRate"]) == (100, 100.0)
    assert found["latencyPercentile50InMs"] >= 5
    assert found["latencyPercentile999InMs"] >= found["latencyPercentile99InMs"] >= found["latencyPercentile90InMs"]
    assert 0 < found["maxUtilizedCpu"] <= found["recommendedCpu"]
    assert 64 / 1024 < found["maxUtilizedMemoryInGB"] <= found["recommendedMemoryInGB"]
    assert found["containerResourceRequirements"] == {"cpu": 1, "memoryInGB": 2}
    assert management.get(f"profiles/{found['id']}") == found
    assert management.get("services")["value"] == [] or "busy" not in management.call("GET", "services").text


def test_a_profile_takes_its_requests_from_a_dataset(management: ModelManagement) -> None:
    rows = ['"{""data"": [1]}"', '"{""nothing"": 1}"']
    folder = management.workspace.data({"requests.csv": "\n".join(["column", *rows, ""])}, "profiles-of-test")
    uri = f"{folder}requests.csv"
    data = management.workspace.put("data", "requests", "1", properties={"dataType": "uri_file", "dataUri": uri})
    operation, found = profile(management, request(management, "half", inputDatasetId=data))
    assert operation["state"] == "Succeeded", operation
    assert (found["totalQueries"], found["successQueries"], found["successRate"]) == (100, 50, 50.0)


def test_a_profile_without_a_success_fails(management: ModelManagement) -> None:
    operation, found = profile(management, request(management, "never", inputData="{}"))
    assert operation["error"]["code"] == found["error"]["code"] == "AllRequestsFailed"
    assert "recommendedCpu" in found
    assert "averageLatencyInMs" not in found
    gone = request(management, "gone", inputDatasetId="azureml://datastores/workspaceblobstore/paths/gone.csv")
    operation, found = profile(management, gone)
    assert (found["state"], operation["error"]["code"]) == ("Failed", "InputDataNotFound")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": None}, "name"),
        ({"inputData": None}, "inputDatasetId"),
        ({"environmentImageRequest": None}, "environmentImageRequest"),
        ({"containerResourceRequirements": {"cpu": 4}}, "0.1 to 3.5"),
    ],
)
def test_what_cannot_be_profiled_is_refused(management: ModelManagement, change: dict[str, Any], reason: str) -> None:
    body = {"name": "refused", "environmentImageRequest": {}, "inputData": "{}", **change}
    refused = management.call("POST", "profiles", json=body, ok=False)
    assert (refused.status_code, refused.json()["code"]) == (400, "BadRequest")
    assert reason in refused.json()["message"]
    assert management.call("GET", "profiles", params={"name": "refused"}, ok=False).status_code == 404


def test_metrics_tell_how_busy_a_deployment_is(management: ModelManagement) -> None:
    workspace = management.workspace
    workspace.put("online_endpoint", "measured", location="local", properties={"authMode": "Key"})
    body = {
        "endpointComputeType": "Managed",
        "environmentId": workspace.shared_environment(),
        "codeConfiguration": {"codeId": workspace.code({"score.py": BUSY}), "scoringScript": "score.py"},
        "instanceType": "Standard_F2s_v2",
    }
    sku = {"name": "Default", "capacity": 1}
    arm_id = workspace.put("online_deployment", "measured", "blue", location="local", sku=sku, properties=body)
    asked = {"metricnames": "CpuUtilizationPercentage,CpuMemoryUtilizationPercentage", "aggregation": "Maximum,Average"}
    while True:
        told = workspace.call("GET", f"{arm_id}/providers/Microsoft.Insights/metrics", params=asked).json()
        if all(metric["timeseries"] for metric in told["value"]):
            break
        time.sleep(0.1)
    memory = told["value"][1]
    assert memory["name"]["value"] == "CpuMemoryUtilizationPercentage"
    # of the 4 GB that this size has
    assert 64 / 4096 * 100 < memory["timeseries"][0]["data"][-1]["maximum"] < 50
    assert "minimum" not in memory["timeseries"][0]["data"][-1]
    wrong = workspace.call(
        "GET", f"{arm_id}/providers/Microsoft.Insights/metrics", params={"metricnames": "Luck"}, ok=False
    )
    assert wrong.status_code == 400
    assert "metric: Luck" in wrong.json()["error"]["message"]
