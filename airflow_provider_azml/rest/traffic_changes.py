"""Changes of an online endpoint's traffic that neither lose somebody else's nor point at what cannot serve."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError, Conflict, NotFound, TrafficChanged, TrafficRefused
from airflow_provider_azml.rest import arm_ids, awaited_traffic, flows
from airflow_provider_azml.rest.flows import All, Send, Sleep, call, request
from airflow_provider_azml.rest.resources import NOT_PROVISIONED, PROVISIONING
from airflow_provider_azml.rest.traffic import (
    has_tags,
    mirrors,
    problem,
    same,
    shares,
    told,
    with_traffic,
)
from airflow_provider_azml.rest.waiting import Ticket, ticket

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Outcome

_log = logging.getLogger(__name__)
_DELETING = "Deleting"
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Pauses after which a change that was not taken is looked at anew; then it is the caller's to come again."""
_LONGEST_PAUSE_SECONDS = 60.0
_SERVES_MEANWHILE = frozenset({"Updating", "Scaling"})
"""States of a deployment that pass by themselves, and in which it goes on serving."""


def change(
    endpoint_id: str,
    wanted: Mapping[str, int] | None,
    *,
    mirrored: Mapping[str, int] | None = None,
    expected: Mapping[str, int] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Flow[Ticket | None]:
    """Give an online endpoint its traffic, unless it shows that already.

    There is no ETag: the endpoint is read, checked and PUT as a whole, and the ticket's goal reads it back. A PUT that
    got no answer is never sent blindly again; the endpoint is read and checked first. Whoever waits for the ticket
    calls :func:`settled` with its outcome and then this again, with the same arguments, until there is none.

    Args:
        endpoint_id: ARM id of the endpoint.
        wanted: Deployment -> percent: 100 together, or 0 where nothing is to serve; ``None``: as it is.
        mirrored: Deployment -> percent that is mirrored to it; ``None``: as it is, less what gets live traffic now.
        expected: The live traffic that has to be shown, so that nobody else's change is overwritten; ``None``: any.
        tags: Tags of the endpoint, merged over those that it has by the same PUT, so as to tell of this traffic.

    Returns:
        ``None`` when traffic and tags are shown already; a ticket with the goal ``traffic`` when they were sent, with
        the goal ``idle`` when something else has to end before they can be.

    Raises:
        ValueError: The percentages cannot be.
        NotFound: The endpoint is not there, or a deployment that is named.
        TrafficChanged: The traffic that is shown is not the expected.
        TrafficRefused: The endpoint is being deleted, or a deployment that is to get traffic has not succeeded.

    Example:
        >>> pending = client.run(change(endpoint_id, {"blue": 90, "green": 10}, expected={"blue": 100}))
    """
    if wrong := problem(wanted, mirrored):
        raise ValueError(f"traffic of endpoint {arm_ids.parse(endpoint_id).name!r} {wrong}")
    tags, pauses = tags or {}, iter(_PAUSES_SECONDS)
    while True:
        deployments = yield from _named(endpoint_id, [*(wanted or ()), *(mirrored or ())])
        endpoint = yield from flows.get(endpoint_id)
        live, copies = _split_of(endpoint, deployments, wanted, mirrored)
        if pending := _in_the_way(endpoint_id, endpoint):
            return pending
        if _shows(endpoint, live, copies, tags):
            return None
        if expected is not None and not same(shares(endpoint), live):
            _check_expected(endpoint_id, endpoint, expected)
        _check_split(endpoint_id, live, copies)
        serving = {name for name, share in [*live.items(), *copies.items()] if share}
        if pending := _not_ready(endpoint_id, deployments, serving):
            return pending
        try:
            return (yield from _put(endpoint_id, endpoint, live, copies, tags))
        except ApiError as refused:
            pause = next(pauses, None)
            if pause is None or not _may_pass(refused):
                raise
            _log.warning("Looking at the traffic of %s again: %s", endpoint["name"], refused)
            yield Sleep(max(pause, min(refused.retry_after, _LONGEST_PAUSE_SECONDS)))
        # whoever has changed it meanwhile is not overwritten
        expected = shares(endpoint) if expected is None else expected


def settled(outcome: Outcome) -> None:
    """Check how a ticket of :func:`change` has ended.

    Raises:
        TrafficChanged: The endpoint shows somebody else's traffic.
        RunFailed: The change failed, or was not seen for too long.
    """
    if outcome.succeeded:
        return
    if outcome.code != awaited_traffic.CHANGED:
        raise outcome.failure()
    raise changed_by_others(outcome.arm_id, outcome.message or "")


def _named(endpoint_id: str, names: Sequence[str]) -> Flow[dict[str, Json]]:
    """The deployments of an endpoint that are named, by the name that they were given here."""
    found: list[Json | None] = yield All([flows.find(f"{endpoint_id}/deployments/{name}") for name in names])
    missing = [name for name, deployment in zip(names, found, strict=True) if deployment is None]
    if not missing:
        return {name: deployment for name, deployment in zip(names, found, strict=True) if deployment}
    yield from flows.get(endpoint_id)
    raise NotFound(
        method="GET",
        url=f"{endpoint_id}/deployments/{missing[0]}",
        status=404,
        code="ResourceNotFound",
        message=f"Endpoint {arm_ids.parse(endpoint_id).name!r} has no deployment {' nor '.join(map(repr, missing))}",
        hint="Its traffic was left as it is. Deploy it first, or name another.",
    )


def _split_of(
    endpoint: Json,
    deployments: Mapping[str, Json],
    wanted: Mapping[str, int] | None,
    mirrored: Mapping[str, int] | None,
) -> tuple[dict[str, int], dict[str, int]]:
    """Live and mirrored traffic as they are to be, with names as the service spells them."""

    def spelled(given: Mapping[str, int]) -> dict[str, int]:
        return {deployments[name]["name"]: share for name, share in given.items()}

    live = shares(endpoint) if wanted is None else spelled(wanted)
    if mirrored is not None:
        return live, spelled(mirrored)
    return live, {name: share for name, share in mirrors(endpoint).items() if not live.get(name)}


def _shows(endpoint: Json, live: Mapping[str, int], copies: Mapping[str, int], tags: Mapping[str, str]) -> bool:
    """Whether an endpoint is as it is to be; what one that has failed shows need not be what it does."""
    if endpoint["properties"].get("provisioningState") in NOT_PROVISIONED:
        return False
    return same(shares(endpoint), live) and same(mirrors(endpoint), copies) and has_tags(endpoint, tags)


def _in_the_way(endpoint_id: str, endpoint: Json) -> Ticket | None:
    """What has to end before an endpoint's traffic tells anything, and can be changed."""
    state = endpoint["properties"].get("provisioningState")
    if state == _DELETING:
        raise _refused(endpoint_id, f"Endpoint {endpoint['name']!r} is being deleted", "Its traffic cannot be changed.")
    if state not in PROVISIONING:
        return None
    _log.info("Endpoint %s is %s; waiting until that is done", endpoint["name"], state)
    return Ticket(endpoint_id, None, endpoint, "idle")


def _not_ready(endpoint_id: str, deployments: Mapping[str, Json], serving: Collection[str]) -> Ticket | None:
    """What has to end before deployments can be given traffic.

    Raises:
        TrafficRefused: One of them cannot serve.
    """
    waited_for = None
    for name, deployment in ((deployment["name"], deployment) for deployment in deployments.values()):
        state = deployment["properties"].get("provisioningState") or "Succeeded"
        if name not in serving or state == "Succeeded":
            continue
        if state not in _SERVES_MEANWHILE:
            told_state = f"Deployment {name!r} of endpoint {arm_ids.parse(endpoint_id).name!r} is {state}"
            raise _refused(endpoint_id, told_state, "It gets no traffic before it has succeeded.")
        _log.info("Deployment %s is %s; waiting until that is done", name, state)
        waited_for = Ticket(f"{endpoint_id}/deployments/{name}", None, deployment, "idle")
    return waited_for


def _check_expected(endpoint_id: str, endpoint: Json, expected: Mapping[str, int]) -> None:
    shown = shares(endpoint)
    if not same(shown, expected):
        raise changed_by_others(endpoint_id, f"it shows {told(shown)}, where {told(expected)} was expected")


def _check_split(endpoint_id: str, live: Mapping[str, int], copies: Mapping[str, int]) -> None:
    """Check what is asked for together with what is left as it is."""
    if wrong := problem(live, copies):
        raise _refused(endpoint_id, f"Traffic of endpoint {arm_ids.parse(endpoint_id).name!r} {wrong}")


def _put(
    endpoint_id: str, endpoint: Json, live: Mapping[str, int], copies: Mapping[str, int], tags: Mapping[str, str]
) -> Flow[Ticket]:
    _log.info("Traffic of endpoint %s: %s; so far %s", endpoint["name"], told(live), told(shares(endpoint)))
    if not same(copies, mirrors(endpoint)):
        _log.info("Mirrored traffic: %s; so far %s", told(copies), told(mirrors(endpoint)))
    body = with_traffic(endpoint, live, copies, tags)
    sent = request("PUT", endpoint_id, params=flows.version_of(endpoint_id), json=body)
    accepted = ticket(endpoint_id, (yield from call(Send(sent, retry="never"))), goal="traffic")
    # the answer says what was sent, and not what is there
    wanted = awaited_traffic.wanted_of(endpoint, live, copies, tags)
    return Ticket(endpoint_id, accepted.operation_url, {}, "traffic", wanted)


def _may_pass(refused: ApiError) -> bool:
    return refused.status is None or refused.status in _PASSING or isinstance(refused, Conflict)


def _refused(endpoint_id: str, message: str, hint: str | None = None) -> TrafficRefused:
    return TrafficRefused(method="GET", url=endpoint_id, status=200, code="TrafficRefused", message=message, hint=hint)


def changed_by_others(endpoint_id: str, message: str) -> TrafficChanged:
    """The exception for traffic that somebody else has given.

    Args:
        endpoint_id: ARM id of the endpoint.
        message: What it shows, and what was expected.
    """
    return TrafficChanged(
        method="GET",
        url=endpoint_id,
        status=200,
        code=awaited_traffic.CHANGED,
        message=f"Somebody else has changed the traffic of endpoint {arm_ids.parse(endpoint_id).name!r}: {message}",
        hint="Nothing of theirs was overwritten. Set the traffic as it should be, and clear the task.",
    )
