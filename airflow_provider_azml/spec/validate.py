"""Checks specifications against the JSON Schemas in ``schemas/`` and says what is wrong in the words of their author.

Like azure-ai-ml's loader it takes ``"3"`` for an integer and ``"true"`` for a boolean, and words whose schema says
``x-any-case`` in any case (in CamelCase too where it is ``camel``). ``x-says`` of a schema says in words what it asks
for. ``x-service`` of a schema is a schema of its own: what the service takes of all that azure-ai-ml sends; what
departs from it is a warning. ``x-not-sent`` says why nothing is sent for a key, and where to say it instead; whoever
gives it gets a note. A schema that says ``x-strict`` at its top, because its files are not Azure ML's, takes ``"3"``
for text alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import flawless, keywords, schema_files, wording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from jsonschema import Draft202012Validator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.keywords import Failure
    from airflow_provider_azml.spec.source import Source


def problems(source: Source, schema: str) -> Iterator[Problem]:
    """Everything in which a source departs from a schema.

    Args:
        source: What to check.
        schema: Which schema, e.g. ``command_job.schema.json``.

    Example:
        >>> [str(p) for p in problems(read(Path("job.yml")), "command_job.schema.json")]
        ["job.yml:5:1: comand: unknown key; did you mean 'command'?"]
    """
    holds = flawless.of(schema)
    if holds is not None and holds(source.value):
        return
    for place, error in enumerate(_once(validator(schema).iter_errors(source.value))):
        yield from wording.explained(error, source, schema if place < wording.MOST_HINTS else None)


def check(
    source: Source, schema: str, others: Callable[[Source], Iterable[Problem]], *, strict: bool = False
) -> Sequence[Problem]:
    """Hold a source against its schema and against what a schema cannot say.

    Args:
        source: What to check.
        schema: Its schema.
        others: Finds the problems that the schema does not see; it must bear a source that breaks the schema.
        strict: Whether warnings are errors; notes never are.

    Returns:
        The warnings and notes, in the order in which they stand in the file.

    Raises:
        SpecError: With all problems of both.
    """
    return told((*problems(source, schema), *others(source)), strict=strict)


def told(given: Iterable[Problem], *, strict: bool = False) -> Sequence[Problem]:
    """The warnings and notes among problems, sorted, where there are no errors.

    Args:
        given: The problems; of several that are the same one counts.
        strict: Whether warnings are errors; notes never are.

    Raises:
        SpecError: With all of them, where there are errors.
    """
    found = dict.fromkeys(given)
    if strict:
        found = {
            replace(problem, severity="error") if problem.severity == "warning" else problem: None for problem in found
        }
    if any(problem.severity == "error" for problem in found):
        raise SpecError(list(found))
    return sorted(found)


def _once(errors: Iterable[Failure]) -> list[Failure]:
    """The errors without those of words that a shorter list says as well: of two that hold, the shorter one counts."""
    found = list(errors)
    shortest: dict[tuple[object, ...], int] = {}
    for error in found:
        if error.validator == "enum":
            place = (*error.absolute_path, keywords.severity(error))
            shortest[place] = min(len(error.validator_value), shortest.get(place, len(error.validator_value)))

    def counts(error: Failure) -> bool:
        place = (*error.absolute_path, keywords.severity(error))
        return error.validator != "enum" or len(error.validator_value) == shortest[place]

    return [error for error in found if counts(error)]


@cache
def validator(schema: str) -> Draft202012Validator:
    """What finds everything in which a value departs from a schema."""
    from jsonschema import Draft202012Validator, validators

    whole = schema_files.whole(schema)
    types = Draft202012Validator.TYPE_CHECKER
    if not whole.get("x-strict"):
        types = types.redefine_many({
            "integer": keywords.is_integer,
            "number": keywords.is_number,
            "boolean": keywords.is_boolean,
        })
    extend: Any = validators.extend  # untyped
    ours = extend(Draft202012Validator, keywords.KEYWORDS, type_checker=types)
    made: Draft202012Validator = ours(whole)
    return made
