"""Timetables of Azure ML's schedules: DAGs run at the instants at which Azure ML would have fired."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import recurrence_words
from airflow_provider_azml.spec.cron import Cron
from airflow_provider_azml.spec.firings import whole
from airflow_provider_azml.spec.recurrence import Recurrence
from airflow_provider_azml.spec.schedule_triggers import DEFAULT_ZONE, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.timetables.base import TimeRestriction
    from pendulum import DateTime

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.cron import CronFields

_INSTANT = dt.timedelta(microseconds=1)
_LATE = dt.timedelta(minutes=5)
_LATE_SHARE = 10


class AzmlTimetable(Timetable):
    """Base of timetables that run a DAG at instants, each of which is its whole data interval."""

    @abstractmethod
    def fires(self, anchor: dt.datetime | None = None) -> Recurrence | Cron:
        """What tells the instants.

        Args:
            anchor: Where counting begins, when the timetable itself does not say.
        """

    @abstractmethod
    def serialize(self) -> Json:
        """The arguments that it was made of."""

    @classmethod
    def deserialize(cls, data: Json) -> Timetable:
        """The timetable that was serialized."""
        return cls(**data)

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """The data interval of a run that somebody starts: the instant itself."""
        return DataInterval.exact(run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next run.

        A DAG that has not run yet begins, without catchup, at the next time from now on, as Azure ML's schedules do.
        After that it is as with Airflow's own timetables: of the times that were missed, the last one runs, and with
        catchup all of them.
        """
        fires = self._counted(last_automated_data_interval, restriction.earliest)
        earliest = restriction.earliest or fires.first
        if last_automated_data_interval is not None:
            since: dt.datetime = last_automated_data_interval.end
            if not restriction.catchup and (missed := fires.last_until(_now())) is not None:
                since = max(since, missed - _INSTANT)
        else:
            since = earliest - _INSTANT if restriction.catchup and earliest else _just_before(fires, _now())
        if earliest is not None:
            since = max(since, earliest - _INSTANT)
        at = fires.next_after(since)
        if at is None or (restriction.latest is not None and at > restriction.latest):
            return None
        return DagRunInfo.exact(_for_airflow(at))

    def _counted(self, last: DataInterval | None, start_date: dt.datetime | None) -> Recurrence | Cron:
        """What tells the instants, counted from the DAG's start date.

        Airflow's command line tells of the last run alone: where that is none of January 2000's, it is one of the start
        date's.
        """
        fires = self.fires(start_date)
        if start_date is None and last is not None and fires.last_until(last.end) != last.end:
            return self.fires(last.end)
        return fires

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AzmlTimetable) and (type(other), other.serialize()) == (type(self), self.serialize())

    def __hash__(self) -> int:
        return hash(repr(self.serialize()))


class AzmlRecurrenceTimetable(AzmlTimetable):
    """Runs a DAG as a recurrence of Azure ML fires, to the minute.

    Minutes and hours are elapsed time from `start_time`. Days, weeks and months keep the time of day in the zone, weeks
    begin on Monday, each hour goes with each minute, and a month without the day is left out. A time of day that clocks
    leave out is as much later as they are moved, and of one that comes twice it is the first.

    Args:
        frequency: ``minute``, ``hour``, ``day``, ``week`` or ``month``, in either generation's spelling.
        interval: Every how many of them.
        hours: Hours of the day, 0 to 23; one or a list. Without them, the hour of the start.
        minutes: Minutes of the hour, 0 to 59; one or a list. Without them, the minute of the start.
        week_days: English names of weekdays, for weeks and months; without them, a week's is that of the start.
        month_days: Days of the month, 1 to 31, for months; with `week_days`, the days that are both.
        start_time: The first time at which it can run, in the zone, e.g. ``"2026-01-31T09:00:00"``. Without it,
            counting begins at the DAG's ``start_date``, else on Monday 2000-01-03 at midnight. Airflow tells of a
            backfill's beginning instead of the DAG's: to backfill a recurrence with an interval, give it a start.
        end_time: The last one.
        time_zone: Windows or IANA name of the zone.

    Raises:
        SpecError: There is no such recurrence.

    Example:
        >>> with DAG(
        ...     "retrain",
        ...     schedule=AzmlRecurrenceTimetable(
        ...         frequency="week",
        ...         interval=2,
        ...         hours=9,
        ...         minutes=[0, 30],
        ...         week_days=["monday"],
        ...         start_time="2026-01-05T00:00:00",
        ...         time_zone="W. Europe Standard Time",
        ...     ),
        ... ): ...

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-schedule
    """

    def __init__(
        self,
        *,
        frequency: str,
        interval: int = 1,
        hours: int | Sequence[int] | None = None,
        minutes: int | Sequence[int] | None = None,
        week_days: str | Sequence[str] | None = None,
        month_days: int | Sequence[int] | None = None,
        start_time: str | None = None,
        end_time: str | None = None,
        time_zone: str = DEFAULT_ZONE,
    ) -> None:
        self._fields: Json = {
            "frequency": frequency,
            "interval": whole(interval),
            "hours": [whole(hour) for hour in _listed(hours)],
            "minutes": [whole(minute) for minute in _listed(minutes)],
            "week_days": _listed(week_days),
            "month_days": [whole(day) for day in _listed(month_days)],
            "start_time": start_time,
            "end_time": end_time,
            "time_zone": time_zone,
        }
        self.description = recurrence_words.description(self.fires())

    @property
    def summary(self) -> str:
        """What lists of DAGs show for it."""
        return recurrence_words.summary(self.fires(), open_start=self._fields["start_time"] is None)

    def fires(self, anchor: dt.datetime | None = None) -> Recurrence:
        """What tells the instants."""
        given = self._fields
        return Recurrence(
            given["frequency"],
            given["interval"],
            given["hours"],
            given["minutes"],
            given["week_days"],
            given["month_days"],
            _local("start_time", given["start_time"]),
            _local("end_time", given["end_time"]),
            given["time_zone"],
            anchor,
        )

    def serialize(self) -> Json:
        """The arguments that it was made of."""
        return dict(self._fields)


class AzmlCronTimetable(AzmlTimetable):
    """Runs a DAG as a cron expression of an Azure ML schedule fires.

    Args:
        expression: Minutes, hours, days of the month, months and days of the week.
        cron_fields: ``standard``: all five count, as everywhere. ``service``: days of the month and months are ignored,
            as Azure ML ignores them.
        start_time: The first time at which it can run, in the zone, e.g. ``"2026-01-31T09:00:00"``.
        end_time: The last one.
        time_zone: Windows or IANA name of the zone.

    Raises:
        SpecError: There is no such expression, zone or time.

    Example:
        >>> AzmlCronTimetable("15 16 * * 1", time_zone="Pacific Standard Time")

    Source: MicrosoftDocs/azure-ai-docs, how-to-schedule-pipeline-job: "DAYS and MONTHS values aren't supported in cron
    schedule expressions. Values passed for these parameters are ignored and treated as ``*``".
    """

    def __init__(
        self,
        expression: str,
        *,
        cron_fields: CronFields = "standard",
        start_time: str | None = None,
        end_time: str | None = None,
        time_zone: str = DEFAULT_ZONE,
    ) -> None:
        self._fields: Json = {
            "expression": expression,
            "cron_fields": cron_fields,
            "start_time": start_time,
            "end_time": end_time,
            "time_zone": time_zone,
        }
        read = self.fires().read
        ignored = "; days and months are ignored, as Azure ML ignores them" if cron_fields == "service" else ""
        self.description = f"Fires as cron reads {read!r} in {time_zone}{ignored}"

    @property
    def summary(self) -> str:
        """What lists of DAGs show for it."""
        return f"{self.fires().read}, {self._fields['time_zone']}"

    def fires(self, anchor: dt.datetime | None = None) -> Cron:
        """What tells the instants; nothing is counted, so the anchor does not matter."""
        del anchor
        given = self._fields
        start, end = (_local(key, given[key]) for key in ("start_time", "end_time"))
        return Cron(given["expression"], given["time_zone"], start, end, given["cron_fields"])

    def serialize(self) -> Json:
        """The arguments that it was made of."""
        return dict(self._fields)


def _just_before(fires: Recurrence | Cron, now: dt.datetime) -> dt.datetime:
    """From when on the first run is looked for; a time that has come just now may have escaped the scheduler."""
    before, following = fires.last_until(now), fires.next_after(now)
    if before is None or following is None:
        return now
    return before - _INSTANT if now - before <= min(_LATE, (following - before) / _LATE_SHARE) else now


def _local(key: str, text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    found = moment(str(text))
    if found is None:
        raise SpecError([Problem("<timetable>", 0, 0, key, f"{text!r:.80} is no time; write '2026-01-31T09:00:00'")])
    return found


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return [value] if isinstance(value, (int, str)) else [*value]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


def _for_airflow(moment: dt.datetime) -> DateTime:
    from pendulum import instance  # noqa: PLC0415 (Airflow has it already, where anything is scheduled)

    return instance(moment)
