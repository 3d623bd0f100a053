"""Arguments that say how to wait: checked when a task runs, because templates are rendered only then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from airflow_provider_azml.exceptions import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T", bound=str)
Generation: TypeAlias = Literal["v2", "v1"]
GENERATIONS: tuple[Generation, ...] = ("v2", "v1")
"""Of Azure ML: today's, and the retired one."""
ARGUMENTS = "<arguments>"
"""What stands for the file in a problem with an operator's own arguments."""
LONGEST_SECONDS = 52 * 7 * 86_400.0
"""What is longer is a slip: milliseconds for seconds, or a moment for a duration."""


def seconds(name: str, value: object, *, longest: float = LONGEST_SECONDS, zero: bool = False) -> float:
    """A duration in seconds.

    Args:
        name: The argument.
        value: What it was given: a number, or text that is one, as templates make it.
        longest: What is still taken, in seconds.
        zero: Whether nothing at all is a duration too.

    Raises:
        SpecError: It is no such number.

    Example:
        >>> seconds("poll_seconds", "15")
        15.0
    """
    given = _number(value)
    if given is not None and (given > 0 or (zero and given == 0)) and given <= longest:
        return given
    least = "0 or more" if zero else "more than 0"
    raise refused(name, f"is {value!r:.80}; it must be a number of seconds, {least} and at most {longest:.0f}")


def optional_seconds(name: str, value: object) -> float | None:
    """A duration in seconds, or ``None`` where none is given; a template that renders to nothing gives none.

    Raises:
        SpecError: It is neither.
    """
    return None if value in (None, "", "None") else seconds(name, value)


def number(name: str, value: object) -> float:
    """A number.

    Args:
        name: The argument.
        value: What it was given: a number, or text that is one, as templates make it.

    Raises:
        SpecError: It is none.

    Example:
        >>> number("min_improvement", "0.01")
        0.01
    """
    given = _number(value)
    if given is None:
        raise refused(name, f"is {value!r:.80}; it must be a number")
    return given


def optional_number(name: str, value: object) -> float | None:
    """A number, or ``None`` where none is given; a template that renders to nothing gives none.

    Raises:
        SpecError: It is neither.
    """
    return None if value in (None, "", "None") else number(name, value)


def whole(name: str, value: object, least: int, most: int) -> int:
    """A whole number.

    Args:
        name: The argument.
        value: What it was given: a number, or text that is one, as templates make it.
        least: The smallest that is taken.
        most: The largest that is taken.

    Raises:
        SpecError: It is no such number.

    Example:
        >>> whole("requests", "100", 1, 1000)
        100
    """
    given = _number(value)
    if given is not None and given.is_integer() and least <= given <= most:
        return int(given)
    raise refused(name, f"is {value!r:.80}; it must be a whole number from {least} to {most}")


def yes_or_no(name: str, value: object) -> bool:
    """A truth value, or the word for one that a template renders to.

    Raises:
        SpecError: It is neither.

    Example:
        >>> yes_or_no("wait", "False")
        False
    """
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in ("true", "false"):
        return word == "true"
    raise refused(name, f"is {value!r:.80}; it must be True or False")


def one_of(name: str, value: object, words: Sequence[T]) -> T:
    """One of the words that an argument may be.

    Raises:
        SpecError: It is none of them.
    """
    for word in words:
        if value == word:
            return word
    raise refused(name, f"is {value!r:.80}; it must be {_listed(words)}")


def some_of(name: str, value: object, words: Sequence[T]) -> list[T] | None:
    """Some of the words that a list may hold, or ``None`` where no list is given.

    Raises:
        SpecError: It is no list, or something in it is none of the words.
    """
    if value is None:
        return None
    if isinstance(value, (list, tuple, set, frozenset)):
        return [one_of(name, member, words) for member in value]
    raise refused(name, f"is {value!r:.80}; it must be a list of {_listed(words)}")


def refused(name: str, reason: str) -> SpecError:
    """The exception for an argument."""
    return SpecError([Problem(ARGUMENTS, 0, 0, name, reason)])


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        given = float(value)
    except (ValueError, OverflowError):
        return None
    return given if math.isfinite(given) else None


def _listed(words: Sequence[str]) -> str:
    *others, last = (repr(word) for word in words)
    return f"{', '.join(others)} or {last}" if others else last
