"""The trigger of tasks that submit jobs, for tasks that no worker is to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TaskFailedEvent, TaskSuccessEvent

from airflow_provider_azml.triggers.wait import AzmlWaitTrigger, outcome_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow.triggers.base import TriggerEvent


class EndingTrigger(AzmlWaitTrigger):
    """Waits as for a task that cancels its job when it is killed, and ends the task."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.EndingTrigger", super().serialize()[1]

    async def run(self) -> AsyncIterator[TriggerEvent]:
        async for event in super().run():
            good = "outcome" in event.payload and outcome_of(event.payload).succeeded
            yield TaskSuccessEvent() if good else TaskFailedEvent()
