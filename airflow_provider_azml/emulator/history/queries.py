"""The filter and the order that a list of runs is asked for in."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.rest.flows import Json

_TOKEN = re.compile(r"\s*(?:(?P<bracket>[()])|'(?P<quoted>(?:[^']|'')*)'|(?P<word>[^\s()']+))\s*")
_COMPARES: Mapping[str, Callable[[str, str], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_JOINS = ("and", "or")
_NULL = "null"
_MOST_BRACKETS = 100


class QueryError(ValueError):
    """A filter or order is not one that can be followed."""


Condition: TypeAlias = "Callable[[Json], bool]"


def condition(text: str) -> Condition:
    """Whether a filter lets a run through, as run history shows it.

    Args:
        text: Comparisons of fields, joined by ``and`` and ``or``, with brackets; ``tags/x`` and ``properties/x`` are
            fields, too. Nothing is true of a tag or property that is not there.

    Raises:
        QueryError: It is something else.

    Sources: ``$filter`` of the 2019-09-30 run history file, which points to the OData expressions of Azure Search; of
    these the emulator has what azureml-core 1.61 sends (``azureml._restclient._odata``), which quotes no value.

    Example:
        >>> condition("(status eq 'Failed') and (Tags/a ne null or Tags/a eq null)")({"status": "Running", "tags": {}})
        False
    """
    if not text.strip():
        return lambda _: True
    if text.count("(") > _MOST_BRACKETS:
        raise QueryError(f"a filter may have {_MOST_BRACKETS} brackets at most")
    return _Reader(text).read()


class _Reader:
    """Reads one filter, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._next = 0

    def read(self) -> Condition:
        found = self._any()
        if self._next < len(self._tokens):
            raise self._wrong()
        return found

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda run: any(part(run) for part in parts)

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda run: all(part(run) for part in parts)

    def _one(self) -> Condition:
        if self._takes("("):
            found = self._any()
            if not self._takes(")"):
                raise self._wrong()
            return found
        field, word = self._take(), self._take().text.lower()
        if field.kind != "word" or word not in _COMPARES:
            raise self._wrong()
        return _comparison(field.text, _COMPARES[word], self._value())

    def _value(self) -> _Token:
        value = self._take()
        if value.kind == "bracket":
            raise self._wrong()
        # names with spaces come without quotes
        while value.kind == "word" and self._next < len(self._tokens):
            following = self._tokens[self._next]
            if following.kind != "word" or following.text.lower() in _JOINS:
                break
            value = _Token("word", f"{value.text} {self._take().text}")
        return value

    def _takes(self, text: str) -> bool:
        there = self._next < len(self._tokens) and self._tokens[self._next]
        if not there or there.kind == "quoted" or there.text.lower() != text:
            return False
        self._next += 1
        return True

    def _take(self) -> _Token:
        if self._next == len(self._tokens):
            raise self._wrong()
        self._next += 1
        return self._tokens[self._next - 1]

    def _wrong(self) -> QueryError:
        return QueryError(f"the filter '{self._text}' is not made of comparisons such as status eq 'Running'")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    end = 0
    while end < len(text):
        found = _TOKEN.match(text, end)
        if found is None:
            raise QueryError(f"the filter '{text}' has a quote that does not end")
        kind = str(found.lastgroup)
        tokens.append(_Token(kind, found[kind].replace("''", "'") if kind == "quoted" else found[kind]))
        end = found.end()
    return tokens


def _comparison(field: str, compares: Callable[[str, str], bool], wanted: _Token) -> Condition:
    if wanted.kind == "word" and wanted.text.lower() == _NULL:
        return lambda run: _is_there(run, field) and compares(_value(run, field), "")
    return lambda run: compares(_value(run, field), wanted.text)


def _is_there(run: Json, path: str) -> bool:
    holder, _, key = path.partition("/")
    value = {name.lower(): value for name, value in run.items()}.get(holder.lower())
    return not key or (isinstance(value, dict) and key in value)


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
