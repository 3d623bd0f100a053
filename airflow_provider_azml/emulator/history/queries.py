"""The filter and the order that a list of runs is asked for in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.rest.flows import Json

_COMPARISON = re.compile(
    r"\s*\(?\s*(?P<field>[\w/.-]+)\s+(?P<operator>eq|ne|gt|ge|lt|le)\s+(?:'(?P<quoted>[^']*)'|(?P<bare>[^\s()]+))\s*\)?\s*",
    re.IGNORECASE,
)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)


class QueryError(ValueError):
    """A filter or order is not one that can be followed."""


def condition(text: str) -> Callable[[Json], bool]:
    """Whether a filter lets a run through, as run history shows it.

    Args:
        text: Comparisons of fields, joined by ``and``; ``tags/x`` and ``properties/x`` are fields, too.

    Raises:
        QueryError: It is something else.

    Source: ``$filter`` of the 2019-09-30 run history file, which points to the OData expressions of Azure Search; of
    these the emulator has comparisons and ``and``.

    Example:
        >>> condition("status eq 'Failed'")({"status": "Running"})
        False
    """
    wanted: list[tuple[str, str, str]] = []
    for part in _AND.split(text.strip()) if text.strip() else []:
        found = _COMPARISON.fullmatch(part)
        if found is None:
            raise QueryError(f"'{part}' in the filter '{text}' is not a comparison such as status eq 'Running'")
        value = found["bare"] if found["quoted"] is None else found["quoted"]
        wanted.append((found["field"], found["operator"].lower(), value))
    return lambda run: all(_holds(_value(run, field), operator, value) for field, operator, value in wanted)


def ordered(runs: list[Json], text: str) -> list[Json]:
    """Runs in the order of comma-separated fields, each followed by ``asc`` or ``desc`` if need be.

    Raises:
        QueryError: It is something else.

    Source: ``$orderby`` of the 2019-09-30 run history file.
    """
    for part in reversed([part.split() for part in text.split(",") if part.strip()]):
        field, direction = part[0], part[1].lower() if part[1:] else "asc"
        if part[2:] or direction not in ("asc", "desc"):
            raise QueryError(f"'{' '.join(part)}' in the order '{text}' is not a field with asc or desc")
        runs = sorted(runs, key=lambda run: _value(run, field), reverse=direction == "desc")
    return runs


def _value(run: Json, path: str) -> str:
    holder, _, key = path.partition("/")
    value = {name.lower(): value for name, value in run.items()}.get(holder.lower())
    if key:
        value = value.get(key) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def _holds(value: str, operator: str, wanted: str) -> bool:
    results = {
        "eq": value == wanted,
        "ne": value != wanted,
        "gt": value > wanted,
        "ge": value >= wanted,
        "lt": value < wanted,
        "le": value <= wanted,
    }
    return results[operator]
