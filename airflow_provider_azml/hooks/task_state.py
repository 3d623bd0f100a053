"""What Airflow's API says of the state of one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

GONE = "gone"
"""Our word for what Airflow has no record of any more."""
NONE = "none"
"""Our word for having no state, as a task that was cleared and waits to be scheduled."""
ENDED = frozenset({"failed", "success", "skipped", "upstream_failed", "removed"})
"""States of a task that waits for nothing more."""


class TaskKey(Protocol):
    """What names one task of one run; task instances of workers and of triggerers have it."""

    @property
    def dag_id(self) -> str:
        """Id of the DAG."""

    @property
    def run_id(self) -> str:
        """Id of the run."""

    @property
    def task_id(self) -> str:
        """Id of the task."""

    @property
    def map_index(self) -> int | None:
        """Index of a mapped task; ``-1`` or ``None`` for any other."""


def state_in(states: Mapping[str, Mapping[str, str | None]], task: TaskKey) -> str:
    """The state of a task, in the answer to a question for states.

    Args:
        states: Run id -> task -> state.
        task: The task.

    Example:
        >>> state_in({"run": {"train_3": "deferred"}}, task)   # the mapped task train, index 3
        'deferred'

    Source: ``GET /task-instances/states`` of Airflow's execution API; mapped ones are called ``<task id>_<map index>``.
    """
    mapped = task.map_index is not None and task.map_index >= 0
    name = f"{task.task_id}_{task.map_index}" if mapped else task.task_id
    state = (states.get(task.run_id) or {}).get(name, GONE)
    return NONE if state is None else str(state)
