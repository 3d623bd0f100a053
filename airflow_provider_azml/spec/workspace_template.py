"""The ARM template that makes a workspace together with what it stands on.

Each of storage account, key vault, Application Insights (with its log analytics workspace) and container registry is
either made (``new``), named (``existing``) or left out (``none``), as a parameter says.

Sources: the resource types' documentation at learn.microsoft.com/azure/templates, and which of them ``az ml workspace
create`` makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json

_ROW = RESOURCES["workspace"]
NEW, EXISTING, NONE = "new", "existing", "none"
DEPENDENTS = {
    "storageAccount": "Microsoft.Storage/storageAccounts",
    "keyVault": "Microsoft.KeyVault/vaults",
    "applicationInsights": "Microsoft.Insights/components",
    "containerRegistry": "Microsoft.ContainerRegistry/registries",
}
"""Field of the workspace -> type of the resource in it."""

_STRINGS = ("workspaceName", "friendlyName", "description", "location", "publicNetworkAccess", "logAnalyticsName")
_OBJECTS = ("tagValues", "identity", "workspaceProperties")


def template() -> Json:
    """The template. Its parameters are those of ``_STRINGS``, ``_OBJECTS`` and four for each dependent."""
    parameters: Json = {name: {"type": "string"} for name in _STRINGS}
    parameters |= {name: {"type": "object"} for name in _OBJECTS}
    for field in DEPENDENTS:
        parameters[f"{field}Option"] = {"type": "string", "allowedValues": [NEW, EXISTING, NONE]}
        for part in ("Name", "ResourceGroupName", "SubscriptionId"):
            parameters[f"{field}{part}"] = {"type": "string"}
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": parameters,
        "variables": {field: _id_of(field) for field in DEPENDENTS},
        "resources": [*_dependents(), _workspace()],
    }


def _workspace() -> Json:
    own = {
        "friendlyName": "[parameters('friendlyName')]",
        "description": "[parameters('description')]",
        "publicNetworkAccess": "[parameters('publicNetworkAccess')]",
        **{field: f"[if({_is(field, NONE)}, json('null'), variables('{field}'))]" for field in DEPENDENTS},
    }
    return {
        "type": f"{_ROW.provider}/{_ROW.segment}",
        "apiVersion": _ROW.api_version,
        "name": "[parameters('workspaceName')]",
        "location": "[parameters('location')]",
        "tags": "[parameters('tagValues')]",
        "kind": "Default",
        "identity": "[parameters('identity')]",
        "dependsOn": [f"[resourceId('{kind}', parameters('{field}Name'))]" for field, kind in DEPENDENTS.items()],
        "properties": f"[union({_literal(own)}, parameters('workspaceProperties'))]",
    }


def _dependents() -> list[Json]:
    log_analytics = "Microsoft.OperationalInsights/workspaces"
    return [
        _resource(
            "storageAccount",
            "2023-01-01",
            {"supportsHttpsTrafficOnly": True, "allowBlobPublicAccess": False, "minimumTlsVersion": "TLS1_2"},
            kind="StorageV2",
            sku={"name": "Standard_LRS"},
        ),
        _resource(
            "keyVault",
            "2023-07-01",
            {
                "tenantId": "[subscription().tenantId]",
                "sku": {"name": "standard", "family": "A"},
                "accessPolicies": [],
                "enableRbacAuthorization": True,
            },
        ),
        {
            "condition": f"[{_is('applicationInsights', NEW)}]",
            "type": log_analytics,
            "apiVersion": "2022-10-01",
            "name": "[parameters('logAnalyticsName')]",
            "location": "[parameters('location')]",
            "tags": "[parameters('tagValues')]",
            "properties": {"sku": {"name": "PerGB2018"}},
        },
        _resource(
            "applicationInsights",
            "2020-02-02",
            {
                "Application_Type": "web",
                "WorkspaceResourceId": f"[resourceId('{log_analytics}', parameters('logAnalyticsName'))]",
            },
            kind="web",
            dependsOn=[f"[resourceId('{log_analytics}', parameters('logAnalyticsName'))]"],
        ),
        _resource("containerRegistry", "2023-07-01", {"adminUserEnabled": True}, sku={"name": "Standard"}),
    ]


def _resource(field: str, api_version: str, properties: Json, **others: object) -> Json:
    """A dependent that is made when its option says so."""
    return {
        "condition": f"[{_is(field, NEW)}]",
        "type": DEPENDENTS[field],
        "apiVersion": api_version,
        "name": f"[parameters('{field}Name')]",
        "location": "[parameters('location')]",
        "tags": "[parameters('tagValues')]",
        "properties": properties,
        **others,
    }


def _is(field: str, option: str) -> str:
    return f"equals(parameters('{field}Option'), '{option}')"


def _id_of(field: str) -> str:
    places = ", ".join(f"parameters('{field}{part}')" for part in ("SubscriptionId", "ResourceGroupName"))
    return f"[resourceId({places}, '{DEPENDENTS[field]}', parameters('{field}Name'))]"


def _literal(fields: Json) -> str:
    """A mapping of template expressions as one expression."""
    pairs = ", ".join(f"'{key}', {value.strip('[]')}" for key, value in fields.items())
    return f"createObject({pairs})"
