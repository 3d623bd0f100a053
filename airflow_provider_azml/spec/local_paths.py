"""The local files and folders that a specification names, each read once in a submission."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.rest import snapshot
from airflow_provider_azml.spec import references

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path as LocalPath

    from airflow_provider_azml.rest.snapshot import Snapshot
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source


def is_file(path: LocalPath) -> bool:
    """Whether there is a file; there is none under a name that is longer than names can be."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: LocalPath) -> bool:
    """Whether there is a folder; there is none under a name that is longer than names can be."""
    try:
        return path.is_dir()
    except OSError:
        return False


def problems(source: Source, path: Path, text: str) -> Iterator[Problem]:
    """What keeps a path of the source from being sent or uploaded; nothing for one that leads into the cloud."""
    if references.is_git(text):
        yield source.problem(path, "the service takes no git paths; clone the repository and name the local folder")
    elif not references.is_remote(text):
        for reason in _reasons(source, text):
            yield source.problem(path, reason)


def taken(source: Source, text: str) -> Snapshot:
    """What a local path of the source amounts to.

    Raises:
        SpecError: It cannot be uploaded.
    """
    found = _looked_at(source, text)
    if isinstance(found, list):
        raise SpecError([Problem(str(source.local(text)), 0, 0, "", reason) for reason in found])
    return found


def _reasons(source: Source, text: str) -> Sequence[str]:
    found = _looked_at(source, text)
    return found if isinstance(found, list) else ()


def _looked_at(source: Source, text: str) -> Snapshot | list[str]:
    local, opened = source.local(text), source.opened
    if (local,) not in opened.snapshots:
        opened.snapshots[local,] = snapshot.look(local, follow_symlinks=opened.follow_symlinks)
    return opened.snapshots[local,]
