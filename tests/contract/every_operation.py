"""Asks an emulator for every operation of the service once, so that each answer can be held against its definition."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from airflow_provider_azml.emulator.arm.definitions import Operation, operations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import requests

    from tests.emulator.execution import Workspace

NAMES = {
    "batchendpoints": "contract-batch",
    "codes": "contract-code",
    "components": "contract_component",
    "computes": "contract-inst",
    "connections": "contract-connection",
    "data": "contract-data",
    "datareferences": "contract-data",
    "datastores": "contract_store",
    "deployments": "blue",
    "environments": "contract-environment",
    "features": "distance",
    "featuresets": "contract-features",
    "featurestoreentities": "contract-entity",
    "jobs": "contract-job",
    "locations": "emulator",
    "marketplacesubscriptions": "contract-subscription",
    "models": "contract-model",
    "onlineendpoints": "contract-online",
    "outboundrules": "contract-rule",
    "privateendpointconnections": "contract-private",
    "registries": "azureml",
    "schedules": "contract-schedule",
    "serverlessendpoints": "contract-serverless",
    "versions": "1",
}
"""Path segment -> the name behind it."""

_CURATED = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
_ENDPOINT = {"location": "local", "properties": {"authMode": "Key"}}
_ANY: dict[str, Any] = {"properties": {}}
_COMMAND = {"jobType": "Command", "command": "true", "environmentId": "azureml:contract-environment:1"}
_ASSETS: dict[str, dict[str, Any]] = {
    "Code": {"codeUri": "https://localhost/container/src"},
    "Component": {"componentSpec": {"type": "command", "command": "true", "environment": "azureml:e:1"}},
    "Data": {"dataType": "uri_folder", "dataUri": "azureml://datastores/workspaceblobstore/paths/contract/"},
    "Environment": {"image": "mcr.microsoft.com/any"},
    "Model": {"modelUri": "azureml://datastores/workspaceblobstore/paths/contract/"},
}
_PROPERTIES: dict[str, dict[str, Any]] = {
    "Compute_CreateOrUpdate": {"computeType": "ComputeInstance", "properties": {"vmSize": "STANDARD_DS3_V2"}},
    "Datastores_CreateOrUpdate": {
        "datastoreType": "AzureBlob",
        "accountName": "account",
        "containerName": "container",
        "credentials": {
            "credentialsType": "AccountKey",
            "secrets": {"secretsType": "AccountKey", "key": "key of nothing"},
        },
    },
    "FeaturesetVersions_CreateOrUpdate": {
        "entities": ["azureml:contract-entity:1"],
        "specification": {"path": "azureml://datastores/workspaceblobstore/paths/contract/features"},
    },
    "FeaturestoreEntityVersions_CreateOrUpdate": {
        "indexColumns": [{"columnName": "account", "dataType": "String"}],
    },
    "Jobs_CreateOrUpdate": _COMMAND,
    "ManagedNetworkSettingsRule_CreateOrUpdate": {
        "type": "FQDN",
        "destination": "example.org",
        "category": "UserDefined",
    },
    "MarketplaceSubscriptions_CreateOrUpdate": {"modelId": "azureml://registries/azureml-meta/models/Llama"},
    "PrivateEndpointConnections_CreateOrUpdate": {
        "privateLinkServiceConnectionState": {"status": "Approved", "description": "by the tests"},
    },
    "Schedules_CreateOrUpdate": {
        "action": {"actionType": "CreateJob", "jobDefinition": _COMMAND},
        "trigger": {"triggerType": "Cron", "expression": "0 0 1 1 *"},
        "isEnabled": False,
    },
    "WorkspaceConnections_Create": {
        "category": "PythonFeed",
        "authType": "PAT",
        "target": "https://example.org/feed",
        "credentials": {"pat": "opens nothing"},
    },
    "DataContainers_CreateOrUpdate": {"dataType": "uri_folder"},
    "RegistryDataContainers_CreateOrUpdate": {"dataType": "uri_folder"},
    **{f"{kind}Versions_CreateOrUpdate": properties for kind, properties in _ASSETS.items()},
    **{f"Registry{kind}Versions_CreateOrUpdate": properties for kind, properties in _ASSETS.items()},
}
_BODIES: dict[str, dict[str, Any]] = {
    "BatchEndpoints_CreateOrUpdate": {"location": "local", "properties": {"authMode": "AADToken"}},
    "BatchDeployments_CreateOrUpdate": {
        "location": "local",
        "properties": {"compute": "azureml:contract-inst", "model": {"referenceType": "Id", "assetId": "{model}"}},
    },
    "Compute_Update": {"properties": {"properties": {"scaleSettings": {"maxNodeCount": 2}}}},
    "FeaturesetVersions_Backfill": {
        "displayName": "contract",
        "featureWindow": {
            "featureWindowStart": "2026-01-01T00:00:00Z",
            "featureWindowEnd": "2026-01-02T00:00:00Z",
        },
    },
    "OnlineEndpoints_CreateOrUpdate": _ENDPOINT,
    "OnlineEndpoints_RegenerateKeys": {"keyType": "Primary"},
    "OnlineDeployments_CreateOrUpdate": {
        "location": "local",
        "properties": {"endpointComputeType": "Managed", "instanceType": "Standard_DS3_v2"},
    },
    "OnlineDeployments_GetLogs": {"tail": 10},
    "OnlineDeployments_Update": {"sku": {"name": "Default", "capacity": 2}},
    "Quotas_Update": {"value": []},
    "Registries_CreateOrUpdate": {"location": "local", "properties": {"regionDetails": [{"location": "local"}]}},
    "Registries_RemoveRegions": {"location": "local", "properties": {"regionDetails": []}},
    "RegistryDataReferences_GetBlobReferenceSAS": {"assetId": _CURATED},
    "ServerlessEndpoints_CreateOrUpdate": {
        "location": "local",
        "properties": {
            "authMode": "Key",
            "modelSettings": {"modelId": "azureml://registries/azureml-meta/models/Llama"},
        },
    },
    "ServerlessEndpoints_RegenerateKeys": {"keyType": "Primary"},
    "Workspaces_Update": {"tags": {"contract": "kept"}},
    "Workspaces_Diagnose": {"value": {}},
}
_QUERY = {"Compute_Delete": {"underlyingResourceAction": "Delete"}}
_OF_REGISTRY = {"resourcegroups": "azureml-registries", "environments": "sklearn-1.5"}
_OF_OTHERS = {
    "Compute_Update": {"computes": "contract-cluster"},
    "Compute_ListNodes": {"computes": "contract-cluster"},
    "Compute_ListKeys": {"computes": "contract-databricks"},
    "OnlineEndpoints_GetToken": {"onlineendpoints": "contract-tokens"},
}
"""Operations that take another kind of resource than the one that is put by its own operation."""


def ask_for_every_operation(workspace: Workspace) -> dict[str, str]:
    """Ask for all operations, from the first PUT to the last DELETE.

    Returns:
        Name of each operation that was not served -> what was answered.
    """
    # after an error of its own the server closes the connection
    workspace.session.mount("https://", HTTPAdapter(max_retries=Retry(total=2, allowed_methods=None)))
    _prepare(workspace)
    refused: dict[str, str] = {}
    for operation in _in_order(one for methods in operations().values() for one in methods.values()):
        path = _path(operation, workspace)
        response = workspace.call(
            operation.method,
            path,
            json=_body(operation, workspace) if operation.method in ("PUT", "PATCH", "POST") else None,
            params=_QUERY.get(operation.name, {}),
            ok=False,
        )
        if response.ok:
            _follow(workspace, response)
        else:
            refused[operation.name] = f"{response.status_code} {response.text}"
    return refused


def _prepare(workspace: Workspace) -> None:
    """Put what operations need that no operation puts."""
    workspace.upload(workspace.blob_url("contract/MLmodel"), b"flavors: {}\n")
    workspace.upload(workspace.blob_url("contract/features/FeatureSetSpec.yaml"), _FEATURES)
    workspace.put(
        "compute",
        "contract-cluster",
        location="local",
        properties={
            "computeType": "AmlCompute",
            "properties": {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"maxNodeCount": 1}},
        },
    )
    databricks_id = f"{workspace.id.group}/providers/Microsoft.Databricks/workspaces/contract"
    workspace.call("PUT", databricks_id, json={"location": "local"})
    databricks = {"databricksAccessToken": "opens nothing", "workspaceUrl": "https://example.org"}
    workspace.put(
        "compute",
        "contract-databricks",
        location="local",
        properties={"computeType": "Databricks", "resourceId": databricks_id, "properties": databricks},
    )
    tokens = {"location": "local", "properties": {"authMode": "AMLToken"}}
    workspace.put("online_endpoint", "contract-tokens", **tokens)


_FEATURES = b"""\
$schema: http://azureml/sdk-2-0/FeatureSetSpec.json
source: {type: parquet, path: data, timestamp_column: {name: timestamp}}
features: [{name: distance, type: double}]
index_columns: [{name: account, type: string}]
"""


def _in_order(found: Iterable[Operation]) -> list[Operation]:
    """What holds others is made before them and deleted after them; what takes models is made after all of these."""
    ranks = {"PUT": 0, "GET": 1, "PATCH": 2, "POST": 3, "DELETE": 4}

    def rank(operation: Operation) -> tuple[int, int]:
        depth = operation.path.count("/") + operation.name.startswith("BatchDeployments_")
        return ranks[operation.method], -depth if operation.method == "DELETE" else depth

    return sorted(found, key=rank)


def _path(operation: Operation, workspace: Workspace) -> str:
    known: Mapping[str, str] = {
        "subscriptions": workspace.id.subscription_id,
        "resourcegroups": workspace.id.resource_group,
        "workspaces": workspace.id.name,
        **NAMES,
        **(_OF_REGISTRY if "/registries" in operation.path else {}),
        **_OF_OTHERS.get(operation.name, {}),
    }
    parts = operation.path.split("/")
    for at, part in enumerate(parts):
        if part == "{}":
            parts[at] = known[parts[at - 1].lower()]
    return "/".join(parts)


def _body(operation: Operation, workspace: Workspace) -> dict[str, Any]:
    if operation.name == "Workspaces_CreateOrUpdate":
        found: dict[str, Any] = workspace.call("GET", str(workspace.id)).json()
        network = {"managedNetwork": {"isolationMode": "AllowInternetOutbound"}}
        return {**found, "properties": {**found["properties"], **network}}
    if operation.name.endswith("StartPendingUpload"):
        return {"pendingUploadType": "TemporaryBlobReference"}
    if operation.name.endswith("_Publish"):
        return {"registryName": "contract-registry", "destinationName": "published", "destinationVersion": "1"}
    if operation.name in _PROPERTIES:
        return {"location": "local", "properties": _PROPERTIES[operation.name]}
    body = _BODIES.get(operation.name, _ANY if operation.request and operation.method == "PUT" else {})
    if operation.name == "BatchDeployments_CreateOrUpdate":
        model = {"referenceType": "Id", "assetId": workspace.id.child("model", NAMES["models"], "1")}
        return {**body, "properties": {**body["properties"], "model": model}}
    return body


def _follow(workspace: Workspace, response: requests.Response) -> None:
    """Wait for the end of what was begun."""
    https = workspace.emulator.https_url
    url = response.headers.get("Azure-AsyncOperation") or response.headers.get("Location")
    deadline = time.monotonic() + 120
    while url and time.monotonic() < deadline:
        answer = workspace.call("GET", url.removeprefix(https).partition("?")[0], ok=False)
        running = answer.content and answer.ok and answer.json().get("status") in ("InProgress", "Running")
        if answer.status_code != 202 and not running:
            return
        time.sleep(0.05)
