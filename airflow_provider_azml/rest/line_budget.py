"""How many lines of logs are told at a time where many jobs are waited for at once."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES_PER_SECOND = 200.0
"""What all logs together may tell in the long run.

A triggerer's supervisor takes about 0.9 ms of a core for each line. Behind a job that writes more than it takes, the
socket between them fills, and whoever tells a line then holds the event loop up, for every trigger: 10 jobs of 200
lines a second each held it up by 0.6 s at a time. This leaves four fifths of the supervisor to other triggers.
"""
MOST_LINES = 4000
"""What may be told at once after quiet times: the lines of 20 seconds."""
QUIET_LINES = 1000
"""How many of those are there only for logs that had not too much to tell the last time."""
_QUIET_SHARE = 100
"""How many of those one log may take."""
TOLD_PER_SECOND = 500.0
"""How fast that is told: half of what the supervisor takes."""
_TOLD_AT_ONCE = 50
"""The socket holds some 250 lines, and once it is full, whoever writes waits until most of them were taken."""
_ENDS_LINES, _ENDS = 4000, 16
"""What the ends of logs may take beyond what is there, and which part of it one may."""
_FEWEST_OF_END = 20
_LOUD_SECONDS = 240.0
"""How long a log counts as loud that is not looked at again, e.g. as its task was killed; looks come every 120 s."""
_MEBIBYTE = 1024 * 1024


class LineBudget:
    """Lines that all logs together may tell; it fills up again as time goes by.

    What can be shared is shared evenly by the logs that had more to tell than they might; a quiet one gets its few
    lines before them. Whatever is left, the last lines of a log that has ended are told.

    Args:
        told_per_second: How fast all logs together may tell what they took.

    Example:
        >>> budget = LineBudget()
        >>> budget.take("train", 10_000, now=0.0)
        3000
        >>> budget.take("quiet", 5, now=0.0)
        5
        >>> budget.take("train", 10_000, now=1.0)
        194
    """

    __slots__ = ("_at", "_left", "_loud", "_told_per_second", "_told_until")

    def __init__(self, *, told_per_second: float = TOLD_PER_SECOND) -> None:
        self._told_per_second = told_per_second
        self._told_until = 0.0
        self._left = float(MOST_LINES)
        self._at: float | None = None
        self._loud: dict[str, float] = {}

    def share(self, job: str, *, now: float, last: bool = False) -> int:
        """How many lines a log may tell now.

        Args:
            job: Whose log it is.
            now: The moment, in seconds of a monotonic clock that all logs share.
            last: Whether the job has ended.
        """
        self._refill(now)
        others = len(self._loud) - (job in self._loud)
        most = max(0.0, self._left - QUIET_LINES) // (1 + others)
        if job not in self._loud:
            most = max(most, min(self._left, _QUIET_SHARE))
        if last:
            most = max(most, (self._left + _ENDS_LINES) // _ENDS, _FEWEST_OF_END)
        return max(0, int(most))

    def take(self, job: str, lines: int, *, now: float, last: bool = False) -> int:
        """Take as many lines as a log has to tell, or as it may.

        Args:
            job: Whose log it is.
            lines: How many it has.
            now: The moment, as above.
            last: Whether the job has ended.
        """
        taken = min(lines, self.share(job, now=now, last=last))
        told = taken + (taken < lines)  # that lines are left out takes one too
        self._left = max(self._left - told, -float(_ENDS_LINES))
        self._loud.pop(job, None)
        if taken < lines and not last:
            self._loud[job] = now
        return taken

    def pause(self, *, now: float) -> float:
        """How long to wait behind one more line, in seconds.

        Args:
            now: The moment at which it was told, in seconds of :func:`time.monotonic`.
        """
        self._told_until = max(self._told_until, now) + 1 / self._told_per_second
        ahead = self._told_until - now
        return ahead if ahead > _TOLD_AT_ONCE / self._told_per_second else 0.0

    def _refill(self, now: float) -> None:
        passed = now - self._at if self._at is not None else 0.0
        if passed > 0:
            self._left = min(self._left + passed * LINES_PER_SECOND, MOST_LINES)
        self._at = max(now, self._at or now)
        while self._loud and (oldest := next(iter(self._loud))) and self._loud[oldest] < now - _LOUD_SECONDS:
            del self._loud[oldest]


class HeldLines:
    """The newest lines of a look, held until it is known how many may be told.

    Args:
        most: How many are held at most; ``None`` for all.

    Example:
        >>> held = HeldLines(2)
        >>> held.begin("std_log.txt of train", heading="std_log.txt of train:")
        >>> for line in ("one", "two", "three"):
        ...     held.add(line)
        >>> list(held.told())[2:]
        ['two', 'three']
    """

    __slots__ = ("_most", "_stretches", "count", "left_out")

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._stretches: list[_Stretch] = []
        self.count = self.left_out = 0

    def begin(self, name: str, *, heading: str = "", skipped_bytes: int = 0) -> None:
        """Have what follows stand below a heading, or behind what was not read.

        Args:
            name: Of the file and its job.
            heading: A line that is told in any case.
            skipped_bytes: How much before it was not read.
        """
        self._stretches.append(_Stretch(name, heading, skipped_bytes))

    def add(self, line: str) -> None:
        """Hold one more line, and let the oldest go if that is one too many."""
        self._stretches[-1].lines.append(line)
        self.count += 1
        if self._most is not None and self.count > self._most:
            self.keep(self._most)

    def keep(self, most: int) -> None:
        """Let all go but the newest."""
        for stretch in self._stretches:
            while stretch.lines and self.count > most:
                stretch.lines.popleft()
                stretch.left_out += 1
                self.count -= 1
                self.left_out += 1

    def told(self) -> Iterator[str]:
        """What is to be told of it; each line once."""
        name, lines, skipped = "", 0, 0
        while self._stretches:
            stretch = self._stretches.pop(0)
            if stretch.heading:
                yield from _gap(name, lines, skipped)
                yield stretch.heading
                lines = skipped = 0
            name, lines, skipped = stretch.name, lines + stretch.left_out, skipped + stretch.skipped_bytes
            if stretch.lines:
                yield from _gap(name, lines, skipped)
                yield from stretch.lines
                lines = skipped = 0
        yield from _gap(name, lines, skipped)
        self.count = self.left_out = 0


class _Stretch:
    """Lines that follow each other.

    Attributes:
        left_out: How many lines before the first that is held were let go.
    """

    __slots__ = ("heading", "left_out", "lines", "name", "skipped_bytes")

    def __init__(self, name: str, heading: str, skipped_bytes: int) -> None:
        self.name, self.heading, self.skipped_bytes = name, heading, skipped_bytes
        self.left_out = 0
        self.lines: deque[str] = deque()


def _gap(name: str, lines: int, skipped_bytes: int) -> Iterator[str]:
    """The line that stands where something is left out."""
    parts = [f"{lines} line{'s' if lines != 1 else ''}"] if lines else []
    parts += [f"{skipped_bytes / _MEBIBYTE:.1f} MiB"] if skipped_bytes else []
    if parts:
        yield (
            f"(left out here: {' and '.join(parts)} of {name}; the whole file is under Outputs + logs of the job in "
            "Azure ML studio)"
        )
