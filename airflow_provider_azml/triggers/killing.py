"""What it means that a trigger is cancelled: somebody ended its task, or it goes on in another triggerer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger

from airflow_provider_azml.hooks.task_state import state_in
from airflow_provider_azml.links import AzmlStudioLink, leads_to_another_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.executors.workloads import TaskInstance

TELLS_KILLS = hasattr(BaseTrigger, "on_kill")
"""Whether Airflow says that a trigger is cancelled by what somebody did to its task (3.3), or only that it is."""
KILL_SECONDS = 5.0
"""How long a triggerer that may be ending is held up until a job's fate is decided, where Airflow does not tell it."""
_ASK_SECONDS = 120.0
"""At the first question a triggerer makes its API server, for which it needs 7 s of a processor that is idle."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of the job of a cancelled trigger.

    Args:
        cancel: Whether it is to be cancelled.
        reason: Why, for the log.
    """

    cancel: bool
    reason: str


async def verdict(task: TaskInstance | None, links: Mapping[str, str], max_tries: int | None) -> Verdict:
    """What becomes of the job of a cancelled trigger, by what Airflow says of its task.

    A trigger that went to another triggerer is cancelled here like one whose task was ended (apache/airflow#73454).
    Its task is still deferred then; but so is one that was cleared, and has deferred again for another job by now.

    Args:
        task: The task that the trigger waits for, as the triggerer gives it.
        links: Links of the task, as they were when it was deferred.
        max_tries: Up to which try number the task is tried again, if that is known.
    """
    state = await _state(task) if task else None
    if task and state == "deferred":
        if leads_to_another_job(await _link(task), links.get(AzmlStudioLink.key)):
            return Verdict(True, "the task waits for another job now")
        return Verdict(False, "the task is still deferred, so another triggerer waits for it")
    if state:
        return Verdict(True, f"the task is no longer deferred, its state is {state}")
    last = TELLS_KILLS and task is not None and max_tries is not None and task.try_number > max_tries
    return Verdict(last, f"Airflow does not say how the task is, and {'no' if last else 'another'} try may take it up")


async def _state(task: TaskInstance) -> str | None:
    from airflow.sdk.execution_time.comms import GetTaskStates, TaskStatesResult

    mapped = task.map_index is not None and task.map_index >= 0
    question = GetTaskStates(
        dag_id=task.dag_id,
        run_ids=[task.run_id],
        task_ids=[task.task_id],
        map_index=task.map_index if mapped else None,
    )
    answer = await _ask(question)
    return state_in(answer.task_states, task) if isinstance(answer, TaskStatesResult) else None


async def _link(task: TaskInstance) -> object:
    """The link to the job that the task has now."""
    from airflow.sdk.execution_time.comms import GetXCom, XComResult

    question = GetXCom(
        key=AzmlStudioLink.key,
        dag_id=task.dag_id,
        run_id=task.run_id,
        task_id=task.task_id,
        map_index=task.map_index,
    )
    answer = await _ask(question)
    return answer.value if isinstance(answer, XComResult) else None


async def _ask(question: object) -> Any:  # the messages of Airflow's supervisor share no public base class
    """Ask Airflow by way of the process that supervises this one; ``None`` when it does not answer.

    Source: ``TriggerCommsDecoder.asend``; one that is broken off in 3.1 would mix up the answers to all others.
    """
    from airflow.sdk.execution_time import task_runner

    comms = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if comms is None:
        return None
    asking = asyncio.ensure_future(comms.asend(question))
    asking.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        return await asyncio.wait_for(asyncio.shield(asking), _ASK_SECONDS)
    except Exception:  # noqa: BLE001 (whatever it is, there is no answer, which is told)
        return None
