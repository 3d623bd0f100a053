"""Traffic of online endpoints: who gets how much, and the body of the PUT that changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest.whole_endpoints import as_it_is

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json

TRAFFIC_BEFORE = "airflow.traffic_before"
"""Tag of a deployment: who got traffic before it did, as :func:`as_text` writes it."""
CHECK_FAILED = "airflow.check_failed"
"""Tag of a deployment: why its traffic is being taken back, or was."""
WHOLE = 100
MOST_MIRRORED = 50
_KEPT = ("authMode", "description", "properties", "traffic", "mirrorTraffic", "publicNetworkAccess", "compute")


def shares(endpoint: Json) -> dict[str, int]:
    """Who gets traffic, and how much: deployment -> percent, without those that get none."""
    return {name: share for name, share in (endpoint["properties"].get("traffic") or {}).items() if share}


def mirrors(endpoint: Json) -> dict[str, int]:
    """Who gets mirrored traffic, and how much: deployment -> percent, without those that get none."""
    return {name: share for name, share in (endpoint["properties"].get("mirrorTraffic") or {}).items() if share}


def has_tags(endpoint: Json, tags: Mapping[str, str]) -> bool:
    """Whether an endpoint has tags, among others."""
    return (endpoint.get("tags") or {}).items() >= tags.items()


def same(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """Whether two splits are the same; shares of nothing and the case of names do not count.

    Example:
        >>> same({"blue": 100, "green": 0}, {"Blue": 100})
        True
    """
    return _plain(one) == _plain(other)


def spelled(traffic: Mapping[str, int], name: str) -> dict[str, int]:
    """A split with a deployment under its own name: the service may write it in small letters there.

    Example:
        >>> spelled({"blue": 90, "green": 10}, "Green")
        {'blue': 90, 'Green': 10}
    """
    return {name if each.lower() == name.lower() else each: share for each, share in traffic.items()}


def as_text(traffic: Mapping[str, int]) -> str:
    """A split in one line, as it stands in a tag; shares of nothing are left out.

    Example:
        >>> as_text({"red": 10, "blue": 90, "green": 0})
        'blue=90,red=10'
    """
    return ",".join(f"{name}={share}" for name, share in sorted(traffic.items()) if share)


def from_text(text: str) -> dict[str, int]:
    """What :func:`as_text` wrote.

    Example:
        >>> from_text("blue=90,red=10")
        {'blue': 90, 'red': 10}

    Raises:
        ValueError: It is no split.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(name.strip() and share.strip().isdecimal() for name, _, share in pairs):
        raise ValueError(f"{text!r} is no split of traffic such as 'blue=90,red=10'")
    return {name.strip(): int(share) for name, _, share in pairs}


def told(traffic: Mapping[str, int]) -> str:
    """A split as a message says it.

    Example:
        >>> told({"blue": 90, "green": 10}), told({"blue": 0})
        ('blue 90 %, green 10 %', 'none')
    """
    return ", ".join(f"{name} {share} %" for name, share in sorted(traffic.items()) if share) or "none"


def problem(wanted: Mapping[str, int] | None, mirrored: Mapping[str, int] | None = None) -> str | None:
    """What is wrong with a split that is asked for; ``None`` when nothing is.

    Args:
        wanted: Deployment -> percent of the live traffic: 100 together, or 0 where nothing is to serve.
        mirrored: Deployment -> percent of the live traffic that it gets a copy of.

    Sources: "Traffic values need to sum to 100", "need to sum to utmost 50", ``OnlineEndpointProperties`` of the
    2024-04-01 OpenAPI file; one deployment alone, and not one that gets live traffic:
    https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
    """
    for name, share in [*(wanted or {}).items(), *(mirrored or {}).items()]:
        if isinstance(share, bool) or not isinstance(share, int) or not 0 <= share <= WHOLE:
            return f"deployment {name!r} has a whole number from 0 to {WHOLE}, not {share!r}"
    if wanted is not None and sum(wanted.values()) not in (0, WHOLE):
        return f"sums to {sum(wanted.values())} percent ({told(wanted)}); it has to sum to {WHOLE}"
    copies = {name: share for name, share in (mirrored or {}).items() if share}
    if len(copies) > 1:
        return f"is mirrored to {' and '.join(sorted(copies))}; it can be mirrored to one deployment alone"
    if sum(copies.values()) > MOST_MIRRORED:
        return f"has {sum(copies.values())} percent mirrored; at most {MOST_MIRRORED} percent can be"
    both = _plain(wanted or {}).keys() & _plain(copies).keys()
    if both:
        return f"gives deployment {both.pop()!r} live and mirrored traffic; it can get one of them alone"
    return None


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
    if not 0 <= percent <= WHOLE:
        raise ValueError(f"traffic is a percentage from 0 to 100, not {percent}")
    others = {name: share for name, share in current.items() if name != deployment and share}
    rest, total = WHOLE - percent, sum(others.values())
    if not others:
        if percent not in (0, WHOLE):
            raise ValueError(f"no other deployment takes the remaining {rest} percent of the traffic")
        return {deployment: percent}
    left = {name: share * rest // total for name, share in others.items()}
    largest = max(others, key=lambda name: others[name])
    left[largest] += rest - sum(left.values())
    return {**left, deployment: percent}


def moved(current: Mapping[str, int], deployment: str, to: str) -> dict[str, int]:
    """Give the share of one deployment to another, on top of what that has.

    Example:
        >>> moved({"blue": 60, "green": 40}, "green", "blue")
        {'blue': 100}
    """
    left = spelled({name: share for name, share in current.items() if name != deployment}, to)
    return {**left, to: left.get(to, 0) + current.get(deployment, 0)}


def with_traffic(
    endpoint: Json,
    traffic: Mapping[str, int],
    mirrored: Mapping[str, int] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Json:
    """The body that changes an endpoint's traffic, and what is asked for besides, and nothing else.

    Traffic cannot be PATCHed: the whole endpoint is PUT again, less what the service alone writes.

    Args:
        endpoint: The endpoint as it is.
        traffic: Deployment -> percent of the live traffic.
        mirrored: Deployment -> percent that is mirrored to it; ``None``: as it is.
        tags: Tags that are merged over those that it has.

    Source: azure-ai-ml 1.35.2, ``online_endpoints.begin_create_or_update`` with a changed ``traffic`` (recorded).
    """
    body = as_it_is(endpoint, _KEPT)
    if tags:
        body["tags"] = {**(endpoint.get("tags") or {}), **tags}
    copies = {} if mirrored is None else {"mirrorTraffic": dict(mirrored)}
    return {**body, "properties": {**body["properties"], "traffic": dict(traffic), **copies}}


def _plain(traffic: Mapping[str, int]) -> dict[str, int]:
    return {name.lower(): share for name, share in traffic.items() if share}
