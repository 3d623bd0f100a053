"""Datastores: names for places in storage, and the secrets that open them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer
from airflow_provider_azml.emulator.arm.errors import bad_request, not_found
from airflow_provider_azml.emulator.storage.blobs import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.responses import Response

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.rest.flows import Json

SECRETS = "datastore_secrets"


class Datastore(Behaviour):
    """A datastore.

    Sources: recorded answers to MLClient; Datastore examples of the 2024-04-01 OpenAPI file.
    """

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Keep the secrets apart from what is shown."""
        document = super().accept(target, body, old)
        properties = document["properties"]
        credentials = dict(properties["credentials"])
        self._keep_secrets(target, credentials)
        properties |= {
            **{name: value for name, value in _defaults(properties).items() if properties.get(name) is None},
            "credentials": credentials,
            "isDefault": bool((old or {}).get("properties", {}).get("isDefault")),
            "description": properties.get("description"),
            "properties": properties.get("properties") or {},
            "tags": properties.get("tags") or {},
        }
        return document

    def check_delete(self, target: Target, document: Json, query: Mapping[str, str]) -> None:  # noqa: ARG002
        """Refuse to delete the workspace's own datastore."""
        if document["properties"].get("isDefault"):
            raise bad_request(f"The default datastore '{target.name}' cannot be deleted.")

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Secrets."""
        return {"list_secrets": self._list_secrets}

    async def _list_secrets(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        document = self.emulator.store.get(target.arm_id)
        if document is None:
            raise not_found(target.arm_id)
        properties = document["properties"]
        if properties.get("accountName") == self.emulator.account_name:
            return answer({"secretsType": "Sas", "sasToken": self.emulator.auth.sas(properties["containerName"])})
        secrets = self.emulator.store.record(SECRETS, target.arm_id.lower())
        if secrets is None:
            kind = properties["credentials"].get("credentialsType")
            raise bad_request(f"No secrets for credentials of type {kind}.", code="UserError")
        return answer(secrets)

    def _keep_secrets(self, target: Target, credentials: Json) -> None:
        """Keep the secrets of credentials, and take them out; those of a datastore that has some stay."""
        key, kind = target.arm_id.lower(), credentials.get("credentialsType")
        secrets = credentials.pop("secrets", None)
        if secrets is not None:
            self.emulator.store.put_record(SECRETS, key, {"secretsType": kind, **secrets})
        elif (kept := self.emulator.store.record(SECRETS, key)) is not None and kept["secretsType"] != kind:
            self.emulator.store.delete_record(SECRETS, key)


def _defaults(properties: Json) -> Json:
    """What the service fills in."""
    kind = properties.get("datastoreType")
    shared: Json = {"serviceDataAccessAuthIdentity": "None"}
    if kind == "OneLake":
        return {**shared, "endpoint": "onelake.dfs.fabric.microsoft.com"}
    if kind in ("AzureBlob", "AzureDataLakeGen2", "AzureFile"):
        return {**shared, "endpoint": SUFFIX, "protocol": "https"}
    return shared


def blob_datastore(account_name: str, container: str, *, is_default: bool) -> Json:
    """The document of a datastore in the emulator's own storage account."""
    return {
        "properties": {
            "datastoreType": "AzureBlob",
            "description": None,
            "tags": {},
            "properties": {},
            "accountName": account_name,
            "containerName": container,
            "endpoint": SUFFIX,
            "protocol": "https",
            "serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity",
            "credentials": {"credentialsType": "Sas"},
            "isDefault": is_default,
        }
    }
