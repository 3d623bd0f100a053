"""What a schedule does when it is due."""

from __future__ import annotations

from datetime import timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.emulator.arm.jobs import start_job
from airflow_provider_azml.emulator.selections import SCHEDULE
from airflow_provider_azml.emulator.serving.batch_invocation import invoke
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

TIME = "azureml.scheduledTime"
"""The property of a job that says which moment it was started for; the name is the emulator's own."""
_TRIGGER_TIME = "${{creation_context.trigger_time}}"
_NAME = "${{name}}"


def act(emulator: Emulator, schedule: Json, due: datetime) -> str | None:
    """Start what a schedule starts.

    Args:
        emulator: The emulator.
        schedule: The schedule.
        due: The moment that it is due at.

    Returns:
        Name of the job; ``None`` for what the emulator does not do: monitors and data imports.

    Raises:
        ArmError: The job is refused.

    Sources: MicrosoftDocs/azure-ai-docs, how-to-schedule-pipeline-job: the display name, the two macros, and where they
    are taken; reference-yaml-schedule: the experiment is called as the schedule where no other is named.
    """
    action = schedule["properties"]["action"]
    due = due.astimezone(timezone.utc)
    if action["actionType"] == "CreateJob":
        return _create_job(emulator, schedule, action["jobDefinition"], due)
    if action["actionType"] == "InvokeBatchEndpoint":
        return _invoke(emulator, action["endpointInvocationDefinition"], due)
    return None


def _create_job(emulator: Emulator, schedule: Json, definition: Json, due: datetime) -> str:
    workspace_id = str(arm_ids.parse(schedule["id"]).workspace)
    shown = f"{schedule['name']}-{due:%Y%m%dT%H%M%SZ}"
    name = _free_name(emulator, workspace_id, shown)
    filled: Json = _filled(definition, {_TRIGGER_TIME: f"{due:%Y-%m-%dT%H:%M:%SZ}", _NAME: name})
    marks = {SCHEDULE: schedule["name"], TIME: f"{due:%Y-%m-%dT%H:%M:%SZ}"}
    start_job(
        emulator,
        workspace_id,
        name,
        {
            **filled,
            "displayName": shown,
            "experimentName": filled.get("experimentName") or schedule["name"],
            "properties": {**(filled.get("properties") or {}), **marks},
        },
    )
    return name


def _free_name(emulator: Emulator, workspace_id: str, wanted: str) -> str:
    """The name of a job: what is shown, and a number where somebody has triggered the schedule for the same second."""
    name, number = wanted, 1
    while emulator.store.get(f"{workspace_id}/jobs/{name}") is not None:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _invoke(emulator: Emulator, definition: Json, due: datetime) -> str:
    """Invoke a batch endpoint. Source: the example of ``EndpointScheduleAction`` in the 2024-04-01 OpenAPI file."""
    given: Json = _filled(definition.get("inputs") or {}, {_TRIGGER_TIME: f"{due:%Y-%m-%dT%H:%M:%SZ}"})
    inputs = {
        name: value if isinstance(value, dict) else {"jobInputType": "literal", "value": value}
        for name, value in given.items()
    }
    endpoint_id = str(definition.get("endpoint")).removeprefix("azureml:")
    return str(invoke(emulator, endpoint_id, {"properties": {"InputData": inputs}})["name"])


def _filled(value: Any, macros: dict[str, str]) -> Any:  # JSON, whatever it is
    if isinstance(value, str):
        for macro, text in macros.items():
            value = value.replace(macro, text)
        return value
    if isinstance(value, dict):
        return {key: _filled(item, macros) for key, item in value.items()}
    return [_filled(item, macros) for item in value] if isinstance(value, list) else value
