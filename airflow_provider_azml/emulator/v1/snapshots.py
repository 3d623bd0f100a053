"""Snapshots of project folders: the code of runs. Each is a code asset of its workspace, so that a job can have it."""

from __future__ import annotations

import shutil
import stat
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from airflow_provider_azml.emulator.history.data_plane import DataPlaneError
from airflow_provider_azml.emulator.storage.blobs import ACCOUNT, SUFFIX
from airflow_provider_azml.emulator.storage.locations import LocationError, Locations

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.storage.locations import Location
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

FOLDER = "project"
"""Where in its container the files of a snapshot are."""
_VERSION = "1"
_LARGEST = 300 * 2**20
"""Of what is in a snapshot, in bytes. Source: ``SNAPSHOT_MAX_SIZE_BYTES`` of azureml-core 1.61."""


@dataclass(frozen=True)
class Snapshots:
    """The snapshots of a workspace.

    Args:
        emulator: The emulator.
        workspace: The workspace.
    """

    emulator: Emulator
    workspace: WorkspaceId

    def code_id(self, snapshot_id: str) -> str:
        """The id of the code asset that a snapshot is."""
        return self.workspace.child("code", snapshot_id, _VERSION)

    def place_of(self, snapshot_id: str) -> Location:
        """Where the files of a snapshot are.

        Raises:
            DataPlaneError: There is no such snapshot.
        """
        try:
            return Locations(self.emulator.store, self.workspace).find(self.code_id(snapshot_id))
        except LocationError as error:
            message = f"Snapshot {snapshot_id} was not found in workspace {self.workspace.name}."
            raise DataPlaneError(404, "UserError", message) from error

    def files_of(self, snapshot_id: str) -> list[str]:
        """The paths of the files in a snapshot.

        Raises:
            DataPlaneError: There is no such snapshot.
        """
        place = self.place_of(snapshot_id)
        return [
            name.removeprefix(f"{place.path}/") for name in self.emulator.blobs.names(place.container, f"{place.path}/")
        ]

    def read(self, snapshot_id: str, path: str) -> bytes:
        """A file in a snapshot.

        Raises:
            DataPlaneError: There is no such snapshot or file.
        """
        place = self.place_of(snapshot_id).below(path)
        try:
            return self.emulator.blobs.read(place.container, place.path)
        except KeyError as error:
            raise DataPlaneError(400, "UserError", f"There is no file '{path}' in the run's code.") from error

    def zipped(self, snapshot_id: str) -> tuple[str, str]:
        """The container and name of a blob that has a snapshot's files as a zip file. It blocks while it copies.

        Raises:
            DataPlaneError: There is no such snapshot.
        """
        place, name = self.place_of(snapshot_id), f"{snapshot_id}.zip"
        file = self.emulator.blobs.scratch()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in self.files_of(snapshot_id):
                archive.writestr(path, self.emulator.blobs.read(place.container, place.below(path).path))
        self.emulator.blobs.adopt(place.container, name, file)
        return place.container, name

    def of_zip(self, archive: IO[bytes]) -> str:
        """The snapshot that a zip file is made into. It blocks while it copies.

        Args:
            archive: The zip file.

        Returns:
            Its id.

        Raises:
            DataPlaneError: It is no zip file, holds what leads out of its folder, or too much.
        """
        # what is left there when an emulator ends is cleared away at the next start
        folder = self.emulator.blobs.scratch()
        folder.mkdir()
        try:
            with zipfile.ZipFile(archive) as opened:
                _extract(opened, folder)
            container = f"code-{uuid.uuid4()}"
            self.emulator.blobs.create_container(container)
            self.emulator.blobs.collect(folder, container, FOLDER)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            message = f"The project is not a zip file that can be read: {error}"
            raise DataPlaneError(400, "UserError", message) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return self.keep(str(uuid.uuid4()), container)

    def keep(self, snapshot_id: str, container: str, *, properties: Json | None = None) -> str:
        """Note a snapshot whose files are in the folder ``FOLDER`` of a container.

        Args:
            snapshot_id: The snapshot.
            container: The container.
            properties: What else is known of it, e.g. the commit that it was taken of.

        Returns:
            The snapshot's id.
        """
        described = {"description": None, "tags": {}, "properties": properties or {}, "isArchived": False}
        uri = self.emulator.blobs.plain_url(container, FOLDER)
        document = {"properties": {**described, "codeUri": uri, "isAnonymous": True}}
        self.emulator.store.put(self.code_id(snapshot_id), document)
        return snapshot_id


def signed_url(emulator: Emulator, container: str, name: str, *, writable: bool = False) -> str:
    """A URL by which azureml-core can read a blob, or write it, without a token.

    It takes the host apart at its dots, to make account and endpoint of it, and puts them together again: so the name
    that a storage account has in Azure stands before the host, as a user's would, which nobody asks about.

    Source: ``get_block_blob_service_credentials`` of azureml-core 1.61.
    """
    sas = emulator.auth.sas(container) if writable else emulator.auth.sas(container, permissions="r")
    plain = emulator.blobs.plain_url(container, name)
    return f"{plain.replace('https://', f'https://{ACCOUNT}.blob.{SUFFIX}@', 1)}?{sas}"


def _extract(archive: zipfile.ZipFile, folder: Path) -> None:
    files = [entry for entry in archive.infolist() if not entry.is_dir()]
    if (size := sum(entry.file_size for entry in files)) > _LARGEST:
        raise DataPlaneError(400, "UserError", f"The project has {size} bytes; a snapshot takes {_LARGEST} at most.")
    for entry in files:
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts or stat.S_ISLNK(entry.external_attr >> 16):
            raise DataPlaneError(400, "UserError", f"'{entry.filename}' in the project's zip file leads out of it.")
        archive.extract(entry, folder)
