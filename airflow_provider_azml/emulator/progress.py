"""Shows which step a program is on, and for how long."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_WIDTH = 24
_REMINDER_SECONDS = 15.0


class Progress:
    """Steps and their times: a line that is redrawn on a terminal, one line per news elsewhere.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._redraws = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._running: dict[str, float] = {}
        self._frame = 0
        self._reminded = time.monotonic()

    def begin(self, step: str) -> None:
        """A step starts; nothing happens if it runs already."""
        if step in self._running:
            return
        self._running[step] = self._reminded = time.monotonic()
        if not self._redraws:
            self._write(f"  {step} ...\n")
        self.tick()

    def end(self, step: str, *, well: bool = True) -> None:
        """A step is over."""
        self.begin(step)
        seconds = time.monotonic() - self._running.pop(step)
        if self._redraws:
            self._clear()
            self._write(f"  {'✓' if well else '✗'} {step:<{_WIDTH}}{seconds:6.1f} s\n")
        else:
            self._write(f"  {step}: {'done' if well else 'FAILED'} after {seconds:.1f} s\n")
        self.tick()

    def tick(self) -> None:
        """Say how long the running steps have taken; to be called a few times a second."""
        now = time.monotonic()
        if self._redraws:
            self._frame += 1
            self._clear()
            self._write("   ".join(f"  {self._spinner()} {step} {now - since:.0f} s" for step, since in self._items()))
        elif now - self._reminded >= _REMINDER_SECONDS:
            self._reminded = now
            for step, since in self._items():
                self._write(f"  {step}: {now - since:.0f} s so far\n")

    def say(self, text: str = "") -> None:
        """Write a line."""
        if self._redraws:
            self._clear()
        self._write(f"{text}\n")

    def _items(self) -> list[tuple[str, float]]:
        return list(self._running.items())

    def _spinner(self) -> str:
        return _FRAMES[self._frame % len(_FRAMES)]

    def _clear(self) -> None:
        self._write("\r\033[K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
