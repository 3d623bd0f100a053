"""Checks specifications against the JSON Schemas in ``schemas/`` and says what is wrong in the words of their author.

Like azure-ai-ml's loader it takes ``"3"`` for an integer and ``"true"`` for a boolean, and words whose schema says
``x-any-case`` in any case (in CamelCase too where it is ``camel``). ``x-says`` of a schema says in words what its
pattern asks for. ``x-service`` of a schema is a schema of its own: what the service takes of all that azure-ai-ml
sends; what departs from it is a warning. ``x-secret`` keeps a value out of messages.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import schema_files
from airflow_provider_azml.spec.places import belongs, closest
from airflow_provider_azml.spec.rules import FALSE_WORDS, TRUE_WORDS, snake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from jsonschema import Draft202012Validator
    from referencing import Registry

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

Failure: TypeAlias = Any
"""A ``ValidationError`` of jsonschema, whose typing lets every field be unset."""

_WHOLE = re.compile(r"\s*[+-]?\d+\s*")
_A = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
_A |= {"object": "a mapping", "array": "a list", "null": "empty"}


def problems(source: Source, schema: str) -> Iterator[Problem]:
    """Everything in which a source departs from a schema.

    Args:
        source: What to check.
        schema: Which schema, e.g. ``command_job.schema.json``.

    Example:
        >>> [str(p) for p in problems(read(Path("job.yml")), "command_job.schema.json")]
        ["job.yml:5:1: comand: unknown key; did you mean 'command'?"]
    """
    for error in _validator(schema).iter_errors(source.value):
        explained = _explained(error, source, schema)
        yield from (replace(problem, warning=True) for problem in explained) if _is_warning(error) else explained


def check(
    source: Source, schema: str, others: Callable[[Source], Iterable[Problem]], *, strict: bool = False
) -> Sequence[Problem]:
    """Hold a source against its schema and against what a schema cannot say.

    Args:
        source: What to check.
        schema: Its schema.
        others: Finds the problems that the schema does not see; it must bear a source that breaks the schema.
        strict: Whether warnings are errors.

    Returns:
        The warnings, in the order in which they stand in the file.

    Raises:
        SpecError: With all problems of both.
    """
    found = dict.fromkeys((*problems(source, schema), *others(source)))
    if any(strict or not problem.warning for problem in found):
        raise SpecError([replace(problem, warning=problem.warning and not strict) for problem in found])
    return sorted(found)


@lru_cache
def _registry() -> Registry[Any]:
    from referencing import Registry  # noqa: PLC0415 (jsonschema's, and as costly)
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    # a schema that names its dialect would be handed to the dialect's own validator instead of the lenient one
    contents = {
        name: {key: value for key, value in schema_files.load(name).items() if key != "$schema"}
        for name in schema_files.names()
    }
    return Registry().with_resources((name, DRAFT202012.create_resource(schema)) for name, schema in contents.items())


@lru_cache
def _validator(schema: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator, validators

    types = Draft202012Validator.TYPE_CHECKER.redefine_many({
        "integer": _is_integer,
        "number": _is_number,
        "boolean": _is_boolean,
    })
    extend: Any = validators.extend  # untyped
    keywords = {"enum": _enum, "anyOf": _any_of, "x-service": _service}
    lenient = extend(Draft202012Validator, keywords, type_checker=types)
    made: Draft202012Validator = lenient({"$ref": schema}, registry=_registry())
    return made


def _is_integer(_: object, value: object) -> bool:
    if isinstance(value, str):
        return bool(_WHOLE.fullmatch(value))
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_number(_: object, value: object) -> bool:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return False
        return True
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_boolean(_: object, value: object) -> bool:
    return isinstance(value, bool) or (isinstance(value, (str, int)) and str(value).lower() in TRUE_WORDS | FALSE_WORDS)


def _enum(_: object, choices: list[str], value: object, schema: Json) -> Iterator[Failure]:
    from jsonschema.exceptions import ValidationError

    given = [value]
    if schema.get("x-any-case") and isinstance(value, str):
        given = [value.lower(), snake(value)] if schema["x-any-case"] == "camel" else [value.lower()]
    if not any(word in choices for word in given):
        yield cast("Failure", ValidationError)(f"{value!r} is none of {choices}")


def _service(validator: Draft202012Validator, schema: Json, value: object, _: Json) -> Iterator[Failure]:
    descend: Any = validator.descend  # untyped
    for error in descend(value, schema):
        error.is_warning = True
        yield error


def _is_warning(error: Failure) -> bool:
    return getattr(error, "is_warning", False)


def _any_of(validator: Draft202012Validator, branches: list[Json], value: object, _: Json) -> Iterator[Failure]:
    """As jsonschema's own, but an alternative that holds but for warnings holds."""
    from jsonschema.exceptions import ValidationError

    descend: Any = validator.descend  # untyped
    failed: list[Failure] = []
    for place, branch in enumerate(branches):
        errors = list(descend(value, branch, schema_path=place))
        if all(map(_is_warning, errors)):
            yield from errors
            return
        failed += errors
    yield cast("Failure", ValidationError)(f"{value!r} fits none of the alternatives", context=failed)


def _explained(error: Failure, source: Source, schema: str) -> Iterator[Problem]:
    if error.validator in {"anyOf", "oneOf"}:
        for inner in _meant(error):
            if not _is_warning(inner):
                yield from _explained(inner, source, schema)
        return
    path: Path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        yield from _unknown_keys(error, path, source, schema)
    elif error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        # jsonschema reports each missing key by an error of its own
        wanted = next((key for key in missing if repr(key) in error.message.partition(" ")[0]), missing[0])
        yield source.problem(path, f"{wanted!r} is missing", at_key=True)
    elif error.validator == "not":
        for key in error.validator_value.get("required", ()):
            reason = str(error.validator_value.get("x-says", "does not go with the other keys here"))
            yield source.problem((*path, key), reason, at_key=True)
    else:
        yield source.problem(path, _REASONS.get(str(error.validator), _as_told)(error))


def _meant(error: Failure) -> list[Failure]:
    """The errors of the alternative that the author seems to have had in mind."""
    branches: dict[int, list[Failure]] = {}
    for inner in error.context or ():
        branches.setdefault(int(inner.schema_path[0]), []).append(inner)
    best = min(branches.values(), key=lambda errors: sum(map(_weight, errors)))
    if len(branches) > 1 and all(_is_wrong_type(inner) for errors in branches.values() for inner in errors):
        types = [name for errors in branches.values() for inner in errors for name in _listed(inner.validator_value)]
        best[0].validator_value = list(dict.fromkeys(types))
    return best


def _weight(error: Failure) -> int:
    """How much an error speaks against the alternative that it comes from."""
    if _is_wrong_type(error):
        return 1000
    if error.validator == "additionalProperties":
        return 30 * sum(key not in error.schema.get("properties", ()) for key in error.instance)
    if error.validator == "enum" and list(error.relative_path) == ["type"]:
        return 40
    if error.validator == "required" and error.validator_value == ["value"]:
        return 50
    return 10


def _is_wrong_type(error: Failure) -> bool:
    return error.validator == "type" and not error.relative_path


def _unknown_keys(error: Failure, path: Path, source: Source, schema: str) -> Iterator[Problem]:
    known = list(error.schema.get("properties", ()))
    for key in error.instance:
        if key in known:
            continue
        close = closest(key, known)
        elsewhere = None if close else belongs(key, path, schema, source.value)
        hint = f"; did you mean {close!r}?" if close else f"; {elsewhere}" if elsewhere else ""
        yield source.problem((*path, key), f"unknown key{hint}", at_key=True)


def _wrong_type(error: Failure) -> str:
    value = error.instance
    wanted = " or ".join(_A[name] for name in _listed(error.validator_value))
    if error.schema.get("x-secret") and type(value) in _A_SECRET:
        return f"is {_A_SECRET[type(value)]}; it must be {wanted}" + ("; quote it" if wanted == "text" else "")
    if isinstance(value, dt.date):
        return f"is {value}, which YAML takes for a date; it must be {wanted}" + (
            "; quote it" if "text" in wanted else ""
        )
    shown = "empty" if value is None else _A_VALUE.get(type(value), "{!r}").format(value)
    return f"is {shown}; it must be {wanted}" + ("; quote it" if wanted == "text" and shown not in _UNQUOTABLE else "")


_A_VALUE: dict[type, str] = {dict: "a mapping", list: "a list"}
_A_SECRET: dict[type, str] = {str: "text", int: "a number", float: "a number", bool: "true or false"}
_A_SECRET |= dict.fromkeys((dt.date, dt.datetime), "a date")
_UNQUOTABLE = frozenset({"empty", "a mapping", "a list"})


def _wrong_word(error: Failure) -> str:
    choices = [str(choice) for choice in error.validator_value]
    close = difflib.get_close_matches(str(error.instance).lower(), choices, 1)
    listed = f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
    return f"is {error.instance!r}; it must be {listed}" + (f"; did you mean {close[0]!r}?" if close else "")


def _wrong_pattern(error: Failure) -> str:
    return f"is {error.instance!r}; it {error.schema.get('x-says', f'must match {error.validator_value}')}"


_REASONS: dict[str, Callable[[Failure], str]] = {
    "type": _wrong_type,
    "enum": _wrong_word,
    "pattern": _wrong_pattern,
}


def _as_told(error: Failure) -> str:
    return str(error.message)


def _listed(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
