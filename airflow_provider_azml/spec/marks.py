"""Where in a file each value of a specification stands."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list positions that lead to a value."""

_PLAIN = re.compile(r"[\w$<>*-]{1,100}")
_LONGEST_KEY = 100
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class Marks(NamedTuple):
    """Positions of a value, of the key before it, and of everything in it; a tuple, because there are many of them.

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
    inside: Mapping[str | int, Marks] = _NOTHING

    def at(self, path: Iterable[str | int]) -> Marks:
        """Marks of the value at a path, or of the nearest value around it that has some."""
        here = self
        for step in path:
            if step not in here.inside:
                return here
            here = here.inside[step]
        return here


def dotted(path: Iterable[str | int]) -> str:
    """A path as the AML documentation writes it; keys that are no words in brackets.

    Example:
        >>> dotted(("jobs", "train", "args", 0)), dotted(("requests", "nvidia.com/gpu"))
        ('jobs.train.args[0]', "requests['nvidia.com/gpu']")
    """
    text = ""
    for step in path:
        if isinstance(step, str) and _PLAIN.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{step!r:.{_LONGEST_KEY}}]"
    return text


def members(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """A value and everything in it, with the paths that lead there."""
    yield path, value
    if isinstance(value, dict):
        for key, member in value.items():
            yield from members(member, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from members(item, (*path, place))
