"""THE table of what can be waited for: where the word stands, which words end the wait, and what absence means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Mapping

GoalName = Literal["ended", "deleted", "exists"]


@dataclass(frozen=True)
class Goal:
    """What a wait is for.

    Args:
        absent: What it means that the resource is not there: an error, a reason to wait on, or the good end.
        status: Keys that lead to the word in a GET body; ``None``: those of the resource's row.
        good: Words that end it well; ``None``: those of the resource's row.
        bad: Words that end it badly; ``None``: those of the resource's row.
    """

    absent: Literal["error", "wait", "good"] = "error"
    status: tuple[str, ...] | None = None
    good: frozenset[str] | None = None
    bad: frozenset[str] | None = None


GOALS: Mapping[GoalName, Goal] = {
    "ended": Goal(),
    "deleted": Goal(absent="good"),
    "exists": Goal(absent="wait"),
}
"""Goal by name; a name is what travels in triggers and events."""


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
