"""Room for jobs: who gets it, and that nobody's trouble becomes another's."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_azml.emulator.jobs.capacity import Capacity
from airflow_provider_azml.exceptions import AzmlError


async def hold(capacity: Capacity, release: asyncio.Event, limit: list[int]) -> str:
    def nodes() -> int:
        if not limit:
            raise AzmlError("the compute is gone")
        return limit[0]

    async with capacity.held(capacity.ask("cpu", 1, nodes)):
        await release.wait()
    return "done"


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_a_compute_that_is_gone_fails_those_who_wait_for_it_alone() -> None:
    capacity, release, limit = Capacity(4), asyncio.Event(), [1]
    running = asyncio.create_task(hold(capacity, release, limit))
    waiting = asyncio.create_task(hold(capacity, release, limit))
    await settle()
    limit.clear()
    release.set()
    assert await running == "done"
    with pytest.raises(AzmlError, match="the compute is gone"):
        await waiting


@pytest.mark.asyncio
async def test_who_is_cancelled_while_room_is_made_disturbs_nobody() -> None:
    capacity, first, second = Capacity(4), asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(hold(capacity, first, [1]))
    waiting = [asyncio.create_task(hold(capacity, second, [1])) for _ in range(2)]
    await settle()
    first.set()
    # it leaves the queue in the next turn of the loop, just after the room is made
    waiting[0].cancel()
    assert await running == "done"
    second.set()
    assert await waiting[1] == "done"
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]


@pytest.mark.asyncio
async def test_a_compute_that_has_grown_takes_who_waits() -> None:
    capacity, release, limit = Capacity(4), asyncio.Event(), [0]
    waiting = asyncio.create_task(hold(capacity, release, limit))
    await settle()
    limit[0] = 1
    capacity.admit()
    release.set()
    assert await asyncio.wait_for(waiting, 5) == "done"
