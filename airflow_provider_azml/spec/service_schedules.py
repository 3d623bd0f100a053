"""Schedules as the service shows them, of either generation, in the words of their files."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest.v1.pipeline_schedules import is_active
from airflow_provider_azml.rest.v1.pipelines import field
from airflow_provider_azml.spec.firings import firing
from airflow_provider_azml.spec.schedule_explanations import words_of
from airflow_provider_azml.spec.schedule_triggers import DEFAULT_ZONE

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.cron import Cron
    from airflow_provider_azml.spec.recurrence import Recurrence

_FREQUENCIES = {str(number): word for number, word in enumerate(("Month", "Week", "Day", "Hour", "Minute"))}
_WEEK_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PATTERN = {"hours": "Hours", "minutes": "Minutes", "week_days": "WeekDays", "month_days": "MonthDays"}
_TIMES = {"start_time": "StartTime", "end_time": "EndTime", "time_zone": "TimeZone"}


@dataclass(frozen=True)
class ServiceSchedule:
    """A schedule of a workspace.

    Args:
        generation: Which CLI made it, ``v2`` or ``v1``.
        key: How it is asked about: its name, or with v1 its id.
        name: Its name.
        display_name: Name that people see.
        is_enabled: Whether it fires.
        trigger: When it fires, in words.
        zone: The zone of those words; ``None`` when data decide.
        next_firing: When it fires next, in its zone; ``None`` when it does not.
    """

    generation: Literal["v2", "v1"]
    key: str
    name: str
    display_name: str | None
    is_enabled: bool
    trigger: str
    zone: str | None = None
    next_firing: dt.datetime | None = None


def of_today(body: Json, now: dt.datetime) -> ServiceSchedule:
    """A schedule as Resource Manager shows it.

    Args:
        body: ``{"name", "properties", "systemData"}``.
        now: From when on its next firing is looked for, in UTC.

    Source: ``Schedule`` of the 2024-04-01 OpenAPI file.
    """
    properties, name = body["properties"], str(body["name"])
    is_enabled = bool(properties.get("isEnabled", True))
    trigger = properties.get("trigger") or {}
    kind = str(field(trigger, "triggerType") or "").lower()
    words: Json = {"type": kind, "expression": trigger.get("expression"), **_recurring(trigger)}
    made = _created((body.get("systemData") or {}).get("createdAt"))
    told = _told(words, made, now, is_enabled=is_enabled)
    return ServiceSchedule("v2", name, name, properties.get("displayName"), is_enabled, *told)


def of_retired(entity: Json, now: dt.datetime) -> ServiceSchedule:
    """A schedule of a published pipeline, as CLI v1 made it.

    Args:
        entity: A ``PipelineScheduleEntity``.
        now: From when on its next firing is looked for, in UTC.

    Source: azureml-pipeline-core 1.62.0, ``_AevaScheduleProvider.from_schedule_entity``: numbers stand for words.
    """
    key, name, is_enabled = str(field(entity, "Id")), str(field(entity, "Name")), is_active(entity)
    recurrence = field(entity, "Recurrence")
    if not isinstance(recurrence, dict):
        return ServiceSchedule("v1", key, name, None, is_enabled, _changes(entity))
    words = {"type": "recurrence", **_recurring(recurrence)}
    skips_start = bool(words.get("start_time") and words.get("schedule"))
    made = _created(field(entity, "CreatedDate"))
    told = _told(words, made, now, is_enabled=is_enabled, skips_start=skips_start)
    return ServiceSchedule("v1", key, name, None, is_enabled, *told)


def _told(
    words: Json, made: dt.datetime | None, now: dt.datetime, *, is_enabled: bool, skips_start: bool = False
) -> tuple[str, str | None, dt.datetime | None]:
    """When it fires in words, in which zone, and when next."""
    try:
        fires = firing(words, "service", made)
    except (SpecError, KeyError, TypeError, ValueError) as error:  # a trigger that is newer than this package
        reason = "; ".join(one.reason for one in error.problems) if isinstance(error, SpecError) else repr(error)
        return f"{words['type'] or 'a trigger'} that cannot be read: {reason}", None, None
    return words_of(fires), fires.zone, _next(fires, now, skips_start=skips_start) if is_enabled else None


def _next(fires: Recurrence | Cron, now: dt.datetime, *, skips_start: bool) -> dt.datetime | None:
    found = fires.next_after(max(now, fires.first) if skips_start and fires.first else now)
    return found.astimezone(fires.time_zone) if found else None


def _recurring(given: Json) -> Json:
    """A trigger with the words of a schedule file."""
    frequency = str(field(given, "Frequency"))
    made: Json = {"frequency": _FREQUENCIES.get(frequency, frequency), "interval": field(given, "Interval") or 1}
    made |= {key: value for key, name in _TIMES.items() if (value := field(given, name))}
    made.setdefault("time_zone", DEFAULT_ZONE)
    pattern = field(given, "Schedule")
    if isinstance(pattern, dict):
        found = {key: value for key, name in _PATTERN.items() if (value := field(pattern, name))}
        if isinstance(days := found.get("week_days"), list):
            found["week_days"] = [_WEEK_DAYS[int(day)] if str(day).isdecimal() else day for day in days]
        made |= {"schedule": found} if found else {}
    return made


def _changes(entity: Json) -> str:
    info = field(entity, "DataStoreTriggerInfo")
    given = info if isinstance(info, dict) else {}
    path, often = field(given, "PathOnDataStore"), field(given, "PollingInterval")
    where = f"folder {path!r} of datastore" if path else "datastore"
    looking = f", looking every {often} minutes" if often else ""
    return f"when files in {where} {field(given, 'DataStoreName')!r} change{looking}"


def _created(value: object) -> dt.datetime | None:
    """When something was made, to the second."""
    try:
        found = dt.datetime.strptime(str(value)[:19], "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 (of UTC, as the service says)
    except ValueError:
        return None
    return found.replace(tzinfo=dt.timezone.utc)
