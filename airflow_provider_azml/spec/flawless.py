"""Whether there is nothing to tell of a value under a schema: what is asked first of each of hundreds of files.

Each schema becomes a function of a value. That takes a tenth of the time in which ``jsonschema`` finds no error, and
says nothing of what is wrong; whatever has a flaw is looked at again by ``validate``. A test holds both against each
other.
"""

from __future__ import annotations

import operator
import re
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_azml.spec import keywords, schema_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence, Sized

    from airflow_provider_azml.rest.flows import Json

Holds: TypeAlias = "Callable[[Any], bool]"
"""Whether nothing is to be told of a value."""

_ANNOTATIONS = frozenset({
    *("$schema", "$id", "$defs", "$comment", "title", "description", "default", "examples"),
    *("x-any-case", "x-says", "x-secret", "x-strict", "x-templated", "then", "else"),
})
"""Keywords that say nothing of values by themselves."""


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "null": lambda value: value is None,
    "integer": partial(keywords.is_integer, None),
    "number": partial(keywords.is_number, None),
    "boolean": partial(keywords.is_boolean, None),
}
_BOUNDS: Mapping[str, Callable[[float, float], bool]] = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}
_SIZES: Mapping[str, tuple[type[Sized], Callable[[int, int], bool]]] = {
    "minProperties": (dict, operator.ge),
    "maxProperties": (dict, operator.le),
    "minLength": (str, operator.ge),
    "maxLength": (str, operator.le),
    "minItems": (list, operator.ge),
    "maxItems": (list, operator.le),
}


class Unknown(LookupError):
    """A schema has a keyword of which nothing is known here."""


@cache
def of(schema: str) -> Holds | None:
    """What tells whether a value has no flaw under a schema; ``None`` where only ``jsonschema`` can tell.

    Args:
        schema: File and JSON pointer, e.g. ``command_job.schema.json``.
    """
    whole = schema_files.whole(schema)
    if whole.get("x-strict"):  # its types are not those of azure-ai-ml's loader
        return None
    try:
        return _Schemas().holds(whole)
    except Unknown:
        return None


class _Schemas:
    """Schemas as functions, each made once; a schema may hold itself."""

    def __init__(self) -> None:
        self._made: dict[int, Holds] = {}
        self._kept: list[Json] = []

    def holds(self, schema: Json | bool) -> Holds:
        if isinstance(schema, bool):
            return lambda _: schema
        key = id(schema)
        if key not in self._made:
            self._kept.append(schema)  # whose id must stay its own
            checks: list[Holds] = []
            self._made[key] = _joined(checks)  # for what it holds, which may be itself
            checks += self._checks(schema)
            self._made[key] = checks[0] if len(checks) == 1 else _joined(checks)
        return self._made[key]

    def _checks(self, schema: Json) -> Iterator[Holds]:
        if "type" in schema:
            yield _typed(keywords.listed(schema["type"]))
        if "properties" in schema or "additionalProperties" in schema:
            yield self._members(schema)
        for keyword, given in schema.items():
            if keyword in _ANNOTATIONS or keyword in {"type", "properties", "additionalProperties"}:
                continue
            if keyword == "allOf":
                yield from map(self.holds, given)
            else:
                yield self._check(keyword, given, schema)

    def _check(self, keyword: str, given: Any, schema: Json) -> Holds:
        if keyword in {"enum", "const"}:
            choices = given if keyword == "enum" else [given]
            return lambda value: keywords.is_among(value, choices, schema.get("x-any-case"))
        if keyword in _SIMPLE:
            return partial(_SIMPLE[keyword], given)
        if keyword in _BOUNDS:
            compare = _BOUNDS[keyword]
            return lambda value: not keywords.is_number(None, value) or compare(float(value), given)
        if keyword in _SIZES:
            kind, compare_sizes = _SIZES[keyword]
            return lambda value: not isinstance(value, kind) or compare_sizes(len(value), given)
        make: dict[str, Callable[[Any, Json], Holds]] = {
            "anyOf": self._any_of,
            "oneOf": self._any_of,
            "not": self._not,
            "if": self._if,
            "items": self._items,
            "propertyNames": self._names,
            "dependentSchemas": self._dependent,
            "x-service": self._service,
        }
        if keyword not in make:
            raise Unknown(keyword)
        return make[keyword](given, schema)

    def _not(self, given: Json, _: Json) -> Holds:
        holds = self.holds(given)
        return lambda value: not holds(value)

    def _if(self, given: Json, schema: Json) -> Holds:
        condition = self.holds(given)
        then, other = (self.holds(schema.get(keyword, True)) for keyword in ("then", "else"))
        return lambda value: then(value) if condition(value) else other(value)

    def _items(self, given: Json, _: Json) -> Holds:
        holds = self.holds(given)
        return lambda value: not isinstance(value, list) or all(map(holds, value))

    def _names(self, given: Json, _: Json) -> Holds:
        holds = self.holds(given)
        return lambda value: not isinstance(value, dict) or all(map(holds, value))

    def _dependent(self, given: Json, _: Json) -> Holds:
        checks = {key: self.holds(member) for key, member in given.items()}
        return lambda value: not isinstance(value, dict) or all(checks[key](value) for key in checks if key in value)

    def _service(self, given: Json, schema: Json) -> Holds:
        return self.holds(keywords.of_service(given, schema))

    def _members(self, schema: Json) -> Holds:
        """What a mapping holds."""
        known = {key: self.holds(member) for key, member in schema.get("properties", {}).items()}
        more = self.holds(schema.get("additionalProperties", True))
        if "patternProperties" in schema:
            raise Unknown("patternProperties")

        def check(value: object) -> bool:
            if isinstance(value, dict):
                for key, item in value.items():
                    if not known.get(key, more)(item):
                        return False
            return True

        return check

    def _any_of(self, branches: Sequence[Json], _: Json) -> Holds:
        checks = {id(branch): self.holds(branch) for branch in branches}
        typed = [(partial(keywords.takes, _is, branch), checks[id(branch)]) for branch in branches]
        of_mappings = [branch for branch in branches if keywords.takes(_is, branch, {})]

        def meant(words: tuple[tuple[str, Any], ...]) -> list[Holds]:
            fitting, refusal = keywords.told(of_mappings, dict(words))
            return [checks[id(branch)] for branch in fitting] if refusal is None else []

        known = lru_cache(maxsize=64)(meant)

        def check(value: object) -> bool:
            if not isinstance(value, dict):
                return any(takes(value) and holds(value) for takes, holds in typed)
            words = tuple((key, value[key]) for key in keywords.TELLING if key in value)
            told = known if all(isinstance(word, str) for _, word in words) else meant
            return any(holds(value) for holds in told(words))

        return check


def _joined(checks: Sequence[Holds]) -> Holds:
    """Whether a value has none of several flaws."""

    def check(value: object) -> bool:
        for holds in checks:  # noqa: SIM110 (all() of a generator takes twice as long, and nothing else is done here)
            if not holds(value):
                return False
        return True

    return check


def _typed(names: Sequence[str]) -> Holds:
    """Whether a value is of one of some types."""
    kinds = [_TYPES[name] for name in names]
    return kinds[0] if len(kinds) == 1 else lambda value: any(kind(value) for kind in kinds)


def _is(value: object, name: str) -> bool:
    return _TYPES[name](value)


def _required(keys: Sequence[str], value: object) -> bool:
    return not isinstance(value, dict) or all(map(value.__contains__, keys))


def _pattern(pattern: str, value: object) -> bool:
    return not isinstance(value, str) or re.search(pattern, value) is not None


def _multiple(of_: float, value: object) -> bool:
    """A number written as text is left to ``jsonschema``."""
    return not keywords.is_number(None, value) or (isinstance(value, (int, float)) and value % of_ == 0)


def _unique(wanted: bool, value: object) -> bool:
    return not (wanted and isinstance(value, list)) or len({repr(item) for item in value}) == len(value)


def _dependent(keys: Mapping[str, Sequence[str]], value: object) -> bool:
    return not isinstance(value, dict) or all(
        other in value for key, others in keys.items() if key in value for other in others
    )


def _sent(_: str, value: object) -> bool:
    return value is None or value in ({}, [])


_SIMPLE: Mapping[str, Callable[[Any, Any], bool]] = {
    "required": _required,
    "pattern": _pattern,
    "multipleOf": _multiple,
    "uniqueItems": _unique,
    "dependentRequired": _dependent,
    "x-not-sent": _sent,
}
"""Keywords that need no schema but their own value."""
