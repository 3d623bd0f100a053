"""An operator and a trigger that do nothing, for tests of the harness itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow.sdk import Context


class Pause(BaseTrigger):
    """Fires once, after some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.Pause", {"seconds": self.seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(self.seconds)
        yield TriggerEvent({"slept": self.seconds})


class PauseOperator(BaseOperator):
    """Defers once."""

    def __init__(self, *, seconds: float, **base: Any) -> None:
        super().__init__(**base)
        self.seconds = seconds

    def execute(self, context: Context) -> None:
        self.defer(trigger=Pause(self.seconds), method_name="resume")

    def resume(self, context: Context, event: dict[str, float]) -> float:
        return event["slept"]
