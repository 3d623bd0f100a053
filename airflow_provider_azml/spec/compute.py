"""Computes: clusters and instances that the service makes, and machines that are attached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import keywords
from airflow_provider_azml.spec.identities import managed_identity
from airflow_provider_azml.spec.local_paths import is_file
from airflow_provider_azml.spec.needs import GroupResource, WorkspaceLocation
from airflow_provider_azml.spec.rules import (
    Rule,
    boolean,
    each,
    integer,
    lower,
    nested,
    sendable,
    some_seconds,
    translated,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

_SIZE = "STANDARD_DS3_V2"
_DEFAULT_IDLE_SECONDS = 120
_PORTS = range(1025, 65536)
_ENABLED = {True: "Enabled", False: "Disabled"}
_CLUSTER_RULES = (
    Rule("size", "vmSize", default=_SIZE),
    Rule("tier", "vmPriority", words({"low_priority": "LowPriority", "dedicated": "Dedicated"})),
    Rule("enable_node_public_ip", "enableNodePublicIp", boolean, default=True),
    Rule(
        "ssh_settings",
        "userAccountCredentials",
        nested((
            Rule("admin_username", "adminUserName"),
            Rule("admin_password", "adminUserPassword"),
            Rule("ssh_key_value", "adminUserSshPublicKey"),
        )),
    ),
)
_SCALE_RULES = (
    Rule("min_instances", "minNodeCount", integer, default=0),
    Rule("max_instances", "maxNodeCount", integer, default=4),
    Rule("idle_time_before_scale_down", "nodeIdleTimeBeforeScaleDown", some_seconds, default=_DEFAULT_IDLE_SECONDS),
)
_CRON = nested((
    Rule("expression", "expression"),
    Rule("start_time", "startTime"),
    Rule("time_zone", "timeZone", default="UTC"),
))
_PATTERN = nested((
    Rule("hours", "hours", each(integer), default=[]),
    Rule("minutes", "minutes", each(integer), default=[]),
    Rule("week_days", "weekDays", each(lower)),
))
_RECURRENCE = nested((
    Rule("frequency", "frequency", lower),
    Rule("interval", "interval", integer),
    Rule("start_time", "startTime"),
    Rule("time_zone", "timeZone", default="UTC"),
    Rule("schedule", "schedule", _PATTERN),
))
_SCRIPT = nested((
    Rule("path", "scriptData"),
    Rule("command", "scriptArguments"),
    Rule("timeout_minutes", "timeout", lambda minutes: f"{integer(minutes)}m"),
))
_SCRIPT_RULES = (
    Rule("creation_script", "creationScript", lambda value: {"scriptSource": "workspaceStorage", **_SCRIPT(value)}),
    Rule("startup_script", "startupScript", lambda value: {"scriptSource": "workspaceStorage", **_SCRIPT(value)}),
)
_APPLICATION_RULES = (
    Rule("name", "name"),
    Rule("type", "type", lower, default="docker"),
    Rule("image", "image", lambda value: {"type": "docker", "reference": value.get("reference")}),
    Rule(
        "endpoints",
        "endpoints",
        each(
            lambda port: {
                "name": "connect",
                "target": integer(port["target"]),
                "published": integer(port["published"]),
                "protocol": "http",
            }
        ),
    ),
    Rule("environment_variables", "environmentVariables", each(lambda value: {"type": "local", "value": value})),
    Rule(
        "bind_mounts",
        "volumes",
        each(lambda mount: {"type": "bind", "readOnly": False, "source": mount["source"], "target": mount["target"]}),
    ),
)
_INSTANCE_RULES = (
    Rule("size", "vmSize", default=_SIZE),
    Rule("enable_node_public_ip", "enableNodePublicIp", boolean, default=True),
    Rule("enable_sso", "enableSSO", boolean, default=True),
    Rule("enable_root_access", "enableRootAccess", boolean, default=True),
    Rule("enable_os_patching", "enableOSPatching", boolean, default=False),
    Rule("release_quota_on_stop", "releaseQuotaOnStop", boolean, default=False),
    Rule("idle_time_before_shutdown", "idleTimeBeforeShutdown"),
    Rule("idle_time_before_shutdown_minutes", "idleTimeBeforeShutdown", lambda minutes: f"PT{integer(minutes)}M"),
    Rule(
        "create_on_behalf_of",
        "personalComputeInstanceSettings",
        lambda user: {"assignedUser": {"objectId": user.get("user_object_id"), "tenantId": user.get("user_tenant_id")}},
    ),
    Rule(
        "schedules",
        "schedules",
        lambda value: {"computeStartStop": [_start_stop(item) for item in value.get("compute_start_stop") or ()]},
    ),
    Rule("setup_scripts", "setupScripts", lambda value: {"scripts": translated(value, _SCRIPT_RULES)}),
    Rule(
        "custom_applications",
        "customServices",
        each(lambda value: {**translated(value, _APPLICATION_RULES), "docker": {"privileged": True}}),
    ),
)
_MACHINE_ACCOUNT = nested((
    Rule("admin_username", "username"),
    Rule("admin_password", "password"),
))


def body(source: Source) -> Json:
    """What is sent for a compute."""
    value = source.value
    kind = lower(value["type"])
    cluster = kind == "amlcompute"
    result = {
        "location": (value.get("location") if cluster else None) or WorkspaceLocation(),
        "tags": value.get("tags"),
        "identity": managed_identity(value["identity"]) if value.get("identity") else None,
        "properties": {
            **translated(value, (Rule("description", "description"),)),
            **_PROPERTIES[kind](source, value),
        },
    }
    return {key: member for key, member in result.items() if member is not None}


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a compute besides what its schema says."""
    settings = source.value.get("ssh_settings")
    key = settings.get("ssh_private_key_file") if isinstance(settings, dict) else None
    if isinstance(key, str) and not is_file(source.local(key)):
        yield source.problem(("ssh_settings", "ssh_private_key_file"), f"there is no such file: {source.local(key)}")
    network = source.value.get("network_settings")
    if isinstance(network, dict) and network.get("vnet_name") and not network.get("subnet"):
        yield source.problem(("network_settings",), "a virtual network needs a subnet", at_key=True)
    applications = source.value.get("custom_applications")
    for place in range(len(applications) if isinstance(applications, list) else 0):
        yield from _port_problems(source, ("custom_applications", place, "endpoints"))


def _port_problems(source: Source, path: Path) -> Iterator[Problem]:
    endpoints = source.value_at(path)
    for place, endpoint in enumerate(endpoints if isinstance(endpoints, list) else ()):
        for key, port in endpoint.items() if isinstance(endpoint, dict) else ():
            if keywords.is_integer(None, port) and integer(port) not in _PORTS:
                yield source.problem((*path, place, key), f"is {port}; it must be from {_PORTS[0]} to {_PORTS[-1]}")


def _cluster(_: Source, value: Json) -> Json:
    public = value.get("ssh_public_access_enabled")
    properties = {
        **translated(value, _CLUSTER_RULES),
        "osType": "Linux",
        "scaleSettings": translated(value, _SCALE_RULES),
        "remoteLoginPortPublicAccess": "NotSpecified" if public is None else _ENABLED[boolean(public)],
        **_subnet(value),
    }
    return {"computeType": "AmlCompute", "disableLocalAuth": not value.get("ssh_settings"), "properties": properties}


def _instance(_: Source, value: Json) -> Json:
    public, ssh = value.get("ssh_public_access_enabled"), value.get("ssh_settings")
    properties = {
        **translated(value, _INSTANCE_RULES),
        "applicationSharingPolicy": "Shared",
        "computeInstanceAuthorizationType": "personal",
        **_subnet(value),
    }
    if public is not None or ssh is not None:
        key = (ssh or {}).get("ssh_key_value")
        properties["sshSettings"] = {
            "sshPublicAccess": _ENABLED[boolean(public or False)],
            **({"adminPublicKey": key} if key else {}),
        }
    local_login = boolean(public or False)
    return {"computeType": "ComputeInstance", "disableLocalAuth": not local_login, "properties": properties}


def _kubernetes(_: Source, value: Json) -> Json:
    return {
        "computeType": "Kubernetes",
        **translated(value, (Rule("resource_id", "resourceId"),)),
        "computeLocation": WorkspaceLocation(),
        "properties": {**sendable(value.get("properties") or {}), "namespace": value.get("namespace", "default")},
    }


def _machine(source: Source, value: Json) -> Json:
    ssh: Mapping[str, Any] = value.get("ssh_settings") or {}
    account = _MACHINE_ACCOUNT(ssh)
    if ssh.get("ssh_private_key_file"):
        account["privateKeyData"] = source.local(ssh["ssh_private_key_file"]).read_text(encoding="utf-8")
    port = translated(ssh, (Rule("ssh_port", "sshPort", integer, default=22),))
    return {
        "computeType": "VirtualMachine",
        "resourceId": value["resource_id"],
        "properties": {**port, "administratorAccount": account} if ssh else {},
    }


def _spark(_: Source, value: Json) -> Json:
    return {"computeType": "SynapseSpark", "resourceId": value["resource_id"]}


_PROPERTIES: Mapping[str, Callable[[Source, Json], Json]] = {
    "amlcompute": _cluster,
    "computeinstance": _instance,
    "kubernetes": _kubernetes,
    "virtualmachine": _machine,
    "synapsespark": _spark,
}


def _start_stop(value: Mapping[str, Any]) -> Json:
    result: Json = {
        "action": lower(value["action"]),
        "status": lower(value["state"]) if value.get("state") else "Enabled",
    }
    trigger = value.get("trigger") or {}
    if lower(trigger.get("type")) == "cron":
        return {**result, "triggerType": "Cron", "cron": {"triggerType": "Cron", **_CRON(trigger)}}
    if trigger:
        recurrence = {"triggerType": "Recurrence", **_RECURRENCE(trigger)}
        return {**result, "triggerType": "Recurrence", "recurrence": recurrence}
    return result


def _subnet(value: Json) -> Json:
    """The subnet, which is looked for in the workspace's resource group unless it is given by its ARM id."""
    settings = value.get("network_settings") or {}
    subnet, network = settings.get("subnet"), settings.get("vnet_name")
    if not subnet:
        return {}
    if not network:
        return {"subnet": {"id": subnet}}
    return {"subnet": {"id": GroupResource(f"Microsoft.Network/virtualNetworks/{network}/subnets/{subnet}")}}
