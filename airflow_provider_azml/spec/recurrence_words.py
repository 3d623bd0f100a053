"""What recurrences say, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.spec.recurrence_fields import ELAPSED, WEEK_DAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.spec.recurrence import Recurrence

_MOST_TIMES = 6
"""More times of day than these are told as hours and minutes."""
_FORM = "%Y-%m-%d %H:%M"
_OPEN = "counted from the DAG's start date, which also says what is left open; without one, from {}"


def summary(it: Recurrence, *, open_start: bool = False) -> str:
    """When a recurrence fires, in a few words.

    Args:
        it: The recurrence.
        open_start: Leave out what follows from where counting begins, as only the DAG knows that.

    Example:
        >>> summary(Recurrence("week", 2, [9], [30], ["friday", "monday"], zone="Europe/Berlin"))
        'every 2 weeks on Monday and Friday at 09:30, Europe/Berlin'
    """
    every = f"every {it.unit}" if it.interval == 1 else f"every {it.interval} {it.unit}s"
    return f"{every}{_days(it, open_start)}{_at(it, open_start)}, {it.zone}"


def description(it: Recurrence) -> str:
    """When a recurrence fires in a DAG, with all that decides about it."""
    is_counted = it.interval > 1 or it.unit in ELAPSED
    if it.start is None:
        told = summary(it, open_start=True)
        is_open = is_counted or told != summary(it)
        counted = f"; {_OPEN.format(it.phase.strftime(_FORM))}" if is_open else ""
    else:
        told = summary(it)
        counted = f", counted from {it.phase.strftime(_FORM)}" if is_counted else ""
    begins = f"; the first time on or after {it.start.strftime(_FORM)}" if it.start else ""
    ends = f"; no more after {it.end.strftime(_FORM)}" if it.end else ""
    return f"Fires {told}{counted}{begins}{ends}"


def _days(it: Recurrence, open_start: bool) -> str:
    names = [WEEK_DAYS[number].capitalize() for number in it.weekdays]
    days = it.month_days if open_start else it.days_of_month
    numbers = [str(day) for day in sorted({*days})] if it.unit == "month" else []
    if it.unit == "week" and not names and not open_start:
        names = [WEEK_DAYS[it.phase.weekday()].capitalize()]
    parts = [part for part in (enumerated(names), f"day {enumerated(numbers)}" if numbers else "") if part]
    return f" on {' that is '.join(parts)}" if parts else ""


def _at(it: Recurrence, open_start: bool) -> str:
    hours, minutes = sorted({*it.hours}), sorted({*it.minutes})
    if it.unit in ELAPSED or (open_start and not hours and not minutes):
        return ""
    if not open_start:
        hours, minutes = hours or [it.phase.hour], minutes or [it.phase.minute]
    if hours and minutes and len(hours) * len(minutes) <= _MOST_TIMES:
        return f" at {enumerated([f'{hour:02}:{minute:02}' for hour in hours for minute in minutes])}"
    of_minutes, of_hours = enumerated([str(one) for one in minutes]), enumerated([str(one) for one in hours])
    parts = [f"minute {of_minutes}" if minutes else "", f"hour {of_hours}" if hours else ""]
    return f" at {' of '.join(filter(None, parts))}"


def enumerated(words: Sequence[str], last: str = "and") -> str:
    """Words one after another, with a word before the last.

    Example:
        >>> enumerated(["hours", "minutes", "days"])
        'hours, minutes and days'
    """
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
