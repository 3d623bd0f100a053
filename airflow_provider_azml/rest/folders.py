"""One walk through a folder that is to be uploaded: its files, and all that keeps it from being uploaded."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import ignore_files
from airflow_provider_azml.rest.local_files import LocalFile, reason_of

if TYPE_CHECKING:
    from airflow_provider_azml.rest.ignore_files import IgnoreFile

_SHOWN = 20


@dataclass
class Found:
    """What a walk came across.

    Args:
        files: The files to upload.
        folders: Names of the folders that azure-ai-ml's object hash counts.
        uncounted: Names of the files that it does not count.
        reasons: Why the folder cannot be uploaded.
    """

    files: list[LocalFile] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    uncounted: set[str] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Folder:
    """A folder on the way.

    Args:
        path: Where it is, with links followed.
        name: Its name in the upload, with a slash at its end, empty for the whole.
        matched: What its ignore patterns are matched with, with a slash at its end, empty for the folder that has them.
        above: The folders that it is in, with links followed; whoever leads back to one leads in a circle.
        counted: Whether azure-ai-ml's object hash counts what is in it.
    """

    path: str
    name: str = ""
    matched: str = ""
    above: tuple[str, ...] = ()
    counted: bool = True


def walk(root: Path, *, follow_symlinks: bool = False) -> Found:
    """Look at everything below a folder that its ignore file does not leave out.

    Links are followed, as azure-ai-ml does, except in a circle, and to the outside only if that is asked for. What a
    pattern matches is the place that a link to a folder leads to, not the link; so it is with azure-ai-ml.

    Args:
        root: The folder, with links followed.
        follow_symlinks: Follow links to the outside.

    Source: azure-ai-ml 1.35.2, ``get_upload_files_from_folder`` and ``_get_dir_hash``.
    """
    found = Found()
    try:
        ignore = _ignore_of(root)
    except (OSError, ignore_files.PatternError) as error:
        found.reasons.append(f"{root}: {reason_of(error) if isinstance(error, OSError) else error}")
        return found
    walked = _Walk(root, ignore, found, follow_symlinks=follow_symlinks)
    pending = [_Folder(str(root), matched=_relative(str(root), ignore.base) if ignore else "")]
    while pending:
        pending += walked.members(pending.pop())
    left_out = len(found.reasons) - _SHOWN
    if left_out > 0:
        found.reasons[_SHOWN:] = [f"{left_out} more such files and folders"]
    return found


class _Walk:
    def __init__(self, root: Path, ignore: IgnoreFile | None, found: Found, *, follow_symlinks: bool) -> None:
        self._root = str(root)
        self._ignore = ignore
        self._found = found
        self._follow = follow_symlinks

    def members(self, folder: _Folder) -> list[_Folder]:
        """Note the files of a folder, and give the folders in it."""
        try:
            with os.scandir(folder.path) as entries:
                members = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._refuse(folder.path, reason_of(error))
            return []
        return [below for entry in members if (below := self._member(folder, entry)) is not None]

    def _member(self, folder: _Folder, entry: os.DirEntry[str]) -> _Folder | None:
        matched = folder.matched + entry.name
        excluded = self._ignore is not None and self._ignore.excludes(matched)
        if entry.is_symlink():
            return self._link(folder, entry, excluded=excluded)
        if entry.is_dir():
            return self._below(folder, entry.name, entry.path, matched, excluded=excluded)
        if not excluded:
            self._file(folder, entry.name, entry.path, regular=entry.is_file())
        return None

    def _link(self, folder: _Folder, entry: os.DirEntry[str], *, excluded: bool) -> _Folder | None:
        target = os.path.realpath(entry.path)
        try:
            mode = Path(target).stat().st_mode
        except OSError:
            if not excluded:
                self._refuse(entry.path, f"is a link to {target}, which is not there; remove the link")
            return None
        outside = os.path.commonpath([target, self._root]) != self._root
        if excluded and (outside or not stat.S_ISDIR(mode)):
            return None
        if outside and not self._follow:
            ignore = self._ignore.path.name if self._ignore else ignore_files.NAMES[0]
            hint = f"copy what it leads to, remove it, or name it, without a slash at its end, in {ignore}"
            self._refuse(entry.path, f"is a link to {target}, outside of the folder; {hint}")
            return None
        if not stat.S_ISDIR(mode):
            self._file(folder, entry.name, target, regular=stat.S_ISREG(mode))
            return None
        matched = os.path.relpath(target, self._ignore.base) if self._ignore else ""
        below = self._below(folder, entry.name, target, matched, excluded=excluded)
        return None if below and target in below.above else below

    def _below(self, folder: _Folder, name: str, path: str, matched: str, *, excluded: bool) -> _Folder | None:
        full = folder.name + name
        counted = folder.counted and not excluded
        if not self._utf8(full, path):
            return None
        if counted:
            self._found.folders.append(full)
        if self._ignore and self._ignore.excludes_all_below(matched):
            return None
        return _Folder(path, f"{full}/", f"{matched}/", (*folder.above, folder.path), counted)

    def _file(self, folder: _Folder, name: str, path: str, *, regular: bool) -> None:
        full = folder.name + name
        if not regular:
            self._refuse(path, "is neither file nor folder, but a pipe, a socket or a device; remove it")
        elif not os.access(path, os.R_OK):
            self._refuse(path, "cannot be read; give yourself the right to, or name it in .amlignore")
        elif self._utf8(full, path):
            self._found.files.append(LocalFile(Path(path), full))
            if not folder.counted:
                self._found.uncounted.add(full)

    def _utf8(self, name: str, path: str) -> bool:
        try:
            name.encode()
        except UnicodeEncodeError:
            self._refuse(path, "has a name that is not UTF-8; rename it")
            return False
        return True

    def _refuse(self, path: str, reason: str) -> None:
        self._found.reasons.append(f"{path.encode(errors='backslashreplace').decode()} {reason}")


def _ignore_of(root: Path) -> IgnoreFile | None:
    file = ignore_files.find(root)
    return ignore_files.read(file) if file else None


def _relative(path: str, base: str) -> str:
    """A folder's path as patterns see it, with a slash at its end; empty for the folder that they are relative to."""
    return "" if path == base else f"{os.path.relpath(path, base)}/"
