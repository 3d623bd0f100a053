"""Workspaces: made by a template deployment with what they stand on, or updated where they exist."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any

from airflow_provider_azml import __version__
from airflow_provider_azml.exceptions import Conflict
from airflow_provider_azml.rest import flows, waiting
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.flows import Send, call, request
from airflow_provider_azml.rest.resources import RESOURCES
from airflow_provider_azml.rest.waiting import Ticket
from airflow_provider_azml.spec import validate, workspace_template
from airflow_provider_azml.spec.identities import managed_identity
from airflow_provider_azml.spec.rules import Rule, as_is, boolean, each, nested, translated, words
from airflow_provider_azml.spec.workspace_template import DEPENDENTS, EXISTING, NEW, NONE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target

_KEYS = {
    "storageAccount": ("storage_account", "storage"),
    "keyVault": ("key_vault", "keyvault"),
    "applicationInsights": ("application_insights", "insights"),
    "containerRegistry": ("container_registry", "registry"),
}
"""Field of the workspace -> key of the file, and the word in the names of those that are made."""
_LONGEST_NAME = 24
_ARM_ID_PARTS = 8
_ISOLATION = {
    "disabled": "Disabled",
    "allow_internet_outbound": "AllowInternetOutbound",
    "allow_only_approved_outbound": "AllowOnlyApprovedOutbound",
}
_RULE_KINDS = {"private_endpoint": "PrivateEndpoint", "service_tag": "ServiceTag", "fqdn": "FQDN"}
_DESTINATION = nested((
    Rule("service_resource_id", "serviceResourceId"),
    Rule("subresource_target", "subresourceTarget"),
    Rule("spark_enabled", "sparkEnabled", boolean),
    Rule("service_tag", "serviceTag"),
    Rule("protocol", "protocol"),
    Rule("port_ranges", "portRanges"),
    Rule("address_prefixes", "addressPrefixes"),
))
_RULE = nested((
    Rule("type", "type", words(_RULE_KINDS)),
    Rule("destination", "destination", lambda value: value if isinstance(value, str) else _DESTINATION(value)),
    Rule("fqdns", "fqdns"),
))
_NETWORK = nested((
    Rule("isolation_mode", "isolationMode", words(_ISOLATION)),
    Rule("firewall_sku", "firewallSku", words({"basic": "Basic", "standard": "Standard"})),
    Rule("outbound_rules", "outboundRules", lambda rules: {rule["name"]: _RULE(rule) for rule in rules}),
))
_KEY = nested((
    Rule("key_vault", "keyVaultArmId"),
    Rule("key_uri", "keyIdentifier"),
))
_KEY_STORES = nested((
    Rule("cosmosdb_id", "cosmosDbArmId"),
    Rule("storage_id", "storageAccountArmId"),
    Rule("search_id", "searchAccountArmId"),
))
_SERVERLESS = nested((
    Rule("custom_subnet", "serverlessComputeCustomSubnet"),
    Rule("no_public_ip", "serverlessComputeNoPublicIP", boolean),
))
_ACLS = nested((
    Rule("default_action", "defaultAction"),
    Rule("ip_rules", "ipRules", each(nested((Rule("value", "value"),)))),
))
_RULES = (
    Rule("hbi_workspace", "hbiWorkspace", boolean),
    Rule("image_build_compute", "imageBuildCompute"),
    Rule("primary_user_assigned_identity", "primaryUserAssignedIdentity"),
    Rule("managed_network", "managedNetwork", _NETWORK),
    Rule("provision_network_now", "provisionNetworkNow", boolean),
    Rule("serverless_compute", "serverlessComputeSettings", _SERVERLESS),
    Rule("network_acls", "networkAcls", _ACLS),
    Rule("system_datastores_auth_mode", "systemDatastoresAuthMode"),
    Rule("allow_roleassignment_on_rg", "allowRoleAssignmentOnRG", boolean),
    Rule("enable_data_isolation", "enableDataIsolation", boolean),
    Rule("workspace_hub", "hubResourceId"),
    Rule(
        "customer_managed_key",
        "encryption",
        lambda key: {"status": "Enabled", "keyVaultProperties": _KEY(key), **_KEY_STORES(key)},
    ),
)
_ACCESS = words({"enabled": "Enabled", "disabled": "Disabled"})
_UPDATE_RULES = (
    Rule("display_name", "friendlyName"),
    Rule("description", "description"),
    Rule("public_network_access", "publicNetworkAccess", _ACCESS),
    Rule("application_insights", "applicationInsights"),
    Rule("container_registry", "containerRegistry"),
    Rule("image_build_compute", "imageBuildCompute"),
    Rule("primary_user_assigned_identity", "primaryUserAssignedIdentity"),
    Rule("managed_network", "managedNetwork", _NETWORK),
    Rule("serverless_compute", "serverlessComputeSettings", _SERVERLESS),
    Rule("network_acls", "networkAcls", _ACLS),
    Rule("system_datastores_auth_mode", "systemDatastoresAuthMode", as_is),
    Rule("allow_roleassignment_on_rg", "allowRoleAssignmentOnRG", boolean),
)


SCHEMA = "workspace.schema.json"


def create(source: Source, target: Target, *, create_container_registry: bool = False) -> Flow[Ticket]:
    """Make a workspace with whichever of its dependents are not named, or update one that exists.

    Args:
        source: The workspace.
        target: Subscription and resource group that it is made in.
        create_container_registry: Make a container registry too; the service makes one later by itself.

    Returns:
        The workspace's ticket; while it is made, it is followed by the template deployment.

    Raises:
        SpecError: The source is not valid; nothing was sent.

    Source: azure-ai-ml 1.35.2, ``_workspace_operations_base.begin_create``: GET first, then a PATCH or a deployment.
    """
    validate.check(source, SCHEMA, problems)
    value = source.value
    here = target.workspace
    where = WorkspaceId(here.subscription_id, str(value.get("resource_group") or here.resource_group), value["name"])
    suffix = _suffix(where, target.seed)
    deployment = where.sibling("template_deployment", f"{where.name}-{suffix[:8]}")
    existing = yield from flows.find(str(where))
    if existing is None or waiting.status_of(str(where), existing) not in RESOURCES["workspace"].terminal:
        running = (yield from _running(deployment)) if target.seed else None
        if running:
            return running
    if existing is not None:
        return (yield from _update(where, value, existing))
    location = value.get("location") or (yield from flows.get(where.group))["location"]
    body = deployment_body(value, where, str(location), suffix, registry=create_container_registry)
    try:
        begun = yield from waiting.submit(deployment, body)
    except Conflict:
        running = yield from _running(deployment)
        if running is None:
            raise
        return running
    return Ticket(str(where), begun.operation_url)


def _running(deployment: str) -> Flow[Ticket | None]:
    """The ticket of a template deployment that is under way."""
    found = yield from flows.find(deployment)
    if found and waiting.status_of(deployment, found) not in RESOURCES["template_deployment"].terminal:
        return Ticket(deployment, None, found)
    return None


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a workspace besides what its schema says."""
    for field, (key, _) in _KEYS.items():
        given = source.value.get(key)
        if isinstance(given, str) and len(given.strip("/").split("/")) != _ARM_ID_PARTS:
            reason = f"{given!r} is no ARM id; write /subscriptions/.../providers/{DEPENDENTS[field]}/<name>"
            yield source.problem((key,), reason)


def deployment_body(
    value: Mapping[str, Any], where: WorkspaceId, location: str, suffix: str, *, registry: bool = False
) -> Json:
    """What is sent to make a workspace: the template and its parameters.

    Args:
        value: The workspace's file.
        where: Where it is to be.
        location: Its region.
        suffix: Letters and digits at the end of names that are made up.
        registry: Whether to make a container registry too.
    """
    parameters = {
        "workspaceName": where.name,
        "friendlyName": value.get("display_name") or where.name,
        "description": value.get("description") or where.name,
        "location": location,
        "publicNetworkAccess": _ACCESS(value.get("public_network_access") or "enabled"),
        "logAnalyticsName": _made_name(where.name, "logs", suffix),
        "tagValues": {"createdByToolkit": f"airflow-provider-azml-{__version__}", **(value.get("tags") or {})},
        "identity": managed_identity(value.get("identity") or {}),
        "workspaceProperties": translated(value, _RULES),
    }
    for field in DEPENDENTS:
        wanted = registry or field != "containerRegistry"
        parameters |= _dependent(field, value, where, suffix, option=NEW if wanted else NONE)
    return {
        "properties": {
            "mode": "Incremental",
            "template": workspace_template.template(),
            "parameters": {name: {"value": given} for name, given in parameters.items()},
        }
    }


def update(source: Source, target: Target) -> Flow[Ticket]:
    """Change a workspace that is there. What is not given stays.

    Args:
        source: What is to be otherwise, with the workspace's name.
        target: Subscription and resource group that it is in.

    Raises:
        SpecError: The source is not valid; nothing was sent.
        NotFound: There is no such workspace.

    Source: azure-ai-ml 1.35.2, ``_workspace_operations_base.begin_update``: a PATCH.
    """
    validate.check(source, SCHEMA, problems)
    value, here = source.value, target.workspace
    where = WorkspaceId(here.subscription_id, str(value.get("resource_group") or here.resource_group), value["name"])
    return (yield from _update(where, value, (yield from flows.get(str(where)))))


def _update(where: WorkspaceId, value: Mapping[str, Any], existing: Json) -> Flow[Ticket]:
    body: Json = {
        "tags": {**(existing.get("tags") or {}), **(value.get("tags") or {})},
        "properties": translated(value, _UPDATE_RULES),
    }
    if value.get("identity"):
        body["identity"] = managed_identity(value["identity"])
    response = yield from call(Send(request("PATCH", str(where), params=flows.version_of(str(where)), json=body)))
    return waiting.ticket(str(where), response)


def _dependent(field: str, value: Mapping[str, Any], where: WorkspaceId, suffix: str, *, option: str) -> dict[str, str]:
    """Option, name and place of one of the resources that the workspace stands on; ``option`` is for one not named."""
    key, word = _KEYS[field]
    given = value.get(key)
    subscription, group, name = where.subscription_id, where.resource_group, _made_name(where.name, word, suffix)
    if given:
        parts = str(given).strip("/").split("/")
        option, subscription, group, name = EXISTING, parts[1], parts[3], parts[7]
    places = {"Option": option, "Name": name, "ResourceGroupName": group, "SubscriptionId": subscription}
    return {f"{field}{part}": text for part, text in places.items()}


def _made_name(workspace: str, word: str, suffix: str) -> str:
    """A new name that every dependent can have: letters and digits, not too long, beginning with a letter."""
    letters = "".join(filter(str.isalnum, workspace.lower()))[:8]
    return f"w{letters}{word}{suffix}"[:_LONGEST_NAME]


def _suffix(where: WorkspaceId, seed: str | None) -> str:
    """Letters and digits that no workspace made before has: a deleted key vault keeps its name for months."""
    return hashlib.sha256(f"{where} {seed}".encode()).hexdigest() if seed else uuid.uuid4().hex
