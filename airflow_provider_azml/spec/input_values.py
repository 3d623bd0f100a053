"""An input that a run may be given: of what type it is, and which values it takes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from airflow_provider_azml.rest.secret_names import is_secret
from airflow_provider_azml.spec.component_io import VALUE_TYPES
from airflow_provider_azml.spec.wording import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.source import Source

Value: TypeAlias = "str | bool | int | float"
TEXT = "string"
_A = {"integer": "a whole number", "number": "a number", "boolean": "true or false", TEXT: "text"}
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,400}", re.ASCII)


class _NotTaken(ValueError):
    """A value is none of a type."""


@dataclass(frozen=True)
class DeclaredInput:
    """An input of a pipeline job.

    Args:
        name: Its name; with dots for a member of a group.
        type: ``string``, ``integer``, ``number`` or ``boolean``, or a type of data or model, e.g. ``uri_folder``.
        at: The file or component that declares it.
        default: What the file, or the component that the job runs, says: a value, for data a path. ``None`` where
            neither says anything, and where a template says it.
        optional: Whether it may be left out.
        description: What the component that takes it says of it.
        enum: The values that it may have; empty where any will do.
        min: Least value.
        max: Greatest value.
        template: The template that says what it is, which a task alone can render.
    """

    name: str
    type: str
    at: Source = field(repr=False, compare=False)
    default: Value | None = None
    optional: bool = False
    description: str | None = None
    enum: tuple[Value, ...] = ()
    min: float | None = None
    max: float | None = None
    template: str | None = None

    @property
    def is_data(self) -> bool:
        """Whether it is data or a model, not a value."""
        return self.type not in VALUE_TYPES

    @property
    def is_needed(self) -> bool:
        """Whether it must be given when the job runs."""
        return self.default is None and self.template is None and not self.optional

    @property
    def is_secret(self) -> bool:
        """Whether its name says that it is text that nobody is to see."""
        return self.type == TEXT and is_secret(self.name)

    @property
    def is_kept_back(self) -> bool:
        """Whether the file says what it is, and nobody can be shown that beforehand."""
        return self.template is not None or (self.is_secret and bool(self.default))

    def problem(self, reason: str) -> Problem:
        """A problem with it, at the place where it is declared."""
        return self.at.problem(("inputs", self.name), reason, at_key=True)

    def shown(self, value: object) -> str:
        """A value as a message shows it; of a secret only what kind of value it is."""
        return "text" if isinstance(value, str) and is_secret(self.name) else shown(value)

    def taken(self, value: object) -> Value:
        """A value as one of the input's type: text that is a number becomes one where a number is wanted.

        Args:
            value: The value; of data its path.

        Raises:
            ValueError: It cannot be taken; the message says why.

        Example:
            >>> declared(read(Path("pipeline.yml")))["learning_rate"].taken("0.1")
            0.1
        """
        if not fits(self.type, value):
            raise ValueError(f"is {self.shown(value)}; it must be {_A.get(self.type, 'a path')}")
        found = parsed(self.type, value)
        if self.enum and found not in self.enum:
            listed = ", ".join(str(choice) for choice in self.enum)
            raise ValueError(f"is {self.shown(value)}; it must be one of {listed}")
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            if self.min is not None and found < self.min:
                raise ValueError(f"is {self.shown(value)}; it must be at least {self.min}")
            if self.max is not None and found > self.max:
                raise ValueError(f"is {self.shown(value)}; it must be at most {self.max}")
        return found


def fits(kind: str, value: object) -> bool:
    """Whether a value is one of a type, or text that is one."""
    try:
        parsed(kind, value)
    except _NotTaken:
        return False
    return True


def parsed(kind: str, value: object) -> Value:
    """A value as one of a type.

    Raises:
        ValueError: It is none.
    """
    return _PARSED.get(kind, _text)(value)


def number(value: object) -> int | float:
    """A number, which may be written as text; a whole one stays whole.

    Raises:
        ValueError: It is none, or none that can be sent.
    """
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _NotTaken
    if isinstance(value, int):
        return value
    try:
        found = float(value)
    except ValueError:
        raise _NotTaken from None
    if not math.isfinite(found):
        raise _NotTaken
    return found


def _integer(value: object) -> int:
    found = number(value)
    if isinstance(found, float) and not found.is_integer():
        raise _NotTaken
    return int(found)


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in ("true", "false"):
        raise _NotTaken
    return word == "true"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _NotTaken
    return value


_PARSED: Mapping[str, Callable[[object], Value]] = {
    "integer": _integer,
    "number": number,
    "boolean": _truth,
    TEXT: _text,
}
"""Type of an input -> what makes a value of that type of what was given; the path of data is text."""
