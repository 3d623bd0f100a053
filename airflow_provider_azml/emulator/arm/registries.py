"""The built-in registry ``azureml``: the curated environments that can be made here, to read and to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.emulator.arm.asset_versions import note_version
from airflow_provider_azml.emulator.arm.assets import Asset
from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer
from airflow_provider_azml.emulator.arm.errors import ArmError, read_only
from airflow_provider_azml.emulator.arm.subscriptions import BUILT_IN, group_id
from airflow_provider_azml.emulator.arm.targets import AML
from airflow_provider_azml.emulator.jobs.python_environments import curated

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

NAME = "azureml"
GROUP = "azureml-registries"
REGISTRY_ID = f"{group_id(GROUP)}/providers/{AML}/registries/{NAME}"
_ENVIRONMENTS = ("sklearn-1.5",)
_READS = ("GET", "HEAD")
_VIEWS = {"ACTIVE_ONLY": "ActiveOnly", "ARCHIVED_ONLY": "ArchivedOnly", "ALL": "All"}


class Registry(Behaviour):
    """A registry; there is the built-in one, and no other can be made.

    Sources: the examples Registries/get-* of the 2024-04-01 OpenAPI file.
    """

    def check_method(self, target: Target, method: str) -> None:
        """Refuse every write."""
        if method not in _READS:
            raise read_only(target.arm_id, target.kind, target.row.actions.get(target.action or "", "write"))


class RegistryAsset(Asset):
    """An asset in a registry."""

    def check_method(self, target: Target, method: str) -> None:
        """Refuse every write."""
        if method not in _READS:
            raise read_only(target.arm_id, target.kind, target.row.actions.get(target.action or "", "write"))

    def show(self, document: Json) -> Json:
        """Tell the id by which jobs name it, which is the one that azure-ai-ml can read."""
        shown = super().show(document)
        return {**shown, "id": f"azureml://registries/{document['id'].partition('/registries/')[2]}"}


def plain_query(query: bytes) -> bytes:
    """A query with the words of the service, where azure-ai-ml sends names of its own, as under Python 3.11."""
    for name, word in _VIEWS.items():
        query = query.replace(f"ListViewType.{name}".encode(), word.encode())
    return query


def make_builtin(emulator: Emulator) -> None:
    """Make the built-in registry, with what is not in it yet."""
    store, url = emulator.store, emulator.https_url
    if store.get(REGISTRY_ID) is None:
        settled = {"properties": {"provisioningState": "Succeeded"}}
        store.put(group_id(GROUP), {"location": identity.LOCATION, "managedBy": BUILT_IN, **settled})
        region = {"location": identity.LOCATION, "acrDetails": [], "storageAccountDetails": []}
        properties = {
            "discoveryUrl": f"{url}/registrymanagement/v1.0/registries/{NAME}/discovery",
            "intellectualPropertyPublisher": None,
            "managedResourceGroup": {"resourceId": group_id(GROUP)},
            "mlFlowRegistryUri": f"{emulator.http_url}/mlflow/v1.0{REGISTRY_ID}",
            "publicNetworkAccess": "Enabled",
            "regionDetails": [region],
            "registryPrivateEndpointConnections": [],
        }
        own = {"type": "SystemAssigned", "principalId": identity.PRINCIPAL_ID, "tenantId": identity.TENANT_ID}
        store.put(REGISTRY_ID, {"location": identity.LOCATION, "tags": {}, "identity": own, "properties": properties})
    for name in _ENVIRONMENTS:
        version_id = f"{REGISTRY_ID}/environments/{name}/versions/1"
        if store.get(version_id) is None:
            store.put(version_id, {"properties": _environment(name)})
            note_version(store, version_id)


def discovery(emulator: Emulator, name: str) -> Response:
    """Where a registry is.

    Raises:
        ArmError: There is no such registry.

    Source: ``RegistryDiscoveryDto`` of azure-ai-ml's registry discovery client.
    """
    if name.lower() != NAME:
        raise ArmError(
            404, "UserError", f"The registry '{name}' was not found. The emulator has the registry '{NAME}'."
        )
    return answer({
        "registryName": NAME,
        "tenantId": identity.TENANT_ID,
        "primaryRegion": identity.LOCATION,
        "regions": [identity.LOCATION],
        "subscriptionId": identity.SUBSCRIPTION_ID,
        "resourceGroup": GROUP,
        "workspaceName": None,
        "primaryRegionResourceProviderUri": f"{emulator.https_url}/",
        "registryFqdns": {},
    })


def data_reference(emulator: Emulator, request: Request, registry_id: str, body: Json) -> Response:
    """Where the data of an asset in a registry can be read.

    Raises:
        ArmError: It is refused.

    Source: the example DataReference/getBlobReferenceSAS of the 2024-04-01 OpenAPI file.
    """
    if request.method != "POST":
        raise read_only(registry_id, f"{AML}/registries/assets", "write")
    asset = str(body.get("assetId") or "")
    if emulator.store.get(f"{registry_id}/{asset.rpartition(f'/{NAME}/')[2]}") is None:
        raise ArmError(404, "UserError", f"The asset '{asset}' was not found in registry '{NAME}'.")
    return answer({
        "blobReferenceForConsumption": {
            "blobUri": body.get("blobUri"),
            "storageAccountArmId": None,
            "credential": {"credentialType": "NoCredentials"},
        }
    })


def _environment(name: str) -> Json:
    stand_in = curated(f"azureml://registries/{NAME}/environments/{name}/versions/1") or {"properties": {}}
    return {
        "environmentType": "Curated",
        "osType": "Linux",
        "image": f"mcr.microsoft.com/azureml/curated/{name}:1",
        **stand_in["properties"],
        "description": "A stand-in for the curated environment: the packages, not the image.",
        "tags": {},
        "properties": {},
        "isAnonymous": False,
        "isArchived": False,
        "provisioningState": "Succeeded",
    }
