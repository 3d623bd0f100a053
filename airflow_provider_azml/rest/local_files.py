"""Files of this machine that are hashed first and uploaded later, and must be the same both times."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

CHUNK = 1 << 20


@dataclass(frozen=True)
class LocalFile:
    """A file that is part of an upload.

    Args:
        path: Where it is, with links followed.
        name: Its path below what is uploaded, with forward slashes.
    """

    path: Path
    name: str

    @cached_property
    def stamp(self) -> tuple[int, int]:
        """Its size and when it was last written, as of the first time that somebody asked.

        Raises:
            SpecError: It is gone.
        """
        try:
            return _stamp(self.path.stat())
        except OSError as error:
            raise self.error(reason_of(error)) from error

    @property
    def size(self) -> int:
        """How many bytes it had at that time."""
        return self.stamp[0]

    def opened(self) -> Reading:
        """Its content, to be read once from the start.

        Raises:
            SpecError: It cannot be read, or is not what it was.
        """
        return Reading(self)

    def error(self, reason: str) -> SpecError:
        """The exception that says what is wrong with it."""
        return SpecError([Problem(str(self.path), 0, 0, "", reason)])


class Reading:
    """The content of a file; its end is only reached if the file was not written in the meantime."""

    def __init__(self, file: LocalFile) -> None:
        self._file = file
        self._left = file.size
        self._checked = False  # whether the end is reached, and the file the same there
        try:
            self._descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise file.error(reason_of(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def read(self, size: int = -1) -> bytes:
        """The next bytes, as many as are asked for unless the file ends before.

        Raises:
            SpecError: It cannot be read, or it is not what it was when its stamp was taken.
        """
        if self._checked:
            return b""
        wanted = self._left if size < 0 else min(size, self._left)
        try:
            content = os.read(self._descriptor, wanted)
            while len(content) < wanted and (more := os.read(self._descriptor, wanted - len(content))):
                content += more
            self._left -= len(content)
            same = len(content) == wanted
            if same and not self._left:
                same = self._checked = _stamp(os.fstat(self._descriptor)) == self._file.stamp
        except OSError as error:
            raise self._file.error(reason_of(error)) from error
        if not same:
            raise self._file.error("was written while it was read; try again when nothing writes to it")
        return content


def reason_of(error: OSError) -> str:
    """Why the system did not let a file or folder be read."""
    if isinstance(error, FileNotFoundError):
        return "is not there any more"
    return f"cannot be read: {error.strerror or error}"


def _stamp(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns
