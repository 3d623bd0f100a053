"""Managed networks of workspaces and the rules of what may leave them: kept and shown, nothing is fenced in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.behaviour import Behaviour
from airflow_provider_azml.emulator.arm.errors import ArmError, bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

SEGMENT = "outboundRules"


class OutboundRule(Behaviour):
    """A rule of a managed network; active as soon as the network is provisioned.

    Sources: the examples ManagedNetwork/* of the 2024-04-01 OpenAPI file.
    """

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check that there is a network."""
        network = _network(self.emulator.store.get(target.workspace_id) or {})
        if network["isolationMode"] == "Disabled":
            raise bad_request(_no_network(target.workspace_id), code="ValidationError")
        document = super().accept(target, body, old)
        document["properties"] |= {"category": document["properties"].get("category") or "UserDefined"}
        return document

    def show(self, document: Json) -> Json:
        """Tell whether the rule is in force."""
        properties = {key: value for key, value in document["properties"].items() if key != "provisioningState"}
        workspace = self.emulator.store.get(document["id"].rpartition(f"/{SEGMENT}/")[0]) or {}
        active = (_network(workspace).get("status") or {}).get("status") == "Active"
        return {**document, "properties": {**properties, "status": "Active" if active else "Inactive"}}

    def check_delete(self, target: Target, document: Json, query: Mapping[str, str]) -> None:  # noqa: ARG002
        """Refuse to delete what the network cannot do without."""
        if str(document["properties"].get("category")).lower() == "required":
            raise bad_request(f"The rule '{target.name}' is required by the managed network and cannot be deleted.")


def keep_rules(emulator: Emulator, workspace_id: str) -> None:
    """Make resources of the rules that came with a workspace."""
    workspace = emulator.store.get(workspace_id)
    network = (workspace or {}).get("properties", {}).get("managedNetwork") or {}
    for name, rule in (network.pop("outboundRules", None) or {}).items():
        rule_id = f"{workspace_id}/{SEGMENT}/{name}"
        emulator.store.put(rule_id, {"properties": {"category": "UserDefined", **rule}})
    if workspace is not None and network:
        emulator.store.update(workspace_id, lambda kept: kept["properties"].update(managedNetwork=network))


def shown_network(emulator: Emulator, workspace: Json) -> Json:
    """The managed network of a workspace, with its rules."""
    network = _network(workspace)
    if network["isolationMode"] == "Disabled":
        return network
    active = (network.get("status") or {}).get("status") == "Active"
    rules = {
        rule["name"]: {
            **{key: value for key, value in rule["properties"].items() if key != "provisioningState"},
            "status": "Active" if active else "Inactive",
        }
        for rule in emulator.store.children(f"{workspace['id']}/{SEGMENT}")
    }
    return {**network, "outboundRules": {**(network.get("outboundRules") or {}), **rules}}


async def provision(emulator: Emulator, workspace_id: str, options: Json) -> Json:
    """Provision the managed network of a workspace: its rules are in force from then on."""
    status = {"status": "Active", "sparkReady": bool(options.get("includeSpark"))}

    def change(workspace: Json) -> None:
        workspace["properties"]["managedNetwork"] = {**_network(workspace), "status": status}

    emulator.store.update(workspace_id, change)
    return status


def check_network(workspace: Json) -> None:
    """Check that a workspace has a managed network.

    Raises:
        ArmError: It has none.
    """
    if _network(workspace)["isolationMode"] == "Disabled":
        raise ArmError(400, "ValidationError", _no_network(workspace["id"]))


def _network(workspace: Json) -> Json:
    network = workspace.get("properties", {}).get("managedNetwork") or {}
    return {**network, "isolationMode": network.get("isolationMode") or "Disabled"}


def _no_network(workspace_id: str) -> str:
    name = workspace_id.rpartition("/")[2]
    return (
        f"The managed network of workspace '{name}' is disabled. Set properties.managedNetwork.isolationMode to "
        "AllowInternetOutbound or AllowOnlyApprovedOutbound first."
    )
