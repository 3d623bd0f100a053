"""Schedules of jobs, monitors and data imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import data_imports, monitors, schedule_triggers, scheduled_jobs
from airflow_provider_azml.spec.rules import Rule, sendable, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_ACTIONS = {monitors.KEY: "monitor", "import_data": "import", scheduled_jobs.KEY: "job"}
"""The key that tells what a schedule does -> the part of the schema for it, in azure-ai-ml's order."""
_RULES = (
    Rule("display_name", "displayName"),
    Rule("description", "description"),
    Rule("tags", "tags", sendable),
    Rule("properties", "properties", sendable),
    Rule("trigger", "trigger", schedule_triggers.trigger),
)


def variant(value: Mapping[str, Any]) -> str:
    """What a schedule does: ``job``, ``monitor`` or ``import``; a job where it does not say."""
    return next((_ACTIONS[key] for key in _ACTIONS if key in value), "job")


def body(source: Source) -> Json:
    """What is sent for a schedule."""
    return {"properties": {**translated(source.value, _RULES), "action": _action(source)}}


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a schedule besides what its schema says."""
    yield from schedule_triggers.problems(source.at("trigger"))
    kind = variant(source.value)
    if kind == "job":
        yield from scheduled_jobs.problems(source)
    elif kind == "monitor":
        yield from monitors.problems(source)
    else:
        yield from data_imports.problems(source, ("import_data",))


def _action(source: Source) -> Json:
    kind = variant(source.value)
    if kind == "job":
        return {"actionType": "CreateJob", "jobDefinition": scheduled_jobs.definition(source)}
    if kind == "monitor":
        return {"actionType": "CreateMonitor", "monitorDefinition": monitors.definition(source)}
    definition = data_imports.definition(source, ("import_data",))
    return {"actionType": "ImportData", "dataImportDefinition": definition}
