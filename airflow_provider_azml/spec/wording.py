"""What is wrong with a specification, in the words of its author rather than in those of JSON Schema."""

from __future__ import annotations

import datetime as dt
import difflib
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.keywords import listed, severity
from airflow_provider_azml.spec.places import belongs, closest, known_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.keywords import Failure
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

_A = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
_A |= {"object": "a mapping", "array": "a list", "null": "empty"}
_A_VALUE: dict[type, str] = {dict: "a mapping", list: "a list", type(None): "empty"}
_A_SECRET: dict[type, str] = {str: "text", int: "a number", float: "a number", bool: "true or false"}
_A_SECRET |= dict.fromkeys((dt.date, dt.datetime), "a date")
_TEXT, _TEXT_OR_NONE = {"string"}, {"string", "null"}
MOST_HINTS = 50
"""To look for what every unknown key was meant to be takes seconds where there are thousands of them."""
_LONGEST_SHOWN = 80
_MOST_LISTED = 20
_NOT_TAKEN = "; azure-ai-ml sends it, and the service refuses it"


def explained(error: Failure, source: Source, schema: str | None) -> Iterator[Problem]:
    """The problems that an error of the validator stands for.

    Args:
        error: The error.
        source: What was checked.
        schema: Against which schema; ``None`` to look for no better place of unknown keys.
    """
    path: Path = tuple(error.absolute_path)
    matters = severity(error)
    if error.validator == "additionalProperties":
        for place, key in enumerate(error.validator_value):
            hint = _hint(error, (*path, key), source, schema if place < MOST_HINTS else None)
            yield source.problem((*path, key), f"unknown key{hint}", at_key=True, severity=matters)
    elif error.validator == "required":
        choices = error.schema.get("x-choices")
        which = f"; it is {_one_of(choices)}" if choices else ""
        for key in error.validator_value:
            yield source.problem(path, f"{key!r} is missing{which}", at_key=True, severity=matters)
    elif error.validator == "not":
        for key in error.validator_value.get("required", ()):
            reason = str(error.validator_value.get("x-says", "does not go with the other keys here"))
            yield source.problem((*path, key), reason, at_key=True, severity=matters)
    elif error.validator == "x-not-sent":
        yield source.problem(path, f"not sent: {error.validator_value}", at_key=True, severity=matters)
    else:
        reason = _REASONS.get(str(error.validator), _as_told)(error)
        yield source.problem(path, reason + (_NOT_TAKEN if matters == "warning" else ""), severity=matters)


def shown(value: object) -> str:
    """A value as a message shows it: short, and with nothing in it that a console cannot print."""
    if type(value) in _A_VALUE:
        return _A_VALUE[type(value)]
    if isinstance(value, bool):
        return str(value).lower()
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _told(error: Failure) -> str:
    """The value that is wrong; only what kind of value it is where its schema calls it a secret (``x-secret``)."""
    secret = _A_SECRET.get(type(error.instance)) if error.schema.get("x-secret") else None
    return secret or shown(error.instance)


def _hint(error: Failure, path: Path, source: Source, schema: str | None) -> str:
    key = str(path[-1])
    if schema is None:
        return ""
    of_other_types = known_at(path[:-1], schema)
    if key in of_other_types:
        return " of this type; another type has it"
    close = closest(key, error.schema.get("properties", ())) or closest(key, of_other_types)
    if close:
        return f"; did you mean {close!r}?"
    elsewhere = belongs(key, path[:-1], schema, source.value)
    return f"; {elsewhere}" if elsewhere else ""


def _wrong_type(error: Failure) -> str:
    value, types = error.instance, list(dict.fromkeys(listed(error.validator_value)))
    wanted = " or ".join(_A[name] for name in types)
    if isinstance(value, dt.date) and not error.schema.get("x-secret"):
        cure = "; quote it" if "string" in types else ""
        return f"is {value}, which YAML takes for a date; it must be {wanted}{cure}"
    cure = (
        "; quote it" if _TEXT <= set(types) <= _TEXT_OR_NONE and not isinstance(value, (dict, list, type(None))) else ""
    )
    return f"is {_told(error)}; it must be {wanted}{cure}"


def _wrong_word(error: Failure) -> str:
    choices = [str(choice) for choice in error.validator_value]
    close = difflib.get_close_matches(str(error.instance)[:_LONGEST_SHOWN].lower(), choices, 1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    wanted = error.schema.get("x-says") or f"must be {_one_of(choices)}"
    return f"is {_told(error)}; it {wanted}{meant}"


def _one_of(choices: Sequence[str]) -> str:
    if len(choices) == 1:
        return choices[0]
    more = f" and {len(choices) - _MOST_LISTED} more" if len(choices) > _MOST_LISTED else ""
    return f"one of {', '.join(choices[:_MOST_LISTED])}{more}"


def _limit(said: str) -> Callable[[Failure], str]:
    """What a keyword that bounds a value asks for, where its schema does not say it in words."""

    def reason(error: Failure) -> str:
        wanted = error.schema.get("x-says") or said.format(error.validator_value)
        return f"is {_told(error)}; it {wanted}"

    return reason


def _as_told(error: Failure) -> str:
    return str(error.message)


_REASONS: dict[str, Callable[[Failure], str]] = {
    "type": _wrong_type,
    "enum": _wrong_word,
    "pattern": _limit("must match {}"),
    "minimum": _limit("must be at least {}"),
    "maximum": _limit("must be at most {}"),
    "exclusiveMinimum": _limit("must be more than {}"),
    "exclusiveMaximum": _limit("must be less than {}"),
    "minLength": _limit("must have at least {} characters"),
    "maxLength": _limit("must have at most {} characters"),
    "minItems": _limit("must have at least {} items"),
    "maxItems": _limit("must have at most {} items"),
    "minProperties": _limit("must have at least {} keys"),
    "maxProperties": _limit("must have at most {} keys"),
}
