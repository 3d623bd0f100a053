"""What is to be minded of what fires: moved clocks, short months, ignored fields, starts and ends."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import cron, cron_words, time_zones
from airflow_provider_azml.spec.clock_changes import clock_changes
from airflow_provider_azml.spec.cron import Cron
from airflow_provider_azml.spec.recurrence_fields import ELAPSED, PHASE, YEAR
from airflow_provider_azml.spec.recurrence_words import enumerated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_azml.spec.clock_changes import ClockChange
    from airflow_provider_azml.spec.recurrence import Recurrence

_INSTANT = dt.timedelta.resolution
_DAY = dt.timedelta(days=1)
_MINUTE = dt.timedelta(minutes=1)
_YEARS = dt.timedelta(days=5 * 366)
"""How far ahead is looked for clocks that are moved."""
_LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_SHORTEST, _LONGEST = 28, 31
_MOST = 3
_MOMENT = "%a %Y-%m-%d %H:%M"
_COMMON_YEAR = 2001


def warnings(
    fires: Recurrence | Cron, since: dt.datetime, *, skips_start: bool = False, explicit: bool = False
) -> Iterator[str]:
    """What is to be minded, most urgent first, each a sentence or two.

    Args:
        fires: What fires.
        since: The moment from which on it is looked at, in UTC.
        skips_start: Whether a start that is one of its times is left out, as in CLI v1.
        explicit: Whether somebody has chosen which fields of a cron expression count.
    """
    following = fires.next_after(since)
    if following is None:
        yield _over(fires)
    elif fires.last is not None and (last := fires.last_until(fires.last)) is not None:
        yield f"It fires for the last time at {_shown(last, fires)}."
    if isinstance(fires, Cron):
        yield from _two_meanings(fires, explicit=explicit)
    else:
        yield from _counting(fires)
    yield from _of_start(fires, since, skips_start=skips_start)
    yield from _short_months(fires)
    if following is not None:
        yield from _elapsed(fires, since) if _step(fires) else _moved_clocks(fires, since)


def clock_notes(fires: Recurrence | Cron, since: dt.datetime, until: dt.datetime) -> dict[dt.datetime, str]:
    """What moved clocks do to the times between two moments: the time in UTC -> a few words.

    Args:
        fires: What fires.
        since: The first moment, in UTC.
        until: The last one.
    """
    notes: dict[dt.datetime, str] = {}
    if _step(fires):
        return notes
    for change in clock_changes(fires.time_zone, since - _DAY, until):
        for local in _hit(fires, change):
            at = time_zones.instant(local, fires.time_zone)
            notes[at] = f"instead of {local:%H:%M}" if change.moved > dt.timedelta() else "the first of two"
    return notes


def _over(fires: Recurrence | Cron) -> str:
    if fires.next_after(_LONG_AGO) is None:
        return "It never fires: none of its times lies between its start and its end."
    return f"It fires no more: its end, {fires.end:{_MOMENT}}, is past." if fires.end else "It fires no more."


def _two_meanings(fires: Cron, *, explicit: bool) -> Iterator[str]:
    if not cron.differs(fires.expression):
        return
    standard, service = (replace(fires, fields=fields).read for fields in ("standard", "service"))
    other = "standard" if fires.fields == "service" else "service"
    shown = "Azure ML's" if fires.fields == "service" else "cron's"
    yield (
        f"Azure ML ignores the days and months of cron expressions. Cron reads {standard!r}: "
        f"{cron_words.words(standard)}. Azure ML reads {service!r}: {cron_words.words(service)}. "
        f"Shown are {shown}{'' if explicit else '; say which is meant'}: --cron-fields {other} shows the others, and "
        "azml_dag takes cron_fields= likewise."
    )


def _counting(fires: Recurrence) -> Iterator[str]:
    """Without a start, the service and Airflow count from different moments."""
    if fires.start is not None:
        return
    counted = fires.interval > 1 or fires.unit in ELAPSED or not (fires.hours or fires.minutes)
    counted = counted or (fires.unit == "week" and not fires.week_days)
    counted = counted or (fires.unit == "month" and not fires.week_days and not fires.month_days)
    told = "There is no start_time: Azure ML fires once when the schedule is made"
    if counted:
        told += (
            ", and counts from that moment. Here counting begins at the DAG's start_date, if it is given one, else, as "
            f"above, on {PHASE:{_MOMENT}}"
        )
    yield f"{told}."


def _of_start(fires: Recurrence | Cron, since: dt.datetime, *, skips_start: bool) -> Iterator[str]:
    if fires.start is None or fires.first is None:
        return
    if skips_start and fires.first >= since and fires.next_after(fires.first - _INSTANT) == fires.first:
        yield (
            f"Its start, {fires.start:{_MOMENT}}, is itself one of its times. Schedules of CLI v1 leave that one out, "
            "and so does the DAG: the first is the next."
        )
    if fires.first < since and fires.last_until(since) and fires.next_after(since):
        yield (
            "Its start is past: it fires at the next of its times. What was due before is not made up for, unless the "
            "DAG is given catchup=True."
        )


def _short_months(fires: Recurrence | Cron) -> Iterator[str]:
    if isinstance(fires, Cron):
        days, months = cron_words.days_of_month(fires.read), [*range(1, YEAR + 1)]
    elif fires.unit == "month":
        days = fires.days_of_month
        months = sorted({fires.month(period).month for period in range(YEAR)})
    else:
        return
    for day in (day for day in days if day > _SHORTEST):
        without = [month for month in months if calendar.monthrange(_COMMON_YEAR, month)[1] < day]
        if not without:
            continue
        named = enumerated([calendar.month_name[month] for month in without], "or")
        leap = ", but in leap years" if day == _SHORTEST + 1 else ""
        yield f"There is no day {day} in {named}{leap}. It is left out there; no other day is taken."


def _moved_clocks(fires: Recurrence | Cron, since: dt.datetime) -> Iterator[str]:
    """The next time that clocks leave out one of its times, and the next at which one comes twice."""
    told: set[bool] = set()
    for change in clock_changes(fires.time_zone, since, since + _YEARS):
        ahead = change.moved > dt.timedelta()
        if ahead in told or not (hit := _hit(fires, change)):
            continue
        told.add(ahead)
        yield _left_out(fires, change, hit) if ahead else _twice(fires, change, hit)


def _left_out(fires: Recurrence | Cron, change: ClockChange, hit: Sequence[dt.datetime]) -> str:
    fired = {time_zones.instant(local, fires.time_zone) for local in hit}
    at = [time_zones.local_time(moment, fires.time_zone) for moment in sorted(fired)]
    own = [local for local in at if _wall_clock(fires).next_after(_utc(local) - _INSTANT) == _utc(local)]
    anyway = "; where it fires then anyway, it fires once" if own else ""
    return (
        f"On {change.begin:%a %Y-%m-%d} clocks go from {change.begin:%H:%M} to {change.end:%H:%M}: instead of "
        f"{_times(hit)} it fires at {_times(at)}{anyway}."
    )


def _twice(fires: Recurrence | Cron, change: ClockChange, hit: Sequence[dt.datetime]) -> str:
    first = time_zones.instant(hit[0], fires.time_zone).astimezone(fires.time_zone)
    return (
        f"On {change.begin:%a %Y-%m-%d} clocks go back from {change.end:%H:%M} to {change.begin:%H:%M}: at "
        f"{_times(hit)}, which they show twice, it fires the first time alone ({_offset(first)})."
    )


def _elapsed(fires: Recurrence | Cron, since: dt.datetime) -> Iterator[str]:
    """Elapsed time that would be the same times every day, but for clocks that are moved."""
    step = _step(fires)
    for change in clock_changes(fires.time_zone, since, since + _YEARS):
        keeps_time = not _DAY % step or not step % _DAY
        before, after = fires.last_until(change.at - _INSTANT), fires.next_after(change.at)
        if not keeps_time or not change.moved % step or before is None or after is None:
            continue
        way = f"{abs(change.moved) // _MINUTE} minutes"
        yield (
            f"It counts elapsed time: from {change.at.astimezone(fires.time_zone):%a %Y-%m-%d} on, when clocks are "
            f"moved, it fires {way} {'later' if change.moved > dt.timedelta() else 'earlier'} by the clock. The last "
            f"before is {_shown(before, fires)}, the first after {_shown(after, fires)}."
        )
        return


def _hit(fires: Recurrence | Cron, change: ClockChange) -> list[dt.datetime]:
    """Its times of day that clocks leave out, or show twice."""
    wall, at, found = _wall_clock(fires), _utc(change.begin) - _INSTANT, []
    while (following := wall.next_after(at)) is not None and following < _utc(change.end):
        found.append(following.replace(tzinfo=None))
        at = following
    return found


def _wall_clock(fires: Recurrence | Cron) -> Recurrence | Cron:
    """The same, where clocks are never moved."""
    return replace(fires, zone="UTC")


def _step(fires: Recurrence | Cron) -> dt.timedelta:
    """Of elapsed time, how much of it; nothing for what keeps the time of day."""
    if isinstance(fires, Cron):
        return dt.timedelta()
    return ELAPSED.get(fires.unit, dt.timedelta()) * fires.interval


def _utc(local: dt.datetime) -> dt.datetime:
    return local.replace(tzinfo=dt.timezone.utc)


def _shown(moment: dt.datetime, fires: Recurrence | Cron) -> str:
    local = moment.astimezone(fires.time_zone)
    return f"{local:{_MOMENT}} {_offset(local)}"


def _offset(local: dt.datetime) -> str:
    return local.strftime("%z")[:3] + ":" + local.strftime("%z")[3:5]


def _times(moments: Sequence[dt.datetime]) -> str:
    """Some times of day: the first of them, and how many more."""
    named = [f"{moment:%H:%M}" for moment in moments]
    if len(named) > _MOST + 1:
        named = [*named[:_MOST], f"{len(named) - _MOST} more"]
    return enumerated(named)
