"""Schedules of published pipelines: they fire as the others do, and are in no list of those."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from dateutil.parser import isoparse

from airflow_provider_azml.emulator.arm.errors import ArmError
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.history.data_plane import Call, DataPlaneError, Operation
from airflow_provider_azml.emulator.schedules.triggers import firing
from airflow_provider_azml.emulator.v1.published import ACTIVE, STATUSES, PublishedPipelines, id_of
from airflow_provider_azml.emulator.v1.sections import Section

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

_FREQUENCIES = {"0": "Month", "1": "Week", "2": "Day", "3": "Hour", "4": "Minute"}
_WITH_PATTERN = ("Day", "Week")
_RECURS = ("0", "Recurrence", "")
_SECOND = timedelta(seconds=1)


class PipelineSchedules:
    """Answers for schedules of published pipelines.

    Each is a schedule of Resource Manager's, too, but not listed there: studio does not list them either.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self) -> list[Operation]:
        """What can be asked. Source: ``AMLPipelinesAPI10`` of azureml-pipeline-core 1.62."""
        return [
            Operation("POST", "Schedules/Create", self._create),
            Operation("GET", "Schedules", self._list),
            Operation("GET", "Schedules/Pipeline/(?P<pipeline>[^/]+)", self._of_pipeline),
            Operation("GET", "Schedules/(?P<schedule>[^/]+)", self._found),
            Operation("PUT", "Schedules/(?P<schedule>[^/]+)", self._update),
        ]

    def _create(self, call: Call) -> Json:
        now = timestamp()
        return self._keep(call, {**call.body, "Id": str(uuid.uuid4()), "EntityStatus": ACTIVE, "CreatedDate": now})

    def _update(self, call: Call) -> Json:
        known = self._found(call)
        return self._keep(call, {**known, **call.body, "Id": known["Id"], "CreatedDate": known["CreatedDate"]})

    def _keep(self, call: Call, entity: Json) -> Json:
        given = Section(entity)
        status = STATUSES.get(given.text("entityStatus"), given.text("entityStatus", ACTIVE))
        if given.text("scheduleType") not in _RECURS:
            raise given.wrong("scheduleType", "must be Recurrence: the emulator watches no datastores for pipelines")
        trigger = self._trigger(given)
        published = PublishedPipelines(self._emulator, call.workspace)
        version = published.get(given.text("pipelineId"))
        job = published.job(version, given.section("pipelineSubmissionInfo"))
        arm_id = call.workspace.child("schedule", entity["Id"])
        properties = {
            "displayName": given.text("name"),
            "isEnabled": status == ACTIVE,
            "provisioningState": "Succeeded",
            "trigger": trigger,
            "action": {"actionType": "CreateJob", "jobDefinition": job},
        }
        try:
            firing(trigger, self._emulator.clock.now())
        except ArmError as error:
            raise DataPlaneError(error.status, "UserError", error.message) from error
        kept: Json = {
            **entity,
            "Name": given.text("name"),
            "PipelineId": id_of(version),
            "EntityStatus": status,
            "ScheduleType": "Recurrence",
            "ProvisioningStatus": "Completed",
            "LastModifiedDate": timestamp(),
        }
        self._emulator.store.put_record(_collection(call.workspace), kept["Id"], kept)
        self._emulator.store.put(arm_id, {"properties": properties}, listed=False)
        self._emulator.schedules.changed(arm_id)
        return kept

    def _list(self, call: Call) -> list[Json]:
        active_only = call.request.query_params.get("activeOnly", "true").lower() != "false"
        known = self._emulator.store.records(_collection(call.workspace))
        return [schedule for schedule in known if not active_only or schedule["EntityStatus"] == ACTIVE]

    def _of_pipeline(self, call: Call) -> list[Json]:
        wanted = call.names["pipeline"].lower()
        known = self._emulator.store.records(_collection(call.workspace))
        return [schedule for schedule in known if schedule["PipelineId"] == wanted]

    def _found(self, call: Call) -> Json:
        found = self._emulator.store.record(_collection(call.workspace), call.names["schedule"])
        if found is None:
            raise DataPlaneError(404, "UserError", f"The schedule {call.names['schedule']} was not found.")
        return found

    def _trigger(self, given: Section) -> Json:
        """When it fires, as schedules of today say it.

        Sources: ``ScheduleRecurrence`` of azureml-pipeline-core 1.62: a start that is itself one of the schedule's
        times of the day does not fire, and hours or minutes that are not given are those of the start.
        """
        recurrence = given.section("recurrence")
        frequency = _FREQUENCIES.get(recurrence.text("frequency"), recurrence.text("frequency"))
        pattern, start = recurrence.section("schedule"), recurrence.text("startTime")
        trigger: Json = {
            "triggerType": "Recurrence",
            "frequency": frequency,
            "interval": recurrence.number("interval") or 1,
            "timeZone": recurrence.text("timeZone") or "UTC",
        }
        begins = _moment(recurrence, start) if start else None
        has_pattern = any(pattern.value(name) is not None for name in ("hours", "minutes", "weekDays"))
        if has_pattern and frequency in _WITH_PATTERN:
            base = begins or self._emulator.clock.now()
            trigger["schedule"] = {
                "hours": pattern.items("hours") or [base.hour],
                "minutes": pattern.items("minutes") or [base.minute],
                **({"weekDays": pattern.items("weekDays")} if pattern.value("weekDays") else {}),
            }
            begins = begins + _SECOND if begins else None
        return {**trigger, **({"startTime": f"{begins:%Y-%m-%dT%H:%M:%S}"} if begins else {})}


def _collection(workspace: WorkspaceId) -> str:
    return f"v1_schedules:{str(workspace).lower()}"


def _moment(recurrence: Section, text: str) -> datetime:
    try:
        return isoparse(text)
    except ValueError as error:
        raise recurrence.wrong("startTime", "must be a time such as 2026-01-02T03:04:05") from error
