"""The image of a deployment's environment while it is built: whether it is there, and what its build logs."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_azml.exceptions import ApiError, SpecError
from airflow_provider_azml.rest import arm_ids, datastores, flows
from airflow_provider_azml.rest.datastores import STORAGE_VERSION, Container
from airflow_provider_azml.rest.flows import Send, request
from airflow_provider_azml.rest.listed_blobs import newest_below
from airflow_provider_azml.rest.log_lines import LogLines

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

_log = logging.getLogger(__name__)
_SERVICE = "/environment/v1.0"
_ARTIFACTS = "workspaceartifactstore"
_FOLDER = "ImageLogs"
_ENDINGS = (".log", ".txt")
_MOST_BYTES = 256 * 1024
_SECOND = len("2026-01-31T09:00:00")


def is_built(environment_id: str) -> Flow[bool]:
    """Whether the image of an environment is one that the workspace builds, rather than one that is fetched as it is.

    Args:
        environment_id: ARM id of the version, as a deployment names it; others are curated, or in a registry.

    Raises:
        ApiError: The service cannot be asked.
    """
    try:
        made = arm_ids.parse(environment_id)
    except ValueError:
        return False
    if made.kind != "environment" or not made.version:
        return False
    properties: Json = ((yield from flows.find(environment_id)) or {}).get("properties") or {}
    return bool(properties.get("condaFile") or properties.get("build"))


def exists(plane: DataPlane, environment_id: str) -> Flow[bool | None]:
    """Whether the image of an environment is there; ``None`` where the data plane does not know the environment.

    Args:
        plane: The data plane of the workspace.
        environment_id: ARM id of the version.

    Raises:
        ApiError: The service cannot be asked.

    Source: ``EnvironmentClient._get_image_details`` and ``DockerImageDetails.image_exist`` of azureml-core 1.61. What
    else the answer holds are secrets of the registry.
    """
    made = arm_ids.parse(environment_id)
    below = f"/environments/{quote(made.name, safe='')}/versions/{quote(str(made.version), safe='')}/image"
    try:
        told = yield from plane.get(_SERVICE, below, {})
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    found = told.get("imageExistsInRegistry")
    return found if isinstance(found, bool) else None


def opened(workspace: WorkspaceId) -> Flow[Container]:
    """The container that build logs are in, opened.

    Raises:
        SpecError: The workspace keeps its artifacts elsewhere.
        ApiError: The service refused.

    Source: ``azureml/ImageLogs/your-image-id/build.log`` of the workspace's storage, under ImageBuildFailure in
    https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints; that container is the one
    of the datastore ``workspaceartifactstore``. Its property ``endpoint`` is the storage suffix of the cloud.
    """
    arm_id = workspace.child("datastore", _ARTIFACTS)
    properties: Json = (yield from flows.get(arm_id))["properties"]
    suffix = str(properties.get("endpoint") or "core.windows.net")
    place = datastores.place(properties, suffix, _ARTIFACTS, act="build logs are read in")
    return Container(place.blob_url, (yield from datastores.access(arm_id, properties)))


def log_tail(workspace: WorkspaceId, container: str, path: str, *, lines: int) -> Flow[list[str]]:
    """The last lines of a build's log; none where it cannot be had, as it is asked for to explain a failure.

    Args:
        workspace: The workspace.
        container: Name of the blob container that the service named.
        path: The blob in it.
        lines: How many.
    """
    try:
        place = yield from opened(workspace)
        if place.blob_url.rpartition("/")[2] != container:
            return []
        return (yield from ImageLog(place, path).new_lines(ended=True))[-lines:]
    except (ApiError, SpecError, LookupError) as error:
        _log.debug("The log of the build cannot be had: %s", error)
        return []


def newest_log(workspace: WorkspaceId, since: str) -> Flow[ImageLog | None]:
    """The log of a build that was written last, if that is not too long ago; ``None`` where there is none.

    Whose build it is, no log tells; while a deployment waits for its image it is most likely that one.

    Args:
        workspace: The workspace.
        since: When the deployment was begun, as ``2026-01-31T09:00:00Z``.

    Raises:
        SpecError: The workspace keeps its artifacts elsewhere.
        ApiError: The service refused.
    """
    container = yield from opened(workspace)
    found = yield from newest_below(container, _FOLDER)
    if found is None or found.modified[:_SECOND] < since[:_SECOND] or not found.name.endswith(_ENDINGS):
        return None
    return ImageLog(container, found.name)


class ImageLog:
    """The log of a build as it grows.

    Args:
        container: The container that it is in, opened.
        path: Its path there.
    """

    __slots__ = ("_container", "_lines", "_offset", "path")

    def __init__(self, container: Container, path: str) -> None:
        self._container = container
        self.path = path
        self._offset = 0
        self._lines = LogLines()

    def new_lines(self, *, ended: bool = False) -> Flow[list[str]]:
        """The lines that have come since the last time, each once; of very much, the end.

        Args:
            ended: Whether the last line is told even if it has no end.

        Raises:
            ApiError: The storage refused.

        Source: ``x-ms-range``, and 416 for a range behind the end,
        https://learn.microsoft.com/rest/api/storageservices/get-blob
        """
        url = f"{self._container.blob_url}/{quote(self.path)}{self._container.access.query}"
        found: list[str] = []
        while True:
            part = f"bytes={self._offset}-{self._offset + _MOST_BYTES - 1}"
            sent = request("GET", url, headers={"x-ms-version": STORAGE_VERSION, "x-ms-range": part})
            response: HttpResponse = yield Send(sent, scope=self._container.access.scope)
            if response.status_code >= HTTPStatus.BAD_REQUEST:
                if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    break
                raise flows.error_of(sent, response)
            size = int(response.headers.get("Content-Range", "").rpartition("/")[2] or len(response.content))
            if size - self._offset > _MOST_BYTES:  # what was said last matters most
                self._offset, self._lines, found = size - _MOST_BYTES, LogLines(), []
                continue
            found += self._lines.feed(response.content)
            self._offset += len(response.content)
            break
        return found + (self._lines.end() if ended else [])
