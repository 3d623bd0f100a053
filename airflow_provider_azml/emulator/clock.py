"""The time: the clock that schedules and idle nodes go by, and the service's spelling of a moment."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta, timezone

_LONGEST_WAIT_SECONDS = 3600.0
_LAST = datetime(9000, 1, 1, tzinfo=timezone.utc)


class Clock:
    """The time of an emulator: this machine's, until somebody moves it ahead.

    Example:
        >>> clock = Clock()
        >>> clock.advance(timedelta(days=7))  # whatever was due this week is due now
    """

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """This moment, in UTC."""
        return datetime.now(timezone.utc) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Move the time ahead; whoever waits for a moment that is over by now goes on.

        Raises:
            ValueError: It would be after the year 9000; what is a while later than now must have a date, too.
        """
        if by > _LAST - self.now():
            raise ValueError(f"it would be after {_LAST:%Y-%m-%d}, which is as late as the emulator's time gets")
        self._ahead += by
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait_until(self, moment: datetime) -> None:
        """Wait for a moment, which the time may also be moved to."""
        while (seconds := (moment - self.now()).total_seconds()) > 0:
            moved = self._moved
            # not for weeks at once: a machine that sleeps does not count the time meanwhile
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(moved.wait(), min(seconds, _LONGEST_WAIT_SECONDS))


_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"


def seconds_since(written: str) -> float:
    """How long ago a moment was that :func:`timestamp` has written, in seconds."""
    moment = datetime.strptime(written, _FORM).replace(tzinfo=timezone.utc)
    return (datetime.now(timezone.utc) - moment).total_seconds()


def timestamp(moment: datetime | None = None) -> str:
    """A moment (now, when none is given) as the service writes it.

    Example:
        >>> timestamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))
        '2026-01-02T03:04:05.000000Z'
    """
    return (moment or datetime.now(timezone.utc)).strftime(_FORM)
