"""Artifacts of v1: files by the names that runs and models know them by.

Source: ``artifact.json`` of the 2019-09-30 OpenAPI files, and azureml-core 1.61.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest.flows import Upload
from airflow_provider_azml.rest.v1 import data_plane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.local_files import LocalFile
    from airflow_provider_azml.rest.snapshot import Snapshot

OF_RUNS, UPLOADED = "ExperimentRun", "LocalUpload"
"""Where artifacts come from: the first part of their names."""
_AT_ONCE = 50
"""Source: ``SUPPORTED_NUM_EMPTY_ARTIFACTS`` of azureml-core."""


def container_of(run_id: str) -> str:
    """The container of a run's artifacts, by the name that the service gives it.

    Source: ``dataContainerId`` of runs: ``dcid.`` and the run's id.
    """
    return f"dcid.{run_id}"


def each(place: WorkspaceId | DataPlane, origin: str, container: str, path: str | None = None) -> Flow[list[Json]]:
    """The artifacts of a container.

    Args:
        place: The workspace.
        origin: Where they come from, e.g. ``ExperimentRun``.
        container: Their container, e.g. ``dcid.<run id>``.
        path: What their paths begin with.
    """
    below = ("artifacts", origin, container)
    return (yield from _all(place, below, {"path": path} if path else {}))


def contents(place: WorkspaceId | DataPlane, origin: str, container: str, path: str) -> Flow[list[Json]]:
    """Where the content of artifacts is: ``contentUri``, a URL with a SAS that is not to be told.

    Args:
        place: The workspace.
        origin: Where they come from.
        container: Their container.
        path: What their paths begin with.
    """
    below = ("artifacts", origin, container, "prefix", "contentinfo")
    return (yield from _all(place, below, {"path": path}))


def metadata(place: WorkspaceId | DataPlane, origin: str, container: str, path: str) -> Flow[Json | None]:
    """What is known of an artifact, or ``None`` where there is none."""
    below = ("artifacts", origin, container, "metadata")
    return (yield from data_plane.found(place, "artifact", *below, params={"path": path}))


def register(place: WorkspaceId | DataPlane, artifact: Json) -> Flow[Json]:
    """Give what lies in a datastore already a name as an artifact.

    Args:
        place: The workspace.
        artifact: ``origin``, ``container``, ``path``, and ``dataPath`` (``dataStoreName``, ``relativePath``).
    """
    return (yield from data_plane.told(place, "artifact", "POST", "artifacts", "register", json=artifact))


def delete(place: WorkspaceId | DataPlane, origin: str, container: str, path: str) -> Flow[None]:
    """Forget an artifact; its content stays, unless the datastore is the workspace's own."""
    below = ("artifacts", origin, container, "metadata")
    yield from data_plane.ask(place, "artifact", "DELETE", *below, params={"path": path})


def upload(place: WorkspaceId | DataPlane, container: str, taken: Snapshot) -> Flow[str]:
    """Upload a file or folder as artifacts of origin ``LocalUpload``. For the blocking driver alone.

    Args:
        place: The workspace.
        container: A container that nobody else has.
        taken: The file or folder.

    Returns:
        What the names of the artifacts begin with: ``LocalUpload/<container>/<name of the file or folder>``.

    Raises:
        ApiError: The service or its storage refused.

    Source: azureml-core 1.61, ``upload_files``: empty artifacts are made 50 at a time, and tell where each file goes.
    """
    names = {(file.name if taken.is_file else f"{taken.path.name}/{file.name}"): file for file in taken.files}
    listed = list(names)
    for start in range(0, len(listed), _AT_ONCE):
        part = listed[start : start + _AT_ONCE]
        places = yield from _made(place, container, part)
        for name in part:
            yield _blob(places[name], f"{UPLOADED}/{container}/{name}", names[name])
    return f"{UPLOADED}/{container}/{taken.path.name}"


def _made(place: WorkspaceId | DataPlane, container: str, paths: list[str]) -> Flow[Mapping[str, str]]:
    """Make artifacts without content; answers the URL of each one's blob."""
    below = ("artifacts", UPLOADED, container, "batch", "metadata")
    asked = {"paths": [{"path": path} for path in paths]}
    answer = yield from data_plane.told(place, "artifact", "POST", *below, json=asked)
    errors: Json = answer.get("errors") or {}
    for path, error in errors.items():
        why = (error or {}).get("error") or {}
        raise ApiError(
            method="POST",
            url="/".join(below),
            status=None,
            code=str(why.get("code") or "ArtifactNotMade"),
            message=f"artifact {path} could not be made: {why.get('message') or 'the service does not say why'}",
        )
    return {path: str(info["contentUri"]) for path, info in answer["artifactContentInformation"].items()}


def _blob(content_uri: str, name: str, file: LocalFile) -> Upload:
    """The step that uploads a file to the blob of an artifact, whose URL ends in the artifact's name."""
    parts = urlsplit(content_uri)
    container = parts.path.removesuffix(f"/{quote(name)}").removesuffix(f"/{name}")
    host = parts.netloc.rpartition("@")[2]  # what stands before it is for azureml-core, and confuses other clients
    url = urlunsplit((parts.scheme, host, container, parts.query, ""))
    return Upload(url, [(file, name)], title=file.name)


def _all(place: WorkspaceId | DataPlane, below: tuple[str, ...], params: Mapping[str, str]) -> Flow[list[Json]]:
    """All items of a list that is read on by ``continuationToken``."""
    items: list[Json] = []
    token: str | None = None
    while True:
        asked = {**params, **({"continuationToken": token} if token else {})}
        page = yield from data_plane.told(place, "artifact", "GET", *below, params=asked)
        items += page.get("value") or ()
        following = page.get("continuationToken")
        if not following or following == token:
            return items
        token = str(following)
