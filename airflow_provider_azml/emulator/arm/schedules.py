"""Schedules, as Resource Manager shows them. What fires them is in ``schedules``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.behaviour import Behaviour
from airflow_provider_azml.emulator.arm.errors import bad_request, conflict, not_found
from airflow_provider_azml.emulator.schedules.actions import act
from airflow_provider_azml.emulator.schedules.triggers import firing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json


class Schedule(Behaviour):
    """A schedule.

    Sources: ``ScheduleProperties`` of the 2024-04-01 OpenAPI file: trigger and action are required, and ``isEnabled``
    is true by default. MicrosoftDocs/azure-ai-docs, how-to-schedule-pipeline-job: "You must first disable a schedule to
    delete it"; with which status the service refuses is not known.
    """

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check that it says when and what."""
        document = super().accept(target, body, old)
        if document["properties"].get("isEnabled") is None:
            document["properties"]["isEnabled"] = True
        firing(document["properties"]["trigger"], self.emulator.clock.now())
        return document

    async def make(self, arm_id: str) -> None:
        """Fire it from now on as it says."""
        self.emulator.schedules.changed(arm_id)

    def check_delete(self, target: Target, document: Json, query: Mapping[str, str]) -> None:  # noqa: ARG002
        """Refuse to delete what is enabled."""
        if document["properties"].get("isEnabled", True):
            raise conflict(f"Schedule '{target.name}' is enabled and cannot be deleted; disable it first.")

    async def unmake(self, arm_id: str) -> None:
        """Fire it no more."""
        self.emulator.schedules.forget(arm_id)


def trigger_once(emulator: Emulator, arm_id: str, body: Json) -> Json:
    """Fire a schedule now.

    Args:
        emulator: The emulator.
        arm_id: The schedule.
        body: ``{"scheduleTime": "2026-01-01T06:00:00+00:00"}``; now where it is not given.

    Returns:
        ``{"scheduleActionType", "submissionId"}``, the id being the job's name.

    Raises:
        ArmError: The schedule is not there or not enabled, the time is none, or the job is refused.

    Sources: azure-ai-ml 1.35.2, ``ScheduleOperations.trigger`` ("trigger an enabled schedule once");
    ``TriggerRunSubmissionDto`` in the pull request 27116 of Azure/azure-rest-api-specs.
    """
    schedule = emulator.store.get(arm_id)
    if schedule is None:
        raise not_found(arm_id)
    if not schedule["properties"].get("isEnabled", True):
        raise conflict(f"Schedule '{schedule['name']}' is disabled and cannot be triggered; enable it first.")
    return {
        "scheduleActionType": schedule["properties"]["action"]["actionType"],
        "submissionId": act(emulator, schedule, _asked_for(emulator, body)) or "",
    }


def _asked_for(emulator: Emulator, body: Json) -> datetime:
    text = body.get("scheduleTime")
    if not text:
        return emulator.clock.now()
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError as error:
        message = f"scheduleTime must be a time in ISO 8601, not '{text}'."
        raise bad_request(message, code="ValidationError", target="scheduleTime") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
