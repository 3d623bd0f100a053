"""Search spaces of AutoML jobs, which the service takes as text: ``choice('a','b')`` or ``uniform(0.001,0.1)``."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import sweep_parts
from airflow_provider_azml.spec.rules import boolean, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.rules import Rules


def in_service_s_words(value: Mapping[str, Any], rules: Rules) -> Json:
    """A search space under the service's keys.

    Args:
        value: Parameter -> what is tried: a value, or a distribution.
        rules: The rules of fixed parameters, which tell the types of values.
    """
    return {rule.field: _text(value[rule.key], rule.convert) for rule in _given(value, rules)}


def in_words(value: Mapping[str, Any], rules: Rules) -> Json:
    """The same under the keys of the file, as nodes of pipelines have it."""
    return {rule.key: _text(value[rule.key], rule.convert) for rule in _given(value, rules)}


def _given(value: Mapping[str, Any], rules: Rules) -> Rules:
    return [rule for rule in rules if value.get(rule.key) is not None]


def _text(value: Any, convert: Callable[[Any], Any]) -> str:
    if not isinstance(value, dict):
        return _shown(_typed(value, convert))
    kind, arguments = sweep_parts.distribution(value)
    if kind == "choice":
        arguments = [_quoted(item) for item in _members(arguments[0], convert)]
    return f"{kind}({','.join(map(_shown, arguments))})"


def _members(values: list[Any], convert: Callable[[Any], Any]) -> list[Any]:
    """Values of a choice: those of a parameter that is a fraction stay whole numbers if all of them are."""
    if convert is number and all(isinstance(value, int) for value in values):
        return values
    return [_typed(value, convert) for value in values]


def _typed(value: Any, convert: Callable[[Any], Any]) -> Any:
    if convert in (boolean, number):
        return convert(value)
    written = getattr(convert, "written", None)
    return written(value) if written else value


def _quoted(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else _shown(value)


def _shown(value: Any) -> str:
    """A value as text; fractions without an exponent, which the service does not read."""
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) else str(value)
