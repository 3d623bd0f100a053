"""Where an operator's records come from, and where its results go: this machine, object storage, or a datastore."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_provider_azml.hooks.azml import AzmlHook

_DATASTORE = "azureml://"
_CHUNK = 4 << 20


def fetched(hook: AzmlHook, place: str, folder: Path, into: Path) -> Path:
    """A file on this machine with what is at a place; what is there already stays where it is.

    Args:
        hook: The hook of the workspace, whose datastores are meant.
        place: A local path, the URL of an object in object storage, or ``azureml://datastores/...``.
        folder: What local paths are relative to.
        into: A folder for what has to be fetched.

    Raises:
        SpecError: There is no such file, or it cannot be read.
        NotFound: There is no such file in the datastore.

    Source: https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/objectstorage.html
    """
    if place.startswith(_DATASTORE):
        from airflow_provider_azml.rest.datastore_files import fetch

        return hook.run(fetch(hook.workspace_id, hook.cloud, place, into))
    if "://" not in place:
        if (folder / place).is_file():
            return folder / place
        raise _problem(str(folder / place), "cannot be read: there is no such file")
    source = _object(place)
    file = into / source.name
    try:
        content: IO[bytes] = source.open("rb")  # type: ignore[no-untyped-call]
        with content, file.open("wb") as written:
            shutil.copyfileobj(content, written, _CHUNK)
    except OSError as error:
        raise _problem(place, f"cannot be read: {error.strerror or error}") from error
    return file


class Placed:
    """A file that is written on this machine, and put where it belongs when it is whole.

    Args:
        hook: The hook of the workspace, whose datastores are meant.
        place: A local path, the URL of an object in object storage, or ``azureml://datastores/...``.
        folder: What local paths are relative to.
        scratch: A folder for what is written before it is put elsewhere.
        mark: What tells the unfinished file of this task from another's beside it.

    Raises:
        SpecError: Nothing can be put there.
    """

    def __init__(self, hook: AzmlHook, place: str, folder: Path, scratch: Path, mark: str) -> None:
        self._hook = hook
        self._place = place
        self._mark = mark
        self._target: Path | None = None
        self._part = scratch / "results.part"
        if place.startswith(_DATASTORE):
            from airflow_provider_azml.rest.datastore_files import check

            hook.run(check(hook.workspace_id, hook.cloud, place))
        elif "://" in place:
            _object(place)
        else:
            self._target = folder / place
            self._part = self._target.with_name(f".{self._target.name}.{mark}.part")

    @property
    def shown(self) -> str:
        """The place, as whoever reads the file names it."""
        return str(self._target or self._place)

    def opened(self) -> IO[bytes]:
        """The file, to be written."""
        try:
            self._part.parent.mkdir(parents=True, exist_ok=True)
            return self._part.open("wb")
        except OSError as error:
            raise _problem(self.shown, f"cannot be written: {error.strerror or error}") from error

    def put(self) -> None:
        """Put the file in place; until then nothing is there, or what was there before."""
        from airflow_provider_azml.rest.datastore_files import put

        try:
            if self._target:
                self._part.replace(self._target)
            elif self._place.startswith(_DATASTORE):
                self._hook.run(put(self._hook.workspace_id, self._hook.cloud, self._place, self._part))
            else:
                self._put_object(_object(self._place))
        except OSError as error:
            raise _problem(self.shown, f"cannot be written: {error.strerror or error}") from error

    def drop(self) -> None:
        """Remove what was written; after :meth:`put` there is nothing left of it."""
        self._part.unlink(missing_ok=True)

    def _put_object(self, target: ObjectStoragePath) -> None:
        # a store shows an object when all of it is there; other file systems may show one that grows
        beside = target.with_name(f".{target.name}.{self._mark}.part")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.fs.put_file(str(self._part), beside.path)
        target.fs.mv(beside.path, target.path)


def _object(url: str) -> ObjectStoragePath:
    from airflow.sdk import ObjectStoragePath

    try:
        found = ObjectStoragePath(url)
        found.fs  # noqa: B018 (asks for the provider that has it, and for its connection)
    except (ValueError, ImportError, KeyError) as error:
        raise _problem(url, f"is nothing that Airflow's object storage opens: {error}") from error
    if not PurePosixPath(found.path).name or found.path.endswith(os.sep):
        raise _problem(url, "names no file")
    return found


def _problem(place: str, reason: str) -> SpecError:
    return SpecError([Problem(place, 0, 0, "", reason)])
