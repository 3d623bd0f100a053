"""Cron expressions of schedules: what they say, what the service makes of them, and when they fire."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, cast

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import time_zones
from airflow_provider_azml.spec.firing_times import FiringTimes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

CronFields = Literal["standard", "service"]
FIELDS = ("minutes", "hours", "days", "months", "weekdays")
IGNORED = slice(2, 4)
"""The fields that the service does not look at."""
_READINGS = ("standard", "service")
_ANY_TIME = dt.datetime(2000, 1, 1)  # noqa: DTZ001 (in whatever zone)
_MICROSECOND = dt.timedelta(microseconds=1)
_NAMES = frozenset(name.lower() for names in (calendar.day_abbr, calendar.month_abbr) for name in names)
_WORD = re.compile(r"[^0-9*,/\s-]+")


@dataclass(frozen=True)
class Cron(FiringTimes):
    """When a cron expression fires.

    It keeps the time of day in its zone. A time of day that clocks leave out is as much later as they are moved, and of
    one that comes twice it is the first.

    Args:
        expression: Minutes, hours, days of the month, months and days of the week; Sunday is 0.
        zone: Windows or IANA name of the time zone.
        start: The first moment at which it can fire, in the zone, without an offset.
        end: The last one.
        fields: ``standard``: all five count, and of days of the month and of the week either will do. ``service``: days
            of the month and months are read as ``*``, whatever they say.

    Raises:
        SpecError: There is no such expression, zone, or time.

    Example:
        >>> Cron("0 9 1 * *", fields="service").next_after(dt.datetime(2026, 1, 7, 12, tzinfo=dt.timezone.utc)).day
        8

    Source: MicrosoftDocs/azure-ai-docs, articles/machine-learning/how-to-schedule-pipeline-job.md: "DAYS and MONTHS
    values aren't supported in cron schedule expressions. Values passed for these parameters are ignored and treated as
    ``*``".
    """

    expression: str
    zone: str = "UTC"
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    fields: CronFields = "standard"

    def __post_init__(self) -> None:
        wrong = [Problem("<cron>", 0, 0, field, reason) for field, reason in self.problems()]
        if wrong:
            raise SpecError(wrong)

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is wrong with it: fields, and why."""
        if self.fields not in _READINGS:
            yield "fields", f"{self.fields!r:.80} is neither standard nor service"
        elif reason := _misread(self.expression, self.read):
            yield "expression", reason
        try:
            self.time_zone  # noqa: B018 (whether there is one)
        except time_zones.UnknownTimeZoneError as error:
            yield "zone", str(error)
        given = [(name, moment) for name, moment in (("start", self.start), ("end", self.end)) if moment is not None]
        for name, moment in given:
            if moment.tzinfo is not None:
                yield name, f"{moment} has an offset; write the time in the expression's zone, without one"
        if (
            len({moment.tzinfo is None for _, moment in given}) == 1
            and self.start
            and self.end
            and self.end < self.start
        ):
            yield "end", f"{self.end.isoformat()} is before the start, {self.start.isoformat()}"

    @cached_property
    def read(self) -> str:
        """The expression that it fires by."""
        fields = self.expression.split()
        if self.fields == "service":
            fields[IGNORED] = ["*"] * len(fields[IGNORED])
        return " ".join(fields)

    @cached_property
    def time_zone(self) -> ZoneInfo:
        """The time zone."""
        return time_zones.time_zone(self.zone)

    @property
    def _local_bounds(self) -> tuple[dt.datetime | None, dt.datetime | None]:
        return self.start, self.end

    @property
    def _zone(self) -> ZoneInfo:
        return self.time_zone

    def _after(self, since: dt.datetime) -> dt.datetime | None:
        return time_zones.first_after(self._ascending, since, self.time_zone)

    def _until(self, until: dt.datetime) -> dt.datetime | None:
        return time_zones.last_until(self._descending, until, self.time_zone)

    def _ascending(self, since: dt.datetime) -> Iterator[dt.datetime]:
        return self._from(since - _MICROSECOND, "get_next")

    def _descending(self, until: dt.datetime) -> Iterator[dt.datetime]:
        return self._from(until + _MICROSECOND, "get_prev")

    def _from(self, moment: dt.datetime, step: Literal["get_next", "get_prev"]) -> Iterator[dt.datetime]:
        from croniter import CroniterBadDateError, croniter  # noqa: PLC0415 (not every schedule has an expression)

        times = croniter(self.read, moment)
        while True:
            try:
                yield cast("dt.datetime", getattr(times, step)(dt.datetime))
            except CroniterBadDateError:  # it fires no more, or never did
                return


def differs(expression: str) -> bool:
    """Whether the service reads an expression in another way than cron."""
    return any(field != "*" for field in expression.split()[IGNORED])


def _misread(expression: str, read: str) -> str | None:
    from croniter import CroniterBadDateError, CroniterError, croniter  # noqa: PLC0415 (as above)

    fields = expression.split()
    if len(fields) != len(FIELDS):
        return f"has {len(fields)} fields; it must have {len(FIELDS)}: {', '.join(FIELDS)}"
    strange = [word for word in _WORD.findall(expression) if word.lower() not in _NAMES]
    if strange:
        return f"{expression!r:.80} has {strange[0]!r:.20}; it takes numbers, names as mon and jan, and * , - /"
    try:
        croniter(read, _ANY_TIME).get_next(dt.datetime)
    except CroniterBadDateError:
        return f"{expression!r:.80} never fires: no month has the day"
    except CroniterError as error:
        return f"{expression!r:.80} is no cron expression: {error}"
    return None
