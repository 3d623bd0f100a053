"""Where MLflow finds a workspace's tracking server, and where it puts artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.locations import Location, Locations
    from airflow_provider_azml.rest.arm_ids import WorkspaceId

MODELS_SCOPE = "models"


def tracking_uri(http_url: str, workspace: WorkspaceId) -> str:
    """The tracking URI of a workspace, shaped as the service's, but plain http: see ``docs`` on the emulator."""
    return f"{http_url}/mlflow/v1.0{workspace}"


def artifact_uri(experiment_id: str, run_id: str, path: str = "") -> str:
    """The URI under which a client of the tracking server reaches artifacts of a run, through the server itself."""
    return f"mlflow-artifacts:/{experiment_id}/{run_id}/artifacts" + (f"/{path}" if path else "")


def place_of(locations: Locations, artifact_path: str) -> Location:
    """The place in storage of a path below ``mlflow-artifacts/artifacts``.

    Args:
        locations: Finds places, as seen from the workspace.
        artifact_path: ``<experiment>/<run>/artifacts/<path>``, or ``<experiment>/models/<model>/artifacts/<path>`` for
            a model that no run logged.

    Raises:
        ValueError: It is neither.
    """
    parts = [part for part in artifact_path.split("/") if part]
    if len(parts) > 1 and parts[1] == MODELS_SCOPE:
        parts = [parts[0], *parts[2:]]
    if len(parts) < 3 or parts[2] != "artifacts" or ".." in parts:  # noqa: PLR2004 (experiment, run, "artifacts")
        raise ValueError(f"{artifact_path!r} is not the path of an artifact")
    return locations.of_artifacts(parts[1]).below("/".join(parts[3:]))
