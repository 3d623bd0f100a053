"""Requests that Resource Manager refuses for what they say, and the record of what it answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.emulator.recording import HIDDEN, without_secrets
from tests.emulator.arm_requests import error, fresh, refused
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


def test_all_that_is_wrong_is_told_at_once(workspace: Workspace) -> None:
    wrong = {"jobType": "Sweep", "objective": {"goal": "Grow"}, "searchSpace": {}, "trial": {"command": "true"}}
    response = workspace.call("PUT", workspace.id.child("job", fresh("j")), json={"properties": wrong}, ok=False)
    assert error(response) == (400, "ValidationError")
    told = response.json()["error"]
    assert {detail["target"] for detail in told["details"]} == {
        "properties.objective.goal",
        "properties.objective.primaryMetric",
        "properties.samplingAlgorithm",
        "properties.trial.environmentId",
    }
    assert told["target"] in {detail["target"] for detail in told["details"]}
    assert told["message"].startswith("Request is invalid and/or missing fields. ")
    assert all(detail["message"] in told["message"] for detail in told["details"])


def test_words_are_kept_as_the_service_spells_them(workspace: Workspace) -> None:
    path = workspace.put("online_endpoint", fresh("ep"), location="local", properties={"authMode": "amltoken"})
    assert workspace.call("GET", path).json()["properties"]["authMode"] == "AMLToken"


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("PUT", "jobs/{name}", {}, "ValidationError"),
        ("PUT", "datastores/{name}", {"properties": {"datastoreType": "Attic"}}, "ValidationError"),
        ("PUT", "connections/{name}", {"properties": {"category": "x"}}, "ValidationError"),
        ("PUT", "data/{name}/versions/1", {"properties": {"dataUri": "azureml://x"}}, "ValidationError"),
        ("PATCH", "onlineEndpoints/{name}", {"tags": ["a"]}, "ResourceNotFound"),
        ("PATCH", "", {"tags": ["a"]}, "ValidationError"),
        ("POST", "codes/{name}/versions/1/startPendingUpload", {"pendingUploadType": "Mail"}, "ValidationError"),
        ("PUT", "data/-begins-badly", {"properties": {"dataType": "uri_file"}}, "InvalidResourceName"),
        ("PUT", f"jobs/{'x' * 256}", {}, "InvalidResourceName"),
        ("PUT", "datastores/white space", {}, "InvalidResourceName"),
    ],
)
def test_a_wrong_one_is_refused(workspace: Workspace, method: str, path: str, body: Any, code: str) -> None:
    place = f"{workspace.id}/{path.format(name=fresh('x'))}".rstrip("/")
    assert refused(workspace, method, place, body)[1] == code


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/jobs/x", "DELETE, GET, PUT"),
        ("DELETE", "/jobs", "GET"),
        ("GET", "/jobs/x/cancel", "POST"),
        ("POST", "/onlineEndpoints/x", "DELETE, GET, PATCH, PUT"),
        ("POST", "/features", "GET"),
    ],
)
def test_a_wrong_verb_is_told_the_right_ones(workspace: Workspace, method: str, path: str, allowed: str) -> None:
    response = workspace.call(method, f"{workspace.id}{path}", json={}, ok=False)
    assert error(response) == (405, "MethodNotAllowed")
    assert response.headers["Allow"] == allowed


@pytest.mark.parametrize(
    "path",
    [
        *("{w}", "{w}/jobs/none", "{w}/features", "{w}/gadgets/none"),
        "{s}/providers/Microsoft.MachineLearningServices/workspaces",
        "{s}/providers/Microsoft.MachineLearningServices/locations/emulator/usages",
    ],
)
def test_no_path_goes_without_a_version(workspace: Workspace, path: str) -> None:
    place = path.format(w=workspace.id, s=f"/subscriptions/{workspace.id.subscription_id}")
    assert refused(workspace, "GET", place, params={"api-version": ""}) == (400, "MissingApiVersionParameter")
    assert refused(workspace, "GET", place, params={"api-version": "1.0"}) == (400, "InvalidApiVersionParameter")


def test_a_recording_has_what_was_asked_and_answered_but_no_secret(tmp_path: Path) -> None:
    folder = tmp_path / "recorded"
    with running_emulator(tmp_path / "home", "--create-workspace", "--record", str(folder)) as emulator:
        workspace = Workspace(emulator)
        workspace.put("online_endpoint", "ep-recorded", location="local", properties={"authMode": "Key"})
        endpoint = workspace.id.child("online_endpoint", "ep-recorded")
        secrets = [
            *workspace.call("POST", f"{endpoint}/listKeys").json().values(),
            workspace.call("POST", f"{workspace.id}/listKeys").json()["userStorageKey"],
            workspace.blob_url("x").partition("sig=")[2],
        ]
        credentials = {"credentialsType": "AccountKey", "secrets": {"secretsType": "AccountKey", "key": "told by me"}}
        store = {"datastoreType": "AzureBlob", "accountName": "a", "containerName": "c", "credentials": credentials}
        workspace.put("datastore", "recorded", properties=store)
    (file,) = folder.iterdir()
    text = file.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert not [secret for secret in [*secrets, *workspace.tokens.values(), "told by me"] if secret in text]
    put = next(line for line in lines if line["path"] == workspace.id.child("datastore", "recorded"))
    assert (put["method"], put["status"], put["api_version"]) == ("PUT", 201, "2024-04-01")
    hidden = {**credentials, "secrets": {"secretsType": "AccountKey", "key": HIDDEN}}
    assert put["request"]["properties"] == {**store, "credentials": hidden}
    assert put["response"]["properties"]["accountName"] == "a"


def test_secrets_are_known_by_what_they_are_called() -> None:
    told = {"sasUri": "u", "credentialType": "SAS", "passwords": [{"name": "n", "value": "v"}], "blobUri": "b?sig=x&c"}
    hidden = {"sasUri": HIDDEN, "credentialType": "SAS", "passwords": [{"name": HIDDEN, "value": HIDDEN}]}
    assert without_secrets(told) == {**hidden, "blobUri": HIDDEN}
