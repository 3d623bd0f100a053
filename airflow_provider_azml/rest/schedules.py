"""Schedules of a workspace, of both generations, and what they have started last."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.flows import Flow, Json, Send, call, request
from airflow_provider_azml.rest.history import DataPlane, data_plane
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from azure.core.rest import HttpRequest

    from airflow_provider_azml.rest.arm_ids import WorkspaceId

PIPELINES = "/pipelines/v1.0"
"""The service of the data plane that keeps published pipelines and their schedules.

Source: azureml-pipeline-core 1.62.0, ``aml_pipelines_api10.py``; its requests carry tokens of Resource Manager.
"""
DISABLED = "Disabled"
_STATES = {"0": "Active", "1": "Deprecated", "2": DISABLED}
_STAMP = "%Y%m%dT%H%M%SZ"
_SAME_TIME = dt.timedelta(minutes=1)
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


def listed(workspace: WorkspaceId) -> Flow[list[Json]]:
    """All schedules of CLI v2, disabled ones too.

    Source: ``Schedules_List`` of the 2024-04-01 OpenAPI file, whose ``listViewType`` is ``EnabledOnly`` by default.
    """
    version = RESOURCES["schedule"].api_version
    return (yield from flows.pages(workspace.child("schedule"), api_version=version, params={"listViewType": "All"}))


def last_job(workspace: WorkspaceId, schedule: str) -> Flow[Json | None]:
    """The job that a schedule of CLI v2 has started last; ``None`` where there is none."""
    found: list[Json] = (yield from _jobs(_of_schedule(workspace, schedule))).get("value") or []
    return found[0] if found else None


def job_for(workspace: WorkspaceId, schedule: str, due: dt.datetime) -> Flow[Json | None]:
    """The job that a schedule of CLI v2 has started for a time, to the minute; ``None`` where there is none.

    Args:
        workspace: The workspace.
        schedule: Name of the schedule.
        due: The time, with an offset.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-schedule-pipeline-job, "Query triggered jobs":
    the display name is ``<schedule>-YYYYMMDDThhmmssZ``.
    """
    sent = _of_schedule(workspace, schedule)
    while True:
        page = yield from _jobs(sent)
        jobs: list[Json] = page.get("value") or []
        for job in jobs:
            started = _started_for(job, schedule)
            if started is not None and abs(started - due) < _SAME_TIME:
                return job
            if started is not None and started < due:  # the newest come first
                return None
        if not page.get("nextLink"):
            return None
        sent = request("GET", page["nextLink"])


def _of_schedule(workspace: WorkspaceId, schedule: str) -> HttpRequest:
    """Asks for the jobs of a schedule.

    Source: ``scheduled`` and ``scheduleId`` of ``Jobs_List`` in the client of 2024-01-01-preview that azure-ai-ml
    carries.
    """
    params = {"api-version": RESOURCES["job"].api_version, "scheduled": "true", "scheduleId": schedule}
    return request("GET", workspace.child("job"), params=params)


def _jobs(sent: HttpRequest) -> Flow[Json]:
    return flows.json_object(sent, (yield from call(Send(sent))))


def _started_for(job: Json, schedule: str) -> dt.datetime | None:
    shown = str(job["properties"].get("displayName") or job["name"])
    try:
        found = dt.datetime.strptime(shown.removeprefix(f"{schedule}-"), _STAMP)  # noqa: DTZ007 (of UTC, as Z says)
    except ValueError:
        return None
    return found.replace(tzinfo=dt.timezone.utc)


def retired(place: WorkspaceId | DataPlane) -> Flow[list[Json]]:
    """All schedules of published pipelines, as CLI v1 made them, disabled ones too.

    Raises:
        ApiError: The workspace cannot be asked for them.

    Source: ``GET .../Schedules?activeOnly=false`` answers a list of ``PipelineScheduleEntity``.
    """
    sent = request("GET", (yield from _url(place, "/Schedules")), params={"activeOnly": "false"})
    response = yield from call(Send(sent))
    try:
        found = response.json()
    except ValueError:
        found = None
    if isinstance(found, dict):  # as others of the service's lists are
        found = field(found, "value")
    if isinstance(found, list):
        return found
    raise flows.odd_answer(sent, response, "NoJsonList", f"the answer is no JSON list: {response.text()[:100]!r}")


def retired_run(place: WorkspaceId | DataPlane, schedule_id: str) -> Flow[Json | None]:
    """The last run of a schedule of CLI v1: a ``PipelineRunEntity``; ``None`` where there is none."""
    sent = request("GET", (yield from _url(place, f"/PipelineRuns/Schedule/{quote(schedule_id)}/Last")))
    try:
        response = yield from call(Send(sent))
    except ApiError as error:
        if error.status in _GONE:
            return None
        raise
    return flows.json_object(sent, response) if response.content.strip() not in (b"", b"null") else None


def disable_retired(place: WorkspaceId | DataPlane, schedule_id: str) -> Flow[Json]:
    """Disable a schedule of CLI v1, unless it is so already, and answer it as it is afterwards.

    Source: azureml-pipeline-core 1.62.0, ``Schedule.disable``: a GET, and a PUT of that entity with ``EntityStatus``
    ``Disabled``, whose body is sent as ``application/json-patch+json``.
    """
    url = yield from _url(place, f"/Schedules/{quote(schedule_id)}")
    shown = request("GET", url)
    found = flows.json_object(shown, (yield from call(Send(shown))))
    if is_active(found):
        key = next((key for key in found if key.lower() == "entitystatus"), "EntityStatus")
        headers = {"Content-Type": "application/json-patch+json; charset=utf-8"}
        yield from call(Send(request("PUT", url, json={**found, key: DISABLED}, headers=headers)))
        shown = request("GET", url)
        found = flows.json_object(shown, (yield from call(Send(shown))))
    return found


def is_active(entity: Json) -> bool:
    """Whether a schedule of CLI v1 fires. Source: azureml-pipeline-core, ``entity_status_from_enum``."""
    status = str(field(entity, "EntityStatus"))
    return _STATES.get(status, status) == "Active"


def field(entity: Json, name: str) -> object:
    """A field of an entity of the pipelines' service, which its client reads whatever the case of its name."""
    return next((value for key, value in entity.items() if key.lower() == name.lower()), None)


def _url(place: WorkspaceId | DataPlane, below: str) -> Flow[str]:
    plane = DataPlane.of(place)
    if plane.api is None:
        plane.api = yield from data_plane(plane.workspace)
    return f"{plane.api}{PIPELINES}{plane.workspace}{below}"
