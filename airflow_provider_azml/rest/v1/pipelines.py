"""Published pipelines of v1, by the ids that the service gave them.

Source: azureml-pipeline-core 1.62, ``AMLPipelinesAPI10``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.flows import Send, call
from airflow_provider_azml.rest.v1 import data_plane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.rest import HttpResponse

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane


def published(place: WorkspaceId | DataPlane, *, active_only: bool = True) -> Flow[list[Json]]:
    """The published pipelines.

    Args:
        place: The workspace.
        active_only: Whether those that are disabled are left out.

    Source: ``GET Pipelines``: a list, without anything around it.
    """
    return (yield from entities(place, "Pipelines", active_only=active_only))


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


def entities(place: WorkspaceId | DataPlane, *below: str, active_only: bool | None = None) -> Flow[list[Json]]:
    """All entities of a list of the pipelines' service.

    Args:
        place: The workspace.
        below: The segments of the path below the workspace.
        active_only: Whether those that are disabled are left out, where the list can tell.

    Raises:
        ApiError: The service refused it, or answered no list.

    Source: ``[PipelineEntity]``, or ``EntityWithContinuationToken`` with the list under ``value``, of
    azureml-pipeline-core's models.
    """
    params = {} if active_only is None else {"activeOnly": str(active_only).lower()}
    response = yield from data_plane.ask(place, "pipelines", "GET", *below, params=params)
    items: list[Json] = []
    while True:
        page = _json(response)
        found = field(page, "value") if isinstance(page, dict) else page
        if not isinstance(found, list):
            reason = f"the answer is no JSON list: {response.text()[:100]!r}"
            raise flows.odd_answer(response.request, response, "NoJsonList", reason)
        items += found
        following = field(page, "nextLink") if isinstance(page, dict) else None
        if not following:
            return items
        response = yield from call(Send(flows.request("GET", str(following))))


def field(entity: Json, name: str) -> object:
    """A field of an entity of the pipelines' service, which its client reads whatever the case of its name."""
    return next((value for key, value in entity.items() if key.lower() == name.lower()), None)


def _json(response: HttpResponse) -> object:
    try:
        return response.json()
    except ValueError:
        return None
