"""Time limits: what is cancelled stays cancelled, at whatever moment."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_azml.rest.time_limits import within


async def answer(arrival: asyncio.Future[str]) -> str:
    return await arrival


def test_it_answers_what_the_coroutine_answers():
    assert asyncio.run(within(5, asyncio.sleep(0, "done"))) == "done"


def test_no_limit_is_one():
    assert asyncio.run(within(None, asyncio.sleep(0.01, "done"))) == "done"


def test_errors_pass_through():
    async def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(within(5, fail()))


def test_what_takes_too_long_is_cancelled():
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            ended.append("cancelled")

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(within(0.01, slow()))
    assert ended == ["cancelled"]


@pytest.mark.parametrize("ticks", range(6))
def test_a_cancellation_is_never_taken_for_an_answer(ticks):
    """Up to Python 3.11 ``asyncio.wait_for`` goes on as if nothing had happened, after one tick."""

    async def cancelled_after() -> tuple[bool, bool]:
        arrival = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(within(5, answer(arrival)))
        for _ in range(3):
            await asyncio.sleep(0)
        arrival.set_result("here")
        for _ in range(ticks):
            await asyncio.sleep(0)
        had_ended = waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
        return had_ended, waiting.cancelled()

    had_ended, cancelled = asyncio.run(cancelled_after())
    assert had_ended != cancelled


def test_whoever_is_cancelled_cancels_what_is_done():
    async def cancelled() -> tuple[bool, bool]:
        arrival = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(within(5, answer(arrival)))
        for _ in range(3):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        return waiting.cancelled(), arrival.cancelled()

    assert asyncio.run(cancelled()) == (True, True)
