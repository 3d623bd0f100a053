"""The JSON Schemas of the package, as files and as parts of files."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Traversable

    from airflow_provider_azml.rest.flows import Json

_NOT_ASSERTED = frozenset({"$schema", "$id", "$defs"})
_ANNOTATIONS = frozenset({"title", "description", "default", "examples", "x-says", "x-not-sent"})
"""Keywords of a schema that refuse nothing."""


@cache
def load(name: str) -> Json:
    """A schema by the name of its file, e.g. ``job.schema.json``."""
    schema: Json = json.loads((_folder() / name).read_text(encoding="utf-8"))
    return schema


@cache
def names() -> Sequence[str]:
    """The files of all schemas."""
    return sorted(entry.name for entry in _folder().iterdir() if entry.name.endswith(".schema.json"))


def part(name: str, pointer: str) -> Json:
    """The part of a schema file that a JSON pointer leads to."""
    found: Any = load(name)
    for step in pointer.strip("/").split("/"):
        found = found[step] if step else found
    schema: Json = found
    return schema


@cache
def whole(schema: str) -> Json:
    """A schema with what its references lead to in their places, so that a validator has nothing to look up.

    Args:
        schema: File and JSON pointer, e.g. ``compute.schema.json#/$defs/amlcompute``.

    Returns:
        The schema; where it refers to itself it holds itself.
    """
    name, _, pointer = schema.partition("#")
    return _Parts().whole(name, pointer)


class _Parts:
    """The parts of schemas that refer to each other, each made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Json] = {}
        self._unfinished: set[int] = set()

    def whole(self, name: str, pointer: str) -> Json:
        if (name, pointer) not in self._made:
            made = self._made[name, pointer] = {}
            self._unfinished.add(id(made))
            written = {key: member for key, member in part(name, pointer).items() if key not in _NOT_ASSERTED}
            made.update(self._with_parts(written, name))
            self._unfinished.discard(id(made))
        return self._made[name, pointer]

    def _with_parts(self, value: Any, name: str) -> Any:  # any part of a schema
        if isinstance(value, list):
            return [self._with_parts(item, name) for item in value]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        members = {key: self._with_parts(member, name) for key, member in value.items() if key != "$ref"}
        if not isinstance(reference, str):
            return members
        file, _, pointer = reference.partition("#")
        return self._joined(self.whole(file or name, pointer), members)

    def _joined(self, referred: Json, beside: Json) -> Json:
        """What a reference leads to, with what stands beside the reference."""
        if not beside:
            return referred
        if beside.keys() <= _ANNOTATIONS and id(referred) not in self._unfinished:
            return {**referred, **beside}
        return {**beside, "allOf": [*beside.get("allOf", ()), referred]}


def _folder() -> Traversable:
    return resources.files("airflow_provider_azml.spec") / "schemas"
