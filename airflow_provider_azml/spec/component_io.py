"""What components declare: their inputs and outputs.

Source: azure-ai-ml 1.35.2, ``_schema.component.input_output`` and ``entities._inputs_outputs.input``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.rules import Rule, boolean, translated
from airflow_provider_azml.spec.wording import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


def _integer(value: Any) -> int:
    return int(value) if isinstance(value, int) else int(float(value))


def _boolean(value: Any) -> bool:
    if str(value).lower() not in {"true", "false"}:
        raise ValueError(f"{value!r} is neither true nor false")
    return str(value).lower() == "true"


def _text(value: Any) -> str:
    """A number as a text input has it: azure-ai-ml reads 5 as 5.0 before it learns that text is wanted."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return str(float(value) if is_whole else value)


_PARSED: Mapping[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": float,
    "boolean": _boolean,
    "string": _text,
}
"""Type of a value -> what makes one of that type of what was written."""
VALUE_TYPES = frozenset(_PARSED)
"""Types of inputs that are values, not data."""
_NUMBERS = frozenset({"integer", "number"})
_INPUT_RULES = (
    Rule("type", "type"),
    Rule("description", "description"),
    Rule("optional", "optional", boolean),
    Rule("mode", "mode"),
    Rule("enum", "enum"),
)
_OUTPUT_RULES = (
    Rule("type", "type"),
    Rule("description", "description"),
    Rule("mode", "mode"),
    Rule("early_available", "early_available", boolean),
)


def inputs(given: object) -> Json:
    """The inputs of a component as its specification has them: defaults and bounds as text."""
    return {name: _input(value) for name, value in given.items()} if isinstance(given, dict) else {}


def outputs(given: object) -> Json:
    """The outputs of a component as its specification has them."""
    return {name: translated(value, _OUTPUT_RULES) for name, value in given.items()} if isinstance(given, dict) else {}


def problems(source: Source, *places: str) -> Iterator[Problem]:
    """What is wrong with declared inputs and outputs, besides what the schema says.

    Args:
        source: The component.
        places: Keys that hold them; ``inputs`` and ``outputs`` by default.
    """
    for place in places or ("inputs", "outputs"):
        given = source.value.get(place)
        seen: dict[str, str] = {}
        for name, value in given.items() if isinstance(given, dict) else ():
            yield from _name_problems(source, (place, name), name, seen)
            if isinstance(value, dict):
                yield from _value_problems(source, (place, name), value)


def _name_problems(source: Source, path: Path, name: str, seen: dict[str, str]) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        reason = f"{name!r} is no name: letters, digits and underscores, not beginning with a digit"
        yield source.problem(path, reason, at_key=True)
    other = seen.setdefault(name.lower(), name)
    if other != name:
        yield source.problem(path, f"{name!r} differs from {other!r} in the case of letters alone", at_key=True)


def _value_problems(source: Source, path: Path, value: Json) -> Iterator[Problem]:
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in VALUE_TYPES:
        return
    for key in ("default", "min", "max"):
        given = value.get(key)
        if path[0] == "outputs" or not isinstance(given, (str, int, float)):
            continue
        if key != "default" and kind not in _NUMBERS:
            yield source.problem((*path, key), f"an input of type {kind} has no {key}", at_key=True)
        elif not _fits(given, kind):
            yield source.problem((*path, key), f"is {shown(given)}; it must be of the input's type, {kind}")


def _fits(given: str | float, kind: str) -> bool:
    if isinstance(given, bool):
        return kind != "integer"
    try:
        _PARSED[kind](given)
    except (ValueError, OverflowError):
        return False
    return True


def _input(value: Json) -> Json:
    body = translated(value, _INPUT_RULES)
    parse = _PARSED.get(value.get("type", ""))
    for key in ("default", "min", "max"):
        given = value.get(key)
        if given is not None and parse is not None:
            body[key] = str(parse(given))
    return body
