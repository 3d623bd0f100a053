"""Keys that a workspace hands out: of its storage account, its insights and its notebooks."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.auth import TOKEN_SECONDS
from airflow_provider_azml.emulator.identity import AML_AUDIENCE

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json


def keys_of(emulator: Emulator, workspace: Json) -> Json:
    """All keys of a workspace.

    Source: the example Workspace/listKeys of the 2024-04-01 OpenAPI file.
    """
    properties = workspace["properties"]
    registry = properties.get("containerRegistry")
    credentials = {
        "location": workspace.get("location"),
        "username": str(registry).rpartition("/")[2],
        "passwords": [{"name": name, "value": _made_up(workspace, name)} for name in ("password", "password2")],
    }
    return {
        "userStorageKey": emulator.auth.account_key,
        "userStorageResourceId": properties.get("storageAccount"),
        "userStorageArmId": properties.get("storageAccount"),
        "appInsightsInstrumentationKey": str(uuid.uuid5(uuid.NAMESPACE_URL, workspace["id"])),
        "containerRegistryCredentials": credentials if registry else None,
        "notebookAccessKeys": notebook_keys(workspace) if properties.get("notebookInfo") else None,
    }


def notebook_keys(workspace: Json) -> Json:
    """The keys of the workspace's notebooks; the emulator runs none, so nothing is opened by them."""
    return {
        "primaryAccessKey": _made_up(workspace, "notebooks1"),
        "secondaryAccessKey": _made_up(workspace, "notebooks2"),
    }


def notebook_token(emulator: Emulator, workspace: Json) -> Json:
    """A token for the workspace's notebooks: one of the emulator's, for Azure ML."""
    return {
        **notebook_host(workspace),
        "accessToken": emulator.auth.issue(AML_AUDIENCE),
        "tokenType": "Bearer",
        "expiresIn": TOKEN_SECONDS,
        "refreshToken": _made_up(workspace, "refresh"),
        "scope": "aznb_identity",
    }


def notebook_host(workspace: Json) -> Json:
    """Where the workspace's notebooks would be."""
    guid = workspace["properties"]["workspaceId"]
    host = f"{workspace['name']}-{guid[:8]}.notebooks.azure.emu".lower()
    return {"notebookResourceId": guid.replace("-", ""), "hostName": host, "publicDns": host}


def _made_up(workspace: Json, name: str) -> str:
    return uuid.uuid5(uuid.UUID(workspace["properties"]["workspaceId"]), name).hex
