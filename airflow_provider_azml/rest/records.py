"""Records of a file that are to be scored, read one after the other: lines of JSON, or comma-separated values."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from airflow_provider_azml.exceptions import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Format: TypeAlias = Literal["jsonl", "csv"]
FORMATS: tuple[Format, ...] = ("jsonl", "csv")
_SUFFIXES: dict[str, Format] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".jsonlines": "jsonl", ".csv": "csv"}
_EXCERPT = 80


@dataclass(frozen=True)
class Unreadable:
    """What stands in a record's place when there is none to be read.

    Args:
        reason: What is wrong with it.
    """

    reason: str


def format_of(name: str) -> Format | None:
    """The format of a file by the end of its name, or ``None`` where that says nothing.

    Example:
        >>> format_of("incoming/today.jsonl")
        'jsonl'
    """
    return _SUFFIXES.get(f".{name.rpartition('.')[2].lower()}")


def of_file(path: Path, kind: Format) -> Iterator[object]:
    """The records of a file, read as they are asked for; an :class:`Unreadable` in the place of each that is wrong.

    Args:
        path: The file, in UTF-8.
        kind: ``jsonl``: each line that is not empty is a record. ``csv``: each row is a mapping of the names in the
            first row; a value that JSON would take for a number, ``true``, ``false`` or ``null`` is that, an empty one
            is ``null``, and any other is text.

    Raises:
        SpecError: It cannot be read, or has no row of names.

    Source: https://jsonlines.org, and RFC 4180.
    """
    try:
        yield from _lines(path) if kind == "jsonl" else _rows(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise SpecError([Problem(str(path), 0, 0, "", reason)]) from error


def _lines(path: Path) -> Iterator[object]:
    with path.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            if line.isspace():
                continue
            try:
                yield json.loads(line.lstrip(b"\xef\xbb\xbf") if number == 1 else line)
            except (ValueError, RecursionError):
                yield Unreadable(f"line {number} is no JSON: {line[:_EXCERPT].decode(errors='replace').strip()!r}")


def _rows(path: Path) -> Iterator[object]:
    with path.open(encoding="utf-8-sig", newline="") as opened:
        rows = csv.reader(opened)
        names = next(rows, None)
        if not names or len(set(names)) < len(names):
            reason = "has no first row of names" if not names else "has a name twice in its first row"
            raise SpecError([Problem(str(path), 1, 1, "", reason)])
        for row in rows:
            if len(row) == len(names):
                yield dict(zip(names, map(_value, row), strict=True))
            elif row:
                yield Unreadable(f"line {rows.line_num} has {len(row)} values for {len(names)} names")


def _value(text: str) -> object:
    """A value of a row: what JSON makes of it, where that is a number or a word, else the text."""
    if not text or text == "null":
        return None
    if text[0] not in "-0123456789tf":  # what numbers, true and false begin with
        return text
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value
