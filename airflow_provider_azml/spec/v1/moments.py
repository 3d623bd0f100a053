"""The functions of v1's pipeline parameter expressions, for Jinja: what takes and gives points in time as text.

Airflow offers them in templates as ``macros.azml.<name>``; ``expressions`` writes templates that use them. Where v1
takes a timestamp, each also takes a datetime. What they answer is text in the format ``o``
(``2026-01-31T09:00:00.0000000Z``) unless another is asked for.

Source: the notebook aml-pipelines-schedule-with-pipeline-parameter-expressions in Azure/MachineLearningNotebooks; what
it leaves open follows the functions of the same names of Azure Data Factory,
https://learn.microsoft.com/azure/data-factory/control-flow-expression-language-functions.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_azml.spec.time_zones import time_zone
from airflow_provider_azml.spec.v1.dotnet_formats import formatted

_LENGTHS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_MONTHS = {"month": 1, "year": 12}


def add_days(timestamp: str | datetime, days: float, form: str = "o") -> str:
    """A timestamp, so many days later."""
    return _written(_moment(timestamp) + timedelta(days=days), form)


def add_hours(timestamp: str | datetime, hours: float, form: str = "o") -> str:
    """A timestamp, so many hours later."""
    return _written(_moment(timestamp) + timedelta(hours=hours), form)


def add_minutes(timestamp: str | datetime, minutes: float, form: str = "o") -> str:
    """A timestamp, so many minutes later."""
    return _written(_moment(timestamp) + timedelta(minutes=minutes), form)


def add_seconds(timestamp: str | datetime, seconds: float, form: str = "o") -> str:
    """A timestamp, so many seconds later."""
    return _written(_moment(timestamp) + timedelta(seconds=seconds), form)


def add_to_time(timestamp: str | datetime, interval: int, time_unit: str, form: str = "o") -> str:
    """A timestamp, so many units later; a month or year later, but no later than that month has days.

    Args:
        timestamp: The timestamp.
        interval: How many units; earlier when negative.
        time_unit: ``Second``, ``Minute``, ``Hour``, ``Day``, ``Week``, ``Month`` or ``Year``.
        form: .NET format of the answer.

    Example:
        >>> add_to_time("2018-01-01T00:00:00Z", 1, "Month", "D")
        'Thursday, February 1, 2018'
    """
    from dateutil.relativedelta import relativedelta  # noqa: PLC0415 (parsing a DAG file needs none of it)

    unit, moment = str(time_unit).lower(), _moment(timestamp)
    if unit in _LENGTHS:
        return _written(moment + interval * _LENGTHS[unit], form)
    if unit not in _MONTHS:
        known = ", ".join(name.title() for name in (*_LENGTHS, *_MONTHS))
        raise ValueError(f"{time_unit!r} is no unit of time: {known}")
    later: datetime = moment + relativedelta(months=interval * _MONTHS[unit])
    return _written(later, form)


def subtract_from_time(timestamp: str | datetime, interval: int, time_unit: str, form: str = "o") -> str:
    """A timestamp, so many units earlier."""
    return add_to_time(timestamp, -interval, time_unit, form)


def convert_from_utc(timestamp: str | datetime, destination_time_zone: str, form: str = "o") -> str:
    """A timestamp of UTC as the clocks of a zone show it.

    Example:
        >>> convert_from_utc("2018-01-01T08:00:00Z", "Pacific Standard Time")
        '2018-01-01T00:00:00.0000000'
    """
    return convert_time_zone(timestamp, "UTC", destination_time_zone, form)


def convert_to_utc(timestamp: str | datetime, source_time_zone: str, form: str = "o") -> str:
    """A timestamp that the clocks of a zone show, in UTC.

    Example:
        >>> convert_to_utc("01/01/2018 00:00:00", "Pacific Standard Time")
        '2018-01-01T08:00:00.0000000Z'
    """
    return _written(_in_zone(timestamp, source_time_zone).astimezone(timezone.utc), form)


def convert_time_zone(
    timestamp: str | datetime, source_time_zone: str, destination_time_zone: str, form: str = "o"
) -> str:
    """A timestamp that the clocks of one zone show, as those of another show it then."""
    there = _in_zone(timestamp, source_time_zone).astimezone(time_zone(destination_time_zone))
    return _written(there.replace(tzinfo=None), form)


def day_of_month(timestamp: str | datetime) -> int:
    """The day of the month, from 1."""
    return _moment(timestamp).day


def day_of_week(timestamp: str | datetime) -> int:
    """The day of the week: 0 is Sunday."""
    return _moment(timestamp).isoweekday() % 7


def day_of_year(timestamp: str | datetime) -> int:
    """The day of the year, from 1."""
    return _moment(timestamp).timetuple().tm_yday


def format_date_time(timestamp: str | datetime, form: str = "o") -> str:
    """A timestamp in a .NET format.

    Example:
        >>> format_date_time("2026-01-31T09:00:00Z", "yyyy-MM-dd")
        '2026-01-31'
    """
    return _written(_moment(timestamp), form)


def start_of_day(timestamp: str | datetime, form: str = "o") -> str:
    """The midnight with which the day of a timestamp began."""
    return _written(_moment(timestamp).replace(hour=0, minute=0, second=0, microsecond=0), form)


def start_of_hour(timestamp: str | datetime, form: str = "o") -> str:
    """The full hour before a timestamp."""
    return _written(_moment(timestamp).replace(minute=0, second=0, microsecond=0), form)


def start_of_month(timestamp: str | datetime, form: str = "o") -> str:
    """The midnight with which the month of a timestamp began."""
    return _written(_moment(timestamp).replace(day=1, hour=0, minute=0, second=0, microsecond=0), form)


FUNCTIONS = (
    add_days,
    add_hours,
    add_minutes,
    add_seconds,
    add_to_time,
    convert_from_utc,
    convert_time_zone,
    convert_to_utc,
    day_of_month,
    day_of_week,
    day_of_year,
    format_date_time,
    start_of_day,
    start_of_hour,
    start_of_month,
    subtract_from_time,
)
"""What Airflow offers as ``macros.azml``."""


def _moment(timestamp: str | datetime) -> datetime:
    """A timestamp as a datetime; one that names no zone is of UTC, which the service runs in."""
    read = _read(timestamp)
    if read.tzinfo is None:
        return read.replace(tzinfo=timezone.utc)
    # one object of UTC, by which the writer of formats knows it
    return read if read.utcoffset() else read.astimezone(timezone.utc)


def _in_zone(timestamp: str | datetime, zone: str) -> datetime:
    """A timestamp as the clocks of a zone show it, unless it says itself of which zone it is."""
    read = _read(timestamp)
    return read if read.tzinfo is not None else read.replace(tzinfo=time_zone(zone))


def _read(timestamp: str | datetime) -> datetime:
    if isinstance(timestamp, datetime):
        return timestamp
    from dateutil import parser  # noqa: PLC0415 (parsing a DAG file needs none of it)

    try:
        return parser.parse(timestamp)
    except (parser.ParserError, OverflowError) as error:
        raise ValueError(f"{timestamp!r} is no timestamp; write 2026-01-31T09:00:00Z") from error


def _written(moment: datetime, form: str) -> str:
    return formatted(moment, form)
