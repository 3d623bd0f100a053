"""The last lines that a trigger has told: Airflow keeps a triggerer's log of a try until the try is deferred again."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_LINES, MOST_CHARACTERS = 40, 300
"""How many lines an event carries, and how long each is at most: events are rows of Airflow's database."""


class LastLines:
    """Tells lines, and holds the last of them.

    Args:
        tell: Called with a level of :mod:`logging` and a line.

    Source: ``TriggerLoggingFactory`` of Airflow 3.3.2 opens the log of a trigger anew for every deferral.
    """

    def __init__(self, tell: Callable[[int, str], None]) -> None:
        self._tell = tell
        self.held: deque[tuple[int, str]] = deque(maxlen=MOST_LINES)

    def __call__(self, level: int, line: str) -> None:
        """Tell a line."""
        self._tell(level, line)
        self.held.append((level, line[:MOST_CHARACTERS]))
