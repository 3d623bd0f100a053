"""Where in a file each value of a specification stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list positions that lead to a value."""


@dataclass(frozen=True)
class Marks:
    """Positions of a value, of the key before it, and of everything in it.

    Args:
        file: File that it stands in, as the user named it, or ``<mapping>`` or ``<overrides>``.
        line: Line of the value, counted from 1; 0 where there is no text.
        column: Column of the value, counted from 1; 0 where there is no text.
        key: Line and column of its key.
        inside: Marks of its members.
    """

    file: str
    line: int = 0
    column: int = 0
    key: tuple[int, int] | None = None
    inside: Mapping[str | int, Marks] = field(default_factory=dict)

    def at(self, path: Iterable[str | int]) -> Marks:
        """Marks of the value at a path, or of the nearest value around it that has some."""
        here = self
        for step in path:
            if step not in here.inside:
                return here
            here = here.inside[step]
        return here


def dotted(path: Iterable[str | int]) -> str:
    """A path as the AML documentation writes it.

    Example:
        >>> dotted(("jobs", "train", "args", 0))
        'jobs.train.args[0]'
    """
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
