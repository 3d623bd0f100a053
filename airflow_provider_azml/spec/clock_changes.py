"""When the clocks of a time zone are moved, and which times of day they leave out or show twice then."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

_DAY = dt.timedelta(days=1)
_EXACT = dt.timedelta(seconds=1)


@dataclass(frozen=True)
class ClockChange:
    """The clocks of a zone are moved.

    Args:
        at: When, in UTC.
        before: How far the zone is ahead of UTC until then.
        after: How far it is from then on.
    """

    at: dt.datetime
    before: dt.timedelta
    after: dt.timedelta

    @property
    def moved(self) -> dt.timedelta:
        """How far they are moved ahead; less than nothing when they are moved back."""
        return self.after - self.before

    @property
    def begin(self) -> dt.datetime:
        """The first time of day that they leave out, or show twice."""
        return (self.at + min(self.before, self.after)).replace(tzinfo=None)

    @property
    def end(self) -> dt.datetime:
        """The first time of day that they show once again."""
        return (self.at + max(self.before, self.after)).replace(tzinfo=None)


def clock_changes(zone: ZoneInfo, since: dt.datetime, until: dt.datetime) -> Iterator[ClockChange]:
    """The changes between two moments, in their order, as far as the time zone database knows them.

    Args:
        zone: The time zone.
        since: Any moment, in UTC.
        until: A later one.

    Example:
        >>> [change.begin.isoformat() for change in clock_changes(ZoneInfo("Europe/Berlin"), june, november)]
        ['2026-10-25T02:00:00']
    """
    while since < until:
        following = min(since + _DAY, until)
        if _offset(zone, since) != _offset(zone, following):
            yield _change(zone, since, following)
        since = following


def _change(zone: ZoneInfo, early: dt.datetime, late: dt.datetime) -> ClockChange:
    before, after = _offset(zone, early), _offset(zone, late)
    while late - early > _EXACT:
        middle = early + (late - early) / 2
        early, late = (middle, late) if _offset(zone, middle) == before else (early, middle)
    return ClockChange(late.replace(microsecond=0), before, after)


def _offset(zone: ZoneInfo, moment: dt.datetime) -> dt.timedelta:
    found = moment.astimezone(zone).utcoffset()
    assert found is not None
    return found
