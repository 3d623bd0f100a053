"""What files of CLI v1 can say and those of CLI v2 cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source


class Unsayable(NamedTuple):
    """A key that must be left alone.

    Args:
        path: Where it is.
        reason: Why what it says cannot be said, and what to do.
        defaults: Values that say nothing, besides ``null`` and what is empty.
    """

    path: Path
    reason: str
    defaults: tuple[object, ...] = ()


def problems(source: Source, rows: Iterable[Unsayable]) -> Iterator[Problem]:
    """The keys of a source that say what cannot be said.

    Args:
        source: The source.
        rows: The keys that are looked at.
    """
    for row in rows:
        value = source.value_at(row.path)
        if not is_unset(value) and value not in row.defaults:
            yield source.problem(row.path, row.reason, at_key=True)


def is_unset(value: object) -> bool:
    """Whether a value says nothing: ``null``, the text ``None``, or nothing in it; 0 and false say something.

    Example:
        >>> is_unset({"address": None}), is_unset(False)
        (True, False)
    """
    if isinstance(value, dict):
        return all(map(is_unset, value.values()))
    return value is None or value in ("", "None") or value == []
