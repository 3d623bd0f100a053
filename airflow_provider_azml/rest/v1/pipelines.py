"""Published pipelines of v1 and their schedules, by the ids that the service gave them.

Source: azureml-pipeline-core 1.62, ``AMLPipelinesAPI10``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.flows import Send, call
from airflow_provider_azml.rest.v1 import data_plane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

ACTIVE: Literal["Active"] = "Active"
DISABLED: Literal["Disabled"] = "Disabled"
_NUMBERS = {ACTIVE: "0", DISABLED: "2"}
"""Status -> its number, which is what is sent; answers have either. Source: ``entity_status_to_enum``."""
_RECURRENCE, _DATASTORE = "0", "1"
"""Types of schedules. Source: ``create_schedule`` of azureml-pipeline-core's provider."""


def published(place: WorkspaceId | DataPlane, *, active_only: bool = True) -> Flow[list[Json]]:
    """The published pipelines.

    Args:
        place: The workspace.
        active_only: Whether those that are disabled are left out.

    Source: ``GET Pipelines``: a list, without anything around it.
    """
    return (yield from _list(place, "Pipelines", active_only=active_only))


def get(place: WorkspaceId | DataPlane, pipeline_id: str) -> Flow[Json]:
    """A published pipeline: ``Id``, ``Name``, ``EntityStatus``, ``GraphId``...

    Raises:
        NotFound: There is none.
    """
    return (yield from data_plane.told(place, "pipelines", "GET", "Pipelines", pipeline_id))


def submit(
    place: WorkspaceId | DataPlane,
    pipeline_id: str,
    experiment: str,
    parameters: Mapping[str, object] | None = None,
    *,
    tags: Mapping[str, str] | None = None,
    continue_on_step_failure: bool | None = None,
) -> Flow[str]:
    """Run a published pipeline, by one request that is sent once.

    Args:
        place: The workspace.
        pipeline_id: Id of the pipeline.
        experiment: Name of the run's experiment.
        parameters: Values of its parameters, by name.
        tags: Tags of the run.
        continue_on_step_failure: Whether steps that do not need the failed one run on; by default as published.

    Returns:
        The run's id.

    Source: ``POST PipelineRuns/PipelineSubmit/{pipelineId}`` with a ``PipelineSubmissionInfo``, which is also the REST
    endpoint that a published pipeline tells.
    """
    said = {
        "ExperimentName": experiment,
        "ParameterAssignments": {name: str(value) for name, value in (parameters or {}).items()},
        "tags": dict(tags) if tags else None,
        "ContinueRunOnStepFailure": continue_on_step_failure,
        "RunSource": "SDK",
    }
    body = {key: value for key, value in said.items() if value is not None}
    below = ("PipelineRuns", "PipelineSubmit", pipeline_id)
    response = yield from data_plane.ask(place, "pipelines", "POST", *below, json=body, retry="never")
    return str(flows.json_object(response.request, response)["Id"])


def set_status(place: WorkspaceId | DataPlane, pipeline_id: str, status: Literal["Active", "Disabled"]) -> Flow[None]:
    """Let a published pipeline be run, or not.

    Source: ``PUT Pipelines/{pipelineId}/status``, the word as the whole body.
    """
    yield from data_plane.ask(place, "pipelines", "PUT", "Pipelines", pipeline_id, "status", json=status)


def create_schedule(place: WorkspaceId | DataPlane, schedule: Json) -> Flow[Json]:
    """Create a schedule of a published pipeline, by one request that is sent once.

    Args:
        place: The workspace.
        schedule: ``Name``, ``PipelineId``, ``PipelineSubmissionInfo``, ``ScheduleType``, and ``Recurrence`` or
            ``DataStoreTriggerInfo``; see :func:`schedule_of`.

    Returns:
        The schedule; ``Id`` names it from then on.

    Source: ``POST Schedules/Create`` with a ``ScheduleCreationInfo``.
    """
    response = yield from data_plane.ask(
        place, "pipelines", "POST", "Schedules", "Create", json=schedule, retry="never"
    )
    return flows.json_object(response.request, response)


def schedule_of(
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
        continue_on_step_failure: As for :func:`submit`.

    Example:
        >>> schedule_of("nightly", "f2a1...", "train", recurrence={"Frequency": "Day", "Interval": 1})["ScheduleType"]
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


def schedules(
    place: WorkspaceId | DataPlane, *, pipeline: str | None = None, active_only: bool = True
) -> Flow[list[Json]]:
    """The schedules of a workspace, or of one of its published pipelines.

    Args:
        place: The workspace.
        pipeline: Id of the published pipeline.
        active_only: Whether those that are disabled are left out; of one pipeline all are told.
    """
    if pipeline is not None:
        return (yield from _list(place, "Schedules", "Pipeline", pipeline))
    return (yield from _list(place, "Schedules", active_only=active_only))


def schedule(place: WorkspaceId | DataPlane, schedule_id: str) -> Flow[Json]:
    """A schedule: ``Id``, ``Name``, ``EntityStatus``, ``ProvisioningStatus``, ``Recurrence``...

    Raises:
        NotFound: There is none.
    """
    return (yield from data_plane.told(place, "pipelines", "GET", "Schedules", schedule_id))


def set_schedule_status(
    place: WorkspaceId | DataPlane,
    schedule_id: str,
    status: Literal["Active", "Disabled"],
) -> Flow[Json]:
    """Enable or disable a schedule; all else of it stays.

    Source: azureml-pipeline-core's ``Schedule.disable``: the schedule is read and PUT back with ``EntityStatus``.
    """
    found = yield from schedule(place, schedule_id)
    if found.get("EntityStatus") in (status, _NUMBERS[status]):
        return found
    changed = {**found, "EntityStatus": _NUMBERS[status]}
    return (yield from data_plane.told(place, "pipelines", "PUT", "Schedules", schedule_id, json=changed))


def runs_of_schedule(place: WorkspaceId | DataPlane, schedule_id: str) -> Flow[list[Json]]:
    """The runs that a schedule has started.

    Source: ``GET PipelineRuns/Schedule/{scheduleId}``.
    """
    return (yield from _list(place, "PipelineRuns", "Schedule", schedule_id))


def _list(place: WorkspaceId | DataPlane, *below: str, active_only: bool | None = None) -> Flow[list[Json]]:
    """What answers a list, or an object with one under ``value`` and where it goes on.

    Source: ``[PipelineEntity]``, or ``EntityWithContinuationToken`` of azureml-pipeline-core's models.
    """
    params = {} if active_only is None else {"activeOnly": str(active_only).lower()}
    response = yield from data_plane.ask(place, "pipelines", "GET", *below, params=params)
    items: list[Json] = []
    while True:
        page = response.json()
        if isinstance(page, list):
            return [*items, *page]
        items += page.get("value") or page.get("Value") or ()
        following = page.get("nextLink") or page.get("NextLink")
        if not following:
            return items
        response = yield from call(Send(flows.request("GET", following)))
