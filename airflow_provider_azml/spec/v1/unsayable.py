"""What files of CLI v1 can say and those of CLI v2 cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from airflow_provider_azml.exceptions import Problem, Severity
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

_NONE = "None"


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


def problems(source: Source, rows: Iterable[Unsayable], *, severity: Severity = "error") -> Iterator[Problem]:
    """The keys of a source that say what cannot be said.

    Args:
        source: The source.
        rows: The keys that are looked at.
        severity: How much it matters: a note for what v1 did not heed either.
    """
    for row in rows:
        value = source.value_at(row.path)
        if not is_unset(value) and value not in row.defaults:
            yield source.problem(row.path, row.reason, at_key=True, severity=severity)


def is_unset(value: object) -> bool:
    """Whether a value says nothing: ``null``, the text ``None``, or nothing in it; 0 and false say something.

    Example:
        >>> is_unset({"address": None}), is_unset(False)
        (True, False)
    """
    if isinstance(value, dict):
        return all(map(is_unset, value.values()))
    return value is None or value in ("", _NONE) or value == []


def none_texts(source: Source, *, but: Collection[Path] = ()) -> Iterator[Problem]:
    """The places where the text ``None`` stands for nothing, which files have another word for.

    Args:
        source: A file of CLI v1.
        but: Mappings and values that may be any text.
    """
    for path in _texts(source.value, ()):
        if source.value_at(path) == "None" and not any(path[: len(free)] == free for free in but):
            yield source.problem(path, "is the text 'None'; write null, or leave it out")


def _texts(value: object, path: Path) -> Iterator[Path]:
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _texts(member, (*path, str(key)))
    elif isinstance(value, list):
        for place, member in enumerate(value):
            yield from _texts(member, (*path, place))
