"""What a recurrence says, and what is wrong with that."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import time_zones

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from zoneinfo import ZoneInfo

PHASE = dt.datetime(2000, 1, 3)  # noqa: DTZ001 (in whatever zone)
"""Where counting begins when nobody says: a Monday, midnight in the recurrence's zone."""
WEEK_DAYS = tuple(name.lower() for name in calendar.day_name)
YEAR = 12
ELAPSED = {"minute": dt.timedelta(minutes=1), "hour": dt.timedelta(hours=1)}
"""Frequencies of which elapsed time is counted."""
_FREQUENCIES = (*ELAPSED, "day", "week", "month")
_RANGES = {"hours": (0, 23), "minutes": (0, 59), "month_days": (1, 31)}
_TAKEN_BY = {
    "hours": ("day", "week", "month"),
    "minutes": ("day", "week", "month"),
    "week_days": ("week", "month"),
    "month_days": ("month",),
}
_MOST = 2**31 - 1
_GREGORIAN_MONTHS = 400 * YEAR
"""After so many months the calendar is the same again, weekdays too."""


@dataclass(frozen=True)
class RecurrenceFields:
    """The fields of a recurrence, as `Recurrence` describes them."""

    frequency: str
    interval: int = 1
    hours: Sequence[int] = ()
    minutes: Sequence[int] = ()
    week_days: Sequence[str] = ()
    month_days: Sequence[int] = ()
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    zone: str = "UTC"
    anchor: dt.datetime | None = None

    def out_of_range(self) -> Iterator[tuple[str, str]]:
        """The fields with values that can never be right, and why."""
        if self.unit not in _FREQUENCIES:
            yield "frequency", f"{self.frequency!r:.80} is none of {', '.join(_FREQUENCIES)}"
        if not _is_integer(self.interval) or not 1 <= self.interval <= _MOST:
            yield "interval", f"{self.interval!r:.80} must be an integer, 1 or more, of 32 bits"
        for field, (least, most) in _RANGES.items():
            for value in getattr(self, field):
                if not _is_integer(value) or not least <= value <= most:
                    yield field, f"{value!r:.80} must be an integer from {least} to {most}"
        for name in self.week_days:
            if str(name).lower() not in WEEK_DAYS:
                yield "week_days", f"{name!r:.80} is none of {', '.join(WEEK_DAYS)}"
        for field in ("start", "end"):
            if (value := getattr(self, field)) is not None and value.tzinfo is not None:
                yield field, f"{value} has an offset; write the time in the recurrence's zone, without one"

    def mismatches(self) -> Iterator[tuple[str, str]]:
        """The fields that do not go with others, and why; to be asked only when all are within their ranges."""
        try:
            self.time_zone  # noqa: B018 (whether there is one)
        except time_zones.UnknownTimeZoneError as error:
            yield "zone", str(error)
            return
        ill_matched = [field for field, units in _TAKEN_BY.items() if getattr(self, field) and self.unit not in units]
        for field in ill_matched:
            others = " or ".join(_TAKEN_BY[field])
            yield field, f"frequency {self.unit} takes none; leave it out, or write frequency {others}"
        if self.start and self.end and self.end < self.start:
            yield "end", f"{self.end.isoformat()} is before the start, {self.start.isoformat()}"
        if not ill_matched and self.unit == "month" and not self._has_days():
            yield "month_days", f"no month that it comes to has {self._wanted()}"

    @cached_property
    def unit(self) -> str:
        """The frequency, in lower case."""
        return str(self.frequency).lower()

    @cached_property
    def time_zone(self) -> ZoneInfo:
        """The time zone."""
        return time_zones.time_zone(self.zone)

    @cached_property
    def phase(self) -> dt.datetime:
        """Where counting begins, in the zone."""
        if self.start is None and self.anchor is not None and self.anchor.tzinfo is not None:
            return time_zones.local_time(time_zones.in_utc(self.anchor), self.time_zone)
        return self.start or self.anchor or PHASE

    @cached_property
    def weekdays(self) -> list[int]:
        """The numbers of the days of the week, Monday's being 0."""
        return sorted({WEEK_DAYS.index(name.lower()) for name in self.week_days})

    @cached_property
    def days_of_month(self) -> list[int]:
        """The days of the month; the start's, when no day is given."""
        return sorted(set(self.month_days) or ({self.phase.day} if not self.week_days else ()))

    def month(self, period: int) -> dt.date:
        """The first day of a month, counted in intervals from the start's.

        Raises:
            ValueError: The calendar does not go so far.
        """
        year, month = divmod(self.phase.year * YEAR + self.phase.month - 1 + period * self.interval, YEAR)
        return dt.date(year, month + 1, 1)

    def _has_days(self) -> bool:
        if not self.days_of_month:
            return True
        return any(self.is_in(first) for first in self._different_months())

    def _different_months(self) -> Iterable[dt.date]:
        """All that it comes to, until the calendar repeats itself."""
        phase = self.phase.replace(year=2000 + self.phase.year % 400, day=1).date()
        for period in range(_GREGORIAN_MONTHS // gcd(self.interval, _GREGORIAN_MONTHS)):
            year, month = divmod(phase.month - 1 + period * self.interval, YEAR)
            yield phase.replace(year=2000 + (phase.year + year) % 400, month=month + 1)

    def is_in(self, first: dt.date) -> bool:
        """Whether a month, given by its first day, has one of the days of the month, on one of the weekdays."""
        begins_on, length = calendar.monthrange(first.year, first.month)
        there = [day for day in self.days_of_month if day <= length]
        return any(not self.weekdays or (begins_on + day - 1) % 7 in self.weekdays for day in there)

    def _wanted(self) -> str:
        days = f"day {', '.join(map(str, self.days_of_month))}"
        return f"{days} on {', '.join(self.week_days)}" if self.week_days else days


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
