"""Firing times of recurrences, found the slow way: every day of ten years is looked at, and no date library asked.

Times are whole minutes since 1970: of UTC, or of what the clocks of a zone show. Only when a zone's clocks are moved is
taken from its database.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST, PAST = dt.date(2024, 1, 1), dt.date(2034, 1, 1)
DAY = 24 * 60
_EPOCH = dt.date(1970, 1, 1)
_MARGIN = dt.timedelta(days=800)
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def minutes(moment: dt.datetime) -> int:
    """A time, of UTC where it has an offset, in minutes since 1970."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.timezone.utc).replace(tzinfo=None)
    return (moment.date() - _EPOCH).days * DAY + moment.hour * 60 + moment.minute


def within(found: dt.datetime | None) -> int | None:
    """A time in minutes; none where it is not in the ten years."""
    minute = None if found is None else minutes(found)
    first, past = ((day - _EPOCH).days * DAY for day in (FIRST, PAST))
    return minute if minute is not None and first <= minute < past else None


def moment(minute: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(minutes=minute)


@dataclass(frozen=True)
class Clocks:
    """What the clocks of a zone show, as stretches of time with one offset each."""

    begins: list[int]
    offsets: list[int]

    def changes(self) -> list[int]:
        return self.begins[1:]

    def instant(self, local: int) -> int:
        nearest = bisect_left(self.begins, local - DAY)
        for at in range(max(nearest - 2, 0), min(nearest + 4, len(self.begins))):
            found = local - self.offsets[at]
            past = self.begins[at + 1] if at + 1 < len(self.begins) else found + 1
            if self.begins[at] <= found < past:
                return found
            if at + 1 < len(self.begins) and past + self.offsets[at] <= local < past + self.offsets[at + 1]:
                return found  # nobody's clock shows it: as long after the change as it would have been
        raise AssertionError(local)


@lru_cache
def clocks(name: str) -> Clocks:
    """The clocks of a zone in those ten years and some before and after."""
    zone = ZoneInfo(name)

    def offset(minute: int) -> int:
        found = moment(minute).astimezone(zone).utcoffset()
        assert found is not None
        return int(found.total_seconds()) // 60

    first, past = ((day - _EPOCH).days * DAY for day in (FIRST - _MARGIN, PAST + _MARGIN))
    begins, offsets = [first - 2 * DAY], [offset(first)]
    for day in range(first, past, DAY):
        if offset(day + DAY) != offsets[-1]:
            change = bisect_left(range(day, day + DAY), 1, key=lambda at: offset(at) != offsets[-1]) + day
            begins.append(change)
            offsets.append(offset(change))
    return Clocks(begins, offsets)


@lru_cache
def _days() -> list[tuple[int, int, int, int, int]]:
    """Every day: its number, that of its Monday's week, of its month, its weekday and its day of the month."""
    count = (PAST - FIRST).days + 2 * _MARGIN.days
    days = [FIRST - _MARGIN + dt.timedelta(days=past) for past in range(count)]
    return [((d - _EPOCH).days, ((d - _EPOCH).days + 3) // 7, d.year * 12 + d.month, d.weekday(), d.day) for d in days]


@dataclass(frozen=True)
class Enumeration:
    """All that a recurrence fires at in those ten years: either days and times of day, or steps of elapsed time."""

    clocks: Clocks
    first: int | None
    last: int | None
    days: Sequence[int] = ()
    times: Sequence[int] = ()
    steps: range = range(0)

    def next_after(self, minute: int) -> int | None:
        minute = minute if self.first is None else max(minute, self.first - 1)
        return self._within(min((one for one in self._around(minute) if one > minute), default=None))

    def last_until(self, minute: int) -> int | None:
        minute = minute if self.last is None else min(minute, self.last)
        return self._within(max((one for one in self._around(minute) if one <= minute), default=None))

    @staticmethod
    def _within(minute: int | None) -> int | None:
        return within(None if minute is None else moment(minute))

    def _around(self, minute: int) -> list[int]:
        if self.steps:
            found = [self.steps[at] for at in self._near(minute, self.steps)]
        else:
            near = [self.days[at] for at in self._near(minute // DAY, self.days)]
            found = [self.clocks.instant(day * DAY + time) for day in near for time in self.times]
        found = [one for one in found if self.first is None or one >= self.first]
        return [one for one in found if self.last is None or one <= self.last]

    @staticmethod
    def _near(value: int, values: Sequence[int]) -> range:
        place = bisect_left(values, value)
        return range(max(place - 3, 0), min(place + 4, len(values)))


def enumeration(
    *,
    zone: str,
    frequency: str,
    interval: int,
    hours: Sequence[int],
    minutes_of_hour: Sequence[int],
    week_days: Sequence[str],
    month_days: Sequence[int],
    start: dt.datetime | None,
    end: dt.datetime | None,
    anchor: dt.datetime,
) -> Enumeration:
    """Look at every day whether it is one of a recurrence's, by the words of its description."""
    kept = clocks(zone)
    first = kept.instant(minutes(start)) if start else None
    last = kept.instant(minutes(end)) if end else None
    phase = start or anchor
    if frequency in ("minute", "hour"):
        step = interval * (60 if frequency == "hour" else 1)
        begin = kept.instant(minutes(phase)) if phase.year > 2000 else minutes(phase) - kept.offsets[0]
        reach = [(day - _EPOCH).days * DAY for day in (FIRST - _MARGIN, PAST + _MARGIN)]
        return Enumeration(kept, first, last, steps=range(begin - (begin - reach[0]) // step * step, reach[1], step))
    day, week = (phase.date() - _EPOCH).days, ((phase.date() - _EPOCH).days + 3) // 7
    month, weekdays = phase.year * 12 + phase.month, [_NAMES.index(name) for name in week_days]
    if frequency == "day":
        days = [d for d, *_ in _days() if (d - day) % interval == 0]
    elif frequency == "week":
        weekdays = weekdays or [phase.weekday()]
        days = [d for d, w, _, name, _ in _days() if (w - week) % interval == 0 and name in weekdays]
    else:
        wanted = month_days or ([] if weekdays else [phase.day])
        due = [one for one in _days() if (one[2] - month) % interval == 0]
        days = [one[0] for one in due if (not wanted or one[4] in wanted) and (not weekdays or one[3] in weekdays)]
    at = phase.hour, phase.minute
    times = sorted(hour * 60 + minute for hour in hours or at[:1] for minute in minutes_of_hour or at[1:])
    return Enumeration(kept, first, last, days=days, times=times)
