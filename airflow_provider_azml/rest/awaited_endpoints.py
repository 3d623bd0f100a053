"""Endpoints and deployments that are waited for by what they answer: until it is right, or has been for long enough."""

from __future__ import annotations

import json
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.rest import arm_ids, check_requests, flows, scoring
from airflow_provider_azml.rest.checks import Report
from airflow_provider_azml.rest.readings import Reading, failed
from airflow_provider_azml.rest.resources import NOT_PROVISIONED, PROVISIONED, PROVISIONING
from airflow_provider_azml.rest.v1 import awaited_services
from airflow_provider_azml.rest.v1 import scoring as service_scoring

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

STEADY: Literal["steady"] = "steady"
"""The goal: that a deployment stays well until a moment."""
ANSWERS: Literal["answers"] = "answers"
"""The goal: that an endpoint or deployment is provisioned, and answers as its checks say."""
SERVICE_ANSWERS: Literal["service_answers"] = "service_answers"
"""The same of a web service of v1."""
UNTIL, EVERY_SECONDS, CHECKS, COMPARED_WITH = "until", "every_seconds", "checks", "compared_with"
"""The values that the goals take: seconds since the epoch, seconds, JSON text of checks, and a deployment's name."""
FOUND = "checks"
"""Where a body holds what checks found: ``{"at", "reason", "problems", "lines"}``."""
CHECK_FAILED, UNHEALTHY, GONE = "CheckFailed", "Unhealthy", "Deleted"
"""Our code for a check that failed, our word for what fails it, and ours for what is not there any more."""
_DELETING = "Deleting"
_UP = PROVISIONED | {"Scaling"}
_SERVING = _UP | {"Updating"}
"""A deployment that is changed goes on to serve: its instances are replaced one after the other."""
_KNOWN = _UP | PROVISIONING
_SPREAD = 0.1


def requests_at_once(wanted: Json) -> int:
    """How many requests of the checks of one look go on beside each other at most."""
    asked = (int(check.get("concurrency", 1)) for check in json.loads(wanted.get(CHECKS) or "[]"))
    return min(max(asked, default=1), check_requests.MOST_AT_ONCE)


def find_steady(plane: DataPlane, arm_id: str, wanted: Json) -> Flow[Json]:
    """A deployment and what its checks find now; ``{}`` when it is gone."""
    body = yield from flows.find(arm_id)
    if body is None:
        return {}
    return (yield from _checked(plane, arm_id, body, wanted)) if _word(body) in _SERVING else body


def read_steady(body: Json, wanted: Json) -> Reading:
    """Whether a deployment is still well, and has been for long enough."""
    ended, word, found, every = _ended(body), _word(body), body.get(FOUND), float(wanted[EVERY_SECONDS])
    if ended:
        return ended
    if found and found["problems"]:
        return Reading(UNHEALTHY, "bad", code=CHECK_FAILED, message=found["reason"])
    left = float(wanted[UNTIL]) - found["at"] if found else every
    if left <= 0 and word in _UP:
        return Reading(word, "good")
    again = left if 0 < left <= every else every * random.uniform(1 - _SPREAD, 1)  # noqa: S311 (nothing secret)
    return Reading(word, known=word in _KNOWN, again_seconds=again)


def find_answers(plane: DataPlane, arm_id: str, wanted: Json) -> Flow[Json]:
    """An endpoint or deployment, and what its checks find once it is provisioned."""
    body = yield from flows.get(arm_id)
    return (yield from _checked(plane, arm_id, body, wanted)) if _word(body) in _UP else body


def read_answers(body: Json, _: Json) -> Reading:
    """Whether an endpoint or deployment answers as it should, never will, or may."""
    word = _word(body)
    return _ended(body) or _answering(body, Reading(word, "good" if word in _UP else None, word in _KNOWN))


def find_service_answers(plane: DataPlane, arm_id: str, wanted: Json) -> Flow[Json]:
    """A web service of v1, and what its checks find once it is healthy."""
    (body,) = yield from awaited_services.find_each(plane, arm_id, [wanted])
    assert body is not None
    if awaited_services.read(body, wanted).end != "good":
        return body
    name = arm_ids.parse(arm_id).name

    def ask(checks: Sequence[Json]) -> Flow[Report]:
        return plane.doors.check(f"web service {name}", partial(service_scoring.door, plane, name), checks)

    return (yield from _with(body, wanted, ask))


def read_service_answers(body: Json, wanted: Json) -> Reading:
    """Whether a web service of v1 answers as it should, never will, or may."""
    return _answering(body, awaited_services.read(body, wanted))


def _ended(body: Json) -> Reading | None:
    """The bad end of what failed, is gone or is going."""
    if not body:
        return Reading(GONE, "bad", message="it is not there any more; somebody else has deleted it")
    word = _word(body)
    if word == _DELETING:
        return Reading(word, "bad", message="somebody else deletes it")
    return failed(word, body) if word in NOT_PROVISIONED else None


def _answering(body: Json, provisioned: Reading) -> Reading:
    """What is shown by what is provisioned, unless its checks fail."""
    found = body.get(FOUND)
    if provisioned.end != "good" or not (found and found["problems"]):
        return provisioned
    return Reading(UNHEALTHY, code=CHECK_FAILED)


def _word(body: Json) -> str:
    """The provisioning state; one may be missing where all is done, see :func:`goals.tells`."""
    return str((body.get("properties") or {}).get("provisioningState") or "Succeeded")


def _checked(plane: DataPlane, arm_id: str, body: Json, wanted: Json) -> Flow[Json]:
    """An endpoint, whose checks go through its traffic, or a deployment, and what checks find."""
    made = arm_ids.parse(arm_id)
    is_endpoint = made.kind == "online_endpoint"
    endpoint_id = arm_id if is_endpoint else made.workspace.child("online_endpoint", made.names[1])
    deployment, other = None if is_endpoint else made.name, wanted.get(COMPARED_WITH)

    def ask(checks: Sequence[Json]) -> Flow[Report]:
        opening = partial(scoring.door, endpoint_id)
        return plane.doors.check(endpoint_id, opening, checks, deployment=deployment, compared_with=other)

    return (yield from _with(body, wanted, ask))


def _with(body: Json, wanted: Json, ask: Callable[[Sequence[Json]], Flow[Report]]) -> Flow[Json]:
    """What was found, with what checks find now."""
    checks = json.loads(wanted[CHECKS])
    report = (yield from ask(checks)) if checks else Report()
    found = {"reason": report.reason, "problems": list(report.problems), "lines": list(report.lines)}
    return {**body, FOUND: {"at": time.time(), **found}}
