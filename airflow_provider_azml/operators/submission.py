"""Exactly once: what names a task's submission, and how a later try finds what an earlier one made."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urlsplit

from airflow_provider_azml.exceptions import ApiError, Conflict
from airflow_provider_azml.hooks.airflow_versions import conf
from airflow_provider_azml.operators.claims import is_owned, taken, whose
from airflow_provider_azml.rest import arm_ids, failures, flows, goals, wrapped_flows
from airflow_provider_azml.rest.flows import Sleep
from airflow_provider_azml.rest.goals import GOALS
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.resources import RESOURCES
from airflow_provider_azml.rest.waiting import Ticket, ended, status_of, ticket
from airflow_provider_azml.spec.jobs import name_of
from airflow_provider_azml.spec.target import SUBMISSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import Context

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.goals import GoalName
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target

_log = logging.getLogger(__name__)
Result = TypeVar("Result")
_HASH_LENGTH = 12
_READABLE_LENGTH = 80
APPEARING_SECONDS = (1.0, 2.0, 4.0)
"""Pauses in which something may appear that the service says to have."""
_CANCEL_SECONDS = 10.0
_NOT_NOW = frozenset({400, 409, 412})
"""HTTP statuses of a PUT on something that is being changed."""
_BEYOND_REPAIR = "is in an unrecoverable state"
TI_ID = "airflow.ti_id"
"""Property of a job: the id of the task instance that submitted it, another one for every try."""
DEPLOYMENT = "airflow.deployment"
"""Property of a job: ``[azml] deployment`` of the Airflow that submitted it, where that is set."""
CANCEL_ON_KILL = "airflow.cancel_on_kill"
"""Property of a job that has that one: ``true`` if its task waits for it and would cancel it, else ``false``."""
_ATTACH = "With on_existing='attach' this try takes it up."


def submission_hash(context: Context) -> str:
    """What tells this submission from all others, and stays the same over the retries of the task.

    It covers ``[azml] deployment``, DAG, run, the run's start (so that a run deleted and made anew is another), task,
    map index, and ``max_tries``, which a clear of this task raises and a retry does not.
    """
    ti, run = context["ti"], context["dag_run"]
    parts = (
        deployment(),
        ti.dag_id,
        ti.run_id,
        run.start_date.isoformat() if run.start_date else "",
        ti.task_id,
        str(ti.map_index),
        str(ti.max_tries),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_HASH_LENGTH]


def job_name(context: Context) -> str:
    """The name of the task's job, without its attempt: ``<dag>-<task>-<hash>``, within the service's naming rules."""
    ti = context["ti"]
    readable = re.sub(r"[^a-z0-9]+", "-", f"{ti.dag_id}-{ti.task_id}".lower()).strip("-")[:_READABLE_LENGTH]
    return f"{readable.strip('-') or 'airflow'}-{submission_hash(context)}"


def experiment_name(dag_id: str) -> str:
    """The experiment of a DAG's jobs: the DAG id, with what the service takes in no experiment's name as ``-``.

    Example:
        >>> experiment_name("team.retrain")
        'team-retrain'
    """
    return re.sub(r"[^A-Za-z0-9_-]", "-", dag_id)


def deployment() -> str:
    """What this deployment of Airflow is called among those that share a workspace; empty if it is not called."""
    called: str = conf.get("azml", "deployment", fallback="")
    return called


OnExisting = Literal["attach", "fail"]
ON_EXISTING: tuple[OnExisting, ...] = ("attach", "fail")
FailOn = Literal["service", "any_child"]
FAIL_ON: tuple[FailOn, ...] = ("service", "any_child")


def as_it_is(flow: Flow[Ticket], arm_id: str) -> Flow[Ticket]:  # noqa: ARG001 (nothing is put around it)
    """The flow itself."""
    return flow


def send(source: Source, target: Target) -> Flow[Ticket]:
    """Submit the job that a source describes."""
    from airflow_provider_azml.spec import kinds

    return (yield from kinds.submit(source, "job", target))


@dataclass(frozen=True)
class Terms:
    """How a job is submitted.

    Args:
        on_existing: Whether a try takes up the job that an earlier try submitted, or refuses to.
        fail_on: Whether the service says what failed, or a child that failed is enough.
        submitting: What is put around the flow that submits the job of an ARM id.
        sending: What sends a checked source; by default as the job that it describes.
        cancel_on_kill: Whether the job is of no use once its task has ended.
    """

    on_existing: OnExisting = "attach"
    fail_on: FailOn = "service"
    submitting: Callable[[Flow[Ticket], str], Flow[Ticket]] = as_it_is
    sending: Callable[[Source, Target], Flow[Ticket]] = send
    cancel_on_kill: bool = False


USUAL_TERMS = Terms()


def ownership(context: Context, terms: Terms = USUAL_TERMS) -> dict[str, str]:
    """The properties that say whose a job is, and in a deployment that has a name whether it ends with its task."""
    ti = context["ti"]
    named = deployment()
    of_deployment = {DEPLOYMENT: named, CANCEL_ON_KILL: str(terms.cancel_on_kill).lower()} if named else {}
    return {
        **of_deployment,
        SUBMISSION: submission_hash(context),
        TI_ID: str(ti.id),
        "airflow.try_number": str(ti.try_number),
        "airflow.dag_id": ti.dag_id,
        "airflow.run_id": ti.run_id,
        "airflow.task_id": ti.task_id,
        "airflow.map_index": str(ti.map_index),
    }


def submit(target: Target, kind: str, source: Source, context: Context, terms: Terms = USUAL_TERMS) -> Flow[Ticket]:
    """Create or update what a checked source describes, unless an earlier try of the same task has.

    Jobs are found by their name, versions of assets by their tag; anything else has one name, and the same PUT again
    changes nothing. Made-up names come from the submission. A job belongs to the experiment of the DAG's name unless it
    names another: a worker's folder, which azure-ai-ml would take, says nothing.

    Args:
        target: The workspace.
        kind: Its kind, a key of ``spec.table.KINDS``.
        source: The source, checked.
        context: The task's context.
        terms: How a job is submitted.

    Returns:
        The ticket of what was submitted; with the goal ``idle`` or ``deleted`` that of what must end before it can be.
    """
    from airflow_provider_azml.spec import kinds

    here = seeded(target, context)
    if kind == "job":
        ti = context["ti"]
        unsaid = {"experiment_name": experiment_name(ti.dag_id), "display_name": ti.task_id}
        named = source.merged({key: value for key, value in unsaid.items() if key not in source.value})
        return (yield from submit_job(here, named, job_name(context), ownership(context, terms), terms))
    return (yield from unless_busy(kinds.submit(source, kind, here)))


def seeded(target: Target, context: Context) -> Target:
    """The target, with what tells this submission from all others."""
    return replace(target, seed=submission_hash(context), since=context["dag_run"].start_date)


def unless_busy(flow: Flow[Result]) -> Flow[Result | Ticket]:
    """What a flow answers that PUTs something; the ticket of what has to end first where :func:`busy` knows that.

    Raises:
        ApiError: The PUT was refused for another reason.
    """
    try:
        return (yield from flow)
    except ApiError as refused:
        under_way = yield from busy(refused)
        if under_way is None:
            raise
        return under_way


def busy(refused: ApiError) -> Flow[Ticket | None]:
    """What a refused PUT has to wait for: the act of an earlier try, or of somebody else, on the same resource.

    Args:
        refused: The refusal.

    Returns:
        The ticket of its end, with the goal ``idle``; that of its deletion, with the goal ``deleted``, for a deployment
        that failed when it was made, and so can only be made anew; ``None`` when nothing is under way, so that it was
        refused for another reason.

    Sources: "Cannot create a deployment in endpoint ... because it is in Updating provisioning state",
    Azure/azure-sdk-for-net#36961: for a deployment it may be its endpoint that is not ready; "Specified deployment ...
    failed during initial provisioning and is in an unrecoverable state. Delete and re-create.", in refusals that users
    of the service show.
    """
    if refused.method != "PUT" or refused.status not in _NOT_NOW:
        return None
    arm_id = urlsplit(refused.url).path
    if _BEYOND_REPAIR in refused.message:
        _log.info("%s failed when it was made; deleting it, to make it anew", arm_id.rpartition("/")[2])
        return ticket(arm_id, (yield from flows.delete(arm_id)), goal="deleted")
    parent = arm_id.rpartition("/deployments/")[0] if "ndpoints/" in arm_id else ""
    for each in filter(None, (arm_id, parent)):
        found = yield from flows.find(each)
        under_way = Ticket(each, None, found or {}, "idle")
        if found and ended(under_way) is None:
            _log.info("%s is %s; waiting until that is done", found.get("name"), status_of(each, found))
            return under_way
    return None


def submit_job(
    target: Target,
    source: Source,
    base_name: str,
    owner: Mapping[str, str],
    terms: Terms = USUAL_TERMS,
) -> Flow[Ticket]:
    """Submit a job unless an earlier try of the same task has: then attach to that one.

    Active or completed: it is taken. Failed, canceled or on its way there: the next attempt is submitted. The newest
    attempt counts: what did not respond, or was about to be canceled, may have gone on since. What does not respond is
    canceled before the next attempt is submitted, lest it come to life beside that.

    Args:
        target: The workspace.
        source: The job, checked.
        base_name: Its name without the attempt; a job that names itself has one attempt.
        owner: The properties that say whose the job is.
        terms: How it is submitted.

    Raises:
        JobNameTaken: A job of that name is somebody else's; or, for a job that names itself, has failed before; or an
            earlier try submitted it, which the terms do not allow.
    """
    named = name_of(source.value) if source.value.get("name") else None

    def send(arm_id: str) -> Flow[Ticket]:
        properties = {**(source.value.get("properties") or {}), **owner}
        called = source.merged({"name": arm_ids.parse(arm_id).name, "properties": properties})
        return _put_job(target, called, arm_id, owner, terms)

    return (yield from attempted(target.workspace, base_name, Ways(send), named=named, owner=owner, terms=terms))


def _of(job: Json) -> Json:
    """The properties that a job was given."""
    given: Json = job["properties"].get("properties") or {}
    return given


def _place(arm_id: str, _: Json) -> str:
    """The ARM id that an attempt was looked for under, which is its own."""
    return arm_id


@dataclass(frozen=True)
class Ways:
    """How an attempt is sent, looked for, read and cancelled: as a job, unless it is said otherwise.

    Args:
        send: Sends the attempt that is to have an ARM id.
        find: The attempt of an ARM id, or ``None``.
        status: The word for how an attempt fares.
        given: The properties that an attempt was given.
        goal: What is waited for, a key of ``goals.GOALS``; by it an attempt is called and cancelled.
        wanted: The values that the goal takes.
        place: ARM id of an attempt that was found, given the one that it was looked for under.
    """

    send: Callable[[str], Flow[Ticket]]
    find: Callable[[str], Flow[Json | None]] = flows.find
    status: Callable[[str, Json], str | None] = status_of
    given: Callable[[Json], Json] = _of
    goal: GoalName = "ended"
    wanted: Json = field(default_factory=dict)
    place: Callable[[str, Json], str] = _place

    @property
    def noun(self) -> str:
        """What an attempt is called."""
        return GOALS[self.goal].noun or "job"


def attempted(
    workspace: WorkspaceId,
    base_name: str,
    ways: Ways,
    *,
    named: str | None = None,
    owner: Mapping[str, str],
    terms: Terms = USUAL_TERMS,
) -> Flow[Ticket]:
    """The attempt that a try waits for: an earlier one, or the next; see :func:`submit_job`.

    Args:
        workspace: The workspace.
        base_name: What attempts are called, without their number.
        ways: How they are sent, looked for, read and cancelled.
        named: What the one attempt is called, where it may be called so alone.
        owner: The properties that say whose attempts are.
        terms: How it is submitted.

    Raises:
        JobNameTaken: There is something of that name that is not for this try to take up.
    """
    attempt, silent = 1, False
    while True:
        name = named or f"{base_name}-{attempt}"
        arm_id = workspace.child("job", name)
        found = yield from ways.find(arm_id)
        if found is None:
            if silent:
                yield from _cancel(workspace.child("job", f"{base_name}-{attempt - 1}"), ways)
            return (yield from ways.send(arm_id))
        given, noun, arm_id = ways.given(found), ways.noun, ways.place(arm_id, found)
        if not is_owned(given, owner):
            raise taken(arm_id, noun, whose(given, owner, noun))
        status = ways.status(arm_id, found)
        if not (yield from _has_failed(arm_id, status, terms)):
            later = None if named else workspace.child("job", f"{base_name}-{attempt + 1}")
            if later and (yield from ways.find(later)):
                attempt += 1
                continue
            if terms.on_existing == "fail" and given.get(TI_ID) != owner[TI_ID]:
                raise taken(arm_id, noun, f"is {status} already, of an earlier try", _ATTACH)
            return Ticket(arm_id, None, found, ways.goal, ways.wanted)
        if named:
            raise taken(arm_id, noun, f"ended as {status}, and a {noun} cannot run twice under one name")
        attempt, silent = attempt + 1, status == "NotResponding"


def _cancel(arm_id: str, ways: Ways) -> Flow[None]:
    """Cancel what does not respond, by one request: the service may have given it up."""
    name, called = arm_ids.parse(arm_id), ways.noun.capitalize()
    try:
        cancelling = goals.cancel(DataPlane(name.workspace), arm_id, ways.goal, ways.wanted)
        yield from wrapped_flows.once(cancelling, timeout_seconds=_CANCEL_SECONDS)
    except ApiError as error:
        _log.warning("%s %s does not respond, and could not be cancelled either: %s", called, name.name, error)
    else:
        _log.info("%s %s does not respond and is being cancelled, as another attempt follows", called, name.name)


def _has_failed(arm_id: str, status: str | None, terms: Terms) -> Flow[bool]:
    """Whether a job is one that another attempt comes after."""
    if status in RESOURCES["job"].bad | {"CancelRequested"}:
        return True
    if terms.fail_on == "service" or status not in RESOURCES["job"].good:
        return False
    job = arm_ids.parse(arm_id)
    return bool((yield from failures.failing_children(job.workspace, job.name)))


def _put_job(target: Target, source: Source, arm_id: str, owner: Mapping[str, str], terms: Terms) -> Flow[Ticket]:
    try:
        return (yield from terms.submitting(terms.sending(source, target), arm_id))
    except ApiError as refused:
        if refused.status is None or refused.status >= 500:  # noqa: PLR2004 (a fault of the service: the retry looks)
            raise
        # a first PUT whose answer was lost makes the second one look refused
        try:
            found = yield from _appeared(arm_id, refused)
        except ApiError as unknown:
            raise unknown from refused  # the next try looks
        if found is None or not is_owned(_of(found), owner):
            raise
        return Ticket(arm_id, None, found)


def _appeared(arm_id: str, refused: ApiError) -> Flow[Json | None]:
    """The job whose PUT was refused, if it is there; one that the service says to have may be seen only later."""
    for pause in APPEARING_SECONDS if isinstance(refused, Conflict) else ():
        found = yield from flows.find(arm_id)
        if found is not None:
            return found
        yield Sleep(pause)
    return (yield from flows.find(arm_id))
