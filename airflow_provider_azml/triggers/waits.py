"""What is waited for on one event loop, and what is due next."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.exceptions import ApiError
    from airflow_provider_azml.rest.patience import Patience
    from airflow_provider_azml.rest.waiting import Glance, Ticket

_AHEAD = 0.1
"""What share of its pause a look may come early, where a request has room for it: what jitter spreads."""
_AHEAD_SECONDS = 0.5
_turns = itertools.count()
"""Shared by all lanes: what a lane was told first must not count again once another lane looks at the same."""


@dataclass(frozen=True)
class Borne:
    """An error of a look that was not the last one.

    Args:
        error: The error.
        pause: How long after it the next look comes, in seconds.
    """

    error: ApiError
    pause: float


@dataclass(eq=False, slots=True)
class Wait:
    """What one trigger waits for, and what it has yet to hear of it; see :meth:`watcher.Watcher.watch`.

    Args:
        ticket: What is waited for.
        name: Its name.
        is_job: Whether run history tells of it.
        poll_seconds: Pause between two looks, in seconds.
        began: When the wait began, on the clock of the event loop.
        patience: How long errors are borne.
        every_look: Whether whoever waits wants to hear of looks that showed nothing new.

    Attributes:
        probing: The look that is under way, of one that may be slow.
    """

    ticket: Ticket
    name: str
    is_job: bool
    poll_seconds: float
    began: float
    patience: Patience
    every_look: Callable[[], bool]
    status: str = field(default="", init=False)
    hurried: bool = field(default=False, init=False)
    claimed: int = field(default=0, init=False)
    turn: int = field(default=-1, init=False)
    pause: float = field(default=0, init=False)
    over: bool = field(default=False, init=False)
    probing: asyncio.Task[None] | None = field(default=None, init=False)
    _seen: Glance | None = field(default=None, init=False)
    _borne: Borne | None = field(default=None, init=False)
    _error: Exception | None = field(default=None, init=False)
    _arrival: asyncio.Future[None] | None = field(default=None, init=False)

    async def news(self, seconds: float) -> Glance | Borne | None:
        """What was seen or borne last and not heard of yet; ``None`` when there is nothing after so many seconds.

        Raises:
            ApiError: An error that did not pass in time.
            ConnectionIncomplete: The connection cannot be used.
        """
        if not (self._seen or self._borne or self._error):
            await self._wait(seconds)
        if self._error:
            raise self._error
        if self._seen:
            seen, self._seen = self._seen, None
            return seen
        borne, self._borne = self._borne, None
        return borne

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._arrival = loop.create_future()
        timer = loop.call_later(max(seconds, 0), self._ring) if math.isfinite(seconds) else None
        try:
            await self._arrival
        finally:
            self._arrival = None
            if timer:
                timer.cancel()

    def tell(self, seen: Glance) -> None:
        """Let whoever waits hear of a look; what was not heard of before is out of date."""
        self._seen, self._borne = seen, None
        self._ring()

    def warn(self, borne: Borne) -> None:
        """Let whoever waits hear of an error, after what was seen before it."""
        self._borne = borne
        self._ring()

    def fail(self, error: Exception) -> None:
        """End the wait with an error, unless it has ended already."""
        if self.over:
            return
        self.over = True
        self._error = error
        self._ring()

    def _ring(self) -> None:
        if self._arrival and not self._arrival.done():
            self._arrival.set_result(None)


class Lane:
    """Waits that the same kind of request looks at, the soonest first.

    Args:
        most: How many requests there may be at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._busy = 0
        self._opens_at = -math.inf
        self._heap: list[tuple[float, int, Wait]] = []

    def put(self, wait: Wait, due: float) -> None:
        """Have something looked at, at a moment on the loop's clock, and at none that was said before."""
        wait.turn = next(_turns)
        heapq.heappush(self._heap, (due, wait.turn, wait))

    def hold(self, until: float) -> None:
        """Begin no request before a moment on the loop's clock."""
        self._opens_at = max(self._opens_at, until)

    def due_at(self) -> float:
        """When the next request may begin; infinite when there is nothing to ask, or too much is asked already."""
        while self._heap and not _counts(self._heap[0]):
            heapq.heappop(self._heap)
        if not self._heap or self._busy >= self._most:
            return math.inf
        return max(self._heap[0][0], self._opens_at)

    def take(self, now: float, most: int) -> list[Wait]:
        """Take what is due, and what is due so soon that it may as well be asked with it."""
        taken: list[Wait] = []
        while self._heap and len(taken) < most:
            entry = self._heap[0]
            due, _, wait = entry
            if _counts(entry):
                if due - now > max(_AHEAD * wait.pause, _AHEAD_SECONDS if not wait.status else 0):
                    break
                taken.append(wait)
                wait.turn = -1
            heapq.heappop(self._heap)
        return taken

    def begin(self, requests: int = 1) -> None:
        """A look begins, of so many requests at once."""
        self._busy += requests

    def end(self, requests: int = 1) -> None:
        """A look has ended."""
        self._busy -= requests


def _counts(entry: tuple[float, int, Wait]) -> bool:
    _, turn, wait = entry
    return wait.turn == turn and not wait.over
