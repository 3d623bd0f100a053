"""What the service's OpenAPI files say about bodies: which operations there are, and what their bodies must have.

Source: the OpenAPI files of 2024-04-01, condensed into ``definitions.json``; with words and subtypes of 2025-12-01.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.rest.flows import Json

_FILE = Path(__file__).with_name("definitions.json")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str, int, float),  # the service makes texts of numbers; azure-ai-ml sends e.g. tags as the YAML has them
}
_SHOWN = 20


class Problem(NamedTuple):
    """What is wrong with one value of a body.

    Args:
        path: Where it stands, e.g. ``properties.inputs.data.uri``.
        reason: What is wrong with it, as a sentence.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class Operation:
    """An operation of the service.

    Args:
        name: Its ``operationId``.
        method: HTTP method.
        path: Path with ``{}`` for every name.
        request: The definition of the body that it must have, if any.
        responses: HTTP status -> definition of the body, if it has one; no errors.
        patterns: For each name in the path the pattern that it must match, if any.
        query: Query parameters that it must have, besides the api-version.
    """

    name: str
    method: str
    path: str
    request: Json | None
    responses: Mapping[str, Json | None]
    patterns: tuple[str | None, ...]
    query: tuple[str, ...]


@cache
def operations() -> Mapping[str, Mapping[str, Operation]]:
    """All operations: shape of the path (see ``shape``) -> HTTP method -> operation."""
    found: dict[str, dict[str, Operation]] = {}
    for key, facts in _facts()["operations"].items():
        method, _, path = key.partition(" ")
        found.setdefault(shape(path), {})[method] = Operation(
            facts["id"],
            method,
            path,
            facts.get("request"),
            facts["responses"],
            tuple(facts.get("patterns", ())),
            tuple(name for name in facts.get("query", ()) if name != "api-version"),
        )
    return found


def shape(path: str) -> str:
    """A path without its names: what is left is the same for all paths of one operation.

    Example:
        >>> shape("/subscriptions/s/resourceGroups/g/providers/p/workspaces/w/Jobs/j")
        'subscriptions/resourcegroups/providers/workspaces/jobs/'
    """
    parts = path.strip("/").lower().split("/")
    return "/".join(parts[::2]) + ("" if len(parts) % 2 else "/")


def methods_of(path: str) -> list[str]:
    """The HTTP methods that the service has for a path; none when its OpenAPI files do not know the path."""
    return sorted(operations().get(shape(path), ()))


def status_of_put(path: str, *, created: bool) -> int:
    """The status of a PUT that is done at once: 201 for what is new, where the service has that."""
    operation = operations().get(shape(path), {}).get("PUT")
    return 201 if created and (operation is None or "201" in operation.responses) else 200


def names_in(path: str) -> list[str]:
    """The names in a path, without the resource provider's."""
    parts = path.strip("/").split("/")
    return [name for kind, name in zip(parts[::2], parts[1::2], strict=False) if kind.lower() != "providers"]


def request_problems(operation: Operation, body: Json) -> list[Problem]:
    """Everything that is wrong with the body of a request; what the service itself fills in is not looked at.

    Example:
        >>> request_problems(put_of_a_job, {"properties": {"jobType": "Command", "command": "true"}})
        [Problem(path='properties.environmentId', reason='The EnvironmentId field is required.')]
    """
    return list(_request_problems(operation.request, body, "")) if operation.request else []


def as_spelt(operation: Operation, body: Json) -> Json:
    """The body of a request with every word as the service spells it, e.g. ``Maximize`` for ``maximize``.

    Booleans that are texts, as the templates of azure-ai-ml's workspaces have them, become booleans.
    """
    return _spelt(operation.request, body) if operation.request else body


def response_problems(operation: Operation, status: int, body: object) -> list[Problem]:
    """Everything that a successful answer lacks of what its definition requires."""
    if str(status) not in operation.responses:
        return [Problem("", f"The status {status} is none of {', '.join(operation.responses)}.")]
    schema = operation.responses[str(status)]
    return list(_response_problems(schema, body, "")) if schema else []


@cache
def _facts() -> Json:
    facts: Json = json.loads(_FILE.read_text(encoding="utf-8"))
    return facts


def _request_problems(schema: Json, value: object, path: str) -> Iterator[Problem]:
    """What is wrong with a value that is not null."""
    definition, unknown = _definition(schema, value)
    if unknown is not None:
        yield Problem(_below(path, definition["discriminator"]), unknown)
    kind = definition.get("type") or ("object" if "properties" in definition else None)
    if kind is not None and not _is(kind, value, words="enum" in definition):
        yield Problem(path, f"A value of the type {kind} is expected, not {_shown(value)}.")
    elif isinstance(value, str):
        yield from _wrong_words(definition, value, path)
    elif isinstance(value, dict):
        yield from _missing(definition, value, path, but="readOnly")
    for inner, one, below in _inner(definition, value, path):
        if not inner.get("readOnly"):
            yield from _request_problems(inner, one, below)


def _spelt(schema: Json, value: Any) -> Any:
    definition, unknown = _definition(schema, value)
    if isinstance(value, list) and "items" in definition:
        return [_spelt(definition["items"], one) for one in value]
    if definition.get("type") == "string" and isinstance(value, (int, float)):
        return str(value)
    if definition.get("type") == "boolean" and isinstance(value, str):
        return value.lower() == "true"
    if isinstance(value, str):
        return next((word for word in definition.get("enum", ()) if _plain(word) == _plain(value)), value)
    if not isinstance(value, dict):
        return value
    properties, others = definition.get("properties", {}), definition.get("values", {})
    spelt = {name: _spelt(properties.get(name, others), one) for name, one in value.items()}
    base = _facts()["definitions"].get(schema.get("ref"), schema)
    key = base.get("discriminator")
    if key and isinstance(value.get(key), str) and unknown is None:
        spelt[key] = next(word for word in base["subtypes"] if _plain(word) == _plain(value[key]))
    return spelt


def _response_problems(schema: Json, value: object, path: str) -> Iterator[Problem]:
    definition, _ = _definition(schema, value)
    if isinstance(value, dict):
        yield from _missing(definition, value, path, but="writeOnly")
    elif "properties" in definition:
        yield Problem(path, f"A value of the type object is expected, not {_shown(value)}.")
    for inner, one, below in _inner(definition, value, path):
        yield from _response_problems(inner, one, below)


def _definition(schema: Json, value: object) -> tuple[Json, str | None]:
    """The definition that a value is to be held against, and what is wrong with the word that chooses it."""
    definition = _facts()["definitions"][schema["ref"]] if "ref" in schema else schema
    key = definition.get("discriminator")
    word = value.get(key) if key and isinstance(value, dict) else None
    if word is None:
        return definition, None
    subtypes = definition["subtypes"].items() if isinstance(word, str) else ()
    chosen = next((name for one, name in subtypes if _plain(one) == _plain(str(word))), None)
    if chosen is None:
        return definition, _none_of(word, definition["subtypes"])
    return (definition if chosen == schema.get("ref") else _facts()["definitions"][chosen]), None


def _missing(definition: Json, value: Json, path: str, *, but: str) -> Iterator[Problem]:
    """What is required and not there, but for what only the other side writes, or reads."""
    properties = definition.get("properties", {})
    for name in definition.get("required", ()):
        if value.get(name) is None and not properties.get(name, {}).get(but):
            yield Problem(_below(path, name), f"The {name[:1].upper()}{name[1:]} field is required.")


def _inner(definition: Json, value: object, path: str) -> Iterator[tuple[Json, object, str]]:
    """The values in a value that are not null: what is said about each, itself, and where it stands."""
    if isinstance(value, list) and "items" in definition:
        yield from ((definition["items"], one, f"{path}[{at}]") for at, one in enumerate(value) if one is not None)
    if not isinstance(value, dict):
        return
    properties = definition.get("properties", {})
    for name, one in value.items():
        schema = properties.get(name, definition.get("values"))
        if schema is not None and one is not None:
            yield schema, one, _below(path, name)


def _wrong_words(definition: Json, value: str, path: str) -> Iterator[Problem]:
    """What is wrong with a text. Words may be spelt with any case, as clients of the service do."""
    words = definition.get("enum")
    if words and _plain(value) not in map(_plain, words):
        yield Problem(path, _none_of(value, words))
    name = path.rpartition(".")[2]
    if not value and definition.get("minLength"):
        yield Problem(path, f"The {name[:1].upper()}{name[1:]} field is required.")
    elif (pattern := definition.get("pattern")) and not re.search(pattern, value):
        yield Problem(path, f"{_shown(value)} does not match '{pattern}'.")


@lru_cache(maxsize=4096)
def _plain(word: str) -> str:
    """A word in the spelling in which it is compared: the service minds neither case nor spaces."""
    return word.lower().replace(" ", "")


def _is(kind: str, value: object, *, words: bool) -> bool:
    if words:
        return isinstance(value, str)
    if isinstance(value, bool):
        return kind in ("boolean", "string")
    if kind == "boolean" and isinstance(value, str):
        # how azure-ai-ml's templates of workspaces put them
        return value.lower() in ("true", "false")
    return isinstance(value, _TYPES[kind]) or (kind == "integer" and isinstance(value, float) and value.is_integer())


def _none_of(value: object, words: Mapping[str, str] | list[str]) -> str:
    shown = list(words)
    more = f" or {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return f"{_shown(value)} is none of {', '.join(shown[:_SHOWN])}{more}."


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 (a line of a message)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
