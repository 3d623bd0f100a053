"""MLflow's artifacts, which the tracking server passes to and from storage."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.responses import FileResponse, JSONResponse, Response

from airflow_provider_azml.emulator.mlflow.api import MlflowError, invalid, missing
from airflow_provider_azml.emulator.mlflow.uris import place_of
from airflow_provider_azml.emulator.storage.locations import LocationError, Locations
from airflow_provider_azml.emulator.storage.uploads import received

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.storage.blobs import Blobs
    from airflow_provider_azml.emulator.storage.locations import Location
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json


async def answer(emulator: Emulator, workspace: WorkspaceId, request: Request, path: str) -> Response:
    """Answer a request for an artifact.

    Args:
        emulator: The emulator.
        workspace: The workspace.
        request: The request.
        path: What follows ``/api/2.0/mlflow-artifacts/artifacts``; empty to list what ``?path=`` names.

    Raises:
        MlflowError: There is no such artifact, or nothing can be done to it so.
    """
    if request.method == "GET" and not path.strip("/"):
        return JSONResponse({"files": _listed(emulator.blobs, _place(emulator, workspace, _asked(request)))})
    place = _place(emulator, workspace, path)
    if request.method == "PUT":
        return await _put(emulator.blobs, place, request)
    if place.path not in emulator.blobs.names(place.container, place.path):
        raise missing(f"Artifact {path}")
    if request.method == "GET":
        return FileResponse(emulator.blobs.path(emulator.blobs.find(place.container, place.path)))
    if request.method == "DELETE":
        emulator.blobs.remove(place.container, place.path)
        return JSONResponse({})
    raise MlflowError(405, "ENDPOINT_NOT_FOUND", f"{request.method} is nothing that can be done to an artifact.")


async def _put(blobs: Blobs, place: Location, request: Request) -> Response:
    blobs.adopt(place.container, place.path, await received(blobs, request))
    return JSONResponse({})


def _listed(blobs: Blobs, place: Location) -> list[Json]:
    root = f"{place.path}/"
    files: dict[str, Json] = {}
    for blob in blobs.below(place.container, root):
        name, slash, _ = blob.name.removeprefix(root).partition("/")
        files[name] = (
            {"path": name, "is_dir": True} if slash else {"path": name, "is_dir": False, "file_size": blob.size}
        )
    return list(files.values())


def _asked(request: Request) -> str:
    return unquote(request.query_params.get("path") or "")


def _place(emulator: Emulator, workspace: WorkspaceId, path: str) -> Location:
    try:
        return place_of(Locations(emulator.store, workspace), path)
    except (LocationError, ValueError) as error:
        raise invalid(str(error)) from error
