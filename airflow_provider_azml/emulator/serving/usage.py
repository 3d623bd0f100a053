"""What servers take of this machine: cores and memory of a process and all that it has started."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timezone

import psutil

_PERIOD_SECONDS = 1.0
_MINUTES = 60 * 24


class Meter:
    """Measures a process and its descendants.

    Args:
        pid: The process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before: tuple[float, float] | None = None

    def measure(self) -> tuple[float, float] | None:
        """Cores that were busy since the last time, and GB of memory; ``None`` the first time, or when it is gone."""
        seconds, memory = 0.0, 0
        try:
            leader = psutil.Process(self._pid)
            members = [leader, *leader.children(recursive=True)]
        except psutil.Error:
            return None
        for member in members:
            try:
                times = member.cpu_times()
                seconds += times.user + times.system
                memory += member.memory_info().rss
            except psutil.Error:
                continue  # one that has ended meanwhile takes nothing
        now, before = time.monotonic(), self._before
        self._before = now, seconds
        if before is None or now <= before[0]:
            return None
        return max(0.0, seconds - before[1]) / (now - before[0]), memory / 2**30


@dataclass
class Minute:
    """What was measured within a minute.

    Args:
        start: When it began.
        cores: Cores that were busy, of each measurement.
        memory: GB of memory, of each measurement.
    """

    start: datetime
    cores: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


class Usages:
    """What each of the servers takes, minute by minute, for a day.

    Source: utilisation of deployments "is reported at one minute intervals",
    https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-deployments-metrics
    """

    def __init__(self) -> None:
        self._meters: dict[str, Meter] = {}
        self._minutes: dict[str, deque[Minute]] = {}
        self._task: asyncio.Task[None] | None = None

    def begin(self, name: str, pid: int) -> None:
        """Measure the process of a server, from now on."""
        self._meters[name.lower()] = Meter(pid)
        if self._task is None:
            self._task = asyncio.create_task(self._keep())

    def end(self, name: str) -> None:
        """Measure a server no more, and forget it."""
        self._meters.pop(name.lower(), None)
        self._minutes.pop(name.lower(), None)

    def minutes(self, name: str) -> list[Minute]:
        """What is known of a server, oldest first; measured once more for it."""
        self._measure(name.lower())
        return list(self._minutes.get(name.lower(), ()))

    async def close(self) -> None:
        """Measure no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _keep(self) -> None:
        while True:
            for name in list(self._meters):
                self._measure(name)
            await asyncio.sleep(_PERIOD_SECONDS)

    def _measure(self, name: str) -> None:
        meter = self._meters.get(name)
        taken = meter.measure() if meter else None
        if taken is None:
            return
        minutes = self._minutes.setdefault(name, deque(maxlen=_MINUTES))
        start = datetime.now(timezone.utc).replace(second=0, microsecond=0)
        if not minutes or minutes[-1].start != start:
            minutes.append(Minute(start))
        minutes[-1].cores.append(taken[0])
        minutes[-1].memory.append(taken[1])
