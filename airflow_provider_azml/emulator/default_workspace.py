"""The workspace that ``azml emulator --create-workspace`` has from the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.emulator.arm import foreign
from airflow_provider_azml.emulator.arm.soft_deletion import RECOVER
from airflow_provider_azml.emulator.arm.targets import Target
from airflow_provider_azml.emulator.arm.workspaces import Workspace
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator

_DEPENDENCIES = {
    "storageAccount": "Microsoft.Storage/storageAccounts",
    "keyVault": "Microsoft.KeyVault/vaults",
    "applicationInsights": "Microsoft.Insights/components",
}


async def create_default_workspace(emulator: Emulator) -> None:
    """Create the workspace that the environment names, with what it depends on, unless it is there and whole."""
    workspace = identity.DEFAULT_WORKSPACE
    old = emulator.store.get(str(workspace))
    if old is not None and old["properties"]["provisioningState"] == "Succeeded":
        return
    properties = {
        name: foreign.put(
            emulator,
            f"{workspace.group}/providers/{kind}/{workspace.name}{name.lower()}",
            {"location": identity.LOCATION},
        )["id"]
        for name, kind in _DEPENDENCIES.items()
    }
    row = RESOURCES["workspace"]
    target = Target(row, str(workspace), workspace.group, workspace.resource_group)
    behaviour = Workspace(emulator, row)
    body = {
        "location": identity.LOCATION,
        "properties": {**properties, "friendlyName": workspace.name, RECOVER: "True"},
    }
    document = behaviour.accept(target, body, old)
    document["properties"]["provisioningState"] = "Creating"
    emulator.store.put(target.arm_id, document)
    await behaviour.make(target.arm_id)
    emulator.store.update(target.arm_id, lambda made: made["properties"].update(provisioningState="Succeeded"))
