"""What Airflow says of a task while it runs: whether it was killed, or only its process."""

from __future__ import annotations

import logging
from typing import Protocol

_log = logging.getLogger(__name__)


class TaskKey(Protocol):
    """What names one task of one run; task instances of workers and of triggerers have it."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None


def state_of(task: TaskKey) -> str | None:
    """The state of a task instance, e.g. ``running``; ``None`` when nobody answers, or it has none.

    It asks Airflow's API by way of the process that supervises this one, and waits for the answer: to be called in a
    thread of its own.

    Example:
        >>> state_of(context["ti"])
        'running'

    Source: ``GET /task-instances/states`` of Airflow's execution API; mapped ones are called ``<task id>_<map index>``.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    mapped = task.map_index is not None and task.map_index >= 0
    try:
        found = RuntimeTaskInstance.get_task_states(
            dag_id=task.dag_id,
            run_ids=[task.run_id],
            task_ids=[task.task_id],
            map_index=task.map_index if mapped else None,
        )
    except Exception as error:  # noqa: BLE001 (whatever it is, the state is not known)
        _log.warning("Airflow does not say which state %s is in: %s", task.task_id, error)
        return None
    state = found.get(task.run_id, {}).get(f"{task.task_id}_{task.map_index}" if mapped else task.task_id)
    return str(state) if state else None
