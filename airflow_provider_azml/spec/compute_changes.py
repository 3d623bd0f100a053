"""Changes of a compute that is there: scale, identity and tags, in the words of compute files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import flows, waiting
from airflow_provider_azml.rest.waiting import Ticket
from airflow_provider_azml.spec import keywords
from airflow_provider_azml.spec.identities import managed_identity
from airflow_provider_azml.spec.rules import Rule, integer, mapping, seconds, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target

_SCALE = (
    Rule("min_instances", "minNodeCount", integer),
    Rule("max_instances", "maxNodeCount", integer),
    Rule("idle_time_before_scale_down", "nodeIdleTimeBeforeScaleDown", seconds),
)
_CHANGEABLE = ("identity", "tags", *(rule.key for rule in _SCALE))
_SENT = ("location", "tags", "identity")
_NOT_SENT = frozenset({"provisioningState", "provisioningErrors", "createdOn", "modifiedOn", "isAttachedCompute"})
_NOT_SENT_INSIDE = frozenset({
    "allocationState",
    "allocationStateTransitionTime",
    "currentNodeCount",
    "errors",
    "nodeStateCounts",
    "targetNodeCount",
})
"""What the service alone says of a cluster. Source: ``AmlComputeProperties`` of the 2024-04-01 OpenAPI file."""


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with the changes."""
    value = source.value
    if not value.get("name"):
        yield source.problem(("name",), "is missing; name the compute that is to be changed")
    if not any(value.get(key) is not None for key in _CHANGEABLE):
        yield source.problem((), f"changes nothing; give one of {', '.join(_CHANGEABLE)}")
    for rule in _SCALE:
        given = value.get(rule.key)
        if given is not None and (not keywords.is_integer(None, given) or integer(given) < 0):
            yield source.problem((rule.key,), f"is {given!r:.80}; it must be a whole number, 0 or more")
    for key in ("identity", "tags"):
        if value.get(key) is not None and not isinstance(value[key], dict):
            yield source.problem((key,), f"is {value[key]!r:.80}; it must be a mapping")


def update(source: Source, target: Target) -> Flow[Ticket]:
    """Change a compute, unless it is so already.

    Args:
        source: Its name, and what is to be otherwise.
        target: The workspace.

    Raises:
        SpecError: The source is not valid; nothing was sent.
        NotFound: There is no such compute.
    """
    wrong = list(problems(source))
    if wrong:
        raise SpecError(wrong)
    arm_id = target.workspace.child("compute", str(source.value["name"]))
    found = yield from flows.get(arm_id)
    scale = translated(source.value, _SCALE)
    kind = found["properties"].get("computeType")
    if scale and kind != "AmlCompute":
        keys = [(rule.key,) for rule in _SCALE if source.value.get(rule.key) is not None]
        raise SpecError([source.problem(key, f"counts for clusters, and this is a {kind}") for key in keys])
    sent = changed(found, scale, source.value)
    if sent == _as_sent(found):
        return Ticket(arm_id, None, found)
    return (yield from waiting.submit(arm_id, sent))


def changed(found: Json, scale: Json, value: Json) -> Json:
    """The body that changes a compute.

    Args:
        found: The compute, as the service shows it.
        scale: What of its scale is to be otherwise.
        value: The changes, for identity and tags.
    """
    body = _as_sent(found)
    if scale:
        inner = mapping(body["properties"].get("properties"))
        settings = {**mapping(inner.get("scaleSettings")), **scale}
        body["properties"] = {**body["properties"], "properties": {**inner, "scaleSettings": settings}}
    if value.get("identity"):
        body["identity"] = managed_identity(value["identity"])
    if value.get("tags"):
        body["tags"] = {**mapping(body.get("tags")), **value["tags"]}
    return body


def _as_sent(found: Json) -> Json:
    properties = {key: value for key, value in found["properties"].items() if key not in _NOT_SENT}
    inner = properties.get("properties")
    if isinstance(inner, dict):
        properties["properties"] = {key: value for key, value in inner.items() if key not in _NOT_SENT_INSIDE}
    body: Json = {key: found[key] for key in _SENT if found.get(key)}
    identity = mapping(body.get("identity"))
    if identity:  # principalId and tenantId are the service's to say
        users: Json = {user: {} for user in mapping(identity.get("userAssignedIdentities"))}
        body["identity"] = {"type": identity.get("type"), **({"userAssignedIdentities": users} if users else {})}
    return {**body, "properties": properties}
