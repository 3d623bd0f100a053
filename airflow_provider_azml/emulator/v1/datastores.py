"""The datastore service: the datastores of a workspace in the words of the retired generation."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.routing import Route

from airflow_provider_azml.emulator.arm.body_checks import checked_body
from airflow_provider_azml.emulator.arm.datastores import SECRETS, Datastore
from airflow_provider_azml.emulator.arm.errors import ArmError
from airflow_provider_azml.emulator.arm.targets import AML, resolve
from airflow_provider_azml.emulator.history.data_plane import Call, DataPlaneError, Operation, endpoint
from airflow_provider_azml.emulator.v1.sections import Section

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

PREFIX = "/datastore/v1.0"
_METHODS = ["GET", "POST", "PUT", "DELETE"]
_NAME = "datastores/(?P<name>[^/]+)"
_STORAGE = ("AzureBlob", "AzureFile", "AzureDataLakeGen2")
_CONTAINERS = {"AzureBlob": "containerName", "AzureFile": "fileShareName", "AzureDataLakeGen2": "filesystem"}
"""What each type of today calls its container."""
_LAKE = "AzureDataLake"
_LAKE_TODAY = "AzureDataLakeGen1"


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the datastore service."""
    operations = Datastores(emulator).operations()
    return [Route(f"{PREFIX}{{path:path}}", endpoint(emulator, PREFIX, operations), methods=_METHODS)]


class Datastores:
    """Answers for the datastore service: what it is given, Resource Manager has too, and the other way round.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self) -> list[Operation]:
        """What can be asked. Source: the 2019-09-30 datastore file."""
        return [
            Operation("GET", "datastores", self._list),
            Operation("POST", "datastores", self._create),
            Operation("DELETE", "datastores", self._delete_all),
            Operation("GET", _NAME, self._get),
            Operation("PUT", _NAME, self._update),
            Operation("DELETE", _NAME, self._delete),
            Operation("GET", "default", self._default),
            Operation("PUT", "default/(?P<name>[^/]+)", self._set_default),
        ]

    def _all(self, call: Call) -> list[Json]:
        return self._emulator.store.children(call.workspace.child("datastore"))

    def _found(self, call: Call, name: str | None = None) -> Json:
        name = unquote(call.names["name"]) if name is None else name
        found = self._emulator.store.get(call.workspace.child("datastore", name))
        if found is None:
            message = f"Could not find datastore with name {name} in workspace {call.workspace.name}."
            raise DataPlaneError(404, "UserError", message)
        return found

    def _list(self, call: Call) -> Json:
        query = call.request.query_params
        wanted = {name for given in query.getlist("dataStoreNames") for name in given.split(",")}
        secret = query.get("includeSecret", "true").lower() != "false"
        known = [self._shown(one, secret=secret) for one in self._all(call) if not wanted or one["name"] in wanted]
        return {"value": known, "continuationToken": None, "nextLink": None}

    def _get(self, call: Call) -> Json:
        return self._shown(self._found(call))

    def _default(self, call: Call) -> Json:
        for one in self._all(call):
            if one["properties"].get("isDefault"):
                return self._shown(one)
        raise DataPlaneError(404, "UserError", f"Workspace {call.workspace.name} has no default datastore.")

    def _set_default(self, call: Call) -> None:
        chosen = self._found(call)["name"]
        for one in self._all(call):
            properties = {**one["properties"], "isDefault": one["name"] == chosen}
            self._emulator.store.put(one["id"], {**one, "properties": properties})

    def _create(self, call: Call) -> None:
        given = Section(call.body)
        name = given.text("name")
        if not name:
            raise given.wrong("name", "is missing")
        if self._emulator.store.get(call.workspace.child("datastore", name)) is None:
            self._put(call, name, given)
        elif call.request.query_params.get("createIfNotExists", "").lower() != "true":
            raise DataPlaneError(409, "UserError", f"Datastore {name} already exists.")

    def _update(self, call: Call) -> None:
        name = unquote(call.names["name"])
        if call.request.query_params.get("createIfNotExists", "").lower() != "true":
            self._found(call)
        self._put(call, name, Section(call.body))

    def _put(self, call: Call, name: str, given: Section) -> None:
        workspace = call.workspace
        segments = ["workspaces", workspace.name, "datastores", name]
        target = resolve(workspace.subscription_id, workspace.resource_group, AML, segments)
        if target is None:
            raise DataPlaneError(400, "UserError", f"'{name}' cannot be the name of a datastore.")
        old = self._emulator.store.get(target.arm_id)
        try:
            body = checked_body("PUT", target.arm_id, {"properties": _today(given)})
            document = Datastore(self._emulator, target.row).accept(target, body, old)
        except ArmError as error:
            raise DataPlaneError(error.status, "UserError", error.message) from error
        self._emulator.store.put(target.arm_id, document)

    def _delete(self, call: Call) -> None:
        self._remove(self._found(call))

    def _delete_all(self, call: Call) -> None:
        for one in self._all(call):
            if not one["properties"].get("isDefault"):
                self._remove(one)

    def _remove(self, found: Json) -> None:
        if found["properties"].get("isDefault"):
            raise DataPlaneError(400, "UserError", f"The default datastore '{found['name']}' cannot be deleted.")
        self._emulator.store.delete(found["id"])

    def _shown(self, document: Json, *, secret: bool = True) -> Json:
        """A datastore. Source: ``DataStore`` of the 2019-09-30 datastore file."""
        properties = document["properties"]
        kind = properties["datastoreType"]
        shown: Json = {
            "name": document["name"],
            "dataStoreType": _LAKE if kind == _LAKE_TODAY else kind,
            "hasBeenValidated": True,
            "tags": properties.get("tags") or {},
            "azureStorageSection": None,
            "azureDataLakeSection": None,
            "azureSqlDatabaseSection": None,
            "azurePostgreSqlSection": None,
            "glusterFsSection": None,
        }
        secrets = self._secrets(document) if secret else {}
        if kind in _STORAGE:
            shown["azureStorageSection"] = _storage(properties, secrets)
        elif kind == _LAKE_TODAY:
            client = {**properties["credentials"], **secrets}
            known = {name: client.get(name) for name in ("clientId", "tenantId", "clientSecret")}
            shown["azureDataLakeSection"] = {"storeName": properties.get("storeName"), **known}
        return shown

    def _secrets(self, document: Json) -> Json:
        properties = document["properties"]
        if properties.get("accountName") == self._emulator.account_name:
            return {"secretsType": "Sas", "sasToken": self._emulator.auth.sas(properties["containerName"])}
        return self._emulator.store.record(SECRETS, document["id"].lower()) or {}


def _storage(properties: Json, secrets: Json) -> Json:
    kind = properties["credentials"].get("credentialsType")
    token, key = secrets.get("sasToken"), secrets.get("key")
    words = {"Sas": "Sas", "AccountKey": "AccountKey", "ServicePrincipal": "ClientCredentials"}
    client = {**properties["credentials"], **secrets}
    return {
        "accountName": properties.get("accountName"),
        "containerName": properties.get(_CONTAINERS[properties["datastoreType"]]),
        "endpoint": properties.get("endpoint"),
        "protocol": properties.get("protocol"),
        "credentialType": words.get(kind, "None"),
        "credential": token or key,
        "isSas": kind == "Sas",
        "sasToken": token,
        "accountKey": key,
        "clientCredentials": {name: client.get(name) for name in ("clientId", "tenantId", "clientSecret")},
        "blobCacheTimeout": None,
        "areWorkspaceManagedIdentitiesAllowed": False,
        "subscriptionId": None,
        "resourceGroup": None,
    }


def _today(given: Section) -> Json:
    """What Resource Manager calls a datastore that is given in the words of the retired generation."""
    kind = given.text("dataStoreType")
    tags = {"tags": {name: str(value) for name, value in given.section("tags").values.items()}}
    if kind == _LAKE:
        lake = given.section("azureDataLakeSection")
        return {
            **tags,
            "datastoreType": _LAKE_TODAY,
            "storeName": lake.text("storeName"),
            "credentials": _service_principal(lake),
        }
    if kind not in _STORAGE:
        raise given.wrong("dataStoreType", f"is {kind or 'missing'}, and there are {', '.join((*_STORAGE, _LAKE))}")
    storage = given.section("azureStorageSection")
    return {
        **tags,
        "datastoreType": kind,
        "accountName": storage.text("accountName"),
        _CONTAINERS[kind]: storage.text("containerName"),
        "endpoint": storage.text("endpoint") or None,
        "protocol": storage.text("protocol") or None,
        "credentials": _credentials(storage),
    }


def _credentials(storage: Section) -> Json:
    kind = storage.text("credentialType", "None")
    if kind == "Sas":
        token = storage.text("sasToken") or storage.text("credential")
        return {"credentialsType": "Sas", "secrets": {"secretsType": "Sas", "sasToken": token}}
    if kind == "AccountKey":
        key = storage.text("accountKey") or storage.text("credential")
        return {"credentialsType": "AccountKey", "secrets": {"secretsType": "AccountKey", "key": key}}
    if kind == "ClientCredentials":
        return _service_principal(storage.section("clientCredentials"))
    return {"credentialsType": "None"}


def _service_principal(client: Section) -> Json:
    if not client.text("clientId"):
        return {"credentialsType": "None"}
    return {
        "credentialsType": "ServicePrincipal",
        "clientId": client.text("clientId"),
        "tenantId": client.text("tenantId"),
        "secrets": {"secretsType": "ServicePrincipal", "clientSecret": client.text("clientSecret")},
    }
