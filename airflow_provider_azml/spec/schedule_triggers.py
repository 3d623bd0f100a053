"""When a schedule fires: cron expressions and recurrences."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.rules import Rule, each, integer, lower, nested, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

DEFAULT_ZONE = "UTC"
_MOMENT = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)[T ](\d\d?):(\d\d?)(?::(\d\d?)(?:\.\d{1,12})?)?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
"""What azure-ai-ml's loader (marshmallow) reads as a time."""
_TIMES = ("start_time", "end_time")
_PLACES: dict[str, tuple[str, ...]] = {
    **{field: ("schedule", field) for field in ("hours", "minutes", "week_days", "month_days")},
    "end": ("end_time",),
}
"""Fields of a recurrence that a schema cannot hold against others -> where a trigger has them."""
_DAYS = {"day": 1, "week": 7, "month": 30}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _integers(value: Any) -> list[int]:
    return [integer(item) for item in _listed(value)]


def _moment(text: str) -> str:
    found = moment(text)
    return found.strftime("%Y-%m-%d %H:%M:%S") if found else text


_SHARED_RULES = (
    Rule("start_time", "startTime", _moment),
    Rule("end_time", "endTime", _moment),
    Rule("time_zone", "timeZone", default=DEFAULT_ZONE),
)
_CRON_RULES = (*_SHARED_RULES, Rule("expression", "expression"))
_PATTERN = nested((
    Rule("hours", "hours", _integers, default=[]),
    Rule("minutes", "minutes", _integers, default=[]),
    Rule("week_days", "weekDays", lambda value: each(lower)(_listed(value)) or None),
    Rule("month_days", "monthDays", lambda value: _integers(value) or None),
))
_RECURRENCE_RULES = (
    *_SHARED_RULES,
    Rule("frequency", "frequency", lower),
    Rule("interval", "interval", integer),
)


def trigger(value: Json) -> Json:
    """What is sent for a trigger.

    Source: azure-ai-ml 1.35.2; it sends times without their offset from UTC, and the service reads them in the
    trigger's time zone.
    """
    if lower(value["type"]) == "cron":
        return {"triggerType": "Cron", **translated(value, _CRON_RULES)}
    return {
        "triggerType": "Recurrence",
        **translated(value, _RECURRENCE_RULES),
        "schedule": _PATTERN(value.get("schedule") or {}),
    }


def days_between(value: Json) -> int:
    """How many days pass between two times at which a trigger fires, at least one; a week for a cron expression.

    Source: azure-ai-ml 1.35.2, which makes monitors look at as many days of data.
    """
    if lower(value["type"]) == "cron":
        return 7
    days = _DAYS.get(lower(value["frequency"]))
    return days * integer(value["interval"]) if days else 1


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a trigger besides what its schema says.

    Args:
        source: The trigger.
    """
    yield from time_problems(source)
    expression = source.value.get("expression")
    if isinstance(expression, str):
        yield from _cron_problems(source, expression)
    elif isinstance(source.value.get("frequency"), str):
        yield from _recurrence_problems(source)


def time_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with the times of a trigger.

    Args:
        source: The trigger.
    """
    for key in _TIMES:
        text = source.value.get(key)
        if isinstance(text, str):
            yield from _time_problems(source, key, text)


def moment(text: str) -> dt.datetime | None:
    """A time as azure-ai-ml reads it, without its offset; ``None`` when it is none."""
    found = _MOMENT.fullmatch(text)
    if not found:
        return None
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
        return dt.datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 (its zone stands beside it)
    except ValueError:
        return None


def _time_problems(source: Source, key: str, text: str) -> Iterator[Problem]:
    if moment(text) is None:
        yield source.problem((key,), f"{text!r:.80} is no time; write '2026-01-31T09:00:00'")
        return
    found = _MOMENT.fullmatch(text)
    offset = found[7] if found else None
    utc = offset == "Z" or (offset is not None and not offset.strip("+-0:"))
    if offset and not (utc and source.value.get("time_zone", DEFAULT_ZONE) == DEFAULT_ZONE):
        reason = f"{offset} is not sent; the service reads the time in time_zone, so write it in that"
        yield source.problem((key,), reason, severity="warning")


def _cron_problems(source: Source, expression: str) -> Iterator[Problem]:
    """What the service does not do for an expression.

    Source: Microsoft's documentation of pipeline schedules: five fields, and days and months are read as ``*``.
    """
    from airflow_provider_azml.spec import cron  # noqa: PLC0415 (every hook imports this module, and few need that)

    try:
        cron.Cron(expression, fields="service")
    except SpecError as error:
        for problem in error.problems:
            yield source.problem(("expression",), problem.reason, severity="warning")
        return
    if cron.differs(expression):
        reason = "the service reads days and months as *, so this fires more often; use a recurrence with month_days"
        yield source.problem(("expression",), reason, severity="warning")


def _recurrence_problems(source: Source) -> Iterator[Problem]:
    """What of a recurrence does not go together. What is wrong by itself, its schema says."""
    from airflow_provider_azml.spec.recurrence_fields import RecurrenceFields  # noqa: PLC0415 (as above)

    pattern, zone = source.at("schedule").value, source.value.get("time_zone")
    start, end = (moment(text) if isinstance(text := source.value.get(key), str) else None for key in _TIMES)
    fields = RecurrenceFields(
        source.value["frequency"],
        next(_numbers(source.value.get("interval")), 0),
        hours=[*_numbers(pattern.get("hours"))],
        minutes=[*_numbers(pattern.get("minutes"))],
        week_days=[day for day in _listed(pattern.get("week_days") or []) if isinstance(day, str)],
        month_days=[*_numbers(pattern.get("month_days"))],
        start=start,
        end=end,
        zone=zone if isinstance(zone, str) else DEFAULT_ZONE,
    )
    if any(fields.out_of_range()):
        return
    for field, reason in fields.mismatches():
        if field in _PLACES:
            yield source.problem(_PLACES[field], reason, severity="warning")


def _numbers(value: object) -> Iterator[int]:
    for item in _listed(value):
        try:
            yield integer(item)
        except (TypeError, ValueError, OverflowError):  # its schema says so
            continue
