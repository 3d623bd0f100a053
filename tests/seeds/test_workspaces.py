"""Document 001, "Manage Azure Machine Learning workspaces using Azure CLI", by the page that says what replaces it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.operators import AzmlCreateWorkspaceOperator, AzmlRegisterResourceProvidersOperator
from tests.seeds.shapes import differences

if TYPE_CHECKING:
    from tests.seeds.bench import Bench
    from tests.seeds.documents import Block

pytestmark = pytest.mark.shared
GROUP_VERSION = {"api-version": "2021-04-01"}


DEPENDENTS = {
    "Microsoft.Insights/components": "myinsights",
    "Microsoft.ContainerRegistry/registries": "myregistry",
    "Microsoft.KeyVault/vaults": "myvault",
    "Microsoft.Storage/storageAccounts": "mystorage",
}
"""What workspaces of the document stand on."""


@pytest.fixture
def resource(bench: Bench) -> Bench:
    """The workspace, beside what others stand on."""
    for kind, name in DEPENDENTS.items():
        bench.call("PUT", f"{bench.id.group}/providers/{kind}/{name}", json={"location": "local"})
    return bench


def purge(bench: Bench, name: str | None = None) -> None:
    """Delete a workspace so that its name is free again."""
    bench.drop(bench.id.sibling("workspace", name or bench.id.name), forceToPurge="true")


def test_001_connect_to_the_azure_subscription_1(bench: Bench, block: Block) -> None:
    works, said = bench.do(block.text)
    assert works, said


def test_001_connect_to_the_azure_subscription_2(bench: Bench, block: Block) -> None:
    assert bench.do(block.text).workspace_id.subscription_id == "<subscription>"


def test_001_create_a_resource_group_1(bench: Bench, block: Block) -> None:
    assert bench.do(block.text)["id"] == bench.id.group


def test_001_create_a_resource_group_2(bench: Bench, block: Block) -> None:
    answered = bench.call("GET", bench.id.group, params=GROUP_VERSION).json()
    assert list(differences(json.loads(block.text), answered)) == []


def test_001_create_a_workspace_1(bench: Bench, block: Block) -> None:
    purge(bench)
    made = bench.do(block.text)
    assert (made["id"], made["status"]) == (str(bench.id), "Succeeded")


def test_001_create_a_workspace_2(bench: Bench, block: Block) -> None:
    (bench.folder / "workspace.yml").write_text("name: of-a-file\nlocation: westeurope\n")
    assert bench.do(block.text)["name"] == "of-a-file"


def test_001_create_a_workspace_3(bench: Bench, block: Block) -> None:
    body = bench.call("GET", str(bench.id)).json()
    assert list(differences(json.loads(block.text), as_az_prints_it(body))) == []


def as_az_prints_it(body: dict[str, Any]) -> dict[str, Any]:
    """A workspace as ``az ml workspace create`` printed it: flat, and with names of its own."""
    properties, identity = body["properties"], body["identity"]
    return {
        **properties,
        **{key: body[key] for key in ("id", "location", "name", "type")},
        "identityPrincipalId": identity["principalId"],
        "identityTenantId": identity["tenantId"],
        "identityType": identity["type"],
        "resourceGroup": body["id"].split("/")[4],
        "workspaceid": properties["workspaceId"],
    }


def create(bench: Bench, block: Block) -> dict[str, Any]:
    """The workspace that a file of the document describes, its placeholders filled in."""
    values = {
        "SUBSCRIPTION_ID": bench.emulator.subscription_id,
        "RESOURCE_GROUP": bench.id.resource_group,
        "STORAGE_ACCOUNT": "mystorage",
        "CONTAINER_REGISTRY": "myregistry",
        "KEY_VAULT": "myvault",
        "APP_INSIGHTS": "myinsights",
        "KEY_NAME": "mykey",
        "KEY_VERSION": "1",
    }
    text = re.sub(r"<(\w+)>", lambda found: values[found[1]], block.text)
    (bench.folder / "workspace.yml").write_text(text)
    name = yaml.safe_load(text)["name"]
    purge(bench, name)
    made = bench.run_task(AzmlCreateWorkspaceOperator(task_id="create", file="workspace.yml", poll_seconds=0.1))
    assert made["status"] == "Succeeded"
    body: dict[str, Any] = bench.call("GET", bench.id.sibling("workspace", name)).json()
    assert body["tags"]["purpose"] == "demonstration"
    properties: dict[str, Any] = body["properties"]
    return properties


def test_001_yaml_configuration_file_1(resource: Bench, block: Block) -> None:
    made = create(resource, block)
    assert made["storageAccount"].endswith("/storageAccounts/mystorage")
    assert made["containerRegistry"].endswith("/registries/myregistry")
    assert made["keyVault"].endswith("/vaults/myvault")
    assert made["applicationInsights"].endswith("/components/myinsights")


def test_001_yaml_configuration_file_2(resource: Bench, block: Block) -> None:
    assert resource.do(block.text) == f"{resource.id.group}/providers/Microsoft.Insights/components/myinsights"


def test_001_yaml_configuration_file_3(resource: Bench, block: Block) -> None:
    assert resource.do(block.text) == f"{resource.id.group}/providers/Microsoft.ContainerRegistry/registries/myregistry"


def test_001_yaml_configuration_file_4(resource: Bench, block: Block) -> None:
    assert resource.do(block.text) == f"{resource.id.group}/providers/Microsoft.KeyVault/vaults/myvault"


def test_001_yaml_configuration_file_5(resource: Bench, block: Block) -> None:
    assert resource.do(block.text) == f"{resource.id.group}/providers/Microsoft.Storage/storageAccounts/mystorage"


def test_001_yaml_configuration_file_6(resource: Bench, block: Block) -> None:
    pattern = re.sub(r"<[^>]+>", "[^/]+", json.loads(block.text))
    for number in (2, 3, 4, 5):
        assert re.fullmatch(pattern, resource.do(block.other(number).text))


def test_001_private_network_connectivity_1(resource: Bench, block: Block) -> None:
    made = create(resource, block)
    assert (made["imageBuildCompute"], made["publicNetworkAccess"]) == ("cpu-compute", "Disabled")


def test_001_private_network_connectivity_2(bench: Bench, block: Block) -> None:
    assert bench.do(block.text)["status"] == "Succeeded"
    (link,) = bench.call("GET", str(bench.id)).json()["properties"]["privateEndpointConnections"]
    assert link["properties"]["privateEndpoint"]["id"].endswith("/privateEndpoints/myendpoint")
    assert link["properties"]["privateLinkServiceConnectionState"]["status"] == "Approved"


def test_001_private_network_connectivity_3(bench: Bench, block: Block) -> None:
    made = bench.do(block.text)
    assert (made["name"], made["properties"]["provisioningState"]) == ("privatelink.api.azureml.ms", "Succeeded")


def test_001_private_network_connectivity_4(bench: Bench, block: Block) -> None:
    bench.do(block.other(3).text)
    assert bench.do(block.text)["properties"]["virtualNetwork"]["id"].endswith("/virtualNetworks/mynetwork")


def test_001_private_network_connectivity_5(bench: Bench, block: Block) -> None:
    for number in (2, 3):
        bench.do(block.other(number).text)
    (zone,) = bench.do(block.text)["properties"]["privateDnsZoneConfigs"]
    assert zone["name"] == "privatelink.api.azureml.ms"


def test_001_private_network_connectivity_6(bench: Bench, block: Block) -> None:
    assert bench.do(block.text)["name"] == "privatelink.notebooks.azure.net"


def test_001_private_network_connectivity_7(bench: Bench, block: Block) -> None:
    bench.do(block.other(6).text)
    made = bench.do(block.text)
    assert "/privateDnsZones/privatelink.notebooks.azure.net/virtualNetworkLinks/" in made["id"]


def test_001_private_network_connectivity_8(bench: Bench, block: Block) -> None:
    for number in (2, 3, 6):
        bench.do(block.other(number).text)
    zones = bench.do(block.text)["properties"]["privateDnsZoneConfigs"]
    assert [zone["name"] for zone in zones] == ["privatelink.api.azureml.ms", "privatelink.notebooks.azure.net"]


def test_001_customer_managed_key_1(resource: Bench, block: Block) -> None:
    encryption = create(resource, block)["encryption"]
    assert encryption["status"] == "Enabled"
    assert encryption["keyVaultProperties"]["keyIdentifier"] == "https://myvault.vault.azure.net/keys/mykey/1"


def test_001_get_workspace_information_1(bench: Bench, block: Block) -> None:
    assert bench.do(block.text)["id"] == str(bench.id)


def test_001_update_a_workspace_1(bench: Bench, block: Block) -> None:
    bench.do(block.text)
    assert bench.call("GET", str(bench.id)).json()["properties"]["description"] == "Forecasts of demand"


def test_001_update_a_workspace_2(bench: Bench, block: Block) -> None:
    bench.do(block.text)
    assert bench.call("GET", str(bench.id)).json()["properties"]["publicNetworkAccess"] == "Enabled"


def test_001_sync_keys_1(bench: Bench, block: Block) -> None:
    assert bench.do(block.text)["status"] == "Succeeded"


def test_001_delete_a_workspace_1(bench: Bench, block: Block) -> None:
    assert bench.do(block.text)["status"] == "Deleted"
    assert bench.call("GET", str(bench.id), ok=False).status_code == 404
    purge(bench)


def test_001_delete_a_workspace_2(bench: Bench, block: Block) -> None:
    purge(bench)
    bench.do(block.text)
    assert bench.call("GET", bench.id.group, params=GROUP_VERSION, ok=False).status_code == 404


def test_what_else_the_page_has(bench: Bench) -> None:
    assert bench.do("az ml workspace diagnose -n <workspace-name> -g <resource-group-name>")["findings"] == {}
    registered = bench.do("az provider register --namespace Microsoft.MachineLearningServices")
    assert registered == {"namespaces": ["Microsoft.MachineLearningServices"], "status": "Registered"}


def test_all_providers_of_001_can_be_registered(bench: Bench, document: str) -> None:
    namespaces = sorted(set(re.findall(r"^(Microsoft\.\w+) ", document, re.MULTILINE)))
    assert len(namespaces) == 8
    register = AzmlRegisterResourceProvidersOperator(task_id="register", namespaces=namespaces, poll_seconds=0.1)
    assert bench.run_task(register) == {"namespaces": namespaces, "status": "Registered"}


def test_what_is_in_a_zone_needs_the_zone(bench: Bench) -> None:
    link = f"{bench.id.group}/providers/Microsoft.Network/privateDnsZones/none.test/virtualNetworkLinks/link"
    refused = bench.call("PUT", link, json={"location": "global"}, ok=False)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "ParentResourceNotFound")
