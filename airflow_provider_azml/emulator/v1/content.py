"""The content service: azureml-core uploads project folders there, a file at a time, before it starts their runs."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from starlette.routing import Route

from airflow_provider_azml.emulator.history.data_plane import Call, DataPlaneError, Operation, endpoint
from airflow_provider_azml.emulator.storage.locations import Location, LocationError, Locations
from airflow_provider_azml.emulator.threads import done_in_thread
from airflow_provider_azml.emulator.v1.sections import Section
from airflow_provider_azml.emulator.v1.snapshots import FOLDER, Snapshots, signed_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

PREFIXES = ("/content/v2.0", "/content/v1.0")
_NONE = "00000000-0000-0000-0000-000000000000"
_UPLOADS = "upload-"
_SNAPSHOT = "snapshots/(?P<snapshot>[0-9a-fA-F-]{36})"


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the content service."""
    operations = Content(emulator).operations()
    return [
        Route(f"{prefix}{{path:path}}", endpoint(emulator, prefix, operations), methods=["GET", "POST"])
        for prefix in PREFIXES
    ]


class Content:
    """Answers for the content service.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self) -> list[Operation]:
        """What can be asked. Source: ``SnapshotsClient`` of azureml-core 1.61.

        It begins with the latest snapshot, to upload what has changed since. Here there is none to begin with, so the
        first snapshot of a client has all of its files.
        """
        return [
            Operation("GET", "snapshots/latest/metadata", lambda _: {"id": _NONE, "root": {}}),
            Operation("POST", "snapshots/getblob", self._places),
            Operation("POST", _SNAPSHOT, self._create),
            Operation("POST", f"{_SNAPSHOT}/zip", self._zip),
            Operation("GET", f"{_SNAPSHOT}/metadata", self._metadata),
            Operation("GET", f"{_SNAPSHOT}/sas", self._urls),
        ]

    def _places(self, call: Call) -> Json:
        """URLs that files can be uploaded to."""
        names = Section(call.body).items("fileNames")
        container = f"{_UPLOADS}{uuid.uuid4()}"
        self._emulator.blobs.create_container(container)
        return {
            "fileNodes": [
                {"fullName": str(name), "blobUri": signed_url(self._emulator, container, str(name), writable=True)}
                for name in names
            ]
        }

    async def _create(self, call: Call) -> Json:
        """Make a snapshot of what was uploaded, and of what its parent has of the rest."""
        given, snapshot_id = Section(call.body), call.names["snapshot"]
        paths = [*_files(given.section("dirTreeNode"))]
        revisions = {
            Section(node).text("fullName").replace("\\", "/"): Section(node).text("blobUri")
            for node in given.section("fileRevisionList").items("fileNodes")
            if isinstance(node, dict)
        }
        parent = given.text("parentSnapshotId").replace(_NONE, "")
        if self._emulator.store.get(Snapshots(self._emulator, call.workspace).code_id(snapshot_id)) is not None:
            raise DataPlaneError(409, "UserError", f"Snapshot {snapshot_id} already exists.")
        places = [(path, self._place_of(call, path, revisions.get(path), parent)) for path in paths]
        container = f"code-{uuid.uuid4()}"
        self._emulator.blobs.create_container(container)
        await done_in_thread(self._copy, places, container)
        for used in {place.container for _, place in places if place.container.startswith(_UPLOADS)}:
            self._emulator.blobs.delete_container(used)
        Snapshots(self._emulator, call.workspace).keep(
            snapshot_id, container, properties=given.section("properties").values
        )
        return {"id": snapshot_id, "parentSnapshotId": parent or None, "root": given.section("dirTreeNode").values}

    def _place_of(self, call: Call, path: str, url: str | None, parent: str) -> Location:
        if url is None and parent:
            return Snapshots(self._emulator, call.workspace).place_of(parent).below(path)
        try:
            return Locations(self._emulator.store, call.workspace).find(url or "")
        except LocationError as error:
            raise DataPlaneError(400, "UserError", f"The file '{path}' of the snapshot was not uploaded.") from error

    def _copy(self, places: list[tuple[str, Location]], container: str) -> None:
        for path, place in places:
            try:
                data = self._emulator.blobs.read(place.container, place.path)
            except KeyError as error:
                message = f"The file '{path}' of the snapshot was not uploaded."
                raise DataPlaneError(400, "UserError", message) from error
            self._emulator.blobs.write(container, f"{FOLDER}/{path}", data)

    async def _zip(self, call: Call) -> Json:
        """A URL of the snapshot as one zip file."""
        snapshots = Snapshots(self._emulator, call.workspace)
        container, name = await asyncio.to_thread(snapshots.zipped, call.names["snapshot"])
        return {"zipSasUri": signed_url(self._emulator, container, name)}

    def _metadata(self, call: Call) -> Json:
        snapshots, snapshot_id = Snapshots(self._emulator, call.workspace), call.names["snapshot"]
        snapshots.place_of(snapshot_id)
        document = self._emulator.store.get(snapshots.code_id(snapshot_id)) or {"properties": {}, "systemData": {}}
        return {
            "id": snapshot_id,
            "createdTime": document["systemData"].get("createdAt"),
            "properties": document["properties"].get("properties") or {},
            "tags": document["properties"].get("tags") or {},
        }

    def _urls(self, call: Call) -> Json:
        """The files with URLs that read them. Source: ``SnapshotOperations.get_sas_urls`` of azureml-core 1.61."""
        snapshots, snapshot_id = Snapshots(self._emulator, call.workspace), call.names["snapshot"]
        place = snapshots.place_of(snapshot_id)
        return {
            "name": "",
            "type": "Directory",
            "children": {
                path: {
                    "name": path,
                    "type": "File",
                    "sasUrl": signed_url(self._emulator, place.container, place.below(path).path),
                }
                for path in snapshots.files_of(snapshot_id)
            },
        }


def _files(node: Section, folder: str = "") -> Iterator[str]:
    """The paths of the files below a node of a tree.

    Source: ``DirTreeJsonEncoderV2`` of azureml-core 1.61, whose children are an object; earlier ones were a list.
    """
    children = node.value("children") or {}
    below = children.values() if isinstance(children, dict) else children if isinstance(children, list) else ()
    for child in below:
        if not isinstance(child, dict):
            raise node.wrong("children", "must hold files and folders")
        found = Section(child, node.path)
        name = found.text("name")
        if not name or name in (".", "..") or "/" in name or "\\" in name:
            raise DataPlaneError(400, "UserError", f"'{name}' in the snapshot is no name of a file or folder.")
        path = f"{folder}/{name}" if folder else name
        if found.text("type").lower() == "file":
            yield path
        else:
            yield from _files(found, path)
