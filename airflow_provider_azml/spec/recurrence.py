"""Recurrences of schedules: what fires every so many minutes, hours, days, weeks or months, and when it does."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from calendar import monthrange
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import time_zones
from airflow_provider_azml.spec.firing_times import FiringTimes
from airflow_provider_azml.spec.recurrence_fields import ELAPSED, YEAR, RecurrenceFields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

_DAY = dt.timedelta(days=1)
_WEEK = 7


@dataclass(frozen=True)
class Recurrence(RecurrenceFields, FiringTimes):
    """When something fires that recurs.

    Minutes and hours are elapsed time, counted from the start. Days, weeks and months keep the time of day in the zone;
    weeks begin on Monday and are counted from that of the start. Each hour is combined with each minute; one that is
    not given is the start's. A month without the day is left out. A time of day that clocks leave out is as much later
    as they are moved, and of one that comes twice it is the first.

    Args:
        frequency: ``minute``, ``hour``, ``day``, ``week`` or ``month``, in any case.
        interval: Every how many of them.
        hours: Hours of the day, 0 to 23; for days, weeks and months.
        minutes: Minutes of the hour, 0 to 59; for days, weeks and months.
        week_days: English names in any case; for weeks and months.
        month_days: Days of the month, 1 to 31; for months. With `week_days`: days that are both.
        start: The first moment at which it can fire, in the zone, without an offset.
        end: The last one.
        zone: Windows or IANA name of the time zone.
        anchor: Where counting begins without a start: in the zone, or anywhere with an offset. Monday 2000-01-03
            00:00 in the zone by default.

    Raises:
        SpecError: There is no such recurrence.

    Example:
        >>> every_other_monday = Recurrence("week", 2, [9], [0], ["Monday"], zone="Europe/Berlin")
        >>> every_other_monday.next_after(dt.datetime(2026, 3, 24, tzinfo=dt.timezone.utc)).isoformat()
        '2026-04-06T07:00:00+00:00'

    Source: Microsoft's documentation of schedules (reference-yaml-schedule, how-to-schedule-pipeline-job); where it is
    silent, Logic Apps, which the service fires by: hours without minutes take the start's minute.
    """

    def __post_init__(self) -> None:
        found = [*self.out_of_range()] or [*self.mismatches()]
        wrong = [Problem("<recurrence>", 0, 0, field, reason) for field, reason in found]
        if wrong:
            raise SpecError(wrong)

    def _after(self, since: dt.datetime) -> dt.datetime | None:
        if step := self._step:
            return self._stepped((since - self._phase_instant) // step + 1, step)
        return time_zones.first_after(self._ascending, since, self.time_zone)

    def _until(self, until: dt.datetime) -> dt.datetime | None:
        if step := self._step:
            return self._stepped((until - self._phase_instant) // step, step)
        return time_zones.last_until(self._descending, until, self.time_zone)

    @cached_property
    def _phase_instant(self) -> dt.datetime:
        if self.start is None and self.anchor is not None and self.anchor.tzinfo is not None:
            return time_zones.in_utc(self.anchor)
        return time_zones.instant(self.phase, self.time_zone)

    @property
    def _local_bounds(self) -> tuple[dt.datetime | None, dt.datetime | None]:
        return self.start, self.end

    @property
    def _zone(self) -> ZoneInfo:
        return self.time_zone

    @cached_property
    def _step(self) -> dt.timedelta | None:
        unit = ELAPSED.get(self.unit)
        return unit * self.interval if unit else None

    def _stepped(self, number: int, step: dt.timedelta) -> dt.datetime | None:
        try:
            return self._phase_instant + number * step
        except OverflowError:  # the calendar does not go so far
            return None

    @cached_property
    def _times(self) -> list[dt.time]:
        """The times of day, in their order."""
        begin = self.phase.time()
        if not self.hours and not self.minutes:
            return [begin]
        minutes = set(self.minutes) or {begin.minute}
        return [dt.time(hour, minute) for hour in sorted(set(self.hours) or {begin.hour}) for minute in sorted(minutes)]

    def _ascending(self, since: dt.datetime) -> Iterator[dt.datetime]:
        for day in self._days_of(count(self._period(since))):
            if day >= since.date():
                first = bisect_left(self._times, since.time()) if day == since.date() else 0
                yield from (dt.datetime.combine(day, self._times[at]) for at in range(first, len(self._times)))

    def _descending(self, until: dt.datetime) -> Iterator[dt.datetime]:
        oldest = self.start.date() - 2 * _DAY if self.start else dt.date.min  # what is before it cannot count
        for day in self._days_of(count(self._period(until), -1), back=True):
            if day < oldest:
                return
            if day <= until.date():
                past = bisect_right(self._times, until.time()) if day == until.date() else len(self._times)
                yield from (dt.datetime.combine(day, self._times[at]) for at in range(past - 1, -1, -1))

    def _days_of(self, periods: Iterable[int], *, back: bool = False) -> Iterator[dt.date]:
        """The days of some periods, as far as the calendar goes."""
        for period in periods:
            try:
                days = self._days(period)
            except (OverflowError, ValueError):  # there is no such year, or not yet
                if period > 0 if back else period < 0:
                    continue
                return
            yield from days[::-1] if back else days

    def _period(self, local: dt.datetime) -> int:
        """The number of the last period that has begun by a time, counted from the start's."""
        day, begin = local.date(), self.phase.date()
        if self.unit == "day":
            return (day - begin).days // self.interval
        if self.unit == "week":
            return ((day - begin).days + begin.weekday()) // _WEEK // self.interval
        return ((day.year - begin.year) * YEAR + day.month - begin.month) // self.interval

    def _days(self, period: int) -> list[dt.date]:
        """The days of a period on which it fires, in their order."""
        begin, past = self.phase.date(), period * self.interval
        if self.unit == "day":
            return [begin + past * _DAY]
        if self.unit == "week":
            return self._week(begin + (_WEEK * past - begin.weekday()) * _DAY)
        return self._month(self.month(period))

    def _week(self, monday: dt.date) -> list[dt.date]:
        from dateutil.rrule import MO, WEEKLY, rrule  # noqa: PLC0415 (a DAG file that has no recurrence does without)

        weekdays = self.weekdays or [self.phase.weekday()]
        until = dt.datetime.combine(monday + (_WEEK - 1) * _DAY, dt.time())
        rule = rrule(WEEKLY, dt.datetime.combine(monday, dt.time()), until=until, byweekday=weekdays, wkst=MO)
        return [found.date() for found in rule]

    def _month(self, first: dt.date) -> list[dt.date]:
        from dateutil.rrule import MONTHLY, rrule  # noqa: PLC0415 (as above)

        last = first.replace(day=monthrange(first.year, first.month)[1])
        if self.days_of_month and not self.is_in(first):
            return []
        rule = rrule(
            MONTHLY,
            dt.datetime.combine(first, dt.time()),
            until=dt.datetime.combine(last, dt.time()),
            byweekday=self.weekdays or None,
            bymonthday=self.days_of_month or None,
        )
        return [found.date() for found in rule]
