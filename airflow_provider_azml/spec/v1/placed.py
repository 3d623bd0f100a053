"""Values of today's files, each with the place in a file of CLI v1 that it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_azml.spec.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.spec.source import Source


class Placed(NamedTuple):
    """A value and where it stands.

    Args:
        value: The value.
        marks: Where it stands, or what it was made of.
    """

    value: Any
    marks: Marks


def put(value: Any, source: Source, *path: str | int) -> Placed:
    """A value that is made of what stands at a path of a source; problems of all that is in it point there."""
    mark = source.marks.at(path)
    return Placed(value, Marks(mark.file, mark.line, mark.column, mark.key))


def kept(source: Source, *path: str | int) -> Placed | None:
    """The value at a path of a source as it is; ``None`` where there is none."""
    value = source.value_at(path)
    return None if value is None else Placed(value, source.marks.at(path))


def gathered(members: Mapping[str, Placed | None], source: Source, *path: str | int) -> Placed:
    """A mapping of values that stand in different places, without those that are not there.

    Args:
        members: The values by key.
        source: The source that the mapping is made of.
        path: Where in it.
    """
    there = {key: member for key, member in members.items() if member is not None}
    outer = put({key: member.value for key, member in there.items()}, source, *path)
    return outer._replace(marks=outer.marks._replace(inside={key: member.marks for key, member in there.items()}))


def unless_empty(placed: Placed) -> Placed | None:
    """A mapping that has members; ``None`` for one without."""
    return placed if placed.value else None
