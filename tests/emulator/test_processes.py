"""Groups of processes and threads: nothing goes on after it was ended."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest

from airflow_provider_azml.emulator.jobs.processes import end_group
from airflow_provider_azml.emulator.threads import done_in_thread


@pytest.mark.asyncio
async def test_a_group_is_killed_even_when_its_grace_is_cut_short() -> None:
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", "trap '' TERM; echo deaf; while true; do sleep 0.1; done"),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    ending = asyncio.create_task(end_group(process, grace_seconds=60))
    await asyncio.sleep(0.1)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL


@pytest.mark.asyncio
async def test_a_cancellation_waits_for_the_thread() -> None:
    go_on, done = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait(60)
        done.set()

    working = asyncio.create_task(done_in_thread(work))
    await asyncio.sleep(0.05)
    working.cancel()
    await asyncio.sleep(0.05)
    assert not working.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert done.is_set()
