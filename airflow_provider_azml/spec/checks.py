"""Checks of deployments as their author wrote them -> what ``rest.checks`` works with: plain JSON that can travel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import check_expressions, json_files, validate
from airflow_provider_azml.spec.rules import Rule, integer, mapping, number, translated
from airflow_provider_azml.spec.source import Source, as_written, from_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec import marks

SCHEMA = "checks.schema.json"
_CHECKS = "checks"
_FILES = {"request": "request_file", "response_schema": "response_schema_file"}
"""Key -> the one that names a file with its value."""


def checked(
    given: Source | Mapping[str, Any] | Sequence[Mapping[str, Any]] | str | Path,
    base_path: Path | None = None,
    *,
    render: Callable[[str], str] | None = None,
) -> list[Json]:
    """Checks without problems, with the content of all files that they name.

    Args:
        given: The checks: as a list, as a file that holds them under ``checks``, or as such a mapping.
        base_path: Folder that paths start from; those in a file start from the file's. The working folder by default.
        render: What fills in templates in the text of the file; payloads and schemas stay as they are.

    Returns:
        The checks in the form that ``rest.check_requests.perform`` takes; nothing for an empty list.

    Raises:
        SpecError: With all that is wrong with them: keys, values, JMESPath expressions, JSON Schemas, files.

    Example:
        >>> checked([{"request": {"data": [[5, 3, 1, 0]]}, "expect": ["length(@) == `1`"]}])[0]["name"]
        '1'
    """
    source = _source(given, base_path or Path(), render)
    files, unread = _files(source)
    validate.told((*validate.problems(source, SCHEMA), *unread, *_of_checks(source, files)))
    return [_normal(check, place, files) for place, check in _members(source)]


def is_checks(value: Mapping[str, object]) -> bool:
    """Whether a file holds checks: by its keys, and those of what is in it, since others have files of checks too.

    Example:
        >>> is_checks({"checks": [{"request": {"data": [1]}}]})
        True
    """
    members = value.get(_CHECKS)
    if not isinstance(members, list) or not value.keys() <= {_CHECKS, "$schema"}:
        return False
    return any(mapping(member).keys() & {"request", "request_file"} for member in members)


def problems(source: Source) -> list[Problem]:
    """All that is wrong with checks.

    Args:
        source: A mapping that holds them under ``checks``.
    """
    files, unread = _files(source)
    return sorted(dict.fromkeys((*validate.problems(source, SCHEMA), *unread, *_of_checks(source, files))))


def _source(given: object, base_path: Path, render: Callable[[str], str] | None) -> Source:
    if isinstance(given, Source):
        return given
    if isinstance(given, (str, Path)):
        return as_written(base_path / given, render=render)
    value = given if isinstance(given, Mapping) else {_CHECKS: given}
    return from_mapping(value, base_path=base_path, render=render)


def _members(source: Source) -> Iterator[tuple[int, Json]]:
    """The checks that are mappings, with their places."""
    found = source.value.get(_CHECKS)
    if isinstance(found, list):
        yield from ((place, check) for place, check in enumerate(found) if isinstance(check, dict))


Files = dict[tuple[int, str], object]
"""Place of a check, and key -> the value that its file holds."""


def _files(source: Source) -> tuple[Files, list[Problem]]:
    """The content of all files that checks name, and what is wrong with the files."""
    found: Files = {}
    wrong: list[Problem] = []
    for place, check in _members(source):
        for key, named in _FILES.items():
            if isinstance(check.get(named), str):
                content = json_files.read(source, (_CHECKS, place, named), check[named], yaml=key != "request")
                wrong += content.problems
                if not content.problems:
                    found[place, key] = content.value
    return found, wrong


def _of_checks(source: Source, files: Files) -> Iterator[Problem]:
    """What is wrong with checks besides what the schema sees."""
    names = Counter(str(check.get("name")) for _, check in _members(source) if check.get("name") is not None)
    for place, check in _members(source):
        path: marks.Path = (_CHECKS, place)
        if names[str(check.get("name"))] > 1:
            yield source.problem((*path, "name"), "another check has this name; give each its own")
        for key, named in _FILES.items():
            if key in check and named in check:
                yield source.problem((*path, named), f"{key} is given too; give one of them", at_key=True)
        if not any(check.get(key) is not None for key in ("request", "request_file")):
            yield source.problem(path, "the payload is missing; give request, or request_file", at_key=True)
        for key in ("request", "expect"):
            yield from json_files.unfit(source, (*path, key), check.get(key))
        for place_of, expression in _expressions(check):
            if reason := check_expressions.wrong(expression):
                yield source.problem((*path, *place_of), reason)
        yield from _of_schema(source, path, check, files.get((place, "response_schema")))


def _of_schema(source: Source, path: marks.Path, check: Json, content: object) -> Iterator[Problem]:
    here = check.get("response_schema")
    schema = content if here is None else here
    key = "response_schema_file" if here is None else "response_schema"
    if schema is None:
        return
    if not isinstance(schema, dict):
        if here is None:
            yield source.problem((*path, key), "holds no JSON Schema; that is a mapping")
        return
    unfit = list(json_files.unfit(source, (*path, key), schema))
    yield from unfit
    for inside, reason in check_expressions.wrong_schema(schema) if not unfit else ():
        yield source.problem((*path, key, *inside) if here is not None else (*path, key), reason)


def _expressions(check: Json) -> Iterator[tuple[marks.Path, str]]:
    """The JMESPath expressions of a check, with their places."""
    expect, compare = check.get("expect"), check.get("compare")
    if isinstance(expect, dict):
        yield from ((("expect", expression), expression) for expression in expect)
    elif isinstance(expect, list):
        yield from ((("expect", n), one) for n, one in enumerate(expect) if isinstance(one, str))
    many = list(enumerate(compare)) if isinstance(compare, list) else [(None, compare)]
    for n, one in many:
        expression = mapping(one).get("expression")
        if isinstance(expression, str):
            yield ("compare", *(() if n is None else (n,)), "expression"), expression


def _expectations(given: Any) -> list[Json]:
    if isinstance(given, dict):
        return [{"expression": expression, "value": value} for expression, value in given.items()]
    return [{"expression": expression} for expression in given]


_COMPARISON = (
    Rule("expression", "expression"),
    Rule("tolerance", "tolerance", number),
    Rule("relative", "relative", number),
)


def _comparisons(given: Any) -> list[Json]:
    return [translated(one, _COMPARISON) for one in (given if isinstance(given, list) else [given])]


_CHECK = (
    Rule("name", "name"),
    Rule("request", "request"),
    Rule("status", "status", integer),
    Rule("response_schema", "response_schema"),
    Rule("expect", "expect", _expectations),
    Rule("compare", "compare", _comparisons),
    *(Rule(key, key, integer) for key in ("requests", "concurrency", "tries")),
    *(Rule(key, key, number) for key in ("p50_seconds", "p95_seconds", "timeout_seconds")),
)


def _normal(check: Json, place: int, files: Files) -> Json:
    read = {key: files[place, key] for key in _FILES if (place, key) in files}
    return translated({"name": str(place + 1), **check, **read}, _CHECK)
