"""Online endpoints and deployments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import assets, environments, keywords, references, scoring
from airflow_provider_azml.spec.identities import managed_identity
from airflow_provider_azml.spec.needs import Asset, WorkspaceLocation
from airflow_provider_azml.spec.rules import (
    Rule,
    boolean,
    integer,
    lower,
    milliseconds,
    nested,
    number,
    seconds,
    sendable,
    translated,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_DEPLOYMENT_NAME = re.compile(r"[A-Za-z][-A-Za-z0-9]{1,30}[A-Za-z0-9]")
_AUTH_MODES = {"key": "Key", "aml_token": "AMLToken", "aad_token": "AADToken"}
_COLLECTED_DATA = "azureml://datastores/workspaceblobstore/paths/modelDataCollector"
_ALL = 100


def _shares(value: Mapping[str, Any]) -> Json:
    """Percents of traffic; azure-ai-ml leaves out who gets none, and writes deployments in lower case."""
    return {name.lower(): integer(share) for name, share in value.items() if integer(share)}


_ENDPOINT_RULES = (
    Rule("description", "description"),
    Rule("auth_mode", "authMode", words(_AUTH_MODES), default="key"),
    Rule("traffic", "traffic", _shares, default={}),
    Rule("mirror_traffic", "mirrorTraffic", _shares, default={}),
    Rule("public_network_access", "publicNetworkAccess", lower),
    Rule("properties", "properties", sendable, default={}),
    Rule("compute", "compute", references.compute),
)
_PROBE = nested((
    Rule("initial_delay", "initialDelay", seconds),
    Rule("period", "period", seconds),
    Rule("timeout", "timeout", seconds),
    Rule("failure_threshold", "failureThreshold", integer),
    Rule("success_threshold", "successThreshold", integer),
))
_SCALE = nested((
    Rule("type", "scaleType", words({"default": "Default", "target_utilization": "TargetUtilization"})),
    Rule("min_instances", "minInstances", integer),
    Rule("max_instances", "maxInstances", integer),
    Rule("polling_interval", "pollingInterval", seconds),
    Rule("target_utilization_percentage", "targetUtilizationPercentage", integer),
))
_CONTAINER = nested((Rule("cpu", "cpu"), Rule("memory", "memory"), Rule("nvidia.com/gpu", "gpu")))
_DEPLOYMENT_RULES = (
    Rule("type", "endpointComputeType", words({"managed": "Managed", "kubernetes": "Kubernetes"}), default="managed"),
    Rule("description", "description"),
    Rule("environment_variables", "environmentVariables", sendable, default={}),
    Rule("properties", "properties", sendable, default={}),
    Rule("app_insights_enabled", "appInsightsEnabled", boolean, default=False),
    Rule("instance_type", "instanceType"),
    Rule("model_mount_path", "modelMountPath"),
    Rule("liveness_probe", "livenessProbe", _PROBE),
    Rule("readiness_probe", "readinessProbe", _PROBE),
    Rule("scale_settings", "scaleSettings", _SCALE),
    Rule("egress_public_network_access", "egressPublicNetworkAccess", lower),
    Rule(
        "request_settings",
        "requestSettings",
        nested((
            Rule("request_timeout_ms", "requestTimeout", milliseconds),
            Rule("max_concurrent_requests_per_instance", "maxConcurrentRequestsPerInstance", integer),
            Rule("max_queue_wait_ms", "maxQueueWait", milliseconds),
        )),
    ),
    Rule(
        "resources",
        "containerResourceRequirements",
        nested((
            Rule("requests", "containerResourceRequests", _CONTAINER),
            Rule("limits", "containerResourceLimits", _CONTAINER),
        )),
    ),
)
_COLLECTOR_RULES = (
    Rule("rolling_rate", "rollingRate", lower),
    Rule("request_logging", "requestLogging", nested((Rule("capture_headers", "captureHeaders"),))),
)


def endpoint_body(source: Source) -> Json:
    """What is sent for an online endpoint."""
    value = source.value
    return {
        "location": WorkspaceLocation(),  # azure-ai-ml sends the workspace's, whatever the file says
        "identity": managed_identity(value.get("identity") or {}),
        "tags": sendable(value.get("tags") or {}),
        "properties": translated(value, _ENDPOINT_RULES),
    }


def endpoint_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with an online endpoint besides what its schema says."""
    traffic = source.value.get("traffic")
    shares = list(traffic.values()) if isinstance(traffic, dict) else []
    if all(keywords.is_integer(None, share) for share in shares) and sum(map(integer, shares)) > _ALL:
        yield source.problem(("traffic",), f"is {sum(map(integer, shares))} percent in all; it must be at most {_ALL}")


def deployment_body(source: Source) -> Json:
    """What is sent for an online deployment."""
    value = source.value
    properties = translated(value, _DEPLOYMENT_RULES)
    if value.get("code_configuration"):
        properties["codeConfiguration"] = scoring.configuration(source)
    if value.get("environment"):
        properties["environmentId"] = environments.used(source, ("environment",), may_be_named=True)
    if value.get("model"):
        properties["model"] = assets.used_model(source, ("model",))
    if value.get("data_collector"):
        properties["dataCollector"] = _data_collector(value)
    if boolean(value.get("private_network_connection", False)):
        properties["properties"] = {**properties["properties"], "private-network-connection": True}
    count = value.get("instance_count")
    return {
        "location": WorkspaceLocation(),
        "tags": sendable(value.get("tags") or {}),
        "sku": {"name": "Default", **({} if count is None else {"capacity": integer(count)})},
        "properties": properties,
    }


def deployment_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with an online deployment besides what its schema says."""
    value = source.value
    name = value.get("name")
    if isinstance(name, str) and not _DEPLOYMENT_NAME.fullmatch(name):
        reason = f"{name!r} is no name of a deployment: 3 to 32 letters, digits and -, a letter first, no - last"
        yield source.problem(("name",), reason)
    yield from environments.problems(source, ("environment",))
    yield from assets.model_problems(source, ("model",))
    yield from scoring.problems(source)
    yield from _collection_problems(source)


def _collection_problems(source: Source) -> Iterator[Problem]:
    collections = source.value_at(("data_collector", "collections"))
    for name, collection in collections.items() if isinstance(collections, dict) else ():
        data = collection.get("data") if isinstance(collection, dict) else None
        if isinstance(data, str):
            path = ("data_collector", "collections", name, "data")
            yield from environments.reference_problems(source, path, data, "data")


def _data_collector(value: Json) -> Json:
    collector = value["data_collector"]
    rate = collector.get("sampling_rate")
    collections = {
        name: {
            "dataCollectionMode": "enabled" if boolean(collection["enabled"]) else "disabled",
            "dataId": _collected(value, name, collection.get("data")),
            **({} if rate is None else {"samplingRate": number(rate)}),
            **({"clientId": collection["client_id"]} if collection.get("client_id") else {}),
        }
        for name, collection in (collector.get("collections") or {}).items()
    }
    return {**translated(collector, _COLLECTOR_RULES), "collections": collections}


def _collected(value: Json, name: str, data: Mapping[str, Any] | str | None) -> Asset | object:
    """The data asset that a collection goes to, which is made before the deployment.

    Source: azure-ai-ml 1.35.2, ``_register_collection_data_assets``.
    """
    if isinstance(data, str):
        return references.asset(data, "data")
    given = data or {}
    properties = {
        "dataType": "uri_folder",
        "dataUri": given.get("path") or f"{_COLLECTED_DATA}/{value['endpoint_name']}/{value['name']}/{name}",
        "isAnonymous": False,
        "isArchived": False,
    }
    asset_name = given.get("name") or f"{value['endpoint_name']}-{value['name']}-{name}"
    return Asset("data", asset_name, str(given.get("version") or "1"), {"properties": properties}, keep=True)
