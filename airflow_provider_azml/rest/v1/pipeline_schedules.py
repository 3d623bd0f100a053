"""Schedules of published pipelines of v1, by the ids that the service gave them, and what they have started.

Source: azureml-pipeline-core 1.62, ``AMLPipelinesAPI10``.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.v1 import data_plane
from airflow_provider_azml.rest.v1.pipelines import entities, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

ACTIVE: Literal["Active"] = "Active"
DISABLED: Literal["Disabled"] = "Disabled"
_STATES = {"0": ACTIVE, "1": "Deprecated", "2": DISABLED}
"""Number -> status; answers have either. Source: ``entity_status_from_enum``."""
_STATUS = "EntityStatus"
_RECURRENCE, _DATASTORE = "0", "1"
"""Types of schedules. Source: ``create_schedule`` of azureml-pipeline-core's provider."""
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


def create(place: WorkspaceId | DataPlane, schedule: Json) -> Flow[Json]:
    """Create a schedule of a published pipeline, by one request that is sent once.

    Args:
        place: The workspace.
        schedule: ``Name``, ``PipelineId``, ``PipelineSubmissionInfo``, ``ScheduleType``, and ``Recurrence`` or
            ``DataStoreTriggerInfo``; see :func:`described`.

    Returns:
        The schedule; ``Id`` names it from then on.

    Source: ``POST Schedules/Create`` with a ``ScheduleCreationInfo``.
    """
    response = yield from data_plane.ask(
        place, "pipelines", "POST", "Schedules", "Create", json=schedule, retry="never"
    )
    return flows.json_object(response.request, response)


def described(
    name: str,
    pipeline: str,
    experiment: str,
    *,
    recurrence: Json | None = None,
    datastore: Json | None = None,
    parameters: Mapping[str, object] | None = None,
    description: str | None = None,
    continue_on_step_failure: bool | None = None,
) -> Json:
    """The body that a schedule is created with.

    Args:
        name: Its name; several may have the same.
        pipeline: Id of the published pipeline.
        experiment: Name of the experiment of its runs.
        recurrence: ``Frequency``, ``Interval``, ``StartTime``, ``TimeZone``, ``Schedule`` (``Hours``, ``Minutes``,
            ``WeekDays``).
        datastore: ``DataStoreName``, ``PollingInterval`` in minutes, ``DataPathParameterName``, ``PathOnDataStore``.
        parameters: Values of the pipeline's parameters.
        description: Free text, of its runs.
        continue_on_step_failure: As for :func:`~airflow_provider_azml.rest.v1.pipelines.submit`.

    Example:
        >>> described("nightly", "f2a1...", "train", recurrence={"Frequency": "Day", "Interval": 1})["ScheduleType"]
        '0'
    """
    submission = {
        "ExperimentName": experiment,
        "Description": description,
        "ParameterAssignments": {key: str(value) for key, value in (parameters or {}).items()},
        "ContinueRunOnStepFailure": continue_on_step_failure,
    }
    return {
        "Name": name,
        "PipelineId": pipeline,
        "PipelineSubmissionInfo": {key: value for key, value in submission.items() if value is not None},
        "ScheduleType": _DATASTORE if datastore else _RECURRENCE,
        "Recurrence": recurrence,
        "DataStoreTriggerInfo": datastore,
    }


def each(place: WorkspaceId | DataPlane, *, pipeline: str | None = None, active_only: bool = True) -> Flow[list[Json]]:
    """The schedules of a workspace, or of one of its published pipelines.

    Args:
        place: The workspace.
        pipeline: Id of the published pipeline.
        active_only: Whether those that are disabled are left out; of one pipeline all are told.

    Raises:
        ApiError: The workspace cannot be asked for them.
    """
    if pipeline is not None:
        return (yield from entities(place, "Schedules", "Pipeline", pipeline))
    return (yield from entities(place, "Schedules", active_only=active_only))


def get(place: WorkspaceId | DataPlane, schedule_id: str) -> Flow[Json]:
    """A schedule: ``Id``, ``Name``, ``EntityStatus``, ``ProvisioningStatus``, ``Recurrence``...

    Raises:
        NotFound: There is none.
    """
    return (yield from data_plane.told(place, "pipelines", "GET", "Schedules", schedule_id))


def set_status(place: WorkspaceId | DataPlane, schedule_id: str, status: Literal["Active", "Disabled"]) -> Flow[Json]:
    """Enable or disable a schedule, unless it is so already, and answer it as it is afterwards; all else of it stays.

    Source: azureml-pipeline-core's ``Schedule.disable``: the schedule is read and PUT back with the word as its
    ``EntityStatus``, as ``application/json-patch+json``.
    """
    found = yield from get(place, schedule_id)
    if _status(found) == status:
        return found
    key = next((key for key in found if key.lower() == _STATUS.lower()), _STATUS)
    headers = {"Content-Type": f"{data_plane.JSON_PATCH}; charset=utf-8"}
    changed = {**found, key: status}
    yield from data_plane.ask(place, "pipelines", "PUT", "Schedules", schedule_id, json=changed, headers=headers)
    return (yield from get(place, schedule_id))


def is_active(entity: Json) -> bool:
    """Whether a schedule fires."""
    return _status(entity) == ACTIVE


def _status(entity: Json) -> str:
    said = str(field(entity, _STATUS))
    return _STATES.get(said, said)


def runs(place: WorkspaceId | DataPlane, schedule_id: str) -> Flow[list[Json]]:
    """The runs that a schedule has started.

    Source: ``GET PipelineRuns/Schedule/{scheduleId}``.
    """
    return (yield from entities(place, "PipelineRuns", "Schedule", schedule_id))


def last_run(place: WorkspaceId | DataPlane, schedule_id: str) -> Flow[Json | None]:
    """The last run of a schedule: a ``PipelineRunEntity``; ``None`` where there is none.

    Source: ``GET PipelineRuns/Schedule/{scheduleId}/Last``.
    """
    try:
        response = yield from data_plane.ask(place, "pipelines", "GET", "PipelineRuns", "Schedule", schedule_id, "Last")
    except ApiError as error:
        if error.status in _GONE:
            return None
        raise
    return flows.json_object(response.request, response) if response.content.strip() not in (b"", b"null") else None
