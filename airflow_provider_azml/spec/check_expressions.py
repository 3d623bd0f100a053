"""JMESPath expressions and JSON Schemas of checks: what is wrong with them before there is an answer to judge."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.rest.excerpts import quoted
from airflow_provider_azml.spec import marks
from airflow_provider_azml.spec.places import closest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.rest.flows import Json

_NUMBER = "NUMBER"
_COMPARE = frozenset({"eq", "ne", "lt", "lte", "gt", "gte"})


def wrong(expression: str) -> str | None:
    """Why a text is no JMESPath expression, if it is none.

    Example:
        >>> wrong("lenght(@)")
        "lenght is no function of JMESPath; did you mean 'length'?"
    """
    import jmespath
    from jmespath.exceptions import EmptyExpressionError, IncompleteExpressionError, LexerError, ParseError
    from jmespath.functions import Functions

    try:
        parsed = jmespath.compile(expression).parsed
    except (EmptyExpressionError, IncompleteExpressionError):
        return "is no JMESPath expression: it ends too early"
    except LexerError as error:
        return f"is no JMESPath expression: {quoted(error.message)} at character {error.lex_position + 1}"
    except ParseError as error:
        hint = "; a number stands in backticks, e.g. `0.5`" if error.token_type == _NUMBER else ""
        what = quoted(str(error.token_value))
        return f"is no JMESPath expression: {what} at character {error.lex_position + 1} is out of place{hint}"
    except RecursionError:
        return "is no JMESPath expression: it is nested too deeply"
    known = Functions.FUNCTION_TABLE
    for name in _functions(parsed):
        if name not in known:
            close = closest(name, known)
            return f"{name} is no function of JMESPath" + (f"; did you mean {close!r}?" if close else "")
    return _misquoted(expression)


def _misquoted(expression: str) -> str | None:
    """Whether a comparison is with a key whose name needs no quotes: a text was meant, and none would ever be equal."""
    from jmespath.lexer import Lexer

    tokens = list(Lexer().tokenize(expression))
    for before, token in pairwise(tokens):
        name = str(token["value"])
        if before["type"] in _COMPARE and token["type"] == "quoted_identifier" and name.isidentifier():
            return f'"{quoted(name)}" is the name of a key; a text stands in single quotes, as {quoted(repr(name))}'
    return None


def _functions(node: object) -> Iterator[str]:
    """The functions that a parsed expression calls."""
    left: list[Any] = [node]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if one.get("type") == "function_expression":
                yield str(one["value"])
            left.extend(one.get("children", ()))


def wrong_schema(schema: Json) -> Iterator[tuple[marks.Path, str]]:
    """Where a JSON Schema is none, or refers to what is not part of it, and why.

    Args:
        schema: The schema; without ``$schema`` it is of draft 2020-12.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from jsonschema.validators import validator_for

    if not isinstance(schema.get("$schema", ""), str):
        yield ("$schema",), "names no JSON Schema; it is a URL"
        return
    kind = validator_for(schema, default=Draft202012Validator)
    judge = kind(kind.META_SCHEMA, format_checker=kind.FORMAT_CHECKER)
    worst = best_match(judge.iter_errors(schema))
    if worst is not None:
        yield tuple(worst.absolute_path), f"is no JSON Schema: {quoted(worst.message)}"
        return
    yield from _astray(schema)


def _astray(schema: Json) -> Iterator[tuple[marks.Path, str]]:
    """The references that lead nowhere; with bases of their own in it, only an answer shows where they lead."""
    from referencing import Resource  # noqa: PLC0415 (of jsonschema, and as heavy)
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 (as above)
    from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY  # noqa: PLC0415 (as above)

    everything = list(marks.members(schema))
    if any(path[-1:] == ("$id",) and path[1:] for path, _ in everything):
        return
    whole = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = EMPTY_REGISTRY.resolver_with_root(whole)
    for path, value in everything:
        if path[-1:] == ("$ref",) and isinstance(value, str):
            try:
                resolver.lookup(value)
            except Unresolvable:
                yield path, f"{quoted(value)} leads nowhere in this schema; what it refers to has to be part of it"
