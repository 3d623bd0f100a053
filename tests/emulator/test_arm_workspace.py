"""Resource Manager over plain REST: what a workspace holds, from assets to endpoints."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.arm_requests import error, fresh, poll, refused, settled
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

MANAGED = {"endpointComputeType": "Managed", "instanceType": "Standard_DS3_v2"}
ENDPOINT = {"location": "local", "properties": {"authMode": "Key"}}


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


class TestAssets:
    def test_a_version_is_for_good(self, workspace: Workspace) -> None:
        name = fresh("env")
        path = workspace.put("environment", name, "1", properties={"image": "a", "condaFile": "x"})
        again = workspace.call("PUT", path, json={"properties": {"image": "a", "condaFile": "x", "tags": {"t": "1"}}})
        assert (again.status_code, again.json()["properties"]["tags"]) == (200, {"t": "1"})
        assert refused(workspace, "PUT", path, {"properties": {"image": "b", "condaFile": "x"}}) == (409, "UserError")
        assert refused(workspace, "PUT", path, {"properties": {"image": "a"}}) == (409, "UserError")

    def test_a_container_knows_what_comes_next(self, workspace: Workspace) -> None:
        name = fresh("data")
        container = workspace.id.child("data", name)
        uri = {"dataUri": "azureml://datastores/workspaceblobstore/paths/x", "dataType": "uri_file"}
        for version, following in (("1", "2"), ("7", "8"), ("3", "8"), ("dev", "8")):
            workspace.put("data", name, version, properties=uri)
            properties = workspace.call("GET", container).json()["properties"]
            assert (properties["latestVersion"], properties["nextVersion"]) == (version, following)
        workspace.call("DELETE", f"{container}/versions/7")
        assert workspace.call("GET", container).json()["properties"]["nextVersion"] == "8"

    def test_what_is_archived_is_seen_when_asked_for(self, workspace: Workspace) -> None:
        name = fresh("env")
        for version, archived in (("1", True), ("2", False)):
            workspace.put("environment", name, version, properties={"image": "a", "isArchived": archived})
        path = f"{workspace.id.child('environment', name)}/versions"
        seen = {
            view: [one["name"] for one in workspace.call("GET", path, params={"listViewType": view}).json()["value"]]
            for view in ("ActiveOnly", "ArchivedOnly", "All")
        }
        assert seen == {"ActiveOnly": ["2"], "ArchivedOnly": ["1"], "All": ["1", "2"]}
        assert [one["name"] for one in workspace.call("GET", path).json()["value"]] == ["2"]

    @pytest.mark.parametrize(
        ("kind", "properties", "code"),
        [
            ("environment", {}, "ValidationError"),
            ("data", {"dataType": "uri_file"}, "ValidationError"),
            ("model", {"modelUri": "azureml://jobs/none/outputs/artifacts/paths/m"}, "NoMatchingArtifactsFoundFromJob"),
            ("model", {"modelUri": "azureml://datastores/workspaceblobstore/paths/none"}, "UserError"),
            ("model", {"modelUri": "azureml://datastores/none/paths/x"}, "UserError"),
            ("model", {}, "ValidationError"),
        ],
    )
    def test_a_wrong_one_is_refused(
        self, workspace: Workspace, kind: str, properties: dict[str, Any], code: str
    ) -> None:
        path = workspace.id.child(kind, fresh("asset"), "1")
        assert refused(workspace, "PUT", path, {"properties": properties}) == (400, code)
        assert refused(workspace, "GET", path.rpartition("/versions/")[0])[0] == 404

    def test_code_is_found_by_its_hash(self, workspace: Workspace) -> None:
        path = workspace.id.child("code", str(uuid.uuid4()), "1")
        digest = uuid.uuid4().hex
        found = f"{workspace.id.child('code', str(uuid.uuid4()))}/versions"
        asked = {"hash": digest, "hashVersion": "202208"}
        assert workspace.call("GET", found, params=asked).json()["value"] == []
        properties = {
            "codeUri": "https://localhost/stor",
            "properties": {"hash_sha256": digest, "hash_version": "202208"},
        }
        workspace.call("PUT", path, json={"properties": properties})
        assert [one["id"] for one in workspace.call("GET", found, params=asked).json()["value"]] == [path]

    def test_every_upload_of_code_has_a_container_of_its_own(self, workspace: Workspace) -> None:
        path = f"{workspace.id.child('code', str(uuid.uuid4()), '1')}/startPendingUpload"
        uris = {workspace.call("POST", path).json()["blobReferenceForConsumption"]["blobUri"] for _ in range(2)}
        assert len(uris) == 2


class TestDatastores:
    def test_secrets_are_listed_and_never_shown(self, workspace: Workspace) -> None:
        path = workspace.id.child("datastore", fresh("store"))
        secrets = {"secretsType": "AccountKey", "key": "c2VjcmV0"}
        properties = {
            "datastoreType": "AzureBlob",
            "accountName": "elsewhere",
            "containerName": "box",
            "credentials": {"credentialsType": "AccountKey", "secrets": secrets},
        }
        made = workspace.call("PUT", path, json={"properties": properties})
        assert made.status_code == 201
        for shown in (made, workspace.call("GET", path), workspace.call("GET", f"{workspace.id}/datastores")):
            assert "c2VjcmV0" not in shown.text
        assert workspace.call("POST", f"{path}/listSecrets").json() == secrets
        assert workspace.call("DELETE", path).status_code == 200

    def test_the_default_one_stays(self, workspace: Workspace) -> None:
        listed = workspace.call("GET", f"{workspace.id}/datastores", params={"isDefault": "true"}).json()["value"]
        assert [one["name"] for one in listed] == ["workspaceblobstore"]
        assert refused(workspace, "DELETE", listed[0]["id"]) == (400, "UserError")


class TestJobs:
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"computeId": "{w}/computes/none"}, "ComputeNotFound"),
            ({"environmentId": "{w}/environments/none/versions/1"}, "EnvironmentNotFound"),
            ({"codeId": "{w}/codes/none/versions/1"}, "CodeNotFound"),
            ({"inputs": {"d": {"jobInputType": "uri_file", "uri": "{w}/data/none/versions/1"}}}, "DataNotFound"),
            ({"codeId": "{w}/gadgets/none"}, "UserError"),
            ({"jobType": "Chore"}, "ValidationError"),
            ({"command": None}, "ValidationError"),
        ],
    )
    def test_a_job_of_what_is_not_there_is_refused(
        self, workspace: Workspace, change: dict[str, Any], code: str
    ) -> None:
        def filled(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: filled(item) for key, item in value.items()}
            return value.replace("{w}", str(workspace.id)) if isinstance(value, str) else value

        properties = {"jobType": "Command", "command": "true", "environmentId": workspace.environment()}
        path = workspace.id.child("job", fresh("job"))
        assert refused(workspace, "PUT", path, {"properties": properties | filled(change)}) == (400, code)
        assert refused(workspace, "GET", path) == (404, "ResourceNotFound")

    def test_a_job_is_made_once_and_described_often(self, workspace: Workspace) -> None:
        path = workspace.id.child("job", fresh("job"))
        properties = {"jobType": "Command", "command": "true", "environmentId": "azureml:nowhere:1"}
        assert workspace.call("PUT", path, json={"properties": properties}).status_code == 201
        described = workspace.call("PUT", path, json={"properties": properties | {"tags": {"a": "b"}}})
        assert (described.status_code, described.json()["properties"]["tags"]) == (200, {"a": "b"})
        assert refused(workspace, "PUT", path, {"properties": properties | {"command": "false"}}) == (409, "Conflict")

    def test_cancel_ends_the_job_before_it_ends_itself(self, workspace: Workspace) -> None:
        path = workspace.id.child("job", fresh("job"))
        properties = {"jobType": "Command", "command": "sleep 60", "environmentId": workspace.environment()}
        workspace.call("PUT", path, json={"properties": properties})
        assert refused(workspace, "DELETE", path) == (409, "Conflict")
        assert poll(workspace, workspace.call("POST", f"{path}/cancel")) == 204
        assert workspace.call("GET", path).json()["properties"]["status"] == "Canceled"
        assert workspace.call("POST", f"{path}/cancel").status_code == 200
        assert poll(workspace, workspace.call("DELETE", path)) == 204


class TestEndpoints:
    def test_an_endpoint_has_keys_and_can_have_new_ones(self, workspace: Workspace) -> None:
        path = workspace.put("online_endpoint", fresh("ep"), **ENDPOINT)
        shown = settled(workspace, path)["properties"]
        assert shown["scoringUri"].startswith(f"{workspace.emulator.https_url}/score/")
        assert shown["keys"] is None
        keys = workspace.call("POST", f"{path}/listKeys").json()
        assert len({keys["primaryKey"], keys["secondaryKey"]}) == 2
        seen = {keys["primaryKey"]}
        for sent in ({"keyValue": keys["primaryKey"]}, {}, {"keyValue": "mine"}):
            response = workspace.call("POST", f"{path}/regenerateKeys", json={"keyType": "Primary", **sent})
            assert poll(workspace, response) == 204
            after = workspace.call("POST", f"{path}/listKeys").json()
            assert after["secondaryKey"] == keys["secondaryKey"]
            seen.add(after["primaryKey"])
        assert len(seen) == 4
        assert "mine" in seen
        assert refused(workspace, "POST", f"{path}/token") == (400, "UserError")

    def test_an_endpoint_of_tokens_has_tokens(self, workspace: Workspace) -> None:
        body = {"location": "local", "properties": {"authMode": "AMLToken"}}
        path = workspace.put("online_endpoint", fresh("ep"), **body)
        token = workspace.call("POST", f"{path}/token").json()
        assert token["tokenType"] == "Bearer"
        assert token["expiryTimeUtc"] > token["refreshAfterTimeUtc"] > time.time()
        assert refused(workspace, "POST", f"{path}/listKeys") == (400, "UserError")

    @pytest.mark.parametrize(
        ("name", "change", "code"),
        [
            ("e", {}, "InvalidResourceName"),
            ("1abc", {}, "InvalidResourceName"),
            ("ab--c", {}, "InvalidResourceName"),
            ("abc", {"authMode": "None"}, "ValidationError"),
            ("abc", {"traffic": {"blue": 100}}, "UserError"),
            ("abc", {"traffic": {"blue": 101}}, "UserError"),
            ("abc", {"mirrorTraffic": {"blue": 10}}, "UserError"),
        ],
    )
    def test_a_wrong_one_is_refused(self, workspace: Workspace, name: str, change: dict[str, Any], code: str) -> None:
        body = {"location": "local", "properties": {"authMode": "Key", **change}}
        assert refused(workspace, "PUT", workspace.id.child("online_endpoint", name), body) == (400, code)

    def test_a_deployment_that_cannot_be_is_refused_or_fails(self, workspace: Workspace) -> None:
        endpoint = fresh("ep")
        path = workspace.id.child("online_deployment", endpoint, "blue")
        body: dict[str, Any] = {"location": "local", "properties": MANAGED}
        assert refused(workspace, "PUT", path, body) == (404, "ParentResourceNotFound")
        workspace.put("online_endpoint", endpoint, **ENDPOINT)
        gone = {**MANAGED, "model": f"{workspace.id}/models/none/versions/1"}
        assert refused(workspace, "PUT", path, body | {"properties": gone}) == (400, "ModelNotFound")
        assert refused(workspace, "PUT", path, {"location": "x", "properties": {}}) == (400, "ValidationError")
        made = workspace.call("PUT", path, json=body)
        assert made.json()["properties"]["scaleSettings"] == {"scaleType": "Default"}
        assert workspace.settle(made)["status"] == "Failed"
        assert settled(workspace, path)["properties"]["provisioningState"] == "Failed"
        traffic = {"location": "local", "properties": {"authMode": "Key", "traffic": {"blue": 100}}}
        response = workspace.call("PUT", path.rpartition("/deployments/")[0], json=traffic, ok=False)
        assert error(response) == (400, "UserError")
        assert "'blue', which cannot serve: it is Failed" in response.text
        assert (
            workspace.call("POST", f"{path}/getLogs", json={"tail": 5}).json()["content"].startswith("Instance status:")
        )
        assert poll(workspace, workspace.call("DELETE", path.rpartition("/deployments/")[0])) == 204
        assert refused(workspace, "GET", path) == (404, "ParentResourceNotFound")
