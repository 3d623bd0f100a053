"""Private endpoints and their connections to workspaces: kept and shown, no traffic goes another way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.behaviour import Behaviour, required

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

SEGMENT = "privateEndpointConnections"
_ENDPOINTS = "/providers/microsoft.network/privateendpoints/"
_APPROVED = {"status": "Approved", "description": "Auto-Approved", "actionsRequired": "None"}


class PrivateEndpointConnection(Behaviour):
    """A connection of a private endpoint to a workspace.

    Sources: the examples PrivateEndpointConnection/* of the 2024-04-01 OpenAPI file.
    """

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Keep the endpoint, which stays, and the state, which can be changed."""
        required(body, "properties", "privateLinkServiceConnectionState")
        document = super().accept(target, body, old)
        endpoint = (old or {}).get("properties", {}).get("privateEndpoint")
        document["properties"]["privateEndpoint"] = document["properties"].get("privateEndpoint") or endpoint
        return document


def connect(emulator: Emulator, arm_id: str, endpoint: Json) -> None:
    """Connect a private endpoint that was put to the workspaces that it names.

    Source: ``privateLinkServiceConnections`` of Microsoft.Network/privateEndpoints, as azure-ai-ml's template has it.
    """
    if _ENDPOINTS not in arm_id.lower():
        return
    for link in endpoint.get("properties", {}).get("privateLinkServiceConnections") or ():
        workspace_id = str((link.get("properties") or {}).get("privateLinkServiceId") or "")
        workspace = emulator.store.get(workspace_id)
        if workspace is not None and workspace["type"].endswith("/workspaces"):
            emulator.store.put(
                f"{workspace['id']}/{SEGMENT}/{arm_id.rpartition('/')[2]}.{link.get('name')}",
                {
                    "location": workspace.get("location"),
                    "properties": {
                        "privateEndpoint": {"id": arm_id},
                        "privateLinkServiceConnectionState": _APPROVED,
                        "provisioningState": "Succeeded",
                    },
                },
            )


def disconnect(emulator: Emulator, arm_id: str) -> None:
    """Drop the connections of a private endpoint that is gone."""
    if _ENDPOINTS not in arm_id.lower():
        return
    for workspace in emulator.store.outermost("/".join(arm_id.split("/")[:3])):
        for connection in emulator.store.children(f"{workspace['id']}/{SEGMENT}"):
            endpoint = (connection["properties"].get("privateEndpoint") or {}).get("id", "")
            if endpoint.lower() == arm_id.lower():
                emulator.store.delete(connection["id"])
