"""Answers held against each other: the same shape and texts, and numbers that differ by no more than is allowed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeGuard

from airflow_provider_azml.rest.excerpts import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_KEY = 40
_SLACK = 1 + 1e-9
"""0.51 is within 0.01 of 0.5, though binary fractions say otherwise by a hair."""


def differences(found: object, wanted: object, *, tolerance: float = 0, relative: float = 0) -> Iterator[str]:
    """Where one JSON value departs from another, place by place, in order.

    Args:
        found: The value.
        wanted: The value that it is held against.
        tolerance: By how much a number may differ.
        relative: By which part of the other number a number may differ; of both limits the wider one holds.

    Returns:
        What is different at each place, in words; nothing where the values are the same.

    Example:
        >>> list(differences({"p": [0.5, 0.2]}, {"p": [0.5, 0.4]}, tolerance=0.1))
        ['p[1] is 0.2, not 0.4']
    """
    left: list[tuple[str, object, object]] = [("", found, wanted)]
    while left:
        place, one, other = left.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _keys(place, one, other)
            left.extend((_below(place, key), one[key], other[key]) for key in reversed(one) if key in other)
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                yield f"{place or 'it'} has {_items(one)}, not {_items(other)}"
                continue
            left.extend((f"{place}[{n}]", one[n], other[n]) for n in reversed(range(len(one))))
        elif not _alike(one, other, tolerance, relative):
            yield f"{place or 'it'} is {excerpt(one)}, not {excerpt(other)}"


def _keys(place: str, one: dict[str, object], other: dict[str, object]) -> Iterator[str]:
    yield from (f"{_below(place, key)} is missing" for key in other if key not in one)
    yield from (f"{_below(place, key)} is new" for key in one if key not in other)


def _below(place: str, key: str) -> str:
    name = key if len(key) <= _LONGEST_KEY and key.isidentifier() else f"[{excerpt(key, _LONGEST_KEY)}]"
    return f"{place}.{name}" if place and not name.startswith("[") else f"{place}{name}"


def _items(values: list[object]) -> str:
    return f"{len(values):,} item{'' if len(values) == 1 else 's'}"


def _alike(one: object, other: object, tolerance: float, relative: float) -> bool:
    if _is_number(one) and _is_number(other):
        return _near(one, other, tolerance, relative)
    return type(one) is type(other) and one == other


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _near(one: float, other: float, tolerance: float, relative: float) -> bool:
    if one == other:
        return True
    try:
        first, second = float(one), float(other)
    except OverflowError:  # whole numbers beyond all that a model computes
        return False
    if not (math.isfinite(first) and math.isfinite(second)):
        return math.isnan(first) and math.isnan(second)
    return abs(first - second) <= max(tolerance, relative * abs(second)) * _SLACK
