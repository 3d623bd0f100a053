"""What a subscription has besides workspaces, over plain REST: providers, groups, sizes, quotas and registries."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.arm_requests import error, fresh, poll, refused
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

AML = "Microsoft.MachineLearningServices"
REGISTRY = f"resourceGroups/azureml-registries/providers/{AML}/registries/azureml"


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


@pytest.fixture(scope="module")
def subscription(workspace: Workspace) -> str:
    return f"/subscriptions/{workspace.id.subscription_id}"


class TestProviders:
    def test_all_are_registered_and_tell_their_types(self, workspace: Workspace, subscription: str) -> None:
        listed = workspace.call("GET", f"{subscription}/providers").json()["value"]
        assert {one["registrationState"] for one in listed} == {"Registered"}
        shown = workspace.call("GET", f"{subscription}/providers/{AML.lower()}").json()
        assert shown["namespace"] == AML
        types = {one["resourceType"]: one["apiVersions"] for one in shown["resourceTypes"]}
        assert "2024-04-01" in types["workspaces/computes"]
        assert "workspaces/onlineEndpoints/deployments" in types

    @pytest.mark.parametrize("path", ["", "/register"])
    def test_they_have_api_versions_of_resource_manager(
        self, workspace: Workspace, subscription: str, path: str
    ) -> None:
        version = {"api-version": "2024-11-01"}
        provider = f"{subscription}/providers/{AML}{path}"
        assert workspace.call("POST" if path else "GET", provider, params=version).json()["namespace"] == AML

    def test_registration_takes_its_time(self, workspace: Workspace, subscription: str) -> None:
        path = f"{subscription}/providers/Microsoft.Batch"
        assert workspace.call("POST", f"{path}/unregister").json()["registrationState"] == "Unregistering"
        states = self.until(workspace, path, "NotRegistered")
        assert states <= {"Unregistering", "NotRegistered"}
        account = f"{workspace.id.group}/providers/Microsoft.Batch/batchAccounts/x"
        assert refused(workspace, "PUT", account, {"location": "x"}) == (409, "MissingSubscriptionRegistration")
        assert workspace.call("POST", f"{path}/register").json()["registrationState"] == "Registering"
        assert self.until(workspace, path, "Registered") == {"Registering", "Registered"}
        assert workspace.call("PUT", account, json={"location": "x"}).status_code == 201

    def test_one_that_is_not_there_is_named(self, workspace: Workspace, subscription: str) -> None:
        path = f"{subscription}/providers/Microsoft.Nothing"
        assert refused(workspace, "GET", path) == (404, "InvalidResourceNamespace")
        assert refused(workspace, "POST", f"{path}/register") == (404, "InvalidResourceNamespace")
        assert refused(workspace, "GET", f"{subscription}/providers/{AML}/register") == (405, "MethodNotAllowed")

    def test_what_can_be_done_is_listed(self, workspace: Workspace) -> None:
        listed = workspace.call("GET", f"/providers/{AML}/operations").json()["value"]
        names = {one["name"] for one in listed}
        assert {f"{AML}/workspaces/write", f"{AML}/workspaces/jobs/cancel/action"} <= names
        assert refused(workspace, "DELETE", f"/providers/{AML}/operations") == (405, "MethodNotAllowed")

    @staticmethod
    def until(workspace: Workspace, path: str, state: str) -> set[str]:
        seen: set[str] = set()
        while state not in seen:
            seen.add(workspace.call("GET", path).json()["registrationState"])
            time.sleep(0.05)
        return seen


class TestGroups:
    def test_one_is_changed_and_lists_what_is_in_it(self, workspace: Workspace, subscription: str) -> None:
        group = f"{subscription}/resourceGroups/{fresh('group')}"
        workspace.call("PUT", group, json={"location": "here"})
        changed = workspace.call("PATCH", group, json={"tags": {"a": "b"}}).json()
        assert (changed["location"], changed["tags"]) == ("here", {"a": "b"})
        store = f"{group}/providers/Microsoft.Storage/storageAccounts/x"
        for path in (store, f"{group}/providers/Microsoft.KeyVault/vaults/y"):
            workspace.call("PUT", path, json={"location": "here", "properties": {"a": 1}})
        listed = workspace.call("GET", f"{group}/resources").json()["value"]
        assert [one["name"] for one in listed] == ["x", "y"]
        assert "properties" not in listed[0]
        only = {"$filter": "resourceType eq 'Microsoft.Storage/storageAccounts'"}
        assert [one["id"] for one in workspace.call("GET", f"{group}/resources", params=only).json()["value"]] == [
            store
        ]
        everywhere = workspace.call("GET", f"{subscription}/resources", params=only).json()["value"]
        assert store in [one["id"] for one in everywhere]
        # how az asks for the resources of a group
        filters = {"$filter": f"resourceGroup eq '{group.rpartition('/')[2].upper()}' and name eq 'x'"}
        asked = workspace.call("GET", f"{subscription}/resources", params=filters).json()["value"]
        assert [one["id"] for one in asked] == [store]
        assert poll(workspace, workspace.call("DELETE", group)) == 204

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    def test_the_one_of_the_registry_stays(self, workspace: Workspace, subscription: str, method: str) -> None:
        path = f"{subscription}/resourceGroups/azureml-registries"
        code = (403, "DenyAssignmentAuthorizationFailed")
        assert refused(workspace, method, path, {"location": "x"}) == code


class TestLocations:
    def test_sizes_and_usages(self, workspace: Workspace, subscription: str) -> None:
        place = f"{subscription}/providers/{AML}/locations/local"
        sizes = {one["name"]: one for one in workspace.call("GET", f"{place}/vmSizes").json()["value"]}
        assert (sizes["Standard_DS3_v2"]["vCPUs"], sizes["Standard_DS3_v2"]["memoryGB"]) == (4, 14)
        assert sizes["Standard_NC4as_T4_v3"]["gpus"] == 1
        assert workspace.call("GET", f"{place}/usages").json()["value"]

    def test_quotas_are_shared_out(self, workspace: Workspace, subscription: str) -> None:
        place = f"{subscription}/providers/{AML}/locations/local"
        asked = {
            f"{workspace.id}/quotas/standardDSv2Family": 100,
            f"{workspace.id}/quotas/standardDv2Family": 10**6,
            f"{workspace.id}/quotas/noFamily": 1,
        }
        body = {"value": [{"id": one, "limit": limit, "unit": "Count"} for one, limit in asked.items()]}
        answered = workspace.call("POST", f"{place}/updateQuotas", json=body).json()["value"]
        assert [one["status"] for one in answered] == [
            "Success",
            "InvalidQuotaExceedsSubscriptionLimit",
            "InvalidVMFamilyName",
        ]
        limits = {one["id"]: one["limit"] for one in workspace.call("GET", f"{place}/quotas").json()["value"]}
        assert limits[f"{workspace.id}/quotas/standardDSv2Family"] == 100
        assert limits[f"{subscription}/quotas/standardDSv2Family"] > 100


class TestRegistries:
    def test_the_built_in_one_is_found(self, workspace: Workspace, subscription: str) -> None:
        discovered = workspace.call("GET", "/registrymanagement/v1.0/registries/azureml/discovery").json()
        assert discovered["primaryRegionResourceProviderUri"] == f"{workspace.emulator.https_url}/"
        listed = workspace.call("GET", f"{subscription}/providers/{AML}/registries").json()["value"]
        of_group = workspace.call("GET", f"{subscription}/{REGISTRY}".rpartition("/")[0]).json()["value"]
        assert [one["name"] for one in listed] == [one["name"] for one in of_group] == ["azureml"]
        assert discovered["resourceGroup"] == listed[0]["id"].split("/")[4]
        path = "/registrymanagement/v1.0/registries/none/discovery"
        assert refused(workspace, "GET", path) == (404, "UserError")

    @pytest.mark.parametrize("segment", ["codes", "components", "data", "environments", "models"])
    def test_its_assets_are_read_and_not_written(self, workspace: Workspace, subscription: str, segment: str) -> None:
        path = f"{subscription}/{REGISTRY}/{segment}"
        names = [one["name"] for one in workspace.call("GET", path).json()["value"]]
        assert names == (["sklearn-1.5"] if segment == "environments" else [])
        body = {"properties": {"image": "x", "dataUri": "x", "dataType": "uri_file", "codeUri": "https://x/y"}}
        forbidden = (403, "AuthorizationFailed")
        for place in (f"{path}/new1", f"{path}/new1/versions/1"):
            assert refused(workspace, "PUT", place, body) == forbidden
            assert refused(workspace, "DELETE", place) == forbidden
            assert refused(workspace, "GET", place)[0] == 404

    @pytest.mark.parametrize(
        ("method", "place"),
        [
            ("PUT", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/removeRegions"),
            ("POST", "/models/a/versions/1/startPendingUpload"),
            ("PUT", "/tempdatarefs/a/versions/1"),
        ],
    )
    def test_it_is_read_only_itself(self, workspace: Workspace, subscription: str, method: str, place: str) -> None:
        body: dict[str, Any] = {"location": "local", "properties": {}}
        response = workspace.call(method, f"{subscription}/{REGISTRY}{place}", json=body, ok=False)
        assert error(response) == (403, "AuthorizationFailed")
        assert "registries are read-only" in response.text

    def test_nothing_is_published_to_it(self, workspace: Workspace) -> None:
        path = workspace.put("environment", fresh("env"), "1", properties={"image": "i"})
        destination = {"registryName": "azureml", "destinationName": "x", "destinationVersion": "1"}
        assert refused(workspace, "POST", f"{path}/publish", destination) == (403, "AuthorizationFailed")
        assert refused(workspace, "POST", f"{path}0/publish", destination) == (404, "ResourceNotFound")

    def test_a_job_runs_in_a_curated_environment(self, workspace: Workspace) -> None:
        job = workspace.submit(
            "python -c 'import sklearn; print(sklearn.__version__)'",
            environmentId="azureml://registries/azureml/environments/sklearn-1.5/versions/1",
        )
        assert workspace.until(job) == "Completed"
        assert workspace.log(job).splitlines()[-1].startswith("1.5.")

    def test_data_of_an_asset_is_referred_to(self, workspace: Workspace, subscription: str) -> None:
        path = f"{subscription}/{REGISTRY}/datareferences/sklearn-1.5/versions/1"
        asset = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
        found = workspace.call("POST", path, json={"assetId": asset, "blobUri": "https://x/y"}).json()
        assert found["blobReferenceForConsumption"]["credential"] == {"credentialType": "NoCredentials"}
        missing = {"assetId": asset.replace("1.5", "9"), "blobUri": "https://x/y"}
        assert refused(workspace, "POST", path, missing) == (404, "UserError")

    def test_a_region_has_the_same(self, workspace: Workspace, subscription: str) -> None:
        path = f"{subscription}/{REGISTRY}/environments/sklearn-1.5"
        for prefix in ("", "/mferp/managementfrontend"):
            found = workspace.call("GET", f"{prefix}{path}/versions/1").json()
            assert found["id"] == "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
            assert found["properties"]["environmentType"] == "Curated"
