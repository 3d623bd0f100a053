"""Keys that schedule files of one generation have and those of the other do not, and what to write instead."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.spec.rules import mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.source import Source

Generation = Literal["v1", "v2"]
_UNKNOWN = "unknown key"
_PATTERN = "here times stand beside frequency: hours and minutes or time_of_day, and week_days"
_NOT_IN_V1 = "v1 has none; write the file as one of CLI v2"
_INSTEAD: Mapping[Generation, Mapping[str, str]] = {
    "v1": {
        "Schedule.trigger": "here it is recurrence: {frequency: Week, interval: 1, ...}",
        "Schedule.create_job": "v1 files do not say it; give job=",
        "Schedule.name": "v1 files have none; give dag_id=",
        "Schedule.recurrence.type": "leave it out",
        "Schedule.recurrence.schedule": _PATTERN,
        "Schedule.recurrence.month_days": _NOT_IN_V1,
        "Schedule.recurrence.end_time": _NOT_IN_V1,
    },
    "v2": {
        "recurrence": "here it is trigger: {type: recurrence, frequency: week, ...}",
        "pipeline_parameters": "here it is create_job: {job: ..., inputs: {...}}",
        "datastore_name": "v2 has no schedules of data; write the file as one of CLI v1, under the key Schedule",
        "schedule": "v1 writes it Schedule",
        "trigger.time_of_day": "here it is schedule: {hours: [9], minutes: [30]}",
    },
}
_OF_SCHEDULES = ("recurrence", "datastore_name")


def told(problems: Iterable[Problem], source: Source, generation: Generation) -> Iterator[Problem]:
    """The problems of a schedule file, where a key is of the other generation with what to write instead of it.

    Args:
        problems: What is wrong with it.
        source: The file.
        generation: Which one the file is of.
    """
    other = "v2" if generation == "v1" else "v1"
    for problem in problems:
        instead = _INSTEAD[generation].get(problem.path)
        if instead is None or not problem.reason.startswith(_UNKNOWN):
            yield problem
        elif problem.path != "schedule" or not mapping(source.value.get("schedule")).keys().isdisjoint(_OF_SCHEDULES):
            yield replace(problem, reason=f"is a key of CLI {other}; {instead}")
        else:
            yield problem
