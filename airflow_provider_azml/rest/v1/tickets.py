"""What runs and web services of v1 are waited for with, in any process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest.v1.awaited_runs import EXPERIMENT, RUN
from airflow_provider_azml.rest.v1.awaited_services import GONE, OPERATION, UNSCHEDULABLE_SECONDS, WEB_SERVICE
from airflow_provider_azml.rest.v1.profiles import PROFILE
from airflow_provider_azml.rest.waiting import Ticket

if TYPE_CHECKING:
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json


def run(workspace: WorkspaceId, experiment: str, run_id: str, body: Json | None = None) -> Ticket:
    """The ticket of the end of a run; by it the run is cancelled too.

    Args:
        workspace: The workspace.
        experiment: Name of the run's experiment.
        run_id: Its id.
        body: The run, where it is known.
    """
    return Ticket(workspace.child("job", run_id), None, body or {}, RUN, {EXPERIMENT: experiment})


def web_service(
    workspace: WorkspaceId,
    name: str,
    *,
    operation: str | None = None,
    unschedulable_seconds: float | None = None,
    body: Json | None = None,
) -> Ticket:
    """The ticket of a web service's health.

    Args:
        workspace: The workspace.
        name: Name of the service.
        operation: Id of the operation that makes or changes it, which has to succeed too.
        unschedulable_seconds: How long it may lack a place to run, in seconds; by default as long as the wait lasts.
        body: The service, where it is known.
    """
    wanted = {OPERATION: operation, UNSCHEDULABLE_SECONDS: unschedulable_seconds}
    return Ticket(workspace.child("online_endpoint", name), None, body or {}, WEB_SERVICE, wanted)


def web_service_gone(workspace: WorkspaceId, name: str, *, operation: str | None = None) -> Ticket:
    """The ticket of a web service's deletion.

    Args:
        workspace: The workspace.
        name: Name of the service.
        operation: Id of the operation that deletes it.
    """
    return Ticket(workspace.child("online_endpoint", name), None, {}, GONE, {OPERATION: operation})


def profile(workspace: WorkspaceId, name: str, body: Json | None = None) -> Ticket:
    """The ticket of a profile's end.

    Args:
        workspace: The workspace.
        name: Name of the profile.
        body: The profile, where it is known.
    """
    return Ticket(workspace.child("online_endpoint", name), None, body or {}, PROFILE)
