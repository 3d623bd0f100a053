"""Schedule files of CLI v1: a recurrence, or a datastore whose changes fire it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import schedule_triggers, time_zones, validate
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.v1 import expressions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

ROOT = "Schedule"
"""The key by which a file of this kind is known."""
SCHEMA = "v1_schedule.schema.json"
POLL_MINUTES = 5
_FORM = "%Y-%m-%dT%H:%M:%S"
_UNSET = "None"
_TIMES = ("hours", "minutes", "time_of_day")
_WITH_TIMES = ("Day", "Week")
_OF_CHANGES = ("polling_interval", "data_path_parameter_name", "path_on_datastore")


@dataclass(frozen=True)
class Changes:
    """What a schedule of changes looks at.

    Args:
        datastore: Name of the datastore.
        path: Folder in it, without its subfolders; empty for the container's top.
        poll_seconds: How often it looks, in seconds.
        parameter: The pipeline's parameter that takes the path of what changed.
    """

    datastore: str
    path: str
    poll_seconds: float
    parameter: str | None


def is_schedule(source: Source) -> bool:
    """Whether a source is a schedule file of CLI v1."""
    return ROOT in source.value


def check(source: Source) -> Sequence[Problem]:
    """Check a schedule file before anything is made of it.

    Returns:
        The warnings.

    Raises:
        SpecError: It is no valid schedule file; with all its problems at once.
    """
    return validate.check(source, SCHEMA, _problems, strict=True)


def trigger(source: Source) -> Json | None:
    """The recurrence in the words of today's schedule files; ``None`` for a schedule of changes.

    Example:
        >>> trigger(source)
        {'type': 'recurrence', 'frequency': 'week', 'interval': 1, 'schedule': {'week_days': ['monday']}, ...}
    """
    given = _without_unset(source.at(ROOT, "recurrence").value)
    if not given:
        return None
    pattern: Json = {key: given[key] for key in ("hours", "minutes", "week_days") if key in given}
    if "time_of_day" in given:
        hour, _, minute = str(given["time_of_day"]).partition(":")
        pattern |= {"hours": [int(hour)], "minutes": [int(minute)]}
    made: Json = {
        "type": "recurrence",
        "frequency": str(given["frequency"]).lower(),
        "interval": given["interval"],
        "time_zone": given.get("time_zone", schedule_triggers.DEFAULT_ZONE),
    }
    if "start_time" in given:
        made["start_time"] = _text(given["start_time"])
    return {**made, "schedule": pattern} if pattern else made


def skips_start(source: Source) -> bool:
    """Whether a start that is one of the recurrence's own times is left out: where it says times or days of its own.

    Source: the reference of ``azureml.pipeline.core.schedule.ScheduleRecurrence``: "If ``start_time`` matches
    ``week_days`` and ``time_of_day`` (or ``hours`` and ``minutes``), then the first work load does not run at
    ``start_time``, but instead runs at the next calculated run time."
    """
    found = trigger(source)
    return found is not None and "start_time" in found and "schedule" in found


def changes(source: Source) -> Changes | None:
    """What a schedule of changes looks at; ``None`` for one with a recurrence."""
    given = _without_unset(source.at(ROOT).value)
    if "datastore_name" not in given:
        return None
    return Changes(
        str(given["datastore_name"]),
        str(given.get("path_on_datastore", "")).strip("/"),
        60.0 * float(given.get("polling_interval", POLL_MINUTES)),
        given.get("data_path_parameter_name"),
    )


def parameters(source: Source) -> Json:
    """The values of the pipeline's parameters; expressions as Jinja."""
    given = mapping(source.value_at((ROOT, "pipeline_parameters")))
    return {
        name: expressions.jinja(value) if expressions.is_expression(value) else value for name, value in given.items()
    }


def settings(source: Source) -> Json:
    """Settings of the pipeline that the schedule changes."""
    value = _without_unset(source.at(ROOT).value).get("continue_on_step_failure")
    return {} if value is None else {"continue_on_step_failure": value}


def description(source: Source) -> str | None:
    """What the schedule says of itself."""
    found = source.value_at((ROOT, "description"))
    return found if isinstance(found, str) else None


def _problems(source: Source) -> Iterator[Problem]:
    given = source.at(ROOT)
    said = _without_unset(given.value)
    has = [key for key in ("recurrence", "datastore_name") if key in said]
    if len(has) != 1:
        both = "recurrence and datastore_name are both given" if has else "recurrence and datastore_name are missing"
        yield given.problem(tuple(has[:1]), f"{both}; give one", at_key=bool(has))
    if "datastore_name" not in said:
        for key in (key for key in _OF_CHANGES if key in said):
            yield given.problem((key,), "counts with datastore_name alone", at_key=True)
    yield from _recurrence_problems(given.at("recurrence"))
    for name, value in mapping(said.get("pipeline_parameters")).items():
        if expressions.is_expression(value):
            try:
                expressions.jinja(value)
            except expressions.ExpressionError as error:
                yield given.problem(("pipeline_parameters", name), str(error))


def _recurrence_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a recurrence in v1's own words.

    Source: the reference of ``azureml.pipeline.core.schedule.ScheduleRecurrence``.
    """
    given = _without_unset(source.value)
    frequency = given.get("frequency")
    for key in (key for key in _TIMES if key in given and frequency not in _WITH_TIMES):
        yield source.problem((key,), f"counts with frequency {' or '.join(_WITH_TIMES)} alone", at_key=True)
    if "week_days" in given and frequency != "Week":
        yield source.problem(("week_days",), "counts with frequency Week alone", at_key=True)
    for key in (key for key in ("hours", "minutes") if key in given and "time_of_day" in given):
        yield source.problem((key,), "stands beside time_of_day; give one of them", at_key=True)
    start = given.get("start_time")
    if start is not None and not _is_time(start):
        yield source.problem(("start_time",), f"{str(start)!r:.80} is no time; write 2026-01-31T09:00:00")
    zone = given.get("time_zone")
    if isinstance(zone, str):
        try:
            time_zones.time_zone(zone)
        except time_zones.UnknownTimeZoneError as error:
            yield source.problem(("time_zone",), str(error))


def _without_unset(given: Json) -> Json:
    """A mapping without the keys that say nothing: ``null``, and the text ``None``, as v1's template has it."""
    return {key: value for key, value in given.items() if value is not None and value != _UNSET}


def _is_time(value: object) -> bool:
    """Whether a value is a time without an offset; YAML makes a datetime of one that is not in quotation marks."""
    if isinstance(value, dt.datetime):
        return value.tzinfo is None
    try:
        dt.datetime.strptime(str(value), _FORM)  # noqa: DTZ007 (its zone stands beside it)
    except ValueError:
        return False
    return True


def _text(moment: Any) -> str:
    return moment.strftime(_FORM) if isinstance(moment, dt.datetime) else str(moment)
