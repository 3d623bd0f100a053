"""What checks find while something is waited for, told in a log: once per change."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_azml.rest.flows import Json

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class CheckLines:
    """Tells what checks find, as far as it is news: that answers took a little longer is none.

    Args:
        name: Who is checked.
        tell: Called with a level of :mod:`logging` and a line.

    Attributes:
        problems: What the last look found wrong.
    """

    __slots__ = ("_lines", "_name", "_problems", "_tell", "problems")

    def __init__(self, name: str, tell: Callable[[int, str], None]) -> None:
        self._name = name
        self._tell = tell
        self._lines: frozenset[str] = frozenset()
        self._problems: frozenset[str] = frozenset()
        self.problems: tuple[str, ...] = ()

    def look(self, found: Json, *, ended: bool) -> None:
        """Tell what a look found that the one before did not; at the end, all of it.

        Args:
            found: ``problems`` and ``lines``, as they stand in a body below ``checks``.
            ended: Whether it is the last look.
        """
        self._lines = self._news(logging.INFO, found["lines"], frozenset() if ended else self._lines)
        self._problems = self._news(logging.WARNING, found["problems"], self._problems)
        self.problems = tuple(found["problems"])

    def _news(self, level: int, lines: Sequence[str], known: frozenset[str]) -> frozenset[str]:
        for line in lines:
            if _NUMBER.sub("#", line) not in known:
                self._tell(level, f"{self._name}: {line}")
        return frozenset(_NUMBER.sub("#", line) for line in lines)
