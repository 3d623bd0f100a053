"""What a local file or folder amounts to when it is uploaded: its files, without the ignored ones, and its hashes.

Hashes are azure-ai-ml's, so that what either client has uploaded is not uploaded again.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_azml.exceptions import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pathspec import PathSpec

    Patterns: TypeAlias = PathSpec[Any]  # generic since pathspec 1.0

IGNORE_FILES = (".amlignore", ".gitignore")
_SEED = b"Initialize for october 2021 AML CLI version"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class LocalFile:
    """A file that is part of an upload.

    Args:
        path: Where it is, with links followed.
        name: Its path below what is uploaded, with forward slashes.
    """

    path: Path
    name: str


@dataclass(frozen=True)
class Snapshot:
    """A file or folder that can be uploaded.

    Args:
        path: Where it is, with links followed.
        files: What it amounts to.
        includes: What else was put into the folder.
    """

    path: Path
    files: Sequence[LocalFile] = field(compare=False, repr=False)
    includes: tuple[Path, ...] = ()

    @property
    def is_file(self) -> bool:
        """Whether it is a single file."""
        return self.path.is_file()

    def content_hash(self) -> str:
        """The hash by which the service finds code that it has already.

        SHA-256 over the number of files, then ``#name#`` and size of each in order of their lower-cased names, then
        all contents.

        Source: azure-ai-ml 1.35.2, ``get_content_hash`` (hash version 202208).
        """
        found = sorted(self.files, key=lambda file: (file.name.lower(), file.name))
        digest = hashlib.sha256(str(len(found)).encode())
        for file in found:
            digest.update(f"#{file.name}#{file.path.stat().st_size}".encode())
        for file in found:
            _feed(digest, file.path)
        return digest.hexdigest()

    def object_hash(self) -> str:
        """The hash that names the folder of an upload to a datastore.

        Source: azure-ai-ml 1.35.2, ``get_object_hash``: a fixed seed, then names and contents, depth first.
        """
        digest = hashlib.sha256(_SEED)
        if self.is_file:
            _feed(digest, self.path)
        else:
            _feed_folder(digest, self.path, self.path, _ignored(self.path))
        return digest.hexdigest()


def take(path: Path, *, follow_symlinks: bool = False) -> Snapshot:
    """The snapshot of a file or folder.

    Args:
        path: The file or folder.
        follow_symlinks: Upload what links inside a folder lead to, even outside of it.

    Raises:
        SpecError: It is missing or empty, or a link leads out of it.
    """
    reasons = problems(path, follow_symlinks=follow_symlinks)
    if reasons:
        raise SpecError([Problem(str(path), 0, 0, "", reason) for reason in reasons])
    return Snapshot(path.resolve(), _files(path.resolve()))


def problems(path: Path, *, follow_symlinks: bool = False) -> list[str]:
    """What keeps a path from being uploaded: that it is missing, empty, or has links that lead out of it."""
    if not path.exists():
        return [f"there is no such file or folder: {path}"]
    if path.is_file():
        return []
    links = [] if follow_symlinks else _links_out(path.resolve())
    if links:
        return [f"{link} is a link to {link.resolve()}, outside of the folder; copy it, or remove it" for link in links]
    if _files(path.resolve()):
        return []
    ignore = ignore_file(path)
    return [f"{path} holds no file to upload" + (f", once {ignore.name} is applied" if ignore else "")]


def ignore_file(folder: Path) -> Path | None:
    """The file that decides what of a folder is left out: its ``.amlignore``, else its ``.gitignore``, never both."""
    return next((folder / name for name in IGNORE_FILES if (folder / name).exists()), None)


def _files(path: Path) -> list[LocalFile]:
    if path.is_file():
        return [LocalFile(path, path.name)]
    ignored = _ignored(path)
    return [
        LocalFile(found.resolve() if found.is_symlink() else found, name)
        for found, name in _walk(path)
        if not (ignored and ignored.match_file(name))
    ]


def _walk(folder: Path, prefix: str = "", above: Sequence[Path] = ()) -> Iterator[tuple[Path, str]]:
    """All files below a folder with their names in it, links to folders followed unless they lead in a circle."""
    with os.scandir(folder) as entries:
        members = sorted(entries, key=lambda entry: entry.name)
    around = (*above, folder)
    for entry in members:
        path, name = Path(entry.path), f"{prefix}{entry.name}"
        if not entry.is_dir():
            yield path, name
        elif not entry.is_symlink():
            yield from _walk(path, f"{name}/", around)
        elif path.resolve() not in around:
            yield from _walk(path.resolve(), f"{name}/", around)


def _links_out(root: Path) -> list[Path]:
    return [
        link
        for where, folders, names in os.walk(root)
        for name in sorted([*folders, *names])
        if (link := Path(where, name)).is_symlink() and not link.resolve().is_relative_to(root)
    ]


def _ignored(folder: Path) -> Patterns | None:
    """The patterns of a folder's ignore file; the last pattern that matches decides."""
    found = ignore_file(folder)
    if not found:
        return None
    import pathspec

    lines = [line.strip() for line in found.read_text(encoding="utf-8-sig").splitlines()]
    try:
        return pathspec.PathSpec.from_lines("gitignore", lines)
    except LookupError:  # before pathspec 1.0 the same patterns had another name
        return pathspec.PathSpec.from_lines("gitwildmatch", lines)


def _feed(digest: hashlib._Hash, path: Path) -> None:
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)


def _feed_folder(digest: hashlib._Hash, root: Path, folder: Path, ignored: Patterns | None) -> None:
    for member in sorted(folder.iterdir(), key=lambda path: str(path).lower()):
        if ignored and ignored.match_file(member.relative_to(root).as_posix()):
            continue
        digest.update(member.name.encode())
        if member.is_file():
            _feed(digest, member)
        elif member.is_dir():
            _feed_folder(digest, root, member, ignored)
