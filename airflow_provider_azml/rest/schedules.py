"""Schedules of a workspace, as CLI v2 makes them, and the jobs that they have started."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.flows import Flow, Json, Send, call, request
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from azure.core.rest import HttpRequest

    from airflow_provider_azml.rest.arm_ids import WorkspaceId

_STAMP = "%Y%m%dT%H%M%SZ"
_SAME_TIME = dt.timedelta(minutes=1)


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
