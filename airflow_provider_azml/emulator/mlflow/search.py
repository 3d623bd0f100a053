"""MLflow's search language: which runs match a filter, and in which order.

Source: https://mlflow.org/docs/latest/search-runs.html
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.mlflow.api import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_azml.rest.flows import Json

_FIELD = r"(?:(?P<kind>metrics?|params?|parameters?|tags?|attributes?|attr|run)\.)?(?P<key>`[^`]+`|\"[^\"]+\"|[\w./-]+)"
_COMPARISON = re.compile(
    rf"\s*{_FIELD}\s*(?P<operator>>=|<=|!=|=|>|<|NOT\s+IN|IN|ILIKE|LIKE)\s*"
    r"(?P<value>'[^']*'|\"[^\"]*\"|\([^)]*\)|[-+.\w]+)\s*",
    re.IGNORECASE,
)
_AND = re.compile(r"AND\b", re.IGNORECASE)
_ORDER = re.compile(rf"^\s*{_FIELD}(?:\s+(?P<direction>ASC|DESC))?\s*$", re.IGNORECASE)
_ATTRIBUTES = {"created": "start_time", "Created": "start_time", "run name": "run_name"}
_OPERATORS: dict[str, Callable[[object, object], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,  # type: ignore[dict-item]  # both sides are of one kind by then
    "<": operator.lt,  # type: ignore[dict-item]
    ">=": operator.ge,  # type: ignore[dict-item]
    "<=": operator.le,  # type: ignore[dict-item]
    "LIKE": lambda value, pattern: _like(str(value), str(pattern), re.UNICODE),
    "ILIKE": lambda value, pattern: _like(str(value), str(pattern), re.IGNORECASE),
}


def condition(text: str) -> Callable[[Json], bool]:
    """Whether a filter lets a run through, as MLflow shows it.

    Args:
        text: Comparisons joined by ``AND``, e.g. ``metrics.accuracy > 0.9 AND tags.stage = 'test'``.

    Raises:
        MlflowError: The filter cannot be read.
    """
    tests: list[Callable[[Json], bool]] = []
    position = 0
    while text[position:].strip():
        found = _COMPARISON.match(text, position)
        if not found:
            raise invalid(f"The filter {text!r} cannot be read from {text[position:]!r} on.")
        tests.append(_test(found))
        position = found.end()
        joined = _AND.match(text, position)
        if joined:
            position = joined.end()
        elif text[position:].strip():
            raise invalid(f"The filter {text!r} lacks an AND before {text[position:]!r}.")
    return lambda run: all(test(run) for test in tests)


def ordered(runs: Sequence[Json], orders: Sequence[str]) -> list[Json]:
    """Runs in the order that is asked for, e.g. ``metrics.accuracy DESC``; those without a value come last.

    Raises:
        MlflowError: An order cannot be read.
    """
    result = [*runs]
    for order in reversed(orders):
        found = _ORDER.match(order)
        if not found:
            raise invalid(f"The order {order!r} cannot be read.")
        result = _sorted(result, found)
    return result


def _sorted(runs: list[Json], found: re.Match[str]) -> list[Json]:
    valued = [(_value(run, found["kind"], found["key"]), run) for run in runs]
    present = [(value, run) for value, run in valued if value is not None]
    descending = str(found["direction"]).upper() == "DESC"
    present.sort(key=lambda entry: (str(type(entry[0])), entry[0]), reverse=descending)
    return [run for _, run in present] + [run for value, run in valued if value is None]


def _test(found: re.Match[str]) -> Callable[[Json], bool]:
    kind, key, word, literal = found["kind"], found["key"], found["operator"].upper(), found["value"]

    def passes(run: Json) -> bool:
        value = _value(run, kind, key)
        if value is None:
            return False
        if word.endswith("IN"):
            listed = {part.strip().strip("'\"") for part in literal.strip("()").split(",")}
            return (str(value) in listed) != word.startswith("NOT")
        wanted = literal.strip("'\"")
        return _OPERATORS[word](value, _number(wanted) if isinstance(value, (int, float)) else wanted)

    return passes


def _value(run: Json, kind: str | None, key: str) -> str | float | None:
    name = key.strip('`"')
    family = (kind or "attributes").lower()
    if family.startswith(("attr", "run")):
        found: str | float | None = run["info"].get(_ATTRIBUTES.get(name, name))
        return found
    holder = "metrics" if family.startswith("metric") else "params" if family.startswith("param") else "tags"
    entry = next((entry for entry in run["data"][holder] if entry["key"] == name), None)
    if entry is None:
        return None
    return float(entry["value"]) if holder == "metrics" else str(entry["value"])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise invalid(f"{text!r} is compared with a number and is none.") from error


def _like(value: str, pattern: str, flags: re.RegexFlag) -> bool:
    expression = "".join(".*" if char == "%" else "." if char == "_" else re.escape(char) for char in pattern)
    return re.fullmatch(expression, value, flags) is not None
