"""Where MLflow finds a workspace's tracking server, and where it puts artifacts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.storage.locations import Location, Locations
    from airflow_provider_azml.rest.arm_ids import WorkspaceId

_OF_RUN = re.compile(r"^/?[^/]+/(?:models/)?(?P<run>[^/]+)/artifacts(?:/(?P<path>.*))?$")
_OF_VERSION = re.compile(r"^/?registry/(?P<name>[^/]+)/(?P<version>[^/]+)(?:/(?P<path>.*))?$")


def tracking_uri(http_url: str, workspace: WorkspaceId) -> str:
    """The tracking URI of a workspace: plain http, since MLflow in a job knows nothing of our certificate."""
    return f"{http_url}/mlflow/v1.0{workspace}"


def artifact_uri(experiment_id: str, run_id: str, path: str = "") -> str:
    """The URI under which a client of the tracking server reaches artifacts of a run, through the server itself.

    Args:
        experiment_id: The run's experiment.
        run_id: The run; ``models/<id>`` for a model that no run logged.
        path: The artifact's path, or nothing for all of the run's.
    """
    return f"mlflow-artifacts:/{experiment_id}/{run_id}/artifacts" + (f"/{path}" if path else "")


def model_version_uri(name: str, version: str) -> str:
    """The URI under which a client of the tracking server reaches the files of a registered model."""
    return f"mlflow-artifacts:/registry/{name}/{version}"


def place_of(locations: Locations, path: str) -> Location:
    """The place in storage that one of these URIs names.

    Args:
        locations: Finds places, as seen from the workspace.
        path: What follows ``mlflow-artifacts:``.

    Raises:
        ValueError: It is not the path of an artifact.
        LocationError: There is no such model.
    """
    if ".." not in path.split("/"):
        if found := _OF_VERSION.match(path):
            return locations.find(f"models:/{found['name']}/{found['version']}").below(found["path"] or "")
        if found := _OF_RUN.match(path):
            return locations.of_artifacts(found["run"]).below(found["path"] or "")
    raise ValueError(f"{path!r} is not the path of an artifact")
