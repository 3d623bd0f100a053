"""Where a job can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

STUDIO = "/studio"
OWN = ("Studio", "Tracking")
"""The services that every job has."""


def services_of(emulator: Emulator, workspace_id: str, job: str) -> Json:
    """The ``services`` of a job: Studio and Tracking.

    Args:
        emulator: The emulator.
        workspace_id: The job's workspace.
        job: Its name.
    """
    # without the tenant, which azure-ai-ml appends itself
    studio = f"{emulator.https_url}{STUDIO}/runs/{job}?wsid={workspace_id}"
    tracking = f"{emulator.http_url}/mlflow/v1.0{workspace_id}"
    blank = {"port": None, "status": None, "errorMessage": None, "properties": None, "nodes": None}
    return {
        "Tracking": {"jobServiceType": "Tracking", "endpoint": tracking, **blank},
        "Studio": {"jobServiceType": "Studio", "endpoint": studio, **blank},
    }


def service_instances(job: Json) -> Json:
    """The services of a job by name, as its nodes have them: those that it asked for, none of which is started here.

    Source: ``ServiceInstanceResult`` of azure-ai-ml's run history client.

    Args:
        job: Its document.
    """
    asked: dict[str, Json | None] = job["properties"].get("services") or {}
    message = "The emulator starts no interactive services; run the job on Azure ML to use them."
    error = {"error": {"code": "UserError", "message": message, "details": []}}
    return {
        name: {
            "type": (service or {}).get("jobServiceType"),
            "port": (service or {}).get("port"),
            "status": "Failed",
            "error": error,
            "endpoint": None,
            "properties": (service or {}).get("properties") or {},
        }
        for name, service in asked.items()
        if name not in OWN
    }
