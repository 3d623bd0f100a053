"""Keywords of JSON Schema as AML files need them: as lenient as azure-ai-ml's loader, and with one alternative in mind.

Each is a function that ``jsonschema`` calls with its validator, the keyword's value, the value to check, and the schema
around the keyword. Of several alternatives the errors of one are told: of the one that the value's ``type`` names, or
else of the one that fits best.
"""

from __future__ import annotations

import math
import operator
import re
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from airflow_provider_azml.spec.rules import FALSE_WORDS, TRUE_WORDS, snake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jsonschema import Draft202012Validator

    from airflow_provider_azml.exceptions import Severity
    from airflow_provider_azml.rest.flows import Json

Failure: TypeAlias = Any
"""A ``ValidationError`` of jsonschema, whose typing lets every field be unset."""

_WHOLE = re.compile(r"\s*[+-]?\d{1,100}\s*")
_LONGEST_NUMBER = 100
TELLING = ("type", "task")
"""Keys whose value tells which of several alternatives a mapping is."""
_HOPELESS = 1000


def is_integer(_: object, value: object) -> bool:
    """Whether azure-ai-ml's loader takes a value for a whole number."""
    if isinstance(value, str):
        return bool(_WHOLE.fullmatch(value))
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_number(_: object, value: object) -> bool:
    """Whether azure-ai-ml's loader takes a value for a number."""
    if isinstance(value, str):
        try:
            return len(value) <= _LONGEST_NUMBER and math.isfinite(float(value))
        except ValueError:
            return False
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_boolean(_: object, value: object) -> bool:
    """Whether azure-ai-ml's loader takes a value for true or false."""
    return isinstance(value, bool) or (isinstance(value, (str, int)) and str(value).lower() in TRUE_WORDS | FALSE_WORDS)


def severity(error: Failure) -> Severity:
    """How much an error matters: one of the service alone is a warning, a key that is not sent a note."""
    return getattr(error, "severity", "error")


def _may_pass(error: Failure) -> bool:
    return severity(error) != "error"


def listed(value: str | Iterable[str]) -> list[str]:
    """The names that a ``type`` keyword holds."""
    return [value] if isinstance(value, str) else list(value)


def _failure(**fields: object) -> Failure:
    """An error without a message, which would hold the whole value; what is said of it is said elsewhere."""
    from jsonschema.exceptions import ValidationError

    return cast("Any", ValidationError)("", **fields)


def _type(validator: Draft202012Validator, types: str | Sequence[str], value: object, _: Json) -> Iterator[Failure]:
    if not any(validator.is_type(value, name) for name in listed(types)):
        yield _failure()


def _enum(_: object, choices: Sequence[object], value: object, schema: Json) -> Iterator[Failure]:
    if not is_among(value, choices, schema.get("x-any-case")):
        yield _failure()


def _const(_: object, wanted: object, value: object, schema: Json) -> Iterator[Failure]:
    if not is_among(value, [wanted], schema.get("x-any-case")):
        yield _failure(validator="enum", validator_value=[wanted])


def is_among(value: object, choices: Sequence[object], any_case: object) -> bool:
    """Whether a value is one of the words of a schema, in the case that it asks for."""
    given = [value]
    if any_case and isinstance(value, str):
        given = [snake(value)] if any_case == "camel" else [value.lower()]
    return any(type(word) is type(choice) and word == choice for word in given for choice in choices)


def _required(_: object, keys: Sequence[str], value: object, __: Json) -> Iterator[Failure]:
    if isinstance(value, dict):
        for key in keys:
            if key not in value:
                yield _failure(validator_value=[key])


def _additional(
    validator: Draft202012Validator, allowed: Json | bool, value: object, schema: Json
) -> Iterator[Failure]:
    if not isinstance(value, dict) or allowed is True:
        return
    known, patterns = schema.get("properties", {}), list(schema.get("patternProperties", ()))
    more = [key for key in value if key not in known and not any(re.search(pattern, key) for pattern in patterns)]
    if isinstance(allowed, dict):
        for key in more:
            yield from _descend(validator, value[key], allowed, key)
    elif more:
        yield _failure(validator_value=more)


def _bounded(holds: Callable[[float, float], bool]) -> Callable[..., Iterator[Failure]]:
    """A bound of numbers, which may be written as text."""

    def check(validator: Draft202012Validator, bound: float, value: Any, _: Json) -> Iterator[Failure]:
        if validator.is_type(value, "number") and not holds(float(value), bound):
            yield _failure()

    return check


def _service(validator: Draft202012Validator, schema: Json, value: object, around: Json) -> Iterator[Failure]:
    """What departs from a schema of the service's is a warning."""
    for error in _descend(validator, value, of_service(schema, around)):
        error.severity = "warning"
        yield error


def of_service(schema: Json, around: Json) -> Json:
    """A schema of the service's, which knows the same keys as the one around it."""
    if "additionalProperties" not in schema:
        return schema
    return {"properties": dict.fromkeys(around["properties"], True), **schema}


def _not_sent(_: object, __: str, value: object, ___: Json) -> Iterator[Failure]:
    if value is not None and value not in ({}, []):
        error = _failure()
        error.severity = "note"
        yield error


def _any_of(validator: Draft202012Validator, branches: Sequence[Json], value: object, _: Json) -> Iterator[Failure]:
    """The errors of the alternative that the value is meant to be; one that holds but for warnings and notes holds."""
    fitting = [branch for branch in branches if takes(validator.is_type, branch, value)]
    if not fitting:
        types = [name for branch in branches for name in listed(_first(branch, "type") or ())]
        yield _failure(validator="type", validator_value=list(dict.fromkeys(types)))
        return
    if isinstance(value, dict):
        fitting, refusal = told(fitting, value)
        if refusal is not None:
            yield refusal
            return
    failed: list[list[Failure]] = []
    for branch in fitting:
        errors = list(_descend(validator, value, branch))
        if all(map(_may_pass, errors)):
            yield from errors
            return
        failed.append(errors)
    yield from min(failed, key=lambda errors: sum(map(_weight, errors)))


def takes(is_type: Callable[[object, str], bool], branch: Json, value: object) -> bool:
    """Whether a value is of a type that an alternative takes."""
    types = _first(branch, "type")
    return types is None or any(is_type(value, name) for name in listed(types))


def _first(schema: Json, keyword: str) -> Any:  # whatever the keyword holds
    """A keyword's value, be it the schema's own or that of a schema which it refers to."""
    if keyword in schema:
        return schema[keyword]
    found = (_first(member, keyword) for member in schema.get("allOf", ()))
    return next((value for value in found if value is not None), None)


def told(branches: list[Json], value: Mapping[str, object]) -> tuple[list[Json], Failure | None]:
    """The alternatives that a mapping can be by its ``type``; or what is wrong with that."""
    for key in TELLING:
        named = [(branch, words) for branch in branches if (words := _words(branch, key))]
        if len(branches) == 1 or not named:
            continue
        if key in value:
            left = [branch for branch, words in named if is_among(value[key], *words)]
            left = left or [branch for branch in branches if not _words(branch, key) and _is_open(branch, key)]
        else:
            left = [branch for branch in branches if key not in (_first(branch, "required") or ())]
        if not left:
            return [], _untold(key, value, [word for _, words in named for word in words[0]])
        branches = left
    return branches, None


def _untold(key: str, value: Mapping[str, object], choices: Sequence[object]) -> Failure:
    known = list(dict.fromkeys(choices))
    if key in value:
        return _failure(validator="enum", validator_value=known, path=[key], instance=value[key], schema={})
    return _failure(validator="required", validator_value=[key], schema={"x-choices": known})


def _words(branch: Json, key: str) -> tuple[Sequence[object], object] | None:
    """The words that an alternative takes for a key, and in which case, if it takes but some."""
    schema = (_first(branch, "properties") or {}).get(key)
    if not isinstance(schema, dict):
        return None
    choices = [schema["const"]] if "const" in schema else _first(schema, "enum")
    return (choices, _first(schema, "x-any-case")) if choices else None


def _is_open(branch: Json, key: str) -> bool:
    return key in (_first(branch, "properties") or {}) or _first(branch, "additionalProperties") is not False


def _weight(error: Failure) -> int:
    """How much an error speaks against the alternative that it comes from."""
    if not error.relative_path and error.validator in {"type", "enum", "pattern"}:
        return _HOPELESS
    if error.validator == "additionalProperties":
        return 30 * len(error.validator_value)
    if error.validator == "required" and error.validator_value == ["value"]:
        return 50
    return 10


def _descend(
    validator: Draft202012Validator, value: object, schema: Json, path: str | None = None
) -> Iterator[Failure]:
    descend: Any = validator.descend  # untyped
    yield from descend(value, schema, path=path)


KEYWORDS: dict[str, Callable[..., Iterator[Failure]]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "required": _required,
    "additionalProperties": _additional,
    "minimum": _bounded(operator.ge),
    "maximum": _bounded(operator.le),
    "exclusiveMinimum": _bounded(operator.gt),
    "exclusiveMaximum": _bounded(operator.lt),
    "anyOf": _any_of,
    "oneOf": _any_of,
    "x-service": _service,
    "x-not-sent": _not_sent,
}
"""What replaces or adds to the keywords of JSON Schema."""
