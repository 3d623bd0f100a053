"""Blobs: their bytes are files, what is known of them is in the database. The HTTP side is in ``blob``."""

from __future__ import annotations

import mimetypes
import os
import re
import shutil
import uuid
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_azml.emulator.storage.records import AFTER_ALL, Blob, blob_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.emulator.database import Database
    from airflow_provider_azml.emulator.storage.records import Kind, Row

ACCOUNT = "stor"
SUFFIX = "core.windows.net"
_CONTAINER_NAME = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_SCRATCH = ".incoming"


class ContainerNotFoundError(KeyError):
    """There is no such container."""


class BlobNotFoundError(KeyError):
    """There is no such blob."""


class Blobs:
    """The storage account of an emulator. Safe to use from threads.

    Names are kept as they are and never become paths, so nothing that a name holds leads out of the folder.

    Args:
        database: Where it is noted what blobs there are.
        folder: Where their bytes are.
        endpoint: The URL under which clients reach the account.
        sas: Makes the query that opens a container.
    """

    def __init__(self, database: Database, folder: Path, endpoint: str, sas: Callable[[str], str]) -> None:
        self._database = database
        self._folder = folder
        self._endpoint = endpoint
        self._sas = sas
        self._growing: dict[tuple[str, str], Callable[[], bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def create_container(self, container: str) -> bool:
        """Create a container, unless it is there; whether it was made.

        Raises:
            ValueError: No container can have this name.
        """
        if not _CONTAINER_NAME.fullmatch(container):
            raise ValueError(f"{container!r} cannot name a container: 3 to 63 of a-z, 0-9 and single dashes")
        (self._folder / container).mkdir(exist_ok=True)
        with self._database.transaction() as db:
            made = db.execute(
                "INSERT OR IGNORE INTO containers VALUES (?, ?, ?)", (container, _etag(), _now().isoformat())
            ).rowcount
        return made > 0

    def container(self, container: str) -> tuple[str, datetime]:
        """The entity tag of a container, and when it was made.

        Raises:
            ContainerNotFoundError: It is not there.
        """
        with self._database.transaction() as db:
            row = db.execute("SELECT etag, modified FROM containers WHERE name = ?", (container,)).fetchone()
        if row is None:
            raise ContainerNotFoundError(container)
        return row[0], datetime.fromisoformat(row[1])

    def containers(self) -> list[str]:
        """The names of all containers, sorted."""
        with self._database.transaction() as db:
            return [row[0] for row in db.execute("SELECT name FROM containers ORDER BY name")]

    def delete_container(self, container: str) -> None:
        """Delete a container with its blobs.

        Raises:
            ContainerNotFoundError: It is not there.
        """
        self.container(container)
        with self._database.transaction() as db:
            db.execute("DELETE FROM blobs WHERE container = ?", (container,))
            db.execute("DELETE FROM containers WHERE name = ?", (container,))
        shutil.rmtree(self._folder / container)

    def find(self, container: str, name: str) -> Blob:
        """What is known of a blob.

        Raises:
            ContainerNotFoundError: Its container is not there.
            BlobNotFoundError: It is not there.
        """
        with self._database.transaction():
            more = self._growing.get((container, name))
            data = more() if more else b""
            return self.append(container, name, data) if data else self._find(container, name)

    def below(self, container: str, prefix: str = "") -> list[Blob]:
        """The blobs whose names begin with a prefix, sorted by name.

        Raises:
            ContainerNotFoundError: The container is not there.
        """
        self.container(container)
        with self._database.transaction() as db:
            rows = db.execute(
                "SELECT * FROM blobs WHERE container = ? AND name >= ? AND name < ? ORDER BY name",
                (container, prefix, prefix + AFTER_ALL),
            ).fetchall()
        return [blob_of(row) for row in rows]

    def rows(self, container: str, first: str, before: str, most: int) -> list[Row]:
        """The rows of at most so many blobs from one name on and before another, sorted by name, for lists.

        Raises:
            ContainerNotFoundError: The container is not there.
        """
        self.container(container)
        with self._database.transaction() as db:
            return db.execute(
                "SELECT * FROM blobs WHERE container = ? AND name >= ? AND name < ? ORDER BY name LIMIT ?",
                (container, first, before, most),
            ).fetchall()

    def names(self, container: str, prefix: str = "") -> list[str]:
        """The names that begin with a prefix, sorted.

        Raises:
            ContainerNotFoundError: The container is not there.
        """
        return [blob.name for blob in self.below(container, prefix)]

    def path(self, blob: Blob) -> Path:
        """The file that holds a blob's bytes; to be read only, and never beyond the blob's size."""
        return self._folder / blob.container / blob.file

    def scratch(self) -> Path:
        """A new path for bytes that are to become a blob, on the same file system."""
        folder = self._folder / _SCRATCH
        folder.mkdir(exist_ok=True)
        return folder / uuid.uuid4().hex

    def recover(self) -> None:
        """At the start: delete what is no blob's, e.g. what was being received when an emulator ended."""
        shutil.rmtree(self._folder / _SCRATCH, ignore_errors=True)
        containers = set(self.containers())
        for folder in self._folder.iterdir():
            if folder.name not in containers:
                shutil.rmtree(folder)
                continue
            known = self._files(folder.name)
            for file in folder.iterdir():
                if file.name not in known:
                    file.unlink()

    def adopt(
        self,
        container: str,
        name: str,
        file: Path,
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str | None = None,
        kind: Kind = "BlockBlob",
    ) -> Blob:
        """Make a file (from ``scratch``) the content of a blob, in place of what it had.

        Raises:
            ContainerNotFoundError: The container is not there.
        """
        self.container(container)
        blob = Blob(
            container=container,
            name=name,
            file=uuid.uuid4().hex,
            size=file.stat().st_size,
            etag=_etag(),
            modified=_now(),
            kind=kind,
            content_type=content_type or mimetypes.guess_type(name)[0] or "application/octet-stream",
            metadata=metadata or {},
        )
        file.replace(self.path(blob))
        with self._database.transaction() as db:
            old = db.execute("SELECT file FROM blobs WHERE container = ? AND name = ?", (container, name)).fetchone()
            self._note(blob)
        if old:
            (self._folder / container / old[0]).unlink(missing_ok=True)
        return blob

    def write(self, container: str, name: str, data: bytes, metadata: Mapping[str, str] | None = None) -> Blob:
        """Create or replace a blob.

        Raises:
            ContainerNotFoundError: The container is not there.
        """
        file = self.scratch()
        file.write_bytes(data)
        return self.adopt(container, name, file, metadata=metadata)

    def append(self, container: str, name: str, data: bytes) -> Blob:
        """Add bytes at the end of a blob that grows, e.g. a log; made when it is not there.

        Raises:
            ContainerNotFoundError: The container is not there.
        """
        with self._database.transaction():
            try:
                blob = self._find(container, name)
            except BlobNotFoundError:
                file = self.scratch()
                file.touch()
                blob = self.adopt(container, name, file, content_type="text/plain", kind="AppendBlob")
            with self.path(blob).open("r+b") as stream:
                stream.seek(blob.size)
                stream.write(data)
            grown = replace(
                blob,
                size=blob.size + len(data),
                blocks=blob.blocks + 1,
                etag=_etag(),
                modified=_now(),
                kind="AppendBlob",
            )
            self._note(grown)
        return grown

    def grow(self, container: str, name: str, more: Callable[[], bytes]) -> None:
        """Let a blob grow by itself: what it has gained is asked for whenever somebody reads it.

        Args:
            container: The container.
            name: The blob.
            more: Gives the bytes that have come since it was asked before.

        Raises:
            ContainerNotFoundError: The container is not there.
        """
        self._growing[container, name] = more
        self.append(container, name, more())

    def stop_growing(self, container: str, name: str) -> None:
        """Let a blob be as it is now, if it grew by itself."""
        if (container, name) in self._growing:
            self.find(container, name)
            del self._growing[container, name]

    def read(self, container: str, name: str) -> bytes:
        """The bytes of a blob.

        Raises:
            KeyError: It, or its container, is not there.
        """
        blob = self.find(container, name)
        with self.path(blob).open("rb") as stream:
            return stream.read(blob.size)

    def annotate(self, container: str, name: str, metadata: Mapping[str, str]) -> Blob:
        """Replace a blob's metadata.

        Raises:
            BlobNotFoundError: It is not there.
        """
        with self._database.transaction():
            blob = replace(self.find(container, name), metadata=metadata, etag=_etag(), modified=_now())
            self._note(blob)
        return blob

    def remove(self, container: str, name: str) -> None:
        """Delete a blob.

        Raises:
            BlobNotFoundError: It is not there.
        """
        with self._database.transaction() as db:
            blob = self.find(container, name)
            db.execute("DELETE FROM blobs WHERE container = ? AND name = ?", (container, name))
        self.path(blob).unlink(missing_ok=True)

    def fetch(self, container: str, prefix: str, target: Path) -> int:
        """Copy a blob to a file, or everything below a prefix into a folder.

        Args:
            container: The container.
            prefix: Name of the blob, or of the folder of blobs, with or without a slash at its end; empty for all.
            target: The file or folder to write; made with its parents.

        Returns:
            How many files were written.

        Raises:
            ContainerNotFoundError: The container is not there.
            ValueError: A blob's name leads out of the target folder.
        """
        single = [blob for blob in self.below(container, prefix) if blob.name == prefix] if prefix else []
        if single:
            self._copy(single[0], target)
            return 1
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        blobs = self.below(container, folder)
        for blob in blobs:
            relative = PurePosixPath(blob.name[len(folder) :])
            if relative.is_absolute() or ".." in relative.parts:
                raise ValueError(f"blob {blob.name!r} of container {container!r} leads out of the folder {folder!r}")
            if blob.name.endswith("/"):
                # what tools put for a folder that may be empty
                (target / relative).mkdir(parents=True, exist_ok=True)
            else:
                self._copy(blob, target / relative)
        return len(blobs)

    def collect(self, source: Path, container: str, prefix: str) -> int:
        """Copy a file to the blob of that name, or everything in a folder to blobs below a prefix.

        Args:
            source: The file or folder; a folder is walked without following links to folders, for files alone.
            container: The container.
            prefix: Name of the blob, or of the folder of blobs, with or without a slash at its end.

        Returns:
            How many blobs were written.

        Raises:
            ContainerNotFoundError: The container is not there.
        """
        if source.is_file():
            self._take(source, container, prefix)
            return 1
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        found = [Path(parent) / file for parent, _, names in os.walk(source) for file in sorted(names)]
        # links that lead nowhere hold nothing, and what comes out of pipes and devices may have no end
        files = [file for file in found if file.is_file()]
        for file in files:
            # a name on disk is bytes, and need not be text
            name = os.fsencode(file.relative_to(source).as_posix()).decode(errors="replace")
            self._take(file, container, folder + name)
        return len(files)

    def url(self, container: str, name: str = "") -> str:
        """The URL of a container or blob, with a query that opens it."""
        place = self.plain_url(container, name)
        return f"{place}?{self._sas(container)}"

    def plain_url(self, container: str, name: str = "") -> str:
        """The URL of a container or blob, without what opens it."""
        return f"{self._endpoint}/{container}" + (f"/{quote(name)}" if name else "")

    def _copy(self, blob: Blob, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.path(blob), target)

    def _take(self, source: Path, container: str, name: str) -> None:
        file = self.scratch()
        shutil.copyfile(source, file)
        self.adopt(container, name, file)

    def _find(self, container: str, name: str) -> Blob:
        self.container(container)
        with self._database.transaction() as db:
            row = db.execute("SELECT * FROM blobs WHERE container = ? AND name = ?", (container, name)).fetchone()
        if row is None:
            raise BlobNotFoundError(f"{container}/{name}")
        return blob_of(row)

    def _files(self, container: str) -> set[str]:
        with self._database.transaction() as db:
            return {row[0] for row in db.execute("SELECT file FROM blobs WHERE container = ?", (container,))}

    def _note(self, blob: Blob) -> None:
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                blob.row(),
            )


def _etag() -> str:
    return f'"0x{uuid.uuid4().hex[:15].upper()}"'


def _now() -> datetime:
    return datetime.now(timezone.utc)
