"""Why a job does not run yet: what its run, its compute and the subscription's quotas say."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import arm_ids, flows, history, readings, wrapped_flows
from airflow_provider_azml.rest.deadlines import BEFORE_RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_azml.exceptions import WaitTimeout
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.waiting import Glance

EXPLAINED_AFTER_SECONDS = 300.0
_ASKED_EVERY_SECONDS = 60.0
_EXPLAINING_SECONDS = 5.0
_NEAR_ITS_LIMIT = 0.9
_USAGES_VERSION = "2024-04-01"
_NODE_STATES = {
    "runningNodeCount": "running",
    "idleNodeCount": "idle",
    "preparingNodeCount": "preparing",
    "leavingNodeCount": "leaving",
    "unusableNodeCount": "unusable",
    "preemptedNodeCount": "preempted",
}


class Queue:
    """Tells what a job waits for that does not run yet: what its run says of it, and after a while all that is known.

    Args:
        arm_id: The job.
        tell: Called with a level of :mod:`logging` and a line.
        now: When it was seen first, in seconds of a monotonic clock.
    """

    __slots__ = ("_arm_id", "_ask_at", "_explain_at", "_said", "_tell")

    def __init__(self, arm_id: str, tell: Callable[[int, str], None], now: float) -> None:
        self._arm_id = arm_id
        self._tell = tell
        self._said = ""
        self._ask_at = now + _ASKED_EVERY_SECONDS
        self._explain_at: float | None = now + EXPLAINED_AFTER_SECONDS

    @property
    def _name(self) -> str:
        return arm_ids.parse(self._arm_id).name

    def look(self, plane: DataPlane, glance: Glance, *, now: float) -> Flow[None]:
        """Tell what has changed.

        Raises:
            ApiError: The run cannot be asked for.
        """
        if glance.status not in BEFORE_RUNNING:
            return
        run = glance.run
        if not run and now >= self._ask_at:
            self._ask_at = now + _ASKED_EVERY_SECONDS
            run = yield from history.run(plane, self._name)
        said = _queueing(run)
        if said and said != self._said:
            self._said = said
            self._tell(logging.INFO, f"{self._name} waits: {said}")
        if self._explain_at is not None and now >= self._explain_at:
            self._explain_at = None
            reasons = yield from explain_queue(self._arm_id, glance.body)
            minutes = EXPLAINED_AFTER_SECONDS / 60
            self._tell(logging.INFO, f"{self._name} is {glance.status} for more than {minutes:.0f} minutes:")
            for reason in reasons:
                self._tell(logging.INFO, f"  {reason}")


def explain_queue(arm_id: str, job_body: Json | None = None) -> Flow[list[str]]:
    """Why a job does not run yet, a line for each thing that is known; what cannot be read is said too.

    Args:
        arm_id: The job.
        job_body: The job as Resource Manager shows it, where it is known already.

    Example:
        >>> client.run(explain_queue(arm_id))
        ['compute cpu is Resizing: 2 nodes (2 running), at most 2', 'Standard DSv2 Family vCPUs: 8 of 8 in use']

    Sources: ``QueueingInfo`` of azure-ai-ml's run history client; ``AmlComputeProperties``, ``NodeStateCounts`` and
    ``Usage`` of the 2024-04-01 OpenAPI file.
    """
    job, lines = arm_ids.parse(arm_id), []
    try:
        body = job_body or (yield from flows.get(arm_id))
        said = _queueing((yield from history.run(job.workspace, job.name)))
        lines += [said] if said else []
    except ApiError as error:
        body = job_body or {}
        lines.append(f"what it waits for cannot be read: {error}")
    compute_id = str((body.get("properties") or {}).get("computeId") or "")
    place = ""
    if "/computes/" in compute_id:
        compute_lines, place = yield from _compute(compute_id)
        lines += compute_lines
    else:
        lines.append("it names no compute of the workspace: the nodes come out of the subscription's own quota")
    lines += yield from _usages(job.subscription_id, place or (yield from _place(str(job.workspace))))
    return lines


def give_reasons(late: WaitTimeout, arm_id: str) -> Flow[None]:
    """Let the error of a job that never began to run say why, as far as the service tells that within seconds.

    Args:
        late: The error.
        arm_id: What was waited for.
    """
    if late.last_status in BEFORE_RUNNING and arm_ids.parse(arm_id).kind == "job":
        explained = wrapped_flows.once(explain_queue(arm_id), timeout_seconds=_EXPLAINING_SECONDS)
        late.reasons = tuple((yield from explained))


def _queueing(run: Json) -> str:
    """What a run says of its place in a queue."""
    info = run.get("queueingInfo")
    if not isinstance(info, dict):
        return ""
    return ": ".join(str(part) for part in (info.get("code"), info.get("message")) if part)


def _compute(compute_id: str) -> Flow[tuple[list[str], str]]:
    """What a compute says of itself, and the region that it is in."""
    name = compute_id.rpartition("/")[2]
    try:
        body = yield from flows.get(compute_id)
    except ApiError as error:
        return [f"compute {name} cannot be read: {error}"], ""
    properties = body.get("properties") or {}
    inner = properties.get("properties") or {}
    word = inner.get("allocationState") or inner.get("state") or properties.get("provisioningState")
    told = f"compute {name} is {word}{_nodes(inner)}"
    reasons = [f"compute {name}: {code}: {message}" for code, message in readings.errors(body)]
    return [told, *reasons], str(properties.get("computeLocation") or body.get("location") or "")


def _nodes(inner: Json) -> str:
    if inner.get("currentNodeCount") is None:
        return ""
    counts = inner.get("nodeStateCounts") or {}
    states = ", ".join(f"{counts[key]} {state}" for key, state in _NODE_STATES.items() if counts.get(key))
    current, target = inner["currentNodeCount"], inner.get("targetNodeCount")
    told = f": {current} node{'' if current == 1 else 's'}" + (f" ({states})" if states else "")
    if target not in (None, current):
        told += f", {target} wanted"
    most = (inner.get("scaleSettings") or {}).get("maxNodeCount")
    return told if most is None else f"{told}, at most {most}"


def _place(workspace_id: str) -> Flow[str]:
    """The region of a workspace."""
    try:
        return str((yield from flows.get(workspace_id)).get("location") or "")
    except ApiError:  # whoever asks has said already that the service cannot be read
        return ""


def _usages(subscription_id: str, place: str) -> Flow[list[str]]:
    """The quotas of a subscription in a region that are used up, or nearly."""
    if not place:
        return []
    provider = f"/subscriptions/{subscription_id}/providers/Microsoft.MachineLearningServices"
    collection = f"{provider}/locations/{place.replace(' ', '').lower()}/usages"
    try:
        usages = yield from flows.pages(collection, api_version=_USAGES_VERSION)
    except ApiError as error:
        return [f"the subscription's quotas in {place} cannot be read: {error.code}"]
    return list(_near_limits(usages))


def _near_limits(usages: list[Json]) -> Iterator[str]:
    for usage in usages:
        used, limit = usage.get("currentValue") or 0, usage.get("limit") or 0
        if limit > 0 and used >= _NEAR_ITS_LIMIT * limit:
            name = usage.get("name") or {}
            yield f"{name.get('localizedValue') or name.get('value')}: {used} of {limit} in use"
