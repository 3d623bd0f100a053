"""What a sensor waits for, by name: known before a workspace is, and the same in a worker and in the triggerer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.rest.goals import GOALS
from airflow_provider_azml.rest.waiting import Ticket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.goals import GoalName

_NAME = re.compile(r"[^/?#%\s]+")


@dataclass(frozen=True)
class Awaited:
    """A resource, and what is waited for.

    Args:
        kind: Kind of the resource, a key of the resource table.
        names: Argument of the sensor -> name, from the outermost resource below the workspace inwards.
        goal: What is waited for, a key of ``goals.GOALS``.
        wanted: The values that the goal takes.

    Example:
        >>> Awaited("model", {"name": "iris", "version": "3"}, "version").ticket(WorkspaceId("s", "rg", "ws")).goal
        'version'
    """

    kind: str
    names: Mapping[str, object]
    goal: GoalName
    wanted: Json = field(default_factory=dict)

    def ticket(self, workspace: WorkspaceId) -> Ticket:
        """The ticket to wait with, once templates are rendered.

        Raises:
            SpecError: A name or a value cannot be; it is named.
        """
        given = {argument: name for argument, name in self.names.items() if name is not None or argument != "version"}
        names = [_checked(argument, name) for argument, name in given.items()]
        check = GOALS[self.goal].checked
        arm_id = workspace.child(self.kind, *names)
        return Ticket(arm_id, goal=self.goal, wanted=check(self.wanted) if check else {})


def _checked(argument: str, name: object) -> str:
    if name not in (None, "None") and _NAME.fullmatch(str(name)):  # None is what a template makes of nothing
        return str(name)
    reason = f"is {name!r:.80}; it must be a name, without spaces and without any of / ? # %"
    raise SpecError([Problem("<arguments>", 0, 0, argument, reason)])
