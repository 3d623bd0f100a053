"""What Airflow's scheduler and triggerer do with a sensor that starts in the triggerer, in this process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import greenback
from airflow.triggers.base import BaseTrigger
from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import DAG
    from airflow.triggers.base import TriggerEvent
    from pydantic import BaseModel

NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
RENDERS = hasattr(BaseTrigger, "render_template_fields")
"""Whether this Airflow lets a sensor with templates start in the triggerer."""


@dataclass
class Supervisor:
    """The triggerer's supervisor, as far as XComs go: it knows those of upstream tasks, and keeps what is pushed.

    Args:
        values: Task id -> what it returned.
        refuses: Whether it takes nothing.
    """

    values: Mapping[str, object] = field(default_factory=dict)
    refuses: bool = False
    pushed: dict[str, Any] = field(default_factory=dict)

    def send(self, message: BaseModel) -> Any:
        return greenback.await_(self.asend(message))  # codespell:ignore asend

    async def asend(self, message: BaseModel) -> Any:  # codespell:ignore asend
        from airflow.jobs.triggerer_job_runner import ToTriggerSupervisor
        from airflow.sdk.execution_time.comms import GetXCom, SetXCom, XComResult

        await asyncio.sleep(0)
        asked = TypeAdapter(ToTriggerSupervisor).validate_python(message.model_dump())  # else nobody would ever answer
        if isinstance(asked, SetXCom):
            assert not self.refuses
            self.pushed[asked.key] = asked.value
            return None
        assert isinstance(asked, GetXCom)
        assert asked.map_index in (-1, None)
        return XComResult(key=asked.key, value=self.values.get(asked.task_id))


@dataclass(frozen=True)
class Fired:
    """What a trigger did.

    Args:
        events: What it fired.
        xcoms: What it pushed.
        context: What Airflow keeps of it while it waits.
    """

    events: list[TriggerEvent]
    xcoms: dict[str, Any]
    context: dict[str, Any]


def stored(dag: DAG) -> tuple[dict[str, Any], Any]:
    """A DAG as the DAG processor stores it, and as the scheduler reads it."""
    from airflow.serialization import serialized_objects

    serialization = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG
    encoded = serialization.to_dict(dag)
    return encoded, serialization.from_dict(encoded)


def start(
    dag: DAG,
    task_id: str,
    supervisor: Supervisor | None = None,
    *,
    conf: Mapping[str, Any] | None = None,
    began: datetime | None = None,
    plain: bool = False,
) -> Fired:
    """Start a task in the triggerer.

    Args:
        dag: Its DAG.
        task_id: The task.
        supervisor: Who answers.
        conf: Configuration of the DAG run.
        began: When the scheduler started it; by default now.
        plain: Without its DAG, as where that has no version of the task any more.
    """
    return asyncio.run(_start(dag, task_id, supervisor or Supervisor(), conf=conf or {}, began=began, plain=plain))


async def _start(
    dag: DAG, task_id: str, supervisor: Supervisor, *, conf: Mapping[str, Any], began: datetime | None, plain: bool
) -> Fired:
    from airflow.executors.workloads.task import TaskInstanceDTO
    from airflow.jobs.triggerer_job_runner import TriggerRunner
    from airflow.models.trigger import Trigger
    from airflow.sdk.execution_time import task_runner
    from airflow.serialization.decoders import smart_decode_trigger_kwargs

    await greenback.ensure_portal()
    before = getattr(task_runner, "SUPERVISOR_COMMS", None)
    task_runner.SUPERVISOR_COMMS = supervisor
    try:
        encoded, scheduled = stored(dag)
        task = scheduled.get_task(task_id)
        assert task.start_from_trigger
        how = task.start_trigger_args
        instance = TaskInstanceDTO(
            id=uuid4(),
            dag_version_id=uuid4(),
            task_id=task_id,
            dag_id=dag.dag_id,
            run_id="manual",
            try_number=1,
            pool_slots=1,
            priority_weight=1,
        )
        kwargs = Trigger._decrypt_kwargs(Trigger.encrypt_kwargs(how.trigger_kwargs))
        kind = TriggerRunner.get_trigger_by_classpath(_Cache(), how.trigger_cls)
        trigger = kind(**{name: smart_decode_trigger_kwargs(value) for name, value in kwargs.items()})
        trigger.task_instance = instance
        trigger.timeout_after = (began or datetime.now(timezone.utc)) + min(
            how.timeout, task.execution_timeout or timedelta.max
        )
        context: Any = {}
        if not plain:
            runtime = TriggerRunner.create_runtime_ti(instance, encoded, _dag_run(dag, conf))
            context = runtime.get_template_context()
            trigger.task_instance = runtime
            trigger.render_template_fields(context=context)
            assert runtime.task is None
        return Fired([event async for event in trigger.run()], supervisor.pushed, context)
    finally:
        task_runner.SUPERVISOR_COMMS = before


class _Cache:
    def __init__(self) -> None:
        self.trigger_cache: dict[str, type[BaseTrigger]] = {}


def _dag_run(dag: DAG, conf: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "dag_id": dag.dag_id,
        "run_id": "manual",
        "logical_date": NOW,
        "data_interval_start": NOW,
        "data_interval_end": NOW,
        "run_after": NOW,
        "start_date": NOW,
        "end_date": None,
        "clear_number": 0,
        "run_type": "manual",
        "state": "running",
        "conf": dict(conf),
        "consumed_asset_events": [],
        "partition_key": None,
    }
