"""Workspaces, with the datastores and containers that each has from its beginning."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.emulator.arm import managed_networks, private_endpoints, soft_deletion, workspace_keys
from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer, required
from airflow_provider_azml.emulator.arm.datastores import blob_datastore
from airflow_provider_azml.emulator.arm.diagnosis import diagnose
from airflow_provider_azml.emulator.arm.errors import bad_request, not_found
from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.storage.locations import ARTIFACT_STORE, BLOB_STORE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.selections import Selection
    from airflow_provider_azml.rest.flows import Json

_DEPENDENCIES = ("storageAccount", "keyVault")
_ALL_DEPENDENCIES = (*_DEPENDENCIES, "applicationInsights", "containerRegistry")
_LATER_FLAGS = ("allowRoleAssignmentOnRG", "provisionNetworkNow", "softDeleteEnabled")
_KINDS = ("Default", "FeatureStore", "Hub", "Project")


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
                "enableDataIsolation",
                "encryption",
                "featureStoreSettings",
                "friendlyName",
                "imageBuildCompute",
                "managedNetwork",
                "primaryUserAssignedIdentity",
                "publicNetworkAccess",
                "serverlessComputeSettings",
                "serviceManagedResourcesSettings",
                "v1LegacyMode",
            )
        ),
    )

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check what the workspace depends on, and give it its own identifiers."""
        document = super().accept(target, body, old)
        required(body, "location")
        kind = _kind(document)
        gone = soft_deletion.soft_deleted(self.emulator, target.arm_id) if old is None else None
        recover = str(document["properties"].pop(soft_deletion.RECOVER, "")).lower() == "true"
        if gone is not None and not recover:
            raise soft_deletion.name_is_taken()
        given = {key: _flag(key, value) for key, value in document["properties"].items() if value is not None}
        properties = {**(gone or {}).get("properties", {}), **self._of_hub(kind, given), **given}
        missing = [name for name in _DEPENDENCIES if not properties.get(name)]
        if missing:
            raise bad_request(
                f"Missing dependent resources in workspace json: {', '.join(missing)}.", code="ValidationError"
            )
        self._check_dependencies(properties)
        if gone is not None:
            soft_deletion.bring_back(self.emulator, target.arm_id)
        return {
            **document,
            "kind": kind,
            "sku": document.get("sku") or {"name": "Basic", "tier": "Basic"},
            "tags": document.get("tags") or {},
            "identity": _identity(document.get("identity")),
            "properties": {**_defaults(target.name), **properties, **self._own(target, old or gone)},
        }

    def show(self, document: Json) -> Json:
        """Tell what depends on other resources: rules of the managed network, private endpoints, projects of a hub.

        When it was made is also told where api-versions before 2020 have it. Source: the 2019-11-01 OpenAPI file.
        """
        properties = document["properties"]
        links = self.emulator.store.children(f"{document['id']}/{private_endpoints.SEGMENT}")
        shown = {
            **properties,
            "creationTime": document["systemData"]["createdAt"],
            "managedNetwork": managed_networks.shown_network(self.emulator, document),
            "privateEndpointConnections": links,
            "privateLinkCount": len(links),
        }
        if document["kind"] == "Hub":
            shown["associatedWorkspaces"] = self._projects(document["id"])
        return {**document, "properties": shown}

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
        managed_networks.keep_rules(self.emulator, arm_id)

    def delete_absent(self, target: Target, query: Mapping[str, str]) -> Response:
        """Purge a workspace that is soft-deleted, if that is asked for."""
        if not _purges(query) or soft_deletion.soft_deleted(self.emulator, target.arm_id) is None:
            return super().delete_absent(target, query)
        headers = self.emulator.operations.begin(target.arm_id, "DELETE", self._purge(target.arm_id))
        return Response(status_code=202, headers=headers)

    async def unmake(self, arm_id: str) -> None:
        """Stop all that runs in the workspace."""
        await soft_deletion.end_all_work(self.emulator, arm_id)

    async def remove(self, arm_id: str, query: Mapping[str, str]) -> None:
        """Delete it so that it can come back, or for good where the query says so."""
        if _purges(query):
            await super().remove(arm_id, query)
        else:
            await soft_deletion.soft_delete(self.emulator, arm_id)

    def selection(self, target: Target, query: Mapping[str, str]) -> Selection:
        """The workspaces of some kinds, where any are asked for."""
        wanted = super().selection(target, query)
        if "kind" not in query:
            return wanted
        found = of_kinds(self.emulator.store.children(target.arm_id), query)
        return replace(wanted, names=tuple(one["name"] for one in found))

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Keys, notebooks, diagnosis and the managed network."""
        return {
            "diagnose": self._diagnose,
            "list_keys": self._list_keys,
            "list_notebook_access_token": self._list_notebook_access_token,
            "list_notebook_keys": self._list_notebook_keys,
            "list_storage_account_keys": self._list_storage_keys,
            "prepare_notebook": self._prepare_notebook,
            "provision_managed_network": self._provision_managed_network,
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

    def _of_hub(self, kind: str, properties: Json) -> Json:
        """What a project takes from its hub."""
        if kind != "Project":
            return {}
        hub_id = str(properties.get("hubResourceId") or "")
        hub = self.emulator.store.get(hub_id) if hub_id else None
        if hub is None:
            raise bad_request(
                f"The hub '{hub_id}' of the project was not found; name one in hubResourceId.",
                code="ValidationError",
                target="hubResourceId",
            )
        return {name: hub["properties"].get(name) for name in (*_ALL_DEPENDENCIES, "publicNetworkAccess")}

    def _projects(self, hub_id: str) -> list[str]:
        beside = self.emulator.store.children(hub_id.rpartition("/")[0])
        return [one["id"] for one in beside if str(one["properties"].get("hubResourceId")).lower() == hub_id.lower()]

    async def _purge(self, arm_id: str) -> None:
        soft_deletion.purge(self.emulator, arm_id)

    async def _list_keys(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        return answer(workspace_keys.keys_of(self.emulator, self._workspace(target)))

    async def _list_storage_keys(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        self._workspace(target)
        return answer({"userStorageKey": self.emulator.auth.account_key})

    async def _list_notebook_keys(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        return answer(workspace_keys.notebook_keys(self._workspace(target)))

    async def _list_notebook_access_token(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        return answer(workspace_keys.notebook_token(self.emulator, self._workspace(target)))

    async def _resync_keys(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        self._workspace(target)
        return self._begin(target, self.make(target.arm_id))

    async def _diagnose(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        self._workspace(target)
        return self._begin(target, self._diagnosis(target))

    async def _diagnosis(self, target: Target) -> Json:
        return diagnose(self.emulator, self._workspace(target))

    async def _prepare_notebook(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        self._workspace(target)
        return self._begin(target, self._prepared_notebook(target))

    async def _prepared_notebook(self, target: Target) -> Json:
        host = workspace_keys.notebook_host(self._workspace(target))
        info = {"resourceId": host["notebookResourceId"], "fqdn": host["hostName"], "notebookPreparationError": None}
        self.emulator.store.update(target.arm_id, lambda kept: kept["properties"].update(notebookInfo=info))
        return info

    async def _provision_managed_network(self, target: Target, body: Json, _query: Mapping[str, str]) -> Response:
        managed_networks.check_network(self._workspace(target))
        return self._begin(target, managed_networks.provision(self.emulator, target.arm_id, body))

    def _begin(self, target: Target, work: Coroutine[Any, Any, Json | None]) -> Response:
        headers = self.emulator.operations.begin(target.arm_id, str(target.action), work)
        return Response(status_code=202, headers=headers)

    def _workspace(self, target: Target) -> Json:
        document = self.emulator.store.get(target.arm_id)
        if document is None:
            raise not_found(target.arm_id)
        return document


def of_kinds(workspaces: list[Json], query: Mapping[str, str]) -> list[Json]:
    """The workspaces that a list asks for. Source: ``kind`` of ``Workspaces_List*``, as azure-ai-ml sends it."""
    kinds = query.get("kind", "").lower().split(",")
    return [one for one in workspaces if kinds == [""] or str(one.get("kind")).lower() in kinds]


def _kind(document: Json) -> str:
    kind = str(document.get("kind") or "Default")
    found = next((one for one in _KINDS if one.lower() == kind.lower()), None)
    if found is None:
        raise bad_request(f"The kind '{kind}' is none of {', '.join(_KINDS)}.", code="ValidationError", target="kind")
    return found


def _flag(name: str, value: object) -> object:
    """A boolean that only later api-versions have, which azure-ai-ml's templates give as a text; else the value."""
    return value.lower() == "true" if name in _LATER_FLAGS and isinstance(value, str) else value


def _purges(query: Mapping[str, str]) -> bool:
    return query.get("forceToPurge", "").lower() == "true"


def _defaults(name: str) -> Json:
    return {
        "friendlyName": name,
        "description": "",
        "hbiWorkspace": False,
        "publicNetworkAccess": "Enabled",
        "v1LegacyMode": False,
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
