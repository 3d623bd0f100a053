"""A mapping of Python's as an AML file could have held it: a copy of what is plain, and what is wrong with the rest."""

from __future__ import annotations

import datetime as dt
import enum
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec.marks import dotted
from airflow_provider_azml.spec.yaml_text import MAX_DEPTH, MAX_PROBLEMS, MAX_TEXT, MAX_VALUES

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path

_BITS_OF_A_NUMBER = 400
_SHOWN_OF_A_PATH = 3


def copied(value: Mapping[Any, Any], file: str) -> Json:
    """A copy of plain dicts and lists, none of them shared with the caller's.

    Args:
        value: The mapping; tuples become lists, paths become text, members of enumerations their values.
        file: What to call it in messages.

    Raises:
        SpecError: A key is no text, a value is nothing that a file could hold, or it is nested too deeply or too large.
    """
    copy = _Copy(file)
    result = copy.mapping(value, ())
    if copy.problems:
        raise SpecError(copy.problems)
    return result


class _Copy:
    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._values = 0

    def mapping(self, value: Mapping[Any, Any], path: Path) -> Json:
        result: Json = {}
        for key, member in value.items():
            if isinstance(key, str):
                result[str(key)] = self._member(member, (*path, key))
            else:
                self._note(path, f"the key {key!r:.80} is no text")
        return result

    def _member(self, value: Any, path: Path) -> Any:  # a user's mapping may hold anything
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._fatal((), f"amounts to more than {MAX_VALUES:,} values")
        if len(path) > MAX_DEPTH:
            raise self._fatal(path[:_SHOWN_OF_A_PATH], f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return self.mapping(value, path)
        if isinstance(value, (list, tuple)):
            return [self._member(item, (*path, place)) for place, item in enumerate(value)]
        if isinstance(value, enum.Enum):
            return self._member(value.value, path)
        if isinstance(value, PurePath):
            return str(value)
        reason = _unfit(value)
        if reason:
            self._note(path, reason)
        return value

    def _note(self, path: Path, reason: str) -> None:
        self.problems.append(Problem(self._file, 0, 0, dotted(path), reason))
        if len(self.problems) >= MAX_PROBLEMS:
            raise SpecError(self.problems)

    def _fatal(self, path: Path, reason: str) -> SpecError:
        return SpecError([*self.problems, Problem(self._file, 0, 0, dotted(path), reason)])


def _unfit(value: object) -> str | None:
    """Why a value cannot stand in an AML file, if it cannot."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"has more than {MAX_TEXT:,} characters; put it into a file of its own"
    if isinstance(value, int) and value.bit_length() > _BITS_OF_A_NUMBER:
        return "is a number that is too large to be sent"
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, which the service cannot be sent"
    if value is not None and not isinstance(value, (str, bool, int, float, dt.date)):
        return f"is a {type(value).__name__}; an AML file holds text, numbers, true or false, lists and mappings"
    return None
