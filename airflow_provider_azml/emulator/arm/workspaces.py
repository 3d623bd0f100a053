"""Workspaces, with the datastores and containers that each has from its beginning."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from starlette.responses import Response

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer, invalid_name, required, stop_what_runs
from airflow_provider_azml.emulator.arm.datastores import blob_datastore
from airflow_provider_azml.emulator.arm.errors import bad_request, not_found
from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.storage.locations import ARTIFACT_STORE, BLOB_STORE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.rest.flows import Json

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{1,32}")
_DEPENDENCIES = ("storageAccount", "keyVault")
_ALL_DEPENDENCIES = (*_DEPENDENCIES, "applicationInsights", "containerRegistry")


class Workspace(Behaviour):
    """A workspace.

    Sources: recorded answers to MLClient; workspace examples and name pattern of the 2024-04-01 OpenAPI file.
    """

    patchable = (
        "tags",
        "sku",
        "identity",
        *(
            f"properties.{name}"
            for name in (
                "applicationInsights",
                "containerRegistry",
                "description",
                "friendlyName",
                "imageBuildCompute",
                "managedNetwork",
                "primaryUserAssignedIdentity",
                "publicNetworkAccess",
                "serverlessComputeSettings",
            )
        ),
    )

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check the name and what the workspace depends on, and give it its own identifiers."""
        document = super().accept(target, body, old)
        if not _NAME.fullmatch(target.name):
            raise invalid_name("a workspace", target.name, "2 to 33 letters, digits, '-' and '_', the first not a sign")
        required(body, "location")
        properties = document["properties"]
        if document.get("kind", "Default").lower() in ("default", "hub", "featurestore"):
            missing = [name for name in _DEPENDENCIES if not properties.get(name)]
            if missing:
                raise bad_request(
                    f"Missing dependent resources in workspace json: {', '.join(missing)}.", code="ValidationError"
                )
        self._check_dependencies(properties)
        return {
            **document,
            "kind": document.get("kind") or "Default",
            "sku": document.get("sku") or {"name": "Basic", "tier": "Basic"},
            "tags": document.get("tags") or {},
            "identity": _identity(document.get("identity")),
            "properties": {**_defaults(target.name), **properties, **self._own(target, old)},
        }

    async def make(self, arm_id: str) -> None:
        """Make the containers and datastores that a workspace has from its beginning."""
        store, blobs = self.emulator.store, self.emulator.blobs
        workspace = store.get(arm_id)
        if workspace is None:
            raise OperationFailed("ResourceNotFound", f"{arm_id} was deleted while it was made.")
        guid = workspace["properties"]["workspaceId"]
        for name, container in (
            (BLOB_STORE, f"azureml-blobstore-{guid}"),
            (ARTIFACT_STORE, f"azureml-artifactstore-{guid}"),
        ):
            blobs.create_container(container)
            datastore_id = f"{arm_id}/datastores/{name}"
            if store.get(datastore_id) is None:
                document = blob_datastore(self.emulator.account_name, container, is_default=name == BLOB_STORE)
                store.put(datastore_id, document)

    async def unmake(self, arm_id: str) -> None:
        """Stop all that runs in the workspace."""
        for document in self.emulator.store.below(arm_id):
            await stop_what_runs(self.emulator, document)

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Keys."""
        return {
            "list_keys": self._list_keys,
            "list_storage_account_keys": self._list_storage_keys,
            "resync_keys": self._resync_keys,
        }

    def _own(self, target: Target, old: Json | None) -> Json:
        kept = (old or {}).get("properties", {})
        return {
            "workspaceId": kept.get("workspaceId") or str(uuid.uuid4()),
            "discoveryUrl": f"{self.emulator.https_url}/discovery",
            "mlFlowTrackingUri": f"{self.emulator.http_url}/mlflow/v1.0{target.arm_id}",
            "tenantId": identity.TENANT_ID,
        }

    def _check_dependencies(self, properties: Json) -> None:
        for name in _ALL_DEPENDENCIES:
            arm_id = properties.get(name)
            if arm_id and self.emulator.store.get(str(arm_id)) is None:
                raise bad_request(
                    f"The {name} '{arm_id}' of the workspace was not found; create it first, or name another.",
                    code="ValidationError",
                    target=name,
                )

    async def _list_keys(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        properties = self._properties(target)
        return answer({
            "userStorageKey": self.emulator.auth.account_key,
            "userStorageResourceId": properties.get("storageAccount"),
            "userStorageArmId": properties.get("storageAccount"),
            "appInsightsInstrumentationKey": str(uuid.uuid5(uuid.NAMESPACE_URL, target.arm_id)),
            "containerRegistryCredentials": None,
            "notebookAccessKeys": None,
        })

    async def _list_storage_keys(self, _target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        return answer({"userStorageKey": self.emulator.auth.account_key})

    async def _resync_keys(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        self._properties(target)
        headers = self.emulator.operations.begin(target.arm_id, "resync_keys", super().make(target.arm_id))
        return Response(status_code=202, headers=headers)

    def _properties(self, target: Target) -> Json:
        document = self.emulator.store.get(target.arm_id)
        if document is None:
            raise not_found(target.arm_id)
        properties: Json = document["properties"]
        return properties


def _defaults(name: str) -> Json:
    return {
        "friendlyName": name,
        "description": "",
        "hbiWorkspace": False,
        "publicNetworkAccess": "Enabled",
        "v1LegacyMode": False,
        "privateLinkCount": 0,
        "containerRegistry": None,
        "applicationInsights": None,
        "managedNetwork": {"isolationMode": "Disabled"},
        "notebookInfo": None,
        "storageHnsEnabled": False,
    }


def _identity(asked: Json | None) -> Json:
    kind = (asked or {}).get("type") or "SystemAssigned"
    shown: Json = {**(asked or {}), "type": kind[:1].upper() + kind[1:]}
    if "systemassigned" in kind.lower():
        shown |= {"principalId": identity.PRINCIPAL_ID, "tenantId": identity.TENANT_ID}
    return shown
