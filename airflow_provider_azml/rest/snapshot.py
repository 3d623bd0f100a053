"""What a local file or folder amounts to when it is uploaded: its files, without the ignored ones, and its hashes.

Hashes are azure-ai-ml's, so that what either client has uploaded is not uploaded again.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.rest.folders import walk
from airflow_provider_azml.rest.ignore_files import find as ignore_file
from airflow_provider_azml.rest.local_files import CHUNK, LocalFile, reason_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

__all__ = ["LocalFile", "Snapshot", "ignore_file", "look", "problems", "take"]

_SEED = b"Initialize for october 2021 AML CLI version"


@dataclass(frozen=True)
class Snapshot:
    """A file or folder that can be uploaded.

    Args:
        path: Where it is, with links followed.
        files: What it amounts to.
        includes: What else was put into the folder.
        folders: Names of the folders in it that the object hash counts, besides those of its files.
        uncounted: Names of files that azure-ai-ml uploads without counting them in its object hash.
    """

    path: Path
    files: Sequence[LocalFile] = field(compare=False, repr=False)
    includes: tuple[Path, ...] = ()
    folders: Sequence[str] = field(default=(), compare=False, repr=False)
    uncounted: Collection[str] = field(default=(), compare=False, repr=False)

    @property
    def is_file(self) -> bool:
        """Whether it is a single file."""
        return self.path.is_file()

    @property
    def size(self) -> int:
        """How many bytes its files have."""
        return sum(file.size for file in self.files)

    def content_hash(self) -> str:
        """The hash by which the service finds code that it has already; its files are read for it once.

        SHA-256 over the number of files, then ``#name#`` and size of each in order of their lower-cased names, then
        all contents.

        Raises:
            SpecError: A file cannot be read, or changes while it is.

        Source: azure-ai-ml 1.35.2, ``get_content_hash`` (hash version 202208).
        """
        return self._content_hash

    def object_hash(self) -> str:
        """The hash that names the folder of an upload to a datastore; its files are read for it once.

        A fixed seed, then names and contents, depth first. azure-ai-ml does not count what is in a folder that a
        pattern leaves out, but uploads what a later pattern takes back from it; such files are counted here, at the
        end, or a changed one would never be uploaded again.

        Raises:
            SpecError: A file cannot be read, or changes while it is.

        Source: azure-ai-ml 1.35.2, ``get_object_hash``.
        """
        return self._object_hash

    @cached_property
    def _content_hash(self) -> str:
        found = sorted(self.files, key=lambda file: (file.name.lower(), file.name))
        digest = hashlib.sha256(str(len(found)).encode())
        for file in found:
            digest.update(f"#{file.name}#{file.size}".encode())
        for file in found:
            _feed(digest, file)
        return digest.hexdigest()

    @cached_property
    def _object_hash(self) -> str:
        digest = hashlib.sha256(_SEED)
        if self.is_file:
            _feed(digest, self.files[0])
            return digest.hexdigest()
        last: list[str] = []
        for parts, file in _depth_first(self):
            shared = len(os.path.commonprefix([last, parts]))
            digest.update("".join(parts[shared:]).encode())
            last = parts
            if file:
                _feed(digest, file)
        for file in sorted((file for file in self.files if file.name in self.uncounted), key=lambda file: file.name):
            digest.update(file.name.encode())
            _feed(digest, file)
        return digest.hexdigest()


def look(path: Path, *, follow_symlinks: bool = False) -> Snapshot | list[str]:
    """The snapshot of a file or folder, or all that keeps it from being uploaded.

    Args:
        path: The file or folder.
        follow_symlinks: Upload what links inside a folder lead to, even outside of it.
    """
    reason = _unusable(path)
    if reason:
        return [reason]
    resolved = path.resolve()
    if resolved.is_file():
        return Snapshot(resolved, [LocalFile(resolved, resolved.name)])
    found = walk(resolved, follow_symlinks=follow_symlinks)
    if found.reasons:
        return found.reasons
    if found.files:
        return Snapshot(resolved, found.files, folders=found.folders, uncounted=found.uncounted)
    ignore = ignore_file(path)
    return [f"{path} holds no file to upload" + (f", once {ignore.name} is applied" if ignore else "")]


def take(path: Path, *, follow_symlinks: bool = False) -> Snapshot:
    """The snapshot of a file or folder.

    Args:
        path: The file or folder.
        follow_symlinks: Upload what links inside a folder lead to, even outside of it.

    Raises:
        SpecError: It is missing, empty or unreadable, or a link leads out of it.
    """
    found = look(path, follow_symlinks=follow_symlinks)
    if isinstance(found, Snapshot):
        return found
    raise SpecError([Problem(str(path), 0, 0, "", reason) for reason in found])


def problems(path: Path, *, follow_symlinks: bool = False) -> list[str]:
    """What keeps a path from being uploaded: that it is missing, empty, or has links that lead out of it."""
    found = look(path, follow_symlinks=follow_symlinks)
    return [] if isinstance(found, Snapshot) else found


def _unusable(path: Path) -> str | None:
    """Why a path leads to no file and no folder that can be read."""
    try:
        path.resolve(strict=True).name.encode()
        if not os.access(path, os.R_OK):
            return f"{path} cannot be read; give yourself the right to"
        return None if path.is_file() or path.is_dir() else f"{path} is a pipe, a socket or a device"
    except (FileNotFoundError, NotADirectoryError):
        return f"there is no such file or folder: {path}"
    except OSError as error:
        return f"{path} {reason_of(error)}"
    except RuntimeError:  # what a link to itself raises before Python 3.13
        return f"{path} is a link to itself"
    except ValueError:  # a NUL, or half a character
        return f"{str(path)!r} is no path of a file that can be uploaded"


def _depth_first(taken: Snapshot) -> list[tuple[list[str], LocalFile | None]]:
    """The files that the object hash counts, and the folders, by the parts of their names.

    Of names that differ in case alone, azure-ai-ml takes the first that the file system happens to list; here the order
    is the same everywhere.
    """
    counted: list[tuple[list[str], LocalFile | None]] = [
        (file.name.split("/"), file) for file in taken.files if file.name not in taken.uncounted
    ]
    counted += [(folder.split("/"), None) for folder in taken.folders]
    return sorted(counted, key=lambda found: [(part.lower(), part) for part in found[0]])


def _feed(digest: hashlib._Hash, file: LocalFile) -> None:
    with file.opened() as content:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
