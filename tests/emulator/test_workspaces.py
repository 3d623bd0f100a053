"""Workspaces over plain REST: how they go and come back, what they depend on, and what surrounds them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.emulator.arm_requests import error, fresh, poll, refused, settled
from tests.emulator.execution import CONDA_FILE, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

PURGE = {"forceToPurge": "true"}
CLUSTER = {
    "location": "local",
    "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "x", "scaleSettings": {"maxNodeCount": 1}}},
}
RULE = {"properties": {"type": "FQDN", "destination": "pypi.org"}}
NETWORK = {"managedNetwork": {"isolationMode": "AllowOnlyApprovedOutbound"}}


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


def made(workspace: Workspace, *, kind: str = "Default", **properties: Any) -> str:
    """A new workspace beside this one, and on what this one depends on."""
    own = workspace.call("GET", str(workspace.id)).json()["properties"]
    needs = {name: own[name] for name in ("storageAccount", "keyVault", "applicationInsights")}
    body = {"location": "local", "kind": kind, "properties": {**needs, **properties}}
    path = workspace.id.sibling("workspace", fresh("ws"))
    assert poll(workspace, workspace.call("PUT", path, json=body)) == 200
    assert settled(workspace, path)["properties"]["provisioningState"] == "Succeeded"
    return path


def gone(workspace: Workspace, path: str, **params: str) -> None:
    assert poll(workspace, workspace.call("DELETE", path, params=params)) == 204
    assert refused(workspace, "GET", path) == (404, "ResourceNotFound")


def polled(workspace: Workspace, path: str, body: dict[str, Any] | None = None) -> Any:
    """What a long-running action answers at its end."""
    response = workspace.call("POST", path, json=body or {})
    place = response.headers["Location"].removeprefix(workspace.emulator.https_url).partition("?")[0]
    assert poll(workspace, response) == 200
    return workspace.call("GET", place).json()


class TestSoftDeletion:
    def test_what_is_kept_comes_back_and_what_costs_does_not(self, workspace: Workspace) -> None:
        path = made(workspace)
        guid = workspace.call("GET", path).json()["properties"]["workspaceId"]
        environment = f"{path}/environments/kept/versions/1"
        workspace.call("PUT", environment, json={"properties": {"image": "i", "tags": {"a": "b"}}})
        workspace.settle(workspace.call("PUT", f"{path}/computes/cpu-cluster", json=CLUSTER))
        secret = {"authType": "PAT", "category": "Git", "target": "https://x", "credentials": {"pat": "s"}}
        workspace.call("PUT", f"{path}/connections/git-repo", json={"properties": secret})
        gone(workspace, path)
        assert refused(workspace, "GET", environment) == (404, "ParentResourceNotFound")
        assert path not in str(workspace.call("GET", f"{workspace.id}".rpartition("/")[0]).json())

        taken = workspace.call("PUT", path, json={"location": "local", "properties": {}}, ok=False)
        assert error(taken) == (400, "BadRequest")
        assert "Soft-deleted workspace exists. Please purge or recover it." in taken.text

        recovery = {"location": "local", "properties": {"allowRecoverSoftDeletedWorkspace": "True"}}
        assert poll(workspace, workspace.call("PUT", path, json=recovery)) == 200
        body = settled(workspace, path)
        assert body["properties"]["workspaceId"] == guid
        assert "allowRecoverSoftDeletedWorkspace" not in body["properties"]
        assert workspace.call("GET", environment).json()["properties"]["tags"] == {"a": "b"}
        found = workspace.call("GET", f"{path}/environments/kept/versions", params={"tags": "a=b"}).json()["value"]
        assert [one["name"] for one in found] == ["1"]
        shown = workspace.call("POST", f"{path}/connections/git-repo/listsecrets").json()
        assert shown["properties"]["credentials"] == {"pat": "s"}
        assert workspace.call("GET", f"{path}/computes").json()["value"] == []
        gone(workspace, path, **PURGE)

    def test_what_runs_in_it_ends(self, workspace: Workspace) -> None:
        path = made(workspace)
        environment = f"{path}/environments/plain/versions/1"
        workspace.call("PUT", environment, json={"properties": {"image": "i", "condaFile": CONDA_FILE}})
        job = f"{path}/jobs/{fresh('job')}"
        command = {"jobType": "Command", "command": "sleep 60", "environmentId": environment}
        workspace.call("PUT", job, json={"properties": command})
        while workspace.call("GET", job).json()["properties"]["status"] != "Running":
            time.sleep(0.1)
        gone(workspace, path)
        recovery = {"location": "local", "properties": {"allowRecoverSoftDeletedWorkspace": "True"}}
        poll(workspace, workspace.call("PUT", path, json=recovery))
        assert workspace.call("GET", job).json()["properties"]["status"] == "Canceled"
        history = path.replace("/subscriptions", "/history/v1.0/subscriptions")
        run = workspace.call("GET", f"{history}/runs/{job.rpartition('/')[2]}").json()
        assert run["status"] == "Canceled"
        gone(workspace, path, **PURGE)

    def test_a_purged_name_is_free(self, workspace: Workspace) -> None:
        path = made(workspace)
        environment = f"{path}/environments/lost/versions/1"
        workspace.call("PUT", environment, json={"properties": {"image": "i"}})
        gone(workspace, path)
        assert workspace.call("DELETE", path).status_code == 204
        gone(workspace, path, **PURGE)
        assert workspace.call("DELETE", path, params=PURGE).status_code == 204
        recovery = {"location": "local", "properties": {"allowRecoverSoftDeletedWorkspace": "True"}}
        assert refused(workspace, "PUT", path, recovery) == (400, "ValidationError")

    def test_nothing_is_kept_for_longer_than_two_weeks(self, tmp_path: Path) -> None:
        with running_emulator(tmp_path, "--create-workspace") as emulator:
            workspace = Workspace(emulator)
            path = made(workspace)
            environment = f"{path}/environments/lost/versions/1"
            workspace.call("PUT", environment, json={"properties": {"image": "i"}})
            gone(workspace, path)
            again = {"location": "local", "properties": workspace.call("GET", str(workspace.id)).json()["properties"]}
            clock = f"{emulator.url}/emulator/clock"
            requests.put(clock, headers=emulator.headers, json={"advance_seconds": 13 * 24 * 3600}, timeout=60)
            assert refused(workspace, "PUT", path, again) == (400, "BadRequest")
            requests.put(clock, headers=emulator.headers, json={"advance_seconds": 24 * 3600}, timeout=60)
            assert poll(workspace, workspace.call("PUT", path, json=again)) == 200
            assert refused(workspace, "GET", environment) == (404, "ResourceNotFound")

    def test_a_group_takes_its_workspaces_along(self, workspace: Workspace) -> None:
        group = f"/subscriptions/{workspace.id.subscription_id}/resourceGroups/{fresh('group')}"
        workspace.call("PUT", group, json={"location": "local"})
        own = workspace.call("GET", str(workspace.id)).json()["properties"]
        path = f"{group}/providers/Microsoft.MachineLearningServices/workspaces/inside"
        body = {"location": "local", "properties": {name: own[name] for name in ("storageAccount", "keyVault")}}
        poll(workspace, workspace.call("PUT", path, json=body))
        assert poll(workspace, workspace.call("DELETE", group)) == 204
        workspace.call("PUT", group, json={"location": "local"})
        assert refused(workspace, "PUT", path, body) == (400, "BadRequest")
        assert poll(workspace, workspace.call("DELETE", path, params=PURGE)) == 204


class TestWhatItDependsOn:
    def test_a_diagnosis_finds_what_is_gone(self, workspace: Workspace) -> None:
        vault = f"{workspace.id.group}/providers/Microsoft.KeyVault/vaults/{fresh('vault')}"
        workspace.call("PUT", vault, json={"location": "local"})
        path = made(workspace, keyVault=vault)
        report = polled(workspace, f"{path}/diagnose", {"value": {"keyVault": {}}})["value"]
        assert set(map(len, report.values())) == {0}
        workspace.call("DELETE", vault)
        (found,) = polled(workspace, f"{path}/diagnose")["value"]["keyVaultResults"]
        assert (found["code"], found["level"]) == ("KeyVaultNotFound", "Error")
        assert vault in found["message"]
        gone(workspace, path, **PURGE)

    def test_a_project_takes_from_its_hub(self, workspace: Workspace) -> None:
        hub = made(workspace, kind="Hub")
        path = workspace.id.sibling("workspace", fresh("ws"))
        lonely = {"location": "local", "kind": "Project", "properties": {}}
        assert refused(workspace, "PUT", path, lonely) == (400, "ValidationError")
        body = {**lonely, "kind": "project", "properties": {"hubResourceId": hub}}
        poll(workspace, workspace.call("PUT", path, json=body))
        project, shown = settled(workspace, path), workspace.call("GET", hub).json()
        assert project["kind"] == "Project"
        assert project["properties"]["storageAccount"] == shown["properties"]["storageAccount"]
        assert shown["properties"]["associatedWorkspaces"] == [path]
        subscription = f"/subscriptions/{workspace.id.subscription_id}/providers"
        for place in (hub.rpartition("/")[0], f"{subscription}/Microsoft.MachineLearningServices/workspaces"):
            listed = workspace.call("GET", place, params={"kind": "hub,project"}).json()["value"]
            assert [one["id"] for one in listed] == [hub, path]
            assert workspace.call("GET", place, params={"kind": "featurestore"}).json()["value"] == []
        for one in (path, hub):
            gone(workspace, one, **PURGE)

    def test_keys_and_notebooks(self, workspace: Workspace) -> None:
        path = made(workspace)
        keys = workspace.call("POST", f"{path}/listKeys").json()
        assert (
            keys["userStorageKey"] == workspace.call("POST", f"{path}/listStorageAccountKeys").json()["userStorageKey"]
        )
        assert keys["notebookAccessKeys"] is None
        host = polled(workspace, f"{path}/prepareNotebook")
        assert host["notebookPreparationError"] is None
        assert workspace.call("GET", path).json()["properties"]["notebookInfo"]["fqdn"] == host["fqdn"]
        secrets = workspace.call("POST", f"{path}/listNotebookKeys").json()
        assert secrets["primaryAccessKey"] != secrets["secondaryAccessKey"]
        assert workspace.call("POST", f"{path}/listKeys").json()["notebookAccessKeys"] == secrets
        token = workspace.call("POST", f"{path}/listNotebookAccessToken").json()
        assert (token["tokenType"], token["hostName"]) == ("Bearer", host["fqdn"])
        gone(workspace, path, **PURGE)

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("features", "'id': 'workspace_upgradeworkspaceui'"),
            ("privateLinkResources", "'groupId': 'amlworkspace'"),
            ("outboundNetworkDependenciesEndpoints", "'category': 'Azure Active Directory'"),
        ],
    )
    def test_what_can_only_be_looked_at(self, workspace: Workspace, name: str, expected: str) -> None:
        assert expected in str(workspace.call("GET", f"{workspace.id}/{name}").json()["value"])
        assert refused(workspace, "POST", f"{workspace.id}/{name}") == (405, "MethodNotAllowed")
        assert refused(workspace, "GET", f"{workspace.id}none/{name}") == (404, "ResourceNotFound")


class TestNetworks:
    def test_rules_are_in_force_once_the_network_is_provisioned(self, workspace: Workspace) -> None:
        path = made(workspace, **NETWORK)
        assert poll(workspace, workspace.call("PUT", f"{path}/outboundRules/pypi", json=RULE)) == 200
        assert workspace.call("GET", f"{path}/outboundRules/pypi").json()["properties"] == {
            **RULE["properties"],
            "category": "UserDefined",
            "status": "Inactive",
        }
        assert polled(workspace, f"{path}/provisionManagedNetwork", {"includeSpark": True}) == {
            "status": "Active",
            "sparkReady": True,
        }
        network = workspace.call("GET", path).json()["properties"]["managedNetwork"]
        assert network["status"] == {"status": "Active", "sparkReady": True}
        assert network["outboundRules"]["pypi"]["status"] == "Active"
        assert poll(workspace, workspace.call("DELETE", f"{path}/outboundRules/pypi")) == 204
        assert workspace.call("GET", f"{path}/outboundRules").json()["value"] == []
        gone(workspace, path, **PURGE)

    def test_a_workspace_without_a_network_has_no_rules(self, workspace: Workspace) -> None:
        path = made(workspace)
        assert refused(workspace, "PUT", f"{path}/outboundRules/pypi", RULE) == (400, "ValidationError")
        assert refused(workspace, "POST", f"{path}/provisionManagedNetwork", {}) == (400, "ValidationError")
        gone(workspace, path, **PURGE)

    def test_a_private_endpoint_is_connected_as_long_as_it_is_there(self, workspace: Workspace) -> None:
        path = made(workspace)
        endpoint = f"{workspace.id.group}/providers/Microsoft.Network/privateEndpoints/{fresh('pe')}"
        link = {"name": "link", "properties": {"privateLinkServiceId": path, "groupIds": ["amlworkspace"]}}
        body = {"location": "local", "properties": {"subnet": {}, "privateLinkServiceConnections": [link]}}
        workspace.call("PUT", endpoint, json=body)
        (connection,) = workspace.call("GET", f"{path}/privateEndpointConnections").json()["value"]
        assert connection["properties"]["privateEndpoint"] == {"id": endpoint}
        state = {"status": "Rejected", "description": "no"}
        body = {"properties": {"privateLinkServiceConnectionState": state}}
        changed = workspace.call("PUT", connection["id"], json=body).json()["properties"]
        assert (changed["privateLinkServiceConnectionState"], changed["privateEndpoint"]) == (state, {"id": endpoint})
        shown = workspace.call("GET", path).json()["properties"]
        assert (shown["privateLinkCount"], len(shown["privateEndpointConnections"])) == (1, 1)
        workspace.call("DELETE", endpoint)
        assert workspace.call("GET", f"{path}/privateEndpointConnections").json()["value"] == []
        gone(workspace, path, **PURGE)
