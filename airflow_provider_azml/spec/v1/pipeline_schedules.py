"""Schedule files of CLI v1 as the v1 interface takes a schedule on a published pipeline.

Source: azureml-pipeline-core 1.62, ``Schedule.load_yaml`` and ``_AevaWorkflowProvider.create_schedule``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.v1 import schedules
from airflow_provider_azml.spec.v1.schedules import ROOT

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_SETTING = "continue_on_step_failure"
_PATTERN = {"hours": "Hours", "minutes": "Minutes", "week_days": "WeekDays"}


@dataclass(frozen=True)
class PipelineSchedule:
    """What a schedule file says, in the words of the v1 interface.

    Args:
        recurrence: ``Recurrence`` of a schedule; ``None`` for one of changes.
        datastore: ``DataStoreTriggerInfo`` of a schedule of changes.
        parameters: Values of the pipeline's parameters; expressions stay, which that service works out itself.
        description: What it says of itself.
        continue_on_step_failure: Whether steps that do not need the failed one run on; ``None`` where nothing is said.
    """

    recurrence: Json | None
    datastore: Json | None
    parameters: Json
    description: str | None
    continue_on_step_failure: bool | None


def read(source: Source) -> PipelineSchedule:
    """What a schedule file says.

    Args:
        source: The file, as it is written.

    Raises:
        SpecError: It is no valid schedule file; with all its problems at once.

    Example:
        >>> read(as_written(Path("myschedule.yml"))).recurrence
        {'Frequency': 'Week', 'Interval': 1, 'TimeZone': 'UTC', 'Schedule': {'WeekDays': ['Friday']}}
    """
    schedules.check(source)
    return PipelineSchedule(
        _recurrence(source),
        _datastore(source),
        dict(mapping(source.value_at((ROOT, "pipeline_parameters")))),
        schedules.description(source),
        schedules.settings(source).get(_SETTING),
    )


def _recurrence(source: Source) -> Json | None:
    found = schedules.trigger(source)
    if found is None:
        return None
    pattern = mapping(found.get("schedule"))
    return {
        "Frequency": str(found["frequency"]).capitalize(),
        "Interval": found["interval"],
        **({"StartTime": found["start_time"]} if "start_time" in found else {}),
        "TimeZone": found["time_zone"],
        "Schedule": {_PATTERN[key]: value for key, value in pattern.items()} or None,
    }


def _datastore(source: Source) -> Json | None:
    found = schedules.changes(source)
    if found is None:
        return None
    return {
        "DataStoreName": found.datastore,
        "PollingInterval": round(found.poll_seconds / 60),
        "DataPathParameterName": found.parameter,
        "PathOnDataStore": found.path or None,
    }
