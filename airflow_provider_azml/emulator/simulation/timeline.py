"""Acts that are due at set moments: one timer for all of them, however many there are."""

from __future__ import annotations

import asyncio
import heapq
import logging
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.emulator.database import Database

log = logging.getLogger(__name__)
_SLICE_SECONDS = 0.02


class Timeline:
    """Acts in the order in which they are due.

    Many that are due at once are done a few at a time, so that requests are answered in between.

    Args:
        database: What they change; the changes of a few are kept together.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """This moment, in the seconds that ``at`` takes."""
        return asyncio.get_running_loop().time()

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Do something at a moment, or soon when that has passed."""
        heapq.heappush(self._due, (moment, next(self._numbers), act))
        if self._due[0][2] is act:
            self._wind()

    def close(self) -> None:
        """Forget what is due."""
        self._due.clear()
        self._wind()

    def _wind(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(self._due[0][0], self._work) if self._due else None

    def _work(self) -> None:
        until = self.now() + _SLICE_SECONDS
        with self._database.transaction():
            while self._due and self._due[0][0] <= (now := self.now()) < until:
                self._act(heapq.heappop(self._due)[2], now)
        self._wind()

    def _act(self, act: Callable[[], None], now: float) -> None:
        try:
            act()
        except Exception:
            # one act that breaks is no reason to give up those of other jobs
            log.exception("what was due at %.3f broke the emulator", now)
