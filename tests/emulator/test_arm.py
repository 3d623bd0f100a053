"""Resource Manager over plain REST: paths and errors, groups, workspaces, templates and computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.rest.resources import RESOURCES
from tests.emulator.arm_requests import error, fresh, poll, refused, settled
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

CLUSTER = {
    "location": "local",
    "properties": {
        "computeType": "AmlCompute",
        "properties": {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 2}},
    },
}


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


class TestPaths:
    def test_their_case_does_not_matter(self, workspace: Workspace) -> None:
        name = fresh("cpu")
        arm_id = workspace.put("compute", name, **CLUSTER)
        shouted = workspace.call("GET", arm_id.upper().replace("SUBSCRIPTIONS", "subscriptions", 1)).json()
        assert shouted["id"] == arm_id

    def test_a_version_is_asked_for_and_must_be_known(self, workspace: Workspace) -> None:
        for known in (
            "2019-11-01",
            "2024-04-01",
            "2025-12-01",
            "2026-05-01",
            *(r.api_version for r in RESOURCES.values()),
        ):
            assert workspace.call("GET", f"{workspace.id}/computes", params={"api-version": known}).ok
        path = f"{workspace.id}/computes"
        assert refused(workspace, "GET", path, params={"api-version": ""}) == (400, "MissingApiVersionParameter")
        assert refused(workspace, "GET", path, params={"api-version": "1999-01-01"}) == (
            400,
            "InvalidApiVersionParameter",
        )

    @pytest.mark.parametrize(
        ("path", "code"),
        [
            ("/subscriptions/99999999-1111-1111-1111-111111111111", "SubscriptionNotFound"),
            ("/subscriptions/{s}/resourceGroups/none", "ResourceGroupNotFound"),
            ("/subscriptions/{s}/resourceGroups/none/providers/A/b/c", "ResourceGroupNotFound"),
            ("{g}/providers/Microsoft.MachineLearningServices/workspaces/none", "ResourceNotFound"),
            ("{g}/providers/Microsoft.MachineLearningServices/workspaces/none/jobs/x", "ParentResourceNotFound"),
            ("{g}/providers/Microsoft.MachineLearningServices/workspaces/none/jobs", "ParentResourceNotFound"),
            ("{w}/computes/none", "ResourceNotFound"),
            ("{w}/models/none/versions/1", "ResourceNotFound"),
            ("{w}/onlineEndpoints/none/deployments/blue", "ParentResourceNotFound"),
            ("{g}/providers/Microsoft.Storage/storageAccounts/none", "ResourceNotFound"),
            ("{w}/gadgets/none", "InvalidResourceType"),
            ("/nothing/here", "NotFound"),
        ],
    )
    def test_what_is_not_there_is_named(self, workspace: Workspace, path: str, code: str) -> None:
        place = path.format(s=workspace.id.subscription_id, g=workspace.id.group, w=workspace.id)
        response = workspace.call("GET", place, ok=False)
        assert error(response) == (404, code)
        assert place.rpartition("/")[2] in response.text or "none" in response.text
        assert response.headers["x-ms-request-id"]

    def test_every_answer_can_be_looked_up(self, workspace: Workspace) -> None:
        headers = workspace.call("GET", str(workspace.id)).headers
        assert headers["x-ms-request-id"] == headers["x-ms-correlation-request-id"]

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
    def test_a_collection_is_only_read(self, workspace: Workspace, method: str) -> None:
        assert refused(workspace, method, f"{workspace.id}/computes", {}) == (405, "MethodNotAllowed")

    def test_a_body_must_be_json(self, workspace: Workspace) -> None:
        for broken in (b"{", b"\xff", b""):
            body = {"data": broken or None, "headers": {"Content-Type": "application/json"}}
            expected = "InvalidRequestContent" if broken else "ValidationError"
            assert refused(workspace, "PUT", f"{workspace.id}/computes/xyz", **body) == (400, expected)
        plain = {"data": b"{}", "headers": {"Content-Type": "text/plain"}}
        assert refused(workspace, "PUT", f"{workspace.id}/computes/x", **plain) == (415, "UnsupportedMediaType")
        assert refused(workspace, "PUT", f"{workspace.id}/computes/x", []) == (400, "InvalidRequestContent")

    def test_lists_have_pages(self, workspace: Workspace) -> None:
        name = fresh("env")
        for version in ("1", "2", "3"):
            workspace.put("environment", name, version, properties={"image": "i"})
        path = f"{workspace.id.child('environment', name)}/versions"
        page = workspace.call("GET", path, params={"$top": "2", "$orderBy": "createdtime desc"}).json()
        assert [one["name"] for one in page["value"]] == ["3", "2"]
        following = page["nextLink"].removeprefix(workspace.emulator.https_url)
        rest = workspace.call(
            "GET",
            following.partition("?")[0],
            params=dict(
                pair.split("=") for pair in following.partition("?")[2].replace("%24", "$").replace("+", " ").split("&")
            ),
        ).json()
        assert [one["name"] for one in rest["value"]] == ["1"]
        assert "nextLink" not in rest


class TestGroupsAndWorkspaces:
    def test_the_subscription_and_the_tenant(self, workspace: Workspace) -> None:
        subscriptions = workspace.call("GET", "/subscriptions").json()["value"]
        assert [one["subscriptionId"] for one in subscriptions] == [workspace.id.subscription_id]
        tenants = workspace.call("GET", "/tenants").json()["value"]
        assert tenants[0]["tenantId"] == workspace.emulator.environment["AZURE_TENANT_ID"]
        listed = workspace.call(
            "GET",
            f"/subscriptions/{workspace.id.subscription_id}/providers/Microsoft.MachineLearningServices/workspaces",
        ).json()["value"]
        assert str(workspace.id) in [one["id"] for one in listed]

    def test_a_resource_group_lives_and_dies(self, workspace: Workspace) -> None:
        group = f"/subscriptions/{workspace.id.subscription_id}/resourceGroups/{fresh('Group')}"
        assert workspace.call("HEAD", group, ok=False).status_code == 404
        assert workspace.call("PUT", group, json={"location": "local"}).status_code == 201
        assert workspace.call("PUT", group, json={"location": "local", "tags": {"a": "b"}}).status_code == 200
        assert workspace.call("GET", group.lower().replace("resourcegroups", "resourceGroups")).json()["tags"] == {
            "a": "b"
        }
        store = f"{group}/providers/Microsoft.Storage/storageAccounts/x"
        workspace.call("PUT", store, json={"location": "local"})
        assert poll(workspace, workspace.call("DELETE", group)) == 204
        assert refused(workspace, "GET", store) == (404, "ResourceGroupNotFound")

    def test_a_workspace_needs_what_it_depends_on(self, workspace: Workspace) -> None:
        path = workspace.id.sibling("workspace", fresh("ws"))
        assert refused(workspace, "PUT", path, {"location": "local"}) == (400, "ValidationError")
        gone = {
            "storageAccount": f"{workspace.id.group}/providers/Microsoft.Storage/storageAccounts/gone",
            "keyVault": "x",
        }
        response = workspace.call("PUT", path, json={"location": "local", "properties": gone}, ok=False)
        assert error(response) == (400, "ValidationError")
        assert "storageAccounts/gone" in response.text
        assert refused(workspace, "PUT", f"{path}/computes/cpu", CLUSTER) == (404, "ParentResourceNotFound")

    def test_a_workspace_lives_and_dies(self, workspace: Workspace) -> None:
        properties = workspace.call("GET", str(workspace.id)).json()["properties"]
        needs = {name: properties[name] for name in ("storageAccount", "keyVault", "applicationInsights")}
        path = workspace.id.sibling("workspace", fresh("ws"))
        made = workspace.call("PUT", path, json={"location": "local", "properties": needs})
        assert made.status_code == 202
        assert poll(workspace, made) == 200
        body = settled(workspace, path)
        assert body["properties"]["workspaceId"] != properties["workspaceId"]
        assert [one["name"] for one in workspace.call("GET", f"{path}/datastores").json()["value"]] == [
            "workspaceblobstore",
            "workspaceartifactstore",
        ]
        changed = workspace.call("PATCH", path, json={"tags": {"a": "b"}, "properties": {"friendlyName": "new"}})
        assert poll(workspace, changed) == 200
        after = settled(workspace, path)
        assert (after["tags"], after["properties"]["friendlyName"]) == ({"a": "b"}, "new")
        assert after["properties"]["workspaceId"] == body["properties"]["workspaceId"]
        assert poll(workspace, workspace.call("POST", f"{path}/resyncKeys")) == 204
        assert poll(workspace, workspace.call("DELETE", path)) == 204
        assert refused(workspace, "GET", f"{path}/datastores") == (404, "ParentResourceNotFound")

    def test_a_template_that_cannot_be_is_refused_and_one_that_fails_says_where(self, workspace: Workspace) -> None:
        path = workspace.id.sibling("template_deployment", fresh("dep"))
        broken = {
            "properties": {"mode": "Incremental", "template": {"resources": [{"type": "A/b", "name": "[nope()]"}]}}
        }
        assert refused(workspace, "PUT", path, broken) == (400, "InvalidTemplate")
        kind = "Microsoft.MachineLearningServices/workspaces"
        failing = {
            "resources": [
                {"type": "Microsoft.Storage/storageAccounts", "name": "[concat('sa', 'x')]", "location": "local"},
                {"type": kind, "name": "bad", "location": "local", "properties": {}, "dependsOn": ["sax"]},
            ]
        }
        response = workspace.call("PUT", path, json={"properties": {"mode": "Incremental", "template": failing}})
        assert response.status_code == 201
        assert workspace.settle(response)["error"]["code"] == "ValidationError"
        shown = workspace.call("GET", path).json()["properties"]
        assert shown["provisioningState"] == "Failed"
        assert "Missing dependent resources" in shown["error"]["details"][0]["message"]
        operations = workspace.call(
            "GET", f"{workspace.id.group}/deployments/{path.rpartition('/')[2]}/operations"
        ).json()
        assert [
            (one["properties"]["targetResource"]["resourceName"], one["properties"]["provisioningState"])
            for one in operations["value"]
        ] == [("sax", "Succeeded"), ("bad", "Failed")]


class TestComputes:
    def test_a_cluster_is_made_by_a_long_running_operation(self, workspace: Workspace) -> None:
        path = workspace.id.child("compute", fresh("cpu"))
        response = workspace.call("PUT", path, json=CLUSTER)
        assert response.status_code == 201
        assert response.json()["properties"]["provisioningState"] == "Creating"
        assert workspace.settle(response)["status"] == "Succeeded"
        cluster = settled(workspace, path)["properties"]["properties"]
        assert (cluster["allocationState"], cluster["currentNodeCount"], cluster["osType"]) == ("Steady", 0, "Linux")
        assert cluster["nodeStateCounts"]["runningNodeCount"] == 0
        scale = {"properties": {"properties": {"scaleSettings": {"minNodeCount": 1, "maxNodeCount": 3}}}}
        workspace.settle(workspace.call("PATCH", path, json=scale))
        assert settled(workspace, path)["properties"]["properties"]["currentNodeCount"] == 1

    def test_deleting_asks_what_becomes_of_the_machines(self, workspace: Workspace) -> None:
        path = workspace.put("compute", fresh("cpu"), **CLUSTER)
        assert refused(workspace, "DELETE", path) == (400, "MissingQueryParameter")
        response = workspace.call("DELETE", path, params={"underlyingResourceAction": "Delete"})
        assert response.status_code == 202
        workspace.settle(response)
        assert workspace.call("DELETE", path, params={"underlyingResourceAction": "Delete"}).status_code == 204

    @pytest.mark.parametrize(
        ("name", "change", "code"),
        [
            ("ab", {}, "InvalidResourceName"),
            ("cpu-1", {}, "InvalidResourceName"),
            ("cpu", {"computeType": "Abacus"}, "ValidationError"),
            ("cpu", {"computeType": None}, "ValidationError"),
            (
                "cpu",
                {"properties": {"vmSize": "x", "scaleSettings": {"minNodeCount": 2, "maxNodeCount": 1}}},
                "ValidationError",
            ),
            ("cpu", {"properties": {"scaleSettings": {"maxNodeCount": 1}}}, "ValidationError"),
        ],
    )
    def test_a_wrong_one_is_refused(self, workspace: Workspace, name: str, change: dict[str, Any], code: str) -> None:
        body = {"location": "local", "properties": CLUSTER["properties"] | change}  # type: ignore[operator]
        assert refused(workspace, "PUT", workspace.id.child("compute", name), body) == (400, code)

    def test_an_instance_starts_and_stops(self, workspace: Workspace) -> None:
        body = {"computeType": "ComputeInstance", "properties": {"vmSize": "x"}}
        path = workspace.put("compute", fresh("inst"), location="local", properties=body)
        states = [settled(workspace, path)["properties"]["properties"]["state"]]
        for action in ("stop", "start", "restart"):
            assert poll(workspace, workspace.call("POST", f"{path}/{action}")) == 204
            states.append(workspace.call("GET", path).json()["properties"]["properties"]["state"])
        assert states == ["Running", "Stopped", "Running", "Running"]
        cluster = workspace.put("compute", fresh("cpu"), **CLUSTER)
        assert refused(workspace, "POST", f"{cluster}/stop") == (400, "UserError")
