"""THE table of what can be waited for: how it is looked for, which words end the wait, and what absence means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.rest import (
    arm_ids,
    awaited_defaults,
    awaited_deletions,
    awaited_endpoints,
    awaited_keys,
    awaited_nodes,
    awaited_traffic,
    batch_invocations,
    compute_states,
    datastore_paths,
    flows,
    model_versions,
    resource_providers,
)
from airflow_provider_azml.rest.readings import Reading, failed
from airflow_provider_azml.rest.resources import PROVISIONING
from airflow_provider_azml.rest.v1 import awaited_runs, awaited_services, profiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

GoalName = Literal[
    "answers",
    "default_deployment",
    "ended",
    "deleted",
    "exists",
    "gone",
    "idle",
    "invocation",
    "key",
    "node",
    "path",
    "profile",
    "registered",
    "run",
    "service_answers",
    "state",
    "steady",
    "traffic",
    "version",
    "web_service",
    "web_service_gone",
]
_BUSY = PROVISIONING | {"Scaling"}


@dataclass(frozen=True)
class Goal:
    """What a wait is for.

    Args:
        absent: What it means that the resource is not there: an error, a reason to wait on, or the good end.
        status: Keys that lead to the word in a GET body; ``None``: those of the resource's row.
        good: Words that end it well; ``None``: those of the resource's row.
        bad: Words that end it badly; ``None``: those of the resource's row.
        checked: For a goal that takes values: these as templates leave them -> as ``find`` and ``read`` take them.
        find: The resource's body, given its ARM id and the values; ``None``: what a GET of the id answers.
        find_each: The same of many who wait at one resource, by the same requests, given the data plane too.
        probe: As ``find``, given the data plane too, by requests that may be slow.
        found_at: ARM id of what was found, given that of the resource and the body; ``None``: the resource itself.
        read: What the body means, given the values; ``None``: what its word means.
        cancel: How it is cancelled, given the data plane, the ARM id and the values; ``None``: not at all.
        noun: What it is called; ``None``: the resource's kind.
        in_history: Whether run history tells of many of them at once.
    """

    absent: Literal["error", "wait", "good"] = "error"
    status: tuple[str, ...] | None = None
    good: frozenset[str] | None = None
    bad: frozenset[str] | None = None
    checked: Callable[[Json], Json] | None = None
    find: Callable[[str, Json], Flow[Json | None]] | None = None
    find_each: Callable[[DataPlane, str, Sequence[Json]], Flow[list[Json | None]]] | None = None
    probe: Callable[[DataPlane, str, Json], Flow[Json]] | None = None
    found_at: Callable[[str, Json], str] | None = None
    read: Callable[[Json, Json], Reading] | None = None
    cancel: Callable[[DataPlane, str, Json], Flow[object]] | None = None
    noun: str | None = None
    in_history: bool = False


def _idle(body: Json, _: Json) -> Reading:
    """Whether nothing is being done to a resource, well or badly as it may have ended."""
    word = word_of(body, ("properties", "provisioningState")) or "Succeeded"
    return Reading(word, None if word in _BUSY else "good")


def _cancel_job(_: DataPlane, arm_id: str, __: Json) -> Flow[object]:
    """Cancel a job, by its exact name."""
    return flows.act(arm_id, "cancel")


GOALS: Mapping[GoalName, Goal] = {
    "answers": Goal(probe=awaited_endpoints.find_answers, read=awaited_endpoints.read_answers),
    "default_deployment": Goal(read=awaited_defaults.read),
    "ended": Goal(cancel=_cancel_job, in_history=True),
    "deleted": Goal(absent="good"),
    "exists": Goal(absent="wait"),
    "gone": Goal(find=awaited_deletions.find, read=awaited_deletions.read),
    "idle": Goal(read=_idle),
    "invocation": Goal(cancel=batch_invocations.cancel),
    "key": Goal(find=awaited_keys.find, read=awaited_keys.read, noun="key of online endpoint"),
    "node": Goal(find_each=awaited_nodes.find_each, found_at=awaited_nodes.found_at, read=awaited_nodes.read),
    "path": Goal(checked=datastore_paths.checked, find=datastore_paths.find, read=datastore_paths.read),
    "profile": Goal(status=("state",), find_each=profiles.find_each, read=profiles.read, noun="profile"),
    "registered": Goal(checked=resource_providers.checked, find=resource_providers.find, read=resource_providers.read),
    "run": Goal(
        status=("status",),
        find_each=awaited_runs.find_each,
        read=awaited_runs.read,
        cancel=awaited_runs.cancel,
        noun="run",
        in_history=True,
    ),
    "service_answers": Goal(
        status=("state",),
        probe=awaited_endpoints.find_service_answers,
        read=awaited_endpoints.read_service_answers,
        noun="web service",
    ),
    "state": Goal(checked=compute_states.checked, read=compute_states.read),
    "steady": Goal(probe=awaited_endpoints.find_steady, read=awaited_endpoints.read_steady),
    "traffic": Goal(read=awaited_traffic.read),
    "version": Goal(absent="wait", checked=model_versions.checked, find=model_versions.find, read=model_versions.read),
    "web_service": Goal(
        status=("state",),
        checked=awaited_services.checked,
        find_each=awaited_services.find_each,
        read=awaited_services.read,
        noun="web service",
    ),
    "web_service_gone": Goal(
        find_each=awaited_services.find_each_gone, read=awaited_services.read_gone, noun="web service"
    ),
}
"""Goal by name; a name, and the values that the goal takes as JSON, are what travels in triggers and events."""


def noun(arm_id: str, goal: GoalName) -> str:
    """What a resource is called that is waited for, as the AML CLI says it."""
    return GOALS[goal].noun or arm_ids.parse(arm_id).kind.replace("_", " ")


def cancel(plane: DataPlane, arm_id: str, goal: GoalName, wanted: Json) -> Flow[None]:
    """Cancel what is waited for.

    Raises:
        ValueError: What is waited for is nothing that can be cancelled.
    """
    own = GOALS[goal].cancel
    if own is None:
        raise ValueError(f"{noun(arm_id, goal)} {arm_ids.parse(arm_id).name!r} is nothing that can be cancelled")
    yield from own(plane, arm_id, wanted)


@dataclass(frozen=True)
class Words:
    """A goal, filled in for one kind of resource; see :class:`Goal`."""

    status: tuple[str, ...]
    good: frozenset[str]
    bad: frozenset[str]
    active: frozenset[str]

    @property
    def terminal(self) -> frozenset[str]:
        """The words that end the wait."""
        return self.good | self.bad


def words(arm_id: str, goal: GoalName) -> Words:
    """The words of a goal for a resource."""
    row, wanted = arm_ids.parse(arm_id).row, GOALS[goal]
    return Words(
        status=row.status if wanted.status is None else wanted.status,
        good=row.good if wanted.good is None else wanted.good,
        bad=row.bad if wanted.bad is None else wanted.bad,
        active=row.active,
    )


def read(arm_id: str, body: Json, goal: GoalName, wanted: Json) -> Reading:
    """What a resource's body means to somebody who waits for a goal, with the values that it takes."""
    own = GOALS[goal].read
    if own:
        return own(body, wanted)
    expected = words(arm_id, goal)
    word = word_of(body, expected.status)
    if word is None:  # nothing tells how it is: that it is there is all there is to wait for
        return Reading("Succeeded", "good")
    if word in expected.bad:
        return failed(word, body)
    return Reading(word, "good" if word in expected.good else None, known=word in expected.terminal | expected.active)


def tells(arm_id: str, body: Json, goal: GoalName) -> bool:
    """Whether a resource's body tells how it is. A provisioning state may be missing: all is done then.

    Source: it has to be optional, rule ``arm-resource-provisioning-state`` of
    https://azure.github.io/typespec-azure/docs/libraries/azure-resource-manager/rules/arm-resource-provisioning-state
    """
    place = words(arm_id, goal).status
    may_be_missing = not place or place[-1] == "provisioningState" or GOALS[goal].read is not None
    return may_be_missing or word_of(body, place) is not None


def word_of(body: Json, place: tuple[str, ...]) -> str | None:
    """The word at a place in a resource's body; ``None`` when there is none."""
    value: object = body
    for key in place:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) and place else None
