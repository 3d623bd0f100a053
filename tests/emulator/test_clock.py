"""The clock of an emulator: what waits for a moment goes on when the time is moved to it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_azml.emulator.clock import Clock

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator


@pytest.mark.asyncio
async def test_who_waits_for_a_moment_goes_on_when_the_time_is_moved_to_it() -> None:
    clock = Clock()
    waiter = asyncio.create_task(clock.wait_until(clock.now() + timedelta(days=2)))
    clock.advance(timedelta(days=1))
    await asyncio.sleep(0.05)
    assert not waiter.done()
    clock.advance(timedelta(days=1))
    await asyncio.wait_for(waiter, 60)


@pytest.mark.parametrize("body", ["{}", "[]", "x", '{"advance_seconds": -1}', '{"advance_seconds": true}'])
def test_the_time_is_moved_by_request_and_never_back(azml_emulator: RunningEmulator, body: str) -> None:
    url, headers = f"{azml_emulator.url}/emulator/clock", azml_emulator.headers
    before = datetime.fromisoformat(requests.get(url, headers=headers, timeout=60).json()["now"].replace("Z", "+00:00"))
    refused = requests.put(url, headers=headers, data=body, timeout=60)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "BadRequest")
    moved = requests.put(url, headers=headers, json={"advance_seconds": 60}, timeout=60).json()["now"]
    assert datetime.fromisoformat(moved.replace("Z", "+00:00")) - before >= timedelta(seconds=60)


def test_the_time_does_not_run_out() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="it would be after 9000-01-01"):
        clock.advance(timedelta(days=366 * 7000))
    clock.advance(timedelta(days=366))
    assert (clock.now() - datetime.now(timezone.utc)).days in (365, 366)
