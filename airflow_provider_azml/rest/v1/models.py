"""Models of v1: registered from runs, from local files or from URLs, and known as ``name:version``.

Source: ``modelManagement.json`` of the 2019-09-30 OpenAPI files, and azureml-core 1.61.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.v1 import artifacts, data_plane, runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.snapshot import Snapshot

_JSON = "application/json"
_PLACE = "models"
_SHOWN = 5


def register(place: WorkspaceId | DataPlane, model: Json) -> Flow[Json]:
    """Register the next version of a model, by one request that is sent once.

    Args:
        place: The workspace.
        model: ``name``, ``url`` and ``mimeType``; ``kvTags``, ``properties``, ``framework``, ``runId``...

    Returns:
        The model: ``id`` (``name:version``), ``version``...

    Source: ``POST models``.
    """
    response = yield from data_plane.ask(place, "modelmanagement", "POST", _PLACE, json=model, retry="never")
    return flows.json_object(response.request, response)


def register_files(
    place: WorkspaceId | DataPlane, name: str, taken: Snapshot, *, about: Mapping[str, object] | None = None
) -> Flow[Json]:
    """Upload a file or folder and register it. For the blocking driver alone.

    Args:
        place: The workspace.
        name: Name of the model.
        taken: The file or folder.
        about: What is said of it besides: ``description``, ``kvTags``, ``properties``, ``framework``...

    Source: ``az ml model register -p`` and azureml-core 1.61, ``Model.register``: artifacts, an asset that names them,
    a model whose URL names the asset.
    """
    prefix = yield from artifacts.upload(place, uuid.uuid4().hex, taken)
    return (yield from _register_prefix(place, name, prefix, about or {}))


def register_from_run(
    place: WorkspaceId | DataPlane,
    name: str,
    run_id: str,
    asset_path: str,
    *,
    experiment: str | None = None,
    about: Mapping[str, object] | None = None,
) -> Flow[Json]:
    """Register what a run has left under a path.

    Args:
        place: The workspace.
        name: Name of the model.
        run_id: Id of the run.
        asset_path: File or folder among its artifacts, e.g. ``outputs/model.pkl``.
        experiment: Name of the run's experiment.
        about: What is said of the model besides.

    Raises:
        NotFound: There is no such run, or it has left nothing there.

    Source: ``az ml model register --asset-path --run-id`` and azureml-core 1.61, ``Run.register_model``.
    """
    run = yield from runs.get(place, run_id)
    container = str(run.get("dataContainerId") or artifacts.container_of(run_id))
    yield from check_asset(place, run_id, container, asset_path)
    prefix = f"{artifacts.OF_RUNS}/{container}/{asset_path.strip('/')}"
    told = {"runId": run_id, **({"experimentName": experiment} if experiment else {}), **(about or {})}
    return (yield from _register_prefix(place, name, prefix, told))


def check_asset(place: WorkspaceId | DataPlane, run_id: str, container: str, asset_path: str) -> Flow[None]:
    """Check that a run has left something under a path.

    Raises:
        NotFound: It has not; what it has left is told.
    """
    wanted = asset_path.strip("/")
    there = yield from artifacts.each(place, artifacts.OF_RUNS, container)
    paths = sorted(str(artifact["path"]) for artifact in there)
    if any(path == wanted or path.startswith(f"{wanted}/") for path in paths):
        return
    left = ", ".join(paths[:_SHOWN]) + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")
    raise NotFound(
        method="GET",
        url=f"{artifacts.OF_RUNS}/{container}",
        status=404,
        code="AssetPathNotFound",
        message=f"run {run_id!r} has left nothing at {asset_path!r}; it has {left or 'left nothing at all'}",
        hint="Check asset_path; a script's files are kept that it writes to the folder outputs.",
    )


def find(place: WorkspaceId | DataPlane, model_id: str) -> Flow[Json | None]:
    """A model, or ``None`` if there is none.

    Args:
        place: The workspace.
        model_id: ``name:version``.
    """
    return (yield from data_plane.found(place, "modelmanagement", _PLACE, model_id))


def each(place: WorkspaceId | DataPlane, *, params: Mapping[str, str] | None = None) -> Flow[list[Json]]:
    """The models of a workspace.

    Args:
        place: The workspace.
        params: Which are wanted: ``name``, ``framework``, ``tags``, ``properties``, ``runId``, ``latestVersionOnly``.
    """
    return (yield from data_plane.pages(place, "modelmanagement", _PLACE, params=params))


def update(place: WorkspaceId | DataPlane, model_id: str, patch: Sequence[Json]) -> Flow[Json]:
    """Change a model's tags, description...

    Args:
        place: The workspace.
        model_id: ``name:version``.
        patch: A JSON Patch, e.g. ``[{"op": "replace", "path": "/description", "value": "..."}]``.
    """
    headers = {"Content-Type": data_plane.JSON_PATCH}
    return (
        yield from data_plane.told(
            place, "modelmanagement", "PATCH", _PLACE, model_id, json=list(patch), headers=headers
        )
    )


def delete(place: WorkspaceId | DataPlane, model_id: str) -> Flow[None]:
    """Delete a model; one that is gone already is as good as deleted."""
    try:
        yield from data_plane.ask(place, "modelmanagement", "DELETE", _PLACE, model_id)
    except NotFound as error:
        if error.code in data_plane.MISSING_PARENTS:
            raise


def _register_prefix(place: WorkspaceId | DataPlane, name: str, prefix: str, about: Mapping[str, object]) -> Flow[Json]:
    run = {"runid": about["runId"]} if "runId" in about else {}
    asset = {"name": name, "artifacts": [{"prefix": prefix}], **run}
    made = yield from data_plane.told(place, "modelmanagement", "POST", "assets", json=asset)
    model = {"name": name, "url": f"aml://asset/{made['id']}", "mimeType": _JSON, "unpack": False, **about}
    return (yield from register(place, model))
