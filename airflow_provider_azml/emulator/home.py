"""The folder that an emulator keeps everything in: one emulator's at a time, and emptied on request."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK = "emulator.lock"
_MARKS = (_LOCK, "secrets.json")
"""What is in every home that an emulator has been started in."""
STATE = ("emulator.db", "emulator.db-wal", "emulator.db-shm", "blobs", "jobs", "deployments", "env.sh")
ENVIRONMENTS = "envs"


class HomeInUseError(AzmlError):
    """Another process holds a home.

    Args:
        home: The folder.
        process: Id of the process, as far as it has said.
    """

    def __init__(self, home: Path, process: str) -> None:
        super().__init__(f"{home} is in use by another emulator (process {process})")


class NoHomeError(AzmlError):
    """A folder is not an emulator's."""


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold a home for this process alone; the system lets go of it when the process ends, however it does.

    Raises:
        HomeInUseError: Another process has it.
    """
    with (home / _LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise HomeInUseError(home, file.read().strip() or "unknown") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def reset(home: Path, *, environments: bool = False) -> list[str]:
    """Delete what an emulator has been given and has done: resources, blobs, jobs, runs and deployments.

    Its certificates and secrets stay, so that what was told to trust it still does; and so does whatever an emulator
    has not put there.

    Args:
        home: Its folder; nothing happens when it is not there, or empty.
        environments: Delete the Python environments of jobs and deployments, too, which take time to make.

    Returns:
        What was deleted, by name.

    Raises:
        NoHomeError: The folder is something else.
        HomeInUseError: An emulator runs in it.
    """
    if not home.exists() or (home.is_dir() and not any(home.iterdir())):
        return []
    if not all((home / mark).is_file() for mark in _MARKS):
        raise NoHomeError(f"{home} is not an emulator's home: it lacks {' or '.join(_MARKS)}, and nothing was deleted")
    with held(home):
        names = [name for name in (*STATE, *([ENVIRONMENTS] if environments else [])) if os.path.lexists(home / name)]
        for name in names:
            _delete(home / name)
    return names


def _delete(path: Path) -> None:
    # of a link, what it leads to is somebody else's
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
