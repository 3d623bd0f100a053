"""Runs triggers as Airflow's triggerer does, and measures what they cost its process."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import greenback
from structlog.contextvars import bind_contextvars

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from airflow.triggers.base import BaseTrigger, TriggerEvent

TICK_SECONDS = 0.01
_STOP_SECONDS = 30
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MEMORY = Path("/proc/self/statm")


@dataclass(frozen=True)
class Firing:
    """A trigger's event.

    Args:
        at: When it came, in seconds since the epoch.
        event: What the trigger told.
    """

    at: float
    event: TriggerEvent


@dataclass
class Triggerer:
    """Many triggers on one event loop, each in a task of its own.

    Source: ``TriggerRunner.create_triggers`` and ``run_trigger`` of Airflow 3.3.2.
    """

    fired: dict[str, Firing] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _wanted: int = 0
    _enough: asyncio.Event | None = None

    async def start(self, triggers: Mapping[str, BaseTrigger]) -> None:
        """Start triggers, by their names."""
        for name, trigger in triggers.items():
            await asyncio.sleep(0)
            self._tasks.append(asyncio.create_task(self._run(name, trigger), name=name))
            await asyncio.sleep(0)

    async def wait_for(self, firings: int, *, seconds: float) -> None:
        """Wait until so many have fired, for some time at most."""
        self._wanted, self._enough = firings, asyncio.Event()
        self._note()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._enough.wait(), seconds)

    def _note(self) -> None:
        if self._enough and len(self.fired) >= self._wanted:
            self._enough.set()

    async def stop(self) -> None:
        """Cancel what waits, as the end of a triggerer does.

        Raises:
            BaseException: What a trigger raised; none is to.
            AssertionError: Some go on though they were cancelled.
        """
        for task in self._tasks:
            task.cancel()
        done, left = await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        self._tasks.clear()
        assert not left, f"{len(left)} triggers go on though they were cancelled"
        for task in done:
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def _run(self, name: str, trigger: BaseTrigger) -> None:
        await greenback.ensure_portal()
        bind_contextvars(trigger_id=name, ti_id=name, dag_id="benchmark", task_id=name, try_number=1, map_index=-1)
        async for event in trigger.run():
            self.fired[name] = Firing(time.time(), event)
            self._note()


@dataclass
class LoopWatch:
    """How an event loop and its process fared over some time.

    Args:
        lag_seconds: The longest that the loop was held up, by this code or by a machine that has more to do; the
            garbage collections of Python are left out, which take the longer the more the process holds.
        held_seconds: The most processor time that its thread took in one go, without these: what code alone did to it.
        collection_seconds: The longest of these collections.
        peak_bytes: The most memory that the process held.
    """

    lag_seconds: float = 0
    held_seconds: float = 0
    collection_seconds: float = 0
    peak_bytes: int = 0
    _collected: float = 0
    _collected_cpu: float = 0
    _collecting_since: tuple[float, float] = (0, 0)

    async def _tick(self) -> None:
        for number in count():
            began, worked = time.perf_counter(), time.thread_time()
            self._collected = self._collected_cpu = 0
            await asyncio.sleep(TICK_SECONDS)
            self.lag_seconds = max(self.lag_seconds, time.perf_counter() - began - TICK_SECONDS - self._collected)
            self.held_seconds = max(self.held_seconds, time.thread_time() - worked - self._collected_cpu)
            if number % 10 == 0:
                self.peak_bytes = max(self.peak_bytes, _resident_bytes())

    def _collect(self, phase: str, _: dict[str, int]) -> None:
        now = time.perf_counter(), time.thread_time()
        if phase == "start":
            self._collecting_since = now
            return
        took, worked = now[0] - self._collecting_since[0], now[1] - self._collecting_since[1]
        self._collected += took
        self._collected_cpu += worked
        self.collection_seconds = max(self.collection_seconds, took)


@asynccontextmanager
async def loop_watched() -> AsyncIterator[LoopWatch]:
    """Watch the running event loop for as long as the block runs, which takes some processor time by itself."""
    watch = LoopWatch()
    ticking = asyncio.create_task(watch._tick())
    gc.callbacks.append(watch._collect)
    try:
        yield watch
    finally:
        gc.callbacks.remove(watch._collect)
        ticking.cancel()


def resident_bytes() -> int:
    """Memory that this process holds, after what is garbage has gone."""
    gc.collect()
    return _resident_bytes()


def _resident_bytes() -> int:
    return int(_MEMORY.read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
