"""THE table of what can be waited for: how it is looked for, which words end the wait, and what absence means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.rest import arm_ids, awaited_nodes, compute_states, model_versions, resource_providers
from airflow_provider_azml.rest.readings import Reading, failed
from airflow_provider_azml.rest.resources import PROVISIONING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

GoalName = Literal["ended", "deleted", "exists", "idle", "node", "registered", "state", "version"]
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
        found_at: ARM id of what was found, given that of the resource and the body; ``None``: the resource itself.
        read: What the body means, given the values; ``None``: what its word means.
    """

    absent: Literal["error", "wait", "good"] = "error"
    status: tuple[str, ...] | None = None
    good: frozenset[str] | None = None
    bad: frozenset[str] | None = None
    checked: Callable[[Json], Json] | None = None
    find: Callable[[str, Json], Flow[Json | None]] | None = None
    find_each: Callable[[DataPlane, str, Sequence[Json]], Flow[list[Json | None]]] | None = None
    found_at: Callable[[str, Json], str] | None = None
    read: Callable[[Json, Json], Reading] | None = None


def _idle(body: Json, _: Json) -> Reading:
    """Whether nothing is being done to a resource, well or badly as it may have ended."""
    word = word_of(body, ("properties", "provisioningState")) or "Succeeded"
    return Reading(word, None if word in _BUSY else "good")


GOALS: Mapping[GoalName, Goal] = {
    "ended": Goal(),
    "deleted": Goal(absent="good"),
    "exists": Goal(absent="wait"),
    "idle": Goal(read=_idle),
    "node": Goal(find_each=awaited_nodes.find_each, found_at=awaited_nodes.found_at, read=awaited_nodes.read),
    "registered": Goal(checked=resource_providers.checked, find=resource_providers.find, read=resource_providers.read),
    "state": Goal(checked=compute_states.checked, read=compute_states.read),
    "version": Goal(absent="wait", checked=model_versions.checked, find=model_versions.find, read=model_versions.read),
}
"""Goal by name; a name, and the values that the goal takes as JSON, are what travels in triggers and events."""


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
