"""Long acts of the service: beginning one, and waiting until it has ended."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError, NotFound, RunFailed, WaitTimeout
from airflow_provider_azml.rest import arm_ids, flows, goals, pace, queueing, wrapped_flows
from airflow_provider_azml.rest.awaited_endpoints import FOUND
from airflow_provider_azml.rest.deadlines import NO_DEADLINES
from airflow_provider_azml.rest.flows import Flow, Json, Send, Sleep, call, request
from airflow_provider_azml.rest.following import Follower
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.patience import Patience
from airflow_provider_azml.rest.standstill import Standstill
from airflow_provider_azml.rest.v1.awaited_runs import RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from azure.core.rest import HttpRequest, HttpResponse

    from airflow_provider_azml.exceptions import ErrorClass
    from airflow_provider_azml.rest.deadlines import Deadlines
    from airflow_provider_azml.rest.goals import GoalName
    from airflow_provider_azml.rest.readings import Reading

_log = logging.getLogger(__name__)
_ENDED = frozenset({"succeeded", "failed", "canceled"})
LOOK_SECONDS = 60.0
"""How long one request of a look may take."""
DELETED = "Deleted"
"""Our word for what is gone, as it should be; the service has none."""
ABSENT = "absent"
"""Our word for what is not there yet; the service has none."""


@dataclass(frozen=True)
class Ticket:
    """An act that the service has accepted: all that is needed to wait for it, in any process.

    Args:
        arm_id: The resource that is acted on.
        operation_url: Where the service tells how the act goes, if it named a place.
        body: The resource as the service last showed it; empty after a delete.
        goal: What is waited for, a key of ``goals.GOALS``.
        wanted: The values that the goal takes, checked.
    """

    arm_id: str
    operation_url: str | None = None
    body: Json = field(default_factory=dict)
    goal: GoalName = "ended"
    wanted: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How an act ended.

    Args:
        arm_id: The resource.
        status: The service's word for it; ``Deleted`` when the resource is gone.
        body: The resource; empty when it is gone.
        code: The service's error code, where the act failed.
        message: The service's reason, where the act failed.
        goal: What was waited for, a key of ``goals.GOALS``.
        good: Whether it ended well, where more than the word tells.
    """

    arm_id: str
    status: str
    body: Json = field(default_factory=dict)
    code: str | None = None
    message: str | None = None
    goal: GoalName = "ended"
    good: bool | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it ended well: as a look told, or with one of the good words of the goal."""
        if self.good is not None:
            return self.good
        return self.status in goals.words(self.arm_id, self.goal).good | {DELETED}

    def failure(
        self,
        *,
        studio_url: str | None = None,
        log_tail: Sequence[str] = (),
        log_of: str | None = None,
        error_class: ErrorClass | None = None,
        explanation: str | None = None,
    ) -> RunFailed:
        """The exception for an act that ended badly."""
        made = arm_ids.parse(self.arm_id)
        return RunFailed(
            kind=goals.noun(self.arm_id, self.goal),
            name=made.name,
            status=self.status,
            code=self.code,
            message=self.message,
            studio_url=studio_url,
            log_tail=log_tail,
            log_of=log_of,
            error_class=error_class,
            explanation=explanation,
        )


def status_of(arm_id: str, body: Json, goal: GoalName = "ended") -> str | None:
    """The word in a resource's body that a goal looks at; ``None`` when there is none."""
    return goals.word_of(body, goals.words(arm_id, goal).status)


def submit(arm_id: str, body: Json, *, token_header: str | None = None) -> Flow[Ticket]:
    """PUT a resource; the ticket says where its making can be followed."""
    response = yield from flows.put(arm_id, body, token_header=token_header)
    return ticket(arm_id, response)


def ticket(arm_id: str, response: HttpResponse, *, goal: GoalName = "ended") -> Ticket:
    """The ticket that an accepted request amounts to."""
    accepted = response.status_code == HTTPStatus.ACCEPTED
    operation_url = response.headers.get("Azure-AsyncOperation") or (
        response.headers.get("Location") if accepted else None
    )
    return Ticket(arm_id, operation_url, _object(response), goal)


def ended(pending: Ticket) -> Outcome | None:
    """How an act ended, when its answer said so at once."""
    if pending.operation_url:
        return None
    if pending.goal == "deleted":
        return Outcome(pending.arm_id, DELETED, goal=pending.goal)
    if not pending.body or (status_of(pending.arm_id, pending.body, pending.goal) is None and _has_status(pending)):
        return None
    return shown(pending, pending.body).outcome


def _has_status(pending: Ticket) -> bool:
    return bool(goals.words(pending.arm_id, pending.goal).status)


def settle(
    pending: Ticket,
    *,
    poll_seconds: float,
    deadlines: Deadlines = NO_DEADLINES,
    patience: Patience | None = None,
    follow: Callable[[Glance], Flow[None]] | None = None,
    now: Callable[[], float] | None = None,
) -> Flow[Outcome]:
    """Wait until an act has ended, well or badly. What the triggerer's watcher does for many, this does for one.

    Args:
        pending: The accepted act.
        poll_seconds: Pause between two looks, in seconds; see :func:`pace.pause_seconds`.
        deadlines: When to give up.
        patience: How long errors in between are borne.
        follow: Called with every look, the last one too; by default a follower that tells this module's logger.
        now: The clock, in seconds since the epoch; by default one that does not jump.

    Raises:
        WaitTimeout: A deadline passed first.
        ApiError: An error of a look that did not pass in time; it says what was seen last.
    """
    now = now or pace.steady_clock()
    patience, began, last, standstill = patience or Patience(), now(), Glance(""), Standstill()
    follow = follow or Follower(pending.arm_id, _log.log).look
    plane = plane_of(pending)
    while True:
        try:
            seen = yield from look(pending, plane)
        except ApiError as error:
            pause = borne(pending, error, patience, last.status)
        else:
            patience.relieved()
            last = seen
            yield from follow(last)
            if outcome := last.outcome or standstill.outcome(last, now()):
                return outcome
            pause = pace.pause_seconds(poll_seconds, now() - began, last.retry_after, last.again_seconds)
        try:
            noun = goals.noun(pending.arm_id, pending.goal)
            left = deadlines.check(pending.arm_id, last.status, now=now(), began=began, noun=noun)
        except WaitTimeout as late:
            late.reasons = tuple(last.body.get(FOUND, {}).get("problems", ()))
            yield from queueing.give_reasons(late, pending.arm_id)
            raise
        yield Sleep(min(pause, left, standstill.left(now())))


def observe(pending: Ticket, patience: Patience) -> Flow[Glance]:
    """Look once, and bear errors until there is an answer.

    Raises:
        ApiError: An error that did not pass in time.
    """
    plane = plane_of(pending)
    while True:
        try:
            return (yield from look(pending, plane))
        except ApiError as error:
            pause = patience.bear(error)
            _log.warning("Looking again in %.0f s: %s", pause, error)
            yield Sleep(pause)


def borne(pending: Ticket, error: ApiError, patience: Patience, last_status: str) -> float:
    """Bear an error of a look, and answer the pause before the next, in seconds.

    Raises:
        ApiError: It has lasted too long, or will not pass; it says what was seen last.
    """
    try:
        pause = patience.bear(error)
    except ApiError as final:
        raise last_of(pending, final, last_status) from final
    _log.warning("Looking again in %.0f s: %s", pause, error)
    return pause


def last_of(pending: Ticket, error: ApiError, last_status: str) -> ApiError:
    """The error that ends a wait, saying what was seen last; the one that it is made from may end others too."""
    noun, name = goals.noun(pending.arm_id, pending.goal), arm_ids.parse(pending.arm_id).name
    seen = f"{noun} {name!r} was last seen {last_status or 'never'}"
    return type(error)(**{**vars(error), "last_seen": seen})


@dataclass(frozen=True)
class Glance:
    """What one look at a pending act showed.

    Args:
        status: The service's word; empty before the first look.
        outcome: Set once it has ended.
        retry_after: How long the service asks to be left alone, in seconds.
        run: What run history tells of a job besides, where the look was made there: ``queueingInfo``...
        known: Whether the table has the word.
        body: The resource, where the look was made there.
        requests_left: How many such requests the service still takes for now.
        standing_still: How it will have ended if it stays as it is for too long; see :class:`~standstill.Standstill`.
        bears_seconds: How long that is, in seconds.
        again_seconds: In how many seconds the next look is due, where the goal says so itself.
    """

    status: str
    outcome: Outcome | None = None
    retry_after: float = 0
    run: Json = field(default_factory=dict)
    known: bool = True
    body: Json = field(default_factory=dict)
    requests_left: float = math.inf
    standing_still: Outcome | None = None
    bears_seconds: float | None = None
    again_seconds: float | None = None


def plane_of(pending: Ticket) -> DataPlane:
    """The data plane of the workspace that something is in; it is asked for when a look first needs it."""
    return DataPlane(arm_ids.parse(pending.arm_id).workspace)


def look_at_each(plane: DataPlane, pending: Sequence[Ticket]) -> Flow[list[Glance]]:
    """Look once at what many wait for at one resource, with one goal that says how that is found for all.

    Args:
        plane: The data plane of the workspace.
        pending: Their tickets, which differ in the values that the goal takes alone.
    """
    arm_id, goal = pending[0].arm_id, goals.GOALS[pending[0].goal]
    assert goal.find_each
    found = yield from goal.find_each(plane, arm_id, [each.wanted for each in pending])
    return [Glance(ABSENT) if body is None else shown(each, body) for each, body in zip(pending, found, strict=True)]


def look(pending: Ticket, plane: DataPlane | None = None) -> Flow[Glance]:
    """Look once at how an act goes; an error is the caller's to bear, nothing is sent twice.

    Args:
        pending: The act.
        plane: The data plane of its workspace, for those who look more than once.
    """
    if not pending.operation_url:
        return (yield from _look_at_resource(pending, plane))
    response, document = yield from _asked(request("GET", pending.operation_url))
    status = str(document.get("status") or "")
    if response.status_code == HTTPStatus.ACCEPTED or (status and status.lower() not in _ENDED):
        left = flows.requests_left(response)
        return Glance(status or "InProgress", None, flows.retry_after(response), requests_left=left)
    if status and status.lower() != "succeeded" and not goals.word_of(document, ("properties", "provisioningState")):
        error = _dict(document.get("error"))
        body = (yield from flows.find(pending.arm_id)) or {}
        outcome = Outcome(pending.arm_id, status, body, error.get("code"), error.get("message"), pending.goal)
        return Glance(status, outcome)
    return (yield from _look_at_resource(pending, plane))


def _look_at_resource(pending: Ticket, plane: DataPlane | None) -> Flow[Glance]:
    goal = goals.GOALS[pending.goal]
    if goal.absent == "good":
        return Glance(DELETED, Outcome(pending.arm_id, DELETED, goal=pending.goal))
    if goal.find_each:
        return (yield from look_at_each(plane or plane_of(pending), [pending]))[0]
    if goal.probe:
        probing = goal.probe(plane or plane_of(pending), pending.arm_id, pending.wanted)
        return shown(pending, (yield from wrapped_flows.once(probing, timeout_seconds=LOOK_SECONDS)))
    if goal.find:
        found = yield from goal.find(pending.arm_id, pending.wanted)
        return Glance(ABSENT) if found is None else shown(pending, found)
    sent = request("GET", pending.arm_id, params=flows.version_of(pending.arm_id))
    try:
        response = yield from call(Send(sent, retry="never", timeout_seconds=LOOK_SECONDS))
    except NotFound as error:
        if goal.absent == "wait" and error.code not in flows.MISSING_PARENTS:
            return Glance(ABSENT)
        raise
    body = flows.json_object(sent, response)
    if not goals.tells(pending.arm_id, body, pending.goal):
        raise flows.odd_answer(sent, response, flows.NO_STATUS, "the answer has no status")
    seen = shown(pending, body, flows.retry_after(response))
    return replace(seen, requests_left=flows.requests_left(response))


def _asked(sent: HttpRequest) -> Flow[tuple[HttpResponse, Json]]:
    """The answer to a question for an operation, and what it says, if it says anything."""
    response = yield from call(Send(sent, retry="never", timeout_seconds=LOOK_SECONDS))
    said = response.content and "json" in response.headers.get("Content-Type", "")
    return response, flows.json_object(sent, response) if said else {}


def shown(pending: Ticket, body: Json, retry_after: float = 0) -> Glance:
    """What a resource's body shows."""
    read = goals.read(pending.arm_id, body, pending.goal, pending.wanted)
    run = body if pending.goal == RUN else {}
    if read.end is None:
        still = _outcome(pending, body, read) if read.message else None
        glance = Glance(read.status, None, retry_after, run, read.known, body, math.inf, still, read.bears_seconds)
        return replace(glance, again_seconds=read.again_seconds)
    return Glance(read.status, _outcome(pending, body, read), run=run, body=body)


def _outcome(pending: Ticket, body: Json, read: Reading) -> Outcome:
    """How an act has ended, or will have if it stays as it is."""
    return Outcome(
        arm_id=_found_at(pending, body),
        status=read.status,
        body=body,
        code=read.code,
        message=read.message,
        goal=pending.goal,
        good=read.end == "good",
    )


def _found_at(pending: Ticket, body: Json) -> str:
    """ARM id of what was found: as the goal says, or itself, or below the id of an asset the version that is wanted."""
    found_at, asked_for = goals.GOALS[pending.goal].found_at, arm_ids.parse(pending.arm_id)
    if found_at:
        return found_at(pending.arm_id, body)
    if asked_for.row.versioned and not asked_for.version and body.get("name"):
        return f"{pending.arm_id}/versions/{body['name']}"
    return pending.arm_id


def _object(response: HttpResponse) -> Json:
    if not response.content or "json" not in response.headers.get("Content-Type", ""):
        return {}
    return _dict(response.json())


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}
