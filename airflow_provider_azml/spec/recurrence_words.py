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


def summary(it: Recurrence) -> str:
    """When a recurrence fires, in a few words.

    Example:
        >>> summary(Recurrence("week", 2, [9], [30], ["friday", "monday"], zone="Europe/Berlin"))
        'every 2 weeks on Monday and Friday at 09:30, Europe/Berlin'
    """
    every = f"every {it.unit}" if it.interval == 1 else f"every {it.interval} {it.unit}s"
    return f"{every}{_days(it)}{_at(it)}, {it.zone}"


def description(it: Recurrence) -> str:
    """When a recurrence fires, with all that decides about it."""
    counted = f", counted from {it.phase.strftime(_FORM)}" if it.interval > 1 or it.unit in ELAPSED else ""
    begins = f"; the first time on or after {it.start.strftime(_FORM)}" if it.start else ""
    ends = f"; no more after {it.end.strftime(_FORM)}" if it.end else ""
    return f"Fires {summary(it)}{counted}{begins}{ends}"


def _days(it: Recurrence) -> str:
    names = [WEEK_DAYS[number].capitalize() for number in it.weekdays]
    numbers = [str(day) for day in it.days_of_month] if it.unit == "month" else []
    if it.unit == "week" and not names:
        names = [WEEK_DAYS[it.phase.weekday()].capitalize()]
    parts = [part for part in (enumerated(names), f"day {enumerated(numbers)}" if numbers else "") if part]
    return f" on {' that is '.join(parts)}" if parts else ""


def _at(it: Recurrence) -> str:
    if it.unit in ELAPSED:
        return ""
    hours = sorted({*it.hours}) or [it.phase.hour]
    minutes = sorted({*it.minutes}) or [it.phase.minute]
    if len(hours) * len(minutes) <= _MOST_TIMES:
        return f" at {enumerated([f'{hour:02}:{minute:02}' for hour in hours for minute in minutes])}"
    return f" at minute {enumerated([str(one) for one in minutes])} of hour {enumerated([str(one) for one in hours])}"


def enumerated(words: Sequence[str], last: str = "and") -> str:
    """Words one after another, with a word before the last.

    Example:
        >>> enumerated(["hours", "minutes", "days"])
        'hours, minutes and days'
    """
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
