"""The artifact service: the files of runs, by the place that they have in the workspace's artifact store."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.history.data_plane import Call, DataPlaneError, Operation, endpoint
from airflow_provider_azml.emulator.storage.locations import (
    ARTIFACT_STORE,
    BLOB_STORE,
    Location,
    LocationError,
    Locations,
)
from airflow_provider_azml.emulator.v1.sections import Section
from airflow_provider_azml.emulator.v1.snapshots import signed_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.history.data_plane import Answer
    from airflow_provider_azml.rest.flows import Json

PREFIXES = ("/artifact/v2.0", "/artifact/v1.0")
_METHODS = ["GET", "POST", "DELETE"]
_OF_CONTAINER = "artifacts/(?P<origin>[^/]+)/(?P<container>[^/]+)"
_BEHIND = "(?P<origin>[^/]+)/(?P<container>[^/]+)(?:/(?P<path>.+))?"
_UPLOADED = "LocalUpload"


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the artifact service."""
    operations = Artifacts(emulator).operations()
    return [
        Route(f"{prefix}{{path:path}}", endpoint(emulator, prefix, operations), methods=_METHODS) for prefix in PREFIXES
    ]


class Artifacts:
    """Answers for the artifact service.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self) -> list[Operation]:
        """What can be asked.

        Sources: the 2019-09-30 artifact file, which gives paths in the query, and ``ArtifactOperations`` of
        azureml-core 1.61, which puts what is asked for before the container, and the path behind it.
        """
        return [
            Operation("POST", "artifacts/(?:metadata|register)", self._register),
            Operation("POST", "artifacts/(?:storageuri/)?batch/metadata", self._several),
            *(
                operation
                for act, method, answer in self._acts()
                for operation in (
                    Operation(method, f"artifacts/{act}/{_BEHIND}", answer, "raw" if act == "content" else "json"),
                    Operation(method, f"{_OF_CONTAINER}/{act}", answer, "raw" if act == "content" else "json"),
                )
            ),
            Operation("POST", f"{_OF_CONTAINER}/batch/metadata:delete", self._delete_several),
            Operation("GET", f"artifacts/{_BEHIND}", self._list),
        ]

    def _acts(self) -> list[tuple[str, str, Callable[[Call], Answer | Awaitable[Answer]]]]:
        return [
            ("metadata", "GET", lambda call: self._shown(*self._there(call))),
            ("metadata", "DELETE", self._delete),
            ("contentinfo/storageuri", "GET", self._content_information),
            ("contentinfo", "GET", self._content_information),
            ("prefix/contentinfo/storageuri", "GET", self._prefix),
            ("prefix/contentinfo", "GET", self._prefix),
            ("content", "GET", self._read),
            ("content", "POST", self._write),
            ("write", "GET", self._place_to_write),
            ("batch/metadata", "POST", self._create_several),
            ("batch", "DELETE", self._delete_all),
        ]

    def _place(self, call: Call, path: str | None = None) -> tuple[Location, str]:
        """Where an artifact, or the container when no path is given, is; and its path in the container."""
        origin, container = unquote(call.names["origin"]), unquote(call.names["container"])
        given = call.names.get("path") or call.request.query_params.get("path") or "" if path is None else path
        path = unquote(given).strip("/")
        if ".." in path.split("/"):
            raise DataPlaneError(400, "UserError", f"'{path}' is no path of an artifact.")
        return self._folder(call, origin, container).below(path), path

    def _folder(self, call: Call, origin: str, container: str) -> Location:
        locations = Locations(self._emulator.store, call.workspace)
        try:
            folder = locations.of_datastore(ARTIFACT_STORE).below(f"{origin}/{container}")
            if origin == _UPLOADED and not self._emulator.blobs.names(folder.container, f"{folder.path}/"):
                # models and data of the present generation are uploaded to the other datastore
                return locations.of_datastore(BLOB_STORE).below(f"{origin}/{container}")
        except LocationError as error:
            raise DataPlaneError(404, "UserError", f"{error}.") from error
        return folder

    def _there(self, call: Call) -> tuple[Call, str]:
        """An artifact that is there. Raises ``DataPlaneError`` when it is not."""
        place, path = self._place(call)
        if place.path not in self._emulator.blobs.names(place.container, place.path):
            raise DataPlaneError(404, "UserError", f"The artifact {place.path} was not found.")
        return call, path

    def _paths(self, call: Call) -> Iterator[str]:
        (root, _), (place, _) = self._place(call, ""), self._place(call)
        names = self._emulator.blobs.names(place.container, place.path)
        return (name.removeprefix(f"{root.path}/") for name in names if name.startswith(f"{root.path}/"))

    def _list(self, call: Call) -> Json:
        return _all([self._shown(call, path) for path in self._paths(call)])

    def _prefix(self, call: Call) -> Json:
        return _all([self._information(call, path) for path in self._paths(call)])

    def _content_information(self, call: Call) -> Json:
        return self._information(*self._there(call))

    def _place_to_write(self, call: Call) -> Json:
        return self._information(call, self._place(call)[1], writable=True)

    def _read(self, call: Call) -> Response:
        place, _ = self._place(*self._there(call))
        blob = self._emulator.blobs.find(place.container, place.path)
        return Response(self._emulator.blobs.read(place.container, place.path), media_type=blob.content_type)

    async def _write(self, call: Call) -> Json:
        place, path = self._place(call)
        if not path:
            raise DataPlaneError(400, "UserError", "The path of the artifact is missing.")
        data, query = await call.request.body(), call.request.query_params
        there = place.path in self._emulator.blobs.names(place.container, place.path)
        if query.get("append", "").lower() == "true":
            self._emulator.blobs.append(place.container, place.path, data)
        elif there and query.get("allowOverwrite", "").lower() != "true":
            raise _conflict(place)
        else:
            self._emulator.blobs.write(place.container, place.path, data)
        return self._shown(call, path)

    def _delete(self, call: Call) -> None:
        place, _ = self._place(*self._there(call))
        self._emulator.blobs.remove(place.container, place.path)

    def _delete_all(self, call: Call) -> None:
        for path in [*self._paths(call)]:
            place, _ = self._place(call, path)
            self._emulator.blobs.remove(place.container, place.path)

    def _delete_several(self, call: Call) -> None:
        for path in _paths_in(call.body):
            place, _ = self._place(call, path)
            if place.path in self._emulator.blobs.names(place.container, place.path):
                self._emulator.blobs.remove(place.container, place.path)

    def _create_several(self, call: Call) -> Json:
        """Artifacts that are to be, with URLs to upload them to; those that are there are errors."""
        made: Json = {}
        writable: Json = {}
        errors: Json = {}
        for path in _paths_in(call.body):
            place, _ = self._place(call, path)
            if place.path in self._emulator.blobs.names(place.container, place.path):
                errors[path] = _conflict(place).document()
            else:
                made[path] = self._shown(call, path)
                writable[path] = self._information(call, path, writable=True)
        return {"artifacts": made, "artifactContentInformation": writable, "errors": errors}

    def _several(self, call: Call) -> Json:
        """What artifacts are, by their ids."""
        found: Json = {}
        information: Json = {}
        errors: Json = {}
        for one in Section(call.body).items("artifactIds"):
            artifact_id = str(one.get("artifactId") if isinstance(one, dict) else one)
            origin, _, rest = artifact_id.partition("/")
            container, _, path = rest.partition("/")
            named = Call(call.request, call.workspace, {"origin": origin, "container": container, "path": path}, {})
            try:
                self._there(named)
            except DataPlaneError as error:
                errors[artifact_id] = error.document()
            else:
                found[artifact_id] = self._shown(named, path)
                information[artifact_id] = self._information(named, path)
        return {"artifacts": found, "artifactContentInformation": information, "errors": errors}

    def _register(self, call: Call) -> Json:
        """Have an artifact of what is somewhere else already, or of nothing yet."""
        given = Section(call.body)
        names = {name: given.text(name) for name in ("origin", "container", "path")}
        if missing := [name for name, value in names.items() if not value]:
            raise given.wrong(missing[0], "is missing")
        named = Call(call.request, call.workspace, names, {})
        place, path = self._place(named)
        source = given.section("dataPath")
        if store := source.text("dataStoreName"):
            try:
                origin = Locations(self._emulator.store, call.workspace).of_datastore(store)
                there = origin.below(source.text("relativePath"))
                data = self._emulator.blobs.read(there.container, there.path)
            except (LocationError, KeyError) as error:
                raise DataPlaneError(
                    400, "UserError", f"There is nothing at the artifact's data path: {error}."
                ) from error
            self._emulator.blobs.write(place.container, place.path, data)
        return self._shown(named, path)

    def _shown(self, call: Call, path: str) -> Json:
        """An artifact. Source: ``Artifact`` of the 2019-09-30 artifact file."""
        place, path = self._place(call, path)
        try:
            blob = self._emulator.blobs.find(place.container, place.path)
            known: Json = {"etag": blob.etag, "createdTime": timestamp(blob.modified)}
        except KeyError:
            known = {"etag": None, "createdTime": timestamp()}
        return {
            **self._named(call, path),
            **known,
            "dataPath": {"dataStoreName": ARTIFACT_STORE, "relativePath": place.path},
        }

    def _information(self, call: Call, path: str, *, writable: bool = False) -> Json:
        """A URL of an artifact. Source: ``ArtifactContentInformation`` of the 2019-09-30 artifact file."""
        place, path = self._place(call, path)
        url = signed_url(self._emulator, place.container, place.path, writable=writable)
        return {**self._named(call, path), "contentUri": url}

    def _named(self, call: Call, path: str) -> Json:
        origin, container = unquote(call.names["origin"]), unquote(call.names["container"])
        return {"artifactId": f"{origin}/{container}/{path}", "origin": origin, "container": container, "path": path}


def _all(found: list[Json]) -> Json:
    return {"value": found, "continuationToken": None, "nextLink": None}


def _conflict(place: Location) -> DataPlaneError:
    return DataPlaneError(409, "UserError", f"Resource Conflict: the artifact {place.path} already exists.")


def _paths_in(body: Json) -> list[str]:
    """The paths in an ``ArtifactPathList``."""
    given = Section(body).items("paths")
    return [str(one.get("path") if isinstance(one, dict) else one) for one in given]
