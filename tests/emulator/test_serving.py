"""Deployments: they really serve, behind a route that checks who asks."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import doubling_model
from tests.emulator.arm_requests import poll
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    import requests

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

SCORE = """
import json, os, time

def init():
    global factor
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights", "factor.txt")) as file:
        factor = float(file.read())
    print("loaded", factor, os.environ["AML_APP_ROOT"], os.environ.get("GREETING"))

def run(raw):
    data = json.loads(raw)
    if "sleep" in data:
        time.sleep(data["sleep"])
    if "pid" in data:
        return {"pid": os.getppid()}
    return {"answer": [factor * number for number in data["data"]], "greeting": os.environ.get("GREETING")}
"""


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


@pytest.fixture(scope="module")
def model(workspace: Workspace) -> str:
    folder = workspace.data({"factor.txt": "2"}, "models-of-test/weights")
    return workspace.put("model", "factor", "1", properties={"modelType": "custom_model", "modelUri": folder})


@pytest.fixture(scope="module")
def endpoint(workspace: Workspace, model: str) -> str:
    """An endpoint with a deployment ``blue`` that has all the traffic."""
    name = f"end-{uuid.uuid4().hex[:8]}"
    make_endpoint(workspace, name)
    assert deploy(workspace, name, "blue", SCORE, model)["status"] == "Succeeded"
    make_endpoint(workspace, name, {"blue": 100})
    return name


def make_endpoint(workspace: Workspace, name: str, traffic: dict[str, int] | None = None, mode: str = "Key") -> None:
    workspace.put("online_endpoint", name, location="local", properties={"authMode": mode, "traffic": traffic or {}})


def deploy(
    workspace: Workspace, endpoint: str, name: str, script: str, model: str, **properties: Any
) -> dict[str, Any]:
    """Make a deployment; the document of the operation when it has ended."""
    body = {
        "endpointComputeType": "Managed",
        "model": model,
        "environmentId": workspace.shared_environment(),
        "codeConfiguration": {"codeId": workspace.code({"score.py": script}), "scoringScript": "score.py"},
        "instanceType": "Standard_DS3_v2",
        "environmentVariables": {"GREETING": "hello"},
        **properties,
    }
    arm_id = workspace.id.child("online_deployment", endpoint, name)
    sent = {"location": "local", "sku": {"name": "Default", "capacity": 1}, "properties": body}
    return workspace.settle(workspace.call("PUT", arm_id, json=sent))


def key(workspace: Workspace, endpoint: str) -> str:
    path = workspace.id.child("online_endpoint", endpoint) + "/listKeys"
    return str(workspace.call("POST", path).json()["primaryKey"])


def score(
    workspace: Workspace, endpoint: str, payload: object, *, token: str | None = None, deployment: str | None = None
) -> requests.Response:
    uri = workspace.get("online_endpoint", endpoint)["properties"]["scoringUri"]
    headers = {"Authorization": f"Bearer {key(workspace, endpoint) if token is None else token}"} if token != "" else {}
    if deployment:
        headers["azureml-model-deployment"] = deployment
    # data, not json: the front door sees to the content type
    return workspace.session.post(
        uri,
        data=json.dumps(payload),
        headers=headers,
        verify=workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
        timeout=60,
    )


def logs(workspace: Workspace, endpoint: str, deployment: str) -> str:
    path = workspace.id.child("online_deployment", endpoint, deployment) + "/getLogs"
    return str(workspace.call("POST", path, json={"tail": 100}).json()["content"])


def test_a_deployment_serves(workspace: Workspace, endpoint: str) -> None:
    answer = score(workspace, endpoint, {"data": [1, 2.5]})
    assert answer.status_code == 200
    assert answer.json() == {"answer": [2.0, 5.0], "greeting": "hello"}
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert workspace.get("online_deployment", endpoint, "blue")["properties"]["provisioningState"] == "Succeeded"
    assert "loaded 2.0 /" in logs(workspace, endpoint, "blue")


def test_a_patch_changes_tags_and_instances(workspace: Workspace, endpoint: str) -> None:
    arm_id = workspace.id.child("online_deployment", endpoint, "blue")
    change = {"tags": {"stage": "live"}, "sku": {"name": "Default", "capacity": 2}}
    assert poll(workspace, workspace.call("PATCH", arm_id, json=change)) == 200
    changed = workspace.call("GET", arm_id).json()
    assert (changed["tags"], changed["sku"]["capacity"]) == ({"stage": "live"}, 2)
    assert score(workspace, endpoint, {"data": [1]}).ok


def test_what_is_no_number_or_duration_is_refused(workspace: Workspace, endpoint: str) -> None:
    arm_id = workspace.id.child("online_deployment", endpoint, "blue")
    assert workspace.call("POST", f"{arm_id}/getLogs", json={"tail": "all"}, ok=False).status_code == 400
    body = workspace.get("online_deployment", endpoint, "blue")
    body["properties"]["requestSettings"] = {"requestTimeout": "soon"}
    refused = workspace.call("PUT", arm_id, json=body, ok=False)
    assert refused.status_code == 400
    assert "'soon'" in refused.json()["error"]["message"]


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_the_key_there_is_no_answer(workspace: Workspace, endpoint: str, token: str) -> None:
    assert score(workspace, endpoint, {"data": [1]}, token=token).status_code == 401


def test_both_keys_open(workspace: Workspace, endpoint: str) -> None:
    path = workspace.id.child("online_endpoint", endpoint) + "/listKeys"
    secondary = workspace.call("POST", path).json()["secondaryKey"]
    assert score(workspace, endpoint, {"data": [1]}, token=secondary).status_code == 200


def test_a_script_that_raises_is_a_model_error(workspace: Workspace, endpoint: str) -> None:
    answer = score(workspace, endpoint, {"nothing": 1})
    assert answer.status_code == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == "500"
    assert "KeyError" in logs(workspace, endpoint, "blue")


def test_a_script_that_takes_too_long_times_out(workspace: Workspace, endpoint: str, model: str) -> None:
    deploy(workspace, endpoint, "slow", SCORE, model, requestSettings={"requestTimeout": "PT3S"})
    assert score(workspace, endpoint, {"data": [1]}, deployment="slow").status_code == 200
    late = score(workspace, endpoint, {"sleep": 30, "data": []}, deployment="slow")
    assert (late.status_code, late.text) == (408, "upstream request timeout")


def test_an_unknown_deployment_is_not_found(workspace: Workspace, endpoint: str) -> None:
    assert score(workspace, endpoint, {"data": [1]}, deployment="green").status_code == 404


def test_an_endpoint_without_traffic_answers_a_named_deployment_alone(
    workspace: Workspace, endpoint: str, model: str
) -> None:
    name = f"dark-{uuid.uuid4().hex[:8]}"
    make_endpoint(workspace, name)
    deploy(workspace, name, "blue", SCORE, model)
    assert score(workspace, name, {"data": [1]}).status_code == 404
    assert score(workspace, name, {"data": [1]}, deployment="blue").json()["answer"] == [2.0]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("def init():\n    raise RuntimeError('no such weights')\ndef run(raw):\n    return 1\n", "no such weights"),
        ("import not_installed_here\n", "not_installed_here"),
    ],
)
def test_a_script_that_cannot_start_fails_the_deployment(
    workspace: Workspace, endpoint: str, model: str, script: str, reason: str
) -> None:
    name = f"bad-{uuid.uuid4().hex[:6]}"
    document = deploy(workspace, endpoint, name, script, model)
    assert document["status"] == "Failed"
    assert document["error"]["code"] == "ResourceNotReady"
    assert "User container has crashed or terminated" in document["error"]["message"]
    assert reason in document["error"]["message"]
    assert workspace.get("online_deployment", endpoint, name)["properties"]["provisioningState"] == "Failed"
    assert reason in logs(workspace, endpoint, name)
    answer = score(workspace, endpoint, {"data": [1]}, deployment=name)
    assert (answer.status_code, answer.headers["ms-azureml-model-error-reason"]) == (424, "model_not_ready")
    arm_id = workspace.id.child("online_deployment", endpoint, name)
    again = workspace.call("PUT", arm_id, json=workspace.call("GET", arm_id).json(), ok=False)
    assert (again.status_code, again.json()["error"]["code"]) == (400, "BadRequest")
    assert "is in an unrecoverable state. Delete and re-create." in again.json()["error"]["details"][0]["message"]


def test_what_a_deployment_lacks_is_named(workspace: Workspace, endpoint: str, model: str) -> None:
    folder = workspace.data({"gone.txt": "1"}, "models-of-test/gone")
    gone = workspace.put("model", "gone", "1", properties={"modelType": "custom_model", "modelUri": folder})
    workspace.remove("models-of-test/gone/gone.txt")
    error = deploy(workspace, endpoint, "gone", SCORE, gone)["error"]
    assert error["code"] == "BadArgument"
    assert "there is nothing at" in error["message"]
    script = {"codeId": workspace.code({"score.py": SCORE}), "scoringScript": "other.py"}
    error = deploy(workspace, endpoint, "nos", SCORE, model, codeConfiguration=script)["error"]
    assert error["code"] == "BadArgument"
    assert "'other.py'" in error["message"]


def test_an_update_replaces_what_serves_and_a_bad_one_does_not(workspace: Workspace, endpoint: str, model: str) -> None:
    def serve(script: str) -> str:
        return str(deploy(workspace, endpoint, "change", script, model)["status"])

    assert serve(SCORE) == "Succeeded"
    assert serve(SCORE.replace("factor * number", "-factor * number")) == "Succeeded"
    assert score(workspace, endpoint, {"data": [1]}, deployment="change").json()["answer"] == [-2.0]
    assert serve("def init():\n    raise RuntimeError\n") == "Failed"
    assert score(workspace, endpoint, {"data": [1]}, deployment="change").json()["answer"] == [-2.0]


def test_a_server_that_dies_is_started_again_and_deleting_ends_one(
    workspace: Workspace, endpoint: str, model: str
) -> None:
    deploy(workspace, endpoint, "mortal", SCORE, model)
    first = score(workspace, endpoint, {"pid": 1}, deployment="mortal").json()["pid"]
    os.killpg(first, signal.SIGKILL)
    _until(lambda: score(workspace, endpoint, {"data": [1]}, deployment="mortal").status_code == 424)
    _until(lambda: score(workspace, endpoint, {"data": [1]}, deployment="mortal").status_code == 200)
    server = score(workspace, endpoint, {"pid": 1}, deployment="mortal").json()["pid"]
    assert server != first
    assert "Back-off restarting failed container inference-server: its process ended" in logs(
        workspace, endpoint, "mortal"
    )
    workspace.call("DELETE", workspace.id.child("online_deployment", endpoint, "mortal"))
    _until(lambda: not Path(f"/proc/{server}").exists())
    _until(lambda: score(workspace, endpoint, {"data": [1]}, deployment="mortal").status_code == 404)


def test_a_token_opens_an_endpoint_of_that_mode(workspace: Workspace, model: str) -> None:
    name = f"token-{uuid.uuid4().hex[:8]}"
    make_endpoint(workspace, name, mode="AMLToken")
    deploy(workspace, name, "blue", SCORE, model)
    token = workspace.call("POST", workspace.id.child("online_endpoint", name) + "/token").json()["accessToken"]
    assert score(workspace, name, {"data": [1]}, token=token, deployment="blue").status_code == 200
    assert score(workspace, name, {"data": [1]}, token="x", deployment="blue").status_code == 401


def test_an_mlflow_model_needs_neither_script_nor_environment(workspace: Workspace, endpoint: str) -> None:
    folder = workspace.data(doubling_model.files(), "models-of-test/doubling")
    made = workspace.put("model", "doubling", "1", properties={"modelType": "mlflow_model", "modelUri": folder})
    document = deploy(workspace, endpoint, "flow", "", made, codeConfiguration=None, environmentId=None)
    assert document["status"] == "Succeeded", document
    table = {"columns": ["x"], "index": [0, 1], "data": [[1], [2.5]]}
    assert score(workspace, endpoint, {"input_data": table}, deployment="flow").json() == [2.0, 5.0]
    assert score(workspace, endpoint, {"input_data": [{"x": 4}]}, deployment="flow").json() == [8]
    assert score(workspace, endpoint, {"data": [1]}, deployment="flow").status_code == 424


def _until(holds: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
