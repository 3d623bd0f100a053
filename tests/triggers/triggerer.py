"""Runs triggers as the triggerer does: all on one event loop, each in a task of its own."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.triggers.wait import AzmlWaitTrigger
from tests.triggers.jobs_service import job_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def waiting(name: str, **arguments: Any) -> AzmlWaitTrigger:
    """A trigger that waits for a job."""
    given = {"azml_conn_id": "azml_default", "poll_seconds": 0.1, "arm_id": job_id(name), **arguments}
    return AzmlWaitTrigger(**given)


async def payload(trigger: AzmlWaitTrigger) -> dict[str, Any]:
    """What a trigger fires, through the JSON that Airflow stores."""
    (event,) = [event async for event in trigger.run()]
    told: dict[str, Any] = json.loads(json.dumps(event.payload))
    return told


def fired(*triggers: AzmlWaitTrigger) -> list[dict[str, Any]]:
    """What triggers fire that run at once."""

    async def all_of_them() -> list[dict[str, Any]]:
        return await asyncio.gather(*map(payload, triggers))

    return asyncio.run(all_of_them())


async def until(true: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it does not become true"
        await asyncio.sleep(0.01)


async def stop(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait for their end."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
