"""What cron expressions say, in words."""

from __future__ import annotations

import calendar
import re
from itertools import groupby
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.recurrence_words import enumerated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MOST_TIMES = 6
"""More times of day than these are told as hours and minutes."""
_EVERY = re.compile(r"\*/(\d+)")
_SUNDAY = 7
_RUN = 3


def words(expression: str) -> str:
    """When an expression fires, in words; of what has no plain ones, the expression.

    Args:
        expression: A cron expression of five fields that there is.

    Example:
        >>> words("30 9 1,15 * *")
        'at 09:30 on day 1 and 15 of the month'
    """
    from croniter import croniter  # noqa: PLC0415 (not every schedule has an expression)

    minutes, hours, days, months, weekdays = croniter.expand(expression)[0]
    written = expression.split()
    if _is_given(days) and _is_given(weekdays) and "*" in written[2] + written[4]:
        return f"as cron reads {expression!r}"  # whether both or either must be met, nobody agrees on
    on = _days(days, weekdays)
    time = _time(written[0], minutes, hours)
    months_ = f" in {_runs(_numbers(months), lambda month: calendar.month_name[month])}" if _is_given(months) else ""
    every_day = "every day " if not on and time.startswith("at ") and _is_given(hours) else ""
    return f"{every_day}{time}{on}{months_}"


def days_of_month(expression: str) -> list[int]:
    """The days of the month that an expression names one by one; none when weekdays will do as well.

    Args:
        expression: A cron expression of five fields that there is.
    """
    from croniter import croniter  # noqa: PLC0415 (as above)

    written = expression.split()
    if written[4] != "*" or any(sign in written[2] for sign in "*/-"):
        return []
    return _numbers(croniter.expand(expression)[0][2])


def _time(written: str, minutes: Sequence[object], hours: Sequence[object]) -> str:
    """The time of day; `written` is the field of the minutes."""
    every = _EVERY.fullmatch(written)
    if not _is_given(minutes) or (every and not 60 % int(every[1])):
        often = f"every {every[1]} minutes" if every and int(every[1]) > 1 else "every minute"
        return f"{often} of hour {_runs(_numbers(hours))}" if _is_given(hours) else often
    at = _numbers(minutes)
    if not _is_given(hours):
        return f"at minute {_runs(at)} of every hour"
    if len(at) * len(hours) <= _MOST_TIMES:
        return f"at {enumerated([f'{hour:02}:{minute:02}' for hour in _numbers(hours) for minute in at])}"
    return f"at minute {_runs(at)} of hour {_runs(_numbers(hours))}"


def _days(days: Sequence[object], weekdays: Sequence[object]) -> str:
    parts = []
    if _is_given(days):
        parts.append(f"on day {_runs(_numbers(days))} of the month")
    if _is_given(weekdays):
        week = sorted({number % _SUNDAY or _SUNDAY for number in _numbers(weekdays)})  # Monday first
        parts.append(f"on {_runs(week, lambda number: calendar.day_name[number - 1])}")
    return f" {' or '.join(parts)}" if parts else ""


def _runs(numbers: Sequence[int], name: Callable[[int], str] = str) -> str:
    """Numbers in their order, with three or more that follow each other as 'first to last'."""
    told: list[str] = []
    for _, run in groupby(enumerate(numbers), lambda placed: placed[1] - placed[0]):
        names = [name(number) for _, number in run]
        told += [f"{names[0]} to {names[-1]}"] if len(names) >= _RUN else names
    return enumerated(told)


def _is_given(field: Sequence[object]) -> bool:
    return list(field) != ["*"]


def _numbers(field: Sequence[object]) -> list[int]:
    return [number for number in field if isinstance(number, int)]
