"""What a component's code amounts to, with the files and folders that its ``additional_includes`` put into it.

Source: azure-ai-ml 1.35.2, ``_additional_includes`` and ``code``: it copies all into one folder of a fixed name.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.rest import ignore_files
from airflow_provider_azml.rest.snapshot import LocalFile, Snapshot
from airflow_provider_azml.spec import local_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.rest.ignore_files import IgnoreFile
    from airflow_provider_azml.spec.marks import Path as KeyPath
    from airflow_provider_azml.spec.source import Source

FOLDER = "code_with_additional_includes"
"""Name of the folder that code and includes are put into."""
CACHES = "__pycache__"
"""Folders that are never part of a component's code."""
_EMPTY = "holds no file"
_INCLUDES_ALONE, _OWN_CODE = Path(FOLDER), Path(CACHES)
"""What tells the one from the other among what was read; no source names such a path."""


def taken(source: Source, code: str | None, includes: Sequence[str] = ()) -> Snapshot:
    """What is uploaded for a component.

    Args:
        source: The component.
        code: Path of its own code, if it has any.
        includes: Paths of what is added: files, folders, and ``<folder>.zip`` for a folder that is to be packed.

    Raises:
        SpecError: It cannot be uploaded, or there is nothing to upload.
    """
    key = (source.local(code or ""), _INCLUDES_ALONE if code is None else _OWN_CODE, *map(source.local, includes))
    found = source.opened.snapshots.get(key)
    if found is None:
        found = source.opened.snapshots[key] = _without_caches(_looked_at(source, code, includes))
    if isinstance(found, list) or not found.files:
        raise SpecError([Problem(str(source.local(code or "")), 0, 0, "", "holds no file to upload")])
    return found


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with the ``additional_includes`` of a component, besides what its schema says."""
    given = source.value.get("additional_includes")
    for place, include in enumerate(given if isinstance(given, list) else ()):
        path = ("additional_includes", place)
        if isinstance(include, str):
            try:
                yield from _problems(source, path, include)
            except (ValueError, OSError, RuntimeError):
                yield source.problem(path, f"{include!r} is no path of a file")
        elif isinstance(include, dict):
            name = include.get("name", "the package")
            reason = f"packages of Azure DevOps are not taken; download {name} and name its folder here"
            yield source.problem(path, reason)


def _problems(source: Source, path: KeyPath, include: str) -> Iterator[Problem]:
    where = source.local(include)
    if not where.name:
        yield source.problem(path, "the root of the file system cannot be included; name a folder in it")
    elif not where.exists() and not _is_to_be_packed(where):
        yield source.problem(path, f"there is no such file or folder: {where}")
    else:
        folder = include.removesuffix(".zip") if _is_to_be_packed(where) else include
        # a folder without files is as good as none
        yield from (found for found in local_paths.problems(source, path, folder) if _EMPTY not in found.reason)
        code = source.value.get("code")
        there = source.local(code) / where.name if isinstance(code, str) else None
        if there and (there.exists() or there.is_symlink()) and not (there.is_symlink() and there.resolve() == where):
            yield source.problem(path, f"the code has a {where.name} of its own: {there}; rename one of them")


def _is_to_be_packed(path: Path) -> bool:
    return path.suffix == ".zip" and not path.exists() and path.with_suffix("").is_dir()


@dataclass(frozen=True)
class _Layer:
    """What one ignore file leaves out below a folder.

    Args:
        base: The folder that its patterns start from here.
        ignore: The ignore file, if there is one.
    """

    base: Path
    ignore: IgnoreFile | None

    def leaves_out(self, path: Path) -> bool:
        name = os.path.relpath(path, self.base).replace(os.sep, "/")
        return CACHES in name.split("/") or (self.ignore is not None and self.ignore.excludes(name))


Layers: TypeAlias = tuple[_Layer, ...]


def _layer(folder: Path) -> _Layer:
    found = ignore_files.find(folder)
    return _Layer(folder, _read(found) if found else None)


def _read(ignore: Path) -> IgnoreFile:
    try:
        return ignore_files.read(ignore)
    except (OSError, ignore_files.PatternError) as error:
        raise SpecError([Problem(str(ignore), 0, 0, "", str(error))]) from error


def _looked_at(source: Source, code: str | None, includes: Sequence[str]) -> Snapshot:
    if code is not None and not includes:
        return local_paths.taken(source, code)
    try:
        return _merged(source, code, includes)
    except OSError as error:
        raise SpecError([Problem(str(error.filename), 0, 0, "", f"cannot be read: {error.strerror}")]) from error


def _merged(source: Source, code: str | None, includes: Sequence[str]) -> Snapshot:
    """Code and includes in one folder; what comes later goes over what was there."""
    own = None if code is None else source.local(code)
    folder = own or source.base_path
    root = _Layer(folder, None) if folder.is_file() else _layer(folder)
    files: dict[str, Path] = {}
    if own:
        files.update(_copied(own, own.name if own.is_file() else "", (root,)))
    for where in map(source.local, includes):
        layers = (replace(root, base=where.parent),)
        if _is_to_be_packed(where):
            files[where.name] = _packed(where, layers, source.opened.scratch)
        else:
            files.update(_copied(where, where.name, _below(layers, where)))
    return Snapshot(folder / FOLDER, _not_ignored(files), tuple(map(source.local, includes)))


def _below(layers: Layers, path: Path) -> Layers:
    """The layers for what is in a folder: its own ignore file counts there too."""
    return (*layers, _layer(path)) if path.is_dir() else layers


def _copied(path: Path, name: str, layers: Layers, around: tuple[Path, ...] = ()) -> Iterator[tuple[str, Path]]:
    """The files that a file or folder amounts to, by the names that they get."""
    if any(layer.leaves_out(path) for layer in layers):
        return
    if path.is_file():
        yield name, path.resolve()
    elif path.is_dir() and path.resolve() not in around:
        for member in sorted(path.iterdir()):
            inside = f"{name}/{member.name}" if name else member.name
            yield from _copied(member, inside, _below(layers, member), (*around, path.resolve()))


def _packed(archive: Path, layers: Layers, scratch: Path) -> Path:
    """A zip file of the folder that it is named after, in a folder of its own below another one."""
    folder = archive.with_suffix("")
    layers = _below(layers, folder)
    result = Path(tempfile.mkdtemp(dir=scratch), archive.name)
    with zipfile.ZipFile(result, "w") as written:
        written.write(folder, folder.name)
        for file in sorted(_files_below(folder), key=str):
            if not any(layer.leaves_out(file) for layer in layers):
                written.write(file.resolve(), file.relative_to(folder.parent))
    return result


def _files_below(folder: Path) -> Iterator[Path]:
    """The files below a folder; a link that leads back to a folder around it is not followed, or it would never end."""
    for where, folders, names in os.walk(folder, followlinks=True):
        around = {above.resolve() for above in (Path(where), *Path(where).parents)}
        folders[:] = [name for name in folders if Path(where, name).resolve() not in around]
        yield from (Path(where, name) for name in names)


def _not_ignored(files: Mapping[str, Path]) -> list[LocalFile]:
    """What the ignore file that ends up in the root of the merged folder leaves."""
    found = next((files[name] for name in ignore_files.NAMES if name in files), None)
    whole = _Layer(Path(), _read(found) if found else None)
    return [LocalFile(path, name) for name, path in sorted(files.items()) if not whole.leaves_out(Path(name))]


def _without_caches(whole: Snapshot) -> Snapshot:
    kept = [file for file in whole.files if CACHES not in file.name.split("/")]
    return whole if len(kept) == len(whole.files) else replace(whole, files=kept)
