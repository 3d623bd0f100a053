"""Tables that turn the keys of AML YAML into the fields of a request body, and the conversions that they name.

A table is a sequence of rules, one per key. What a table leaves out is not sent.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json


_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[^,\s])(?=[A-Z][a-z])")


def as_is(value: Any) -> Any:  # JSON, whatever it is
    """The value itself."""
    return value


@dataclass(frozen=True)
class Rule:
    """One key of the file and the field that it becomes.

    Args:
        key: Key in the file.
        field: Field in the body.
        convert: What becomes of the value; ``None`` leaves the field out.
        default: Value for an absent key, before conversion; ``None`` leaves the field out.
    """

    key: str
    field: str
    convert: Callable[[Any], Any] = as_is
    default: Any = None


Rules: TypeAlias = "Sequence[Rule]"


def translated(value: Mapping[str, Any], rules: Rules) -> Json:
    """The fields that a table makes of a mapping.

    Example:
        >>> translated({"size": "s"}, [Rule("size", "vmSize"), Rule("tier", "vmPriority")])
        {'vmSize': 's'}
    """
    body: Json = {}
    for rule in rules:
        given = value.get(rule.key)
        given = rule.default if given is None else given
        sent = None if given is None else rule.convert(given)
        if sent is not None:
            body[rule.field] = sent
    return body


def mapping(value: object) -> Json:
    """A value that should be a mapping, or an empty one."""
    return value if isinstance(value, dict) else {}


def nested(rules: Rules) -> Callable[[Any], Json]:
    """Convert a mapping by a table of its own."""
    return lambda value: translated(value, rules)


def each(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Convert every item of a list, or every value of a mapping."""

    def converted(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: convert(item) for key, item in value.items()}
        return [convert(item) for item in value]

    return converted


def words(table: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Look a word up, whatever its case, in CamelCase too; one that the table does not have stays as it is."""

    def looked_up(value: Any) -> Any:
        return table.get(str(value).lower(), table.get(snake(str(value)), value))

    return looked_up


def snake(word: str) -> str:
    """A word in CamelCase as the file format writes it.

    Example:
        >>> snake("XGBoostClassifier")
        'xg_boost_classifier'
    """
    return _HUMP.sub("_", word).lower()


def lower(value: Any) -> str:
    """A word as azure-ai-ml puts those of its enumerations on the wire."""
    return str(value).lower()


def integer(value: Any) -> int:
    """A whole number; azure-ai-ml takes ``"3"`` for 3, and cuts 1.5 to 1."""
    return int(value)


def number(value: Any) -> float:
    """A number; azure-ai-ml takes ``"0.5"`` for 0.5."""
    return float(value)


TRUE_WORDS = frozenset({"t", "true", "on", "y", "yes", "1"})
FALSE_WORDS = frozenset({"f", "false", "off", "n", "no", "0"})
"""What azure-ai-ml's loader (marshmallow) takes for a boolean, in lower, upper or title case."""


def boolean(value: Any) -> bool:
    """True or false, from whatever azure-ai-ml takes for one."""
    return value if isinstance(value, bool) else str(value).lower() in TRUE_WORDS


def seconds(value: Any) -> str:
    """Seconds as an ISO 8601 duration: 90061 is ``P1DT1H1M1S``."""
    import isodate  # type: ignore[import-untyped]  # has no stubs

    text: str = isodate.duration_isoformat(dt.timedelta(seconds=int(value)))
    return text


def some_seconds(value: Any) -> str | None:
    """Seconds as an ISO 8601 duration; none at all for 0."""
    return seconds(value) if int(value) else None


def milliseconds(value: Any) -> str:
    """Milliseconds as an ISO 8601 duration: 500 is ``PT0.5S``."""
    import isodate

    text: str = isodate.duration_isoformat(dt.timedelta(milliseconds=int(value)))
    whole, point, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('S').rstrip('0')}S" if point else text


def sendable(value: Any) -> Any:
    """A free value, with YAML's dates as the text that azure-ai-ml sends for them."""
    if isinstance(value, dict):
        return {key: sendable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [sendable(item) for item in value]
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "") + ("Z" if not value.utcoffset() else "")
    return value.isoformat() if isinstance(value, dt.date) else value


def texts(value: Mapping[str, Any]) -> dict[str, str]:
    """A mapping with every value as text, as Python writes it; without those that are null."""
    return {key: str(item) for key, item in value.items() if item is not None}
