"""How far an upload is: lines in the log as it goes, and a bar in a console."""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress as Bars
    from rich.progress import TaskID
    from typing_extensions import Self

_log = logging.getLogger(__name__)
_SECONDS = 5.0
_MANY_FILES, _MANY_BYTES = 100, 100_000_000
"""An upload of more is told of before it begins."""
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_STEP = 1000


class Progress:
    """Counts what is sent, from any thread; a line every five seconds, and one at the end.

    Args:
        title: What is uploaded.
        files: How many files it has.
        size: How many bytes they have.
        to: Where to, without anything secret.
    """

    def __init__(self, title: str, files: int, size: int, to: str) -> None:
        self._title = title
        self._files = files
        self._size = size
        self._to = to
        self._lock = threading.Lock()
        self._bar: _Bar | None = None
        self._done = self._found = self._bytes = 0
        self._start = self._said = 0.0

    def __enter__(self) -> Self:
        self._start = self._said = time.monotonic()
        if self._files > _MANY_FILES or self._size > _MANY_BYTES:
            _log.info("Uploading %s: %s, %s, to %s", self._title, _files(self._files), amount(self._size), self._to)
        if sys.stderr.isatty():
            self._bar = _console.bar(self._title, self._size)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.close()
        if not kind:
            self._conclude()

    def sent(self, size: int) -> None:
        """Some bytes are on their way, or need not be sent."""
        with self._lock:
            self._bytes += size
            self._tell(size)

    def finished(self, *, found: bool = False) -> None:
        """A file is there.

        Args:
            found: Whether somebody else has sent it.
        """
        with self._lock:
            self._done += 1
            self._found += found

    def _tell(self, size: int) -> None:
        if self._bar:
            self._bar.advance(size)
            return
        now = time.monotonic()
        if now - self._said >= _SECONDS:
            self._said = now
            _log.info(
                "Uploading %s: %s of %s, %s of %s, %s/s",
                self._title,
                f"{self._done:,}",
                _files(self._files),
                amount(self._bytes),
                amount(self._size),
                amount(self._bytes / (now - self._start)),
            )

    def _conclude(self) -> None:
        seconds = time.monotonic() - self._start
        rate = f" in {seconds:.0f} s, {amount(self._bytes / seconds)}/s" if seconds >= 1 else ""
        there = f"; {self._found:,} of them were there" if self._found else ""
        _log.info("Uploaded %s: %s, %s%s%s", self._title, _files(self._files), amount(self._size), rate, there)


class _Console:
    """The one display of a process, with a bar for each upload; it is there while there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bars: Bars | None = None

    def bar(self, title: str, size: int) -> _Bar:
        with self._lock:
            if not self._bars:
                self._bars = _display()
                self._bars.start()
            return _Bar(self, self._bars, self._bars.add_task(f"Uploading {title}", total=size))

    def drop(self, task: TaskID) -> None:
        with self._lock:
            if self._bars:
                self._bars.remove_task(task)
                if not self._bars.tasks:
                    self._bars.stop()
                    self._bars = None


class _Bar:
    """The bar of one upload."""

    def __init__(self, console: _Console, bars: Bars, task: TaskID) -> None:
        self._console = console
        self._bars = bars
        self._task = task

    def advance(self, size: int) -> None:
        self._bars.advance(self._task, size)

    def close(self) -> None:
        self._console.drop(self._task)


_console = _Console()


def amount(size: float) -> str:
    """A number of bytes as people read it."""
    for unit in _UNITS[:-1]:
        if size < _STEP:
            return f"{size:.0f} {unit}" if unit == _UNITS[0] else f"{size:.1f} {unit}"
        size /= _STEP
    return f"{size:.1f} {_UNITS[-1]}"


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"


def _display() -> Bars:
    # only a console needs it
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Bars(*columns, console=Console(stderr=True), transient=True)
