"""Templates of a task that begins in the triggerer: what of them can be rendered there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

_UNSET = object()
NAMES = (
    "dag_run",
    "data_interval_end",
    "data_interval_start",
    "ds",
    "ds_nodash",
    "logical_date",
    "macros",
    "params",
    "run_id",
    "task_instance_key_str",
    "triggering_asset_events",
    "ts",
    "ts_nodash",
    "ts_nodash_with_tz",
    "var",
)
"""What templates may name, besides the task instance. Others ask Airflow for what a triggerer gets no answer to."""


def names_of(context: Context) -> Mapping[str, Any]:
    """What templates may name in the triggerer, out of the context that Airflow makes there."""
    made = cast("dict[str, Any]", context)
    ours = InTriggerer(made["ti"])
    return {**{name: made[name] for name in NAMES if name in made}, "ti": ours, "task_instance": ours}


def forget_dag(context: Context) -> None:
    """Let go of what was needed to render templates.

    Airflow 3.3.2 keeps it for as long as a trigger waits: a whole DAG for each, of 3 kB per task.
    """
    made = cast("dict[str, Any]", context)
    made["ti"].task = None
    made.clear()


class InTriggerer:
    """What templates may ask of a task instance in the triggerer.

    Airflow 3.3's own ``xcom_pull`` hangs there unless it is told a map index: it asks for the values of all mapped
    instances, which a triggerer gets no answer to. This one tells it the index of a task that is not mapped.

    Args:
        instance: The task instance.

    Source: ``ToTriggerSupervisor`` of Airflow 3.3.2 lacks ``GetXComSequenceSlice``, and nothing is answered to it.
    """

    def __init__(self, instance: RuntimeTaskInstance) -> None:
        self._instance = instance
        self.dag_id = instance.dag_id
        self.map_index = instance.map_index
        self.run_id = instance.run_id
        self.task_id = instance.task_id
        self.try_number = instance.try_number

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = "return_value",
        include_prior_dates: bool = False,
        *,
        map_indexes: Any = _UNSET,  # Airflow has a sentinel of its own
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:  # whatever was pushed
        """XComs, as Airflow's own ``xcom_pull`` has them.

        Raises:
            LookupError: A task is mapped, or of another DAG, which may be.
        """
        if map_indexes is _UNSET:
            asked = task_ids or self.task_id
            self._check_not_mapped([asked] if isinstance(asked, str) else list(asked), dag_id)
            map_indexes = -1
        return self._instance.xcom_pull(
            task_ids, dag_id, key, include_prior_dates, map_indexes=map_indexes, default=default, run_id=run_id
        )

    def _check_not_mapped(self, task_ids: Iterable[str], dag_id: str | None) -> None:
        dag = self._instance.task.dag
        if dag_id not in (None, self.dag_id):
            raise LookupError(f"of DAG {dag_id!r} it is not known here which tasks are mapped")
        for task_id in task_ids:
            task = dag.get_task(task_id)
            if task.is_mapped or task.get_closest_mapped_task_group():
                raise LookupError(f"task {task_id!r} is mapped")
