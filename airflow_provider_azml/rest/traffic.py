"""Traffic of online endpoints: who gets how much, and the body of the PUT that changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json

_WHOLE = 100
_KEPT = ("authMode", "description", "properties", "traffic", "mirrorTraffic", "publicNetworkAccess", "compute")
_KEPT_OF_IDENTITY = ("type", "userAssignedIdentities")


def shares(endpoint: Json) -> dict[str, int]:
    """Who gets traffic, and how much: deployment -> percent, without those that get none."""
    return {name: share for name, share in (endpoint["properties"].get("traffic") or {}).items() if share}


def split(current: Mapping[str, int], deployment: str, percent: int) -> dict[str, int]:
    """Give a deployment its share; the others share the rest as they did before.

    Args:
        current: Deployment -> percent, as it is.
        deployment: Who gets ``percent``.
        percent: 0 to 100.

    Returns:
        Deployment -> percent, summing to 100; all zero when nobody else is there to take the rest.

    Example:
        >>> split({"blue": 60, "red": 40}, "green", 10)
        {'blue': 54, 'red': 36, 'green': 10}

    Raises:
        ValueError: ``percent`` is not a percentage, or nobody is there to take the rest.
    """
    if not 0 <= percent <= _WHOLE:
        raise ValueError(f"traffic is a percentage from 0 to 100, not {percent}")
    others = {name: share for name, share in current.items() if name != deployment and share}
    rest, total = _WHOLE - percent, sum(others.values())
    if not others:
        if percent not in (0, _WHOLE):
            raise ValueError(f"no other deployment takes the remaining {rest} percent of the traffic")
        return {deployment: percent}
    left = {name: share * rest // total for name, share in others.items()}
    largest = max(others, key=lambda name: others[name])
    left[largest] += rest - sum(left.values())
    return {**left, deployment: percent}


def with_traffic(endpoint: Json, traffic: Mapping[str, int]) -> Json:
    """The body that changes an endpoint's traffic and nothing else.

    Traffic cannot be PATCHed: the whole endpoint is PUT again, less what the service alone writes.

    Source: azure-ai-ml 1.35.2, ``online_endpoints.begin_create_or_update`` with a changed ``traffic`` (recorded).
    """
    properties = {name: endpoint["properties"][name] for name in _KEPT if endpoint["properties"].get(name) is not None}
    body = {name: endpoint[name] for name in ("location", "tags", "kind", "sku") if endpoint.get(name) is not None}
    identity = endpoint.get("identity") or {}
    if identity:
        body["identity"] = {name: identity[name] for name in _KEPT_OF_IDENTITY if identity.get(name)}
    return {**body, "properties": {**properties, "traffic": dict(traffic)}}
