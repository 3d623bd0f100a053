"""Web services of v1 that are waited for: until they serve, or are gone.

Source: the table of service states of "Deploy machine learning models to Azure": Healthy and Failed are final,
Transitioning, Unhealthy and Unschedulable are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.readings import Reading
from airflow_provider_azml.rest.v1 import services

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.v1.services import Operation

WEB_SERVICE: Literal["web_service"] = "web_service"
"""The goal: that a web service is healthy. Its ARM id is that of an online endpoint of its name."""
GONE: Literal["web_service_gone"] = "web_service_gone"
"""The goal: that a web service is deleted."""
OPERATION, UNSCHEDULABLE_SECONDS = "operation", "unschedulable_seconds"
"""The values that the goals take."""
UNSCHEDULABLE, HEALTHY, FAILED = "Unschedulable", "Healthy", "Failed"
_ACTIVE = frozenset({"Transitioning", "Unhealthy", UNSCHEDULABLE, "Updating", "Deleting"})
_NO_REASON = "there are not enough resources for it now"
_FAILED_OPERATIONS = frozenset({"Failed", "Cancelled"})
"""After ``TimedOut`` the service goes on: "We are still trying to achieve the desired state for the web service"
(Azure/MachineLearningNotebooks#808), so the service's own state decides."""


def checked(wanted: Json) -> Json:
    """What is wanted, as templates leave it -> as :func:`read` takes it.

    Raises:
        SpecError: ``unschedulable_seconds`` is no number of seconds.
    """
    given = wanted.get(UNSCHEDULABLE_SECONDS)
    if given in (None, "", "None"):
        return {OPERATION: wanted.get(OPERATION), UNSCHEDULABLE_SECONDS: None}
    try:
        seconds = float(str(given))
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        reason = f"is {given!r:.80}; it must be a number of seconds"
        raise SpecError([Problem("<arguments>", 0, 0, UNSCHEDULABLE_SECONDS, reason)])
    return {OPERATION: wanted.get(OPERATION), UNSCHEDULABLE_SECONDS: seconds}


def find_each(plane: DataPlane, arm_id: str, asked: Sequence[Json]) -> Flow[list[Json | None]]:
    """A web service, for all who wait for it, each with the act that he waits for.

    An act is looked at before the service is: a service that is not there is made by the act, or gone with it.

    Raises:
        NotFound: There is no such service, and nothing that makes it.
    """
    name = arm_ids.parse(arm_id).name
    acts: dict[str, Operation] = {}
    for each in asked:
        given = each.get(OPERATION)
        if given and given not in acts:
            acts[given] = yield from services.operation(plane, given)
    being_made = any(act.state not in services.ENDED | {""} for act in acts.values())
    service = yield from services.find(plane, name)
    if service is None and not being_made:
        service = yield from services.get(plane, name)  # it says that there is none, in the service's own words
    return [_with(service or {"name": name}, acts.get(str(each.get(OPERATION)))) for each in asked]


def find_each_gone(plane: DataPlane, arm_id: str, asked: Sequence[Json]) -> Flow[list[Json | None]]:
    """As :func:`find_each`, but a service that is not there is what is waited for: ``{}``."""
    service = yield from services.find(plane, arm_ids.parse(arm_id).name)
    found: list[Json | None] = []
    for each in asked:
        act = (yield from services.operation(plane, each[OPERATION])) if service and each.get(OPERATION) else None
        found.append(_with(service, act) if service else {})
    return found


def read(body: Json, wanted: Json) -> Reading:
    """Whether a web service serves, never will, or may."""
    state, act = str(body.get("state") or ""), body.get(OPERATION) or {}
    acts = str(act.get("state") or "")
    if acts in _FAILED_OPERATIONS:
        return _failed(state or acts, act.get("error") or body.get("error"))
    if state == FAILED:
        return _failed(state, body.get("error") or act.get("error"))
    if acts and acts not in services.ENDED:
        word = state if state and state != HEALTHY else acts
        return _lacking(body, wanted) or Reading(word)
    if state == HEALTHY:
        return Reading(state, "good")
    return _lacking(body, wanted) or Reading(state, known=state in _ACTIVE)


def read_gone(body: Json, _: Json) -> Reading:
    """Whether a web service is gone, or will not go."""
    act = body.get(OPERATION) or {}
    if not body:
        return Reading("Deleted", "good")
    if act.get("state") in _FAILED_OPERATIONS:
        return _failed(str(body.get("state") or act["state"]), act.get("error"))
    return Reading("Deleting")


def reasons(error: object) -> Iterator[tuple[str, str]]:
    """Codes and messages of an error, its own first, then those of its details.

    Source: ``ModelErrorResponse`` and ``ErrorDetails``.
    """
    if not isinstance(error, dict):
        return
    for each in (error, *(error.get("details") or ())):
        if isinstance(each, dict) and (each.get("code") or each.get("message")):
            yield str(each.get("code") or ""), str(each.get("message") or "")


def _with(service: Json, act: Operation | None) -> Json:
    return {**service, **({OPERATION: act.body} if act else {})}


def _failed(status: str, error: object) -> Reading:
    told = list(reasons(error))
    if not told:
        return Reading(status, "bad")
    code, message = told[0]
    more = [f"{code}: {message}" for code, message in told[1:]]
    return Reading(status, "bad", code=code or None, message=" ".join([message, *more]))


def _lacking(body: Json, wanted: Json) -> Reading | None:
    """That a service has nowhere to run, and why, if that is so.

    Source: a detail with the code ``Unschedulable`` of services on Kubernetes clusters
    (Azure/MachineLearningNotebooks#487, #1207).
    """
    told = [message for code, message in reasons(body.get("error")) if code == UNSCHEDULABLE]
    if body.get("state") != UNSCHEDULABLE and not told:
        return None
    whole = " ".join(told) or " ".join(message for _, message in reasons(body.get("error"))) or _NO_REASON
    return Reading(UNSCHEDULABLE, code=UNSCHEDULABLE, message=whole, bears_seconds=wanted.get(UNSCHEDULABLE_SECONDS))
