"""The diagnosis of a workspace: whether what it depends on is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.storage.blobs import ContainerNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_RESULTS = {
    "udr": "userDefinedRouteResults",
    "nsg": "networkSecurityRuleResults",
    "resourceLock": "resourceLockResults",
    "dnsResolution": "dnsResolutionResults",
    "storageAccount": "storageAccountResults",
    "keyVault": "keyVaultResults",
    "containerRegistry": "containerRegistryResults",
    "applicationInsights": "applicationInsightsResults",
    "others": "otherResults",
}
_DEPENDENCIES = {
    "storageAccount": "StorageAccount",
    "keyVault": "KeyVault",
    "containerRegistry": "ContainerRegistry",
    "applicationInsights": "ApplicationInsights",
}


def diagnose(emulator: Emulator, workspace: Json) -> Json:
    """What is wrong with a workspace, by what it depends on; there are no networks here whose rules could be wrong.

    Source: the example Workspace/diagnose of the 2024-04-01 OpenAPI file; the codes for what is missing are our own.
    """
    found: dict[str, list[Json]] = {name: [] for name in _RESULTS.values()}
    for asked, code in _DEPENDENCIES.items():
        arm_id = workspace["properties"].get(asked)
        if arm_id and emulator.store.get(str(arm_id)) is None:
            message = f"The {asked} of the workspace, '{arm_id}', was not found. It has been deleted or moved."
            found[_RESULTS[asked]].append(_result(f"{code}NotFound", message))
    found[_RESULTS["storageAccount"]] += _containers(emulator, workspace)
    return {"value": found}


def _containers(emulator: Emulator, workspace: Json) -> Iterator[Json]:
    for datastore in emulator.store.children(f"{workspace['id']}/datastores"):
        properties = datastore["properties"]
        container = properties.get("containerName")
        if properties.get("accountName") != emulator.account_name or not container:
            continue
        try:
            emulator.blobs.container(container)
        except ContainerNotFoundError:
            message = f"The container '{container}' of datastore '{datastore['name']}' was not found."
            yield _result("ContainerNotFound", message)


def _result(code: str, message: str) -> Json:
    return {"code": code, "level": "Error", "message": message}
