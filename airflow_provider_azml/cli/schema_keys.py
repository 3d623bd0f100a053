"""What a schema says of each key, for whoever writes it out: the templates and the reference pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import schema_files
from airflow_provider_azml.spec.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_azml.rest.flows import Json

_TEXTS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_TEXTS |= {"object": "mapping", "array": "list", "null": "empty"}


@dataclass(frozen=True)
class Node:
    """A part of a schema that describes one value.

    Args:
        schema: The part, with references filled in.
    """

    schema: Json

    def layers(self) -> Iterator[Json]:
        """The part and what else always holds beside it."""
        yield self.schema
        for other in self.schema.get("allOf", ()):
            if "if" not in other:
                yield from Node(other).layers()

    def get(self, word: str) -> Any:  # a keyword's value is whatever JSON Schema has for it
        """The first value of a keyword."""
        return next((layer[word] for layer in self.layers() if word in layer), None)

    @property
    def description(self) -> str:
        """What it is for."""
        return str(self.get("description") or "")

    @property
    def title(self) -> str:
        """What it is called among the alternatives."""
        return str(self.get("title") or "")

    @property
    def types(self) -> Sequence[str]:
        """The JSON types that it may have."""
        given = self.get("type") or ()
        return [given] if isinstance(given, str) else list(given)

    @property
    def choices(self) -> Sequence[Any]:
        """The words that it may be."""
        constant = self.get("const")
        return self.get("enum") or ([constant] if constant is not None else [])

    @property
    def properties(self) -> dict[str, Node]:
        """Its keys."""
        return {
            name: Node(member)
            for layer in self.layers()
            for name, member in layer.get("properties", {}).items()
            if isinstance(member, dict)
        }

    @property
    def required(self) -> frozenset[str]:
        """The keys that must be there."""
        return frozenset(key for layer in self.layers() for key in layer.get("required", ()))

    @property
    def alternatives(self) -> list[Node]:
        """The forms that it may have."""
        return [
            Node(branch)
            for layer in self.layers()
            for word in ("anyOf", "oneOf")
            for branch in layer.get(word, ())
            if branch.keys() - {"required", "not"}
        ]

    @property
    def items(self) -> Node | None:
        """What its items are, if it is a list."""
        given = self.get("items")
        return Node(given) if isinstance(given, dict) else None

    @property
    def values(self) -> Node | None:
        """What the values of keys are that the author of a file chooses."""
        given = self.get("additionalProperties")
        return Node(given) if isinstance(given, dict) else None

    def kind_of_value(self) -> str:
        """In words what it may be."""
        if self.choices:
            return ", ".join(f"`{choice}`" for choice in self.choices)
        if self.alternatives:
            return " or ".join(dict.fromkeys(node.kind_of_value() for node in self.alternatives))
        if self.items and self.types == ["array"]:
            return f"list of {self.items.kind_of_value()}" if self.items.types != ["object"] else "list of mappings"
        return " or ".join(_TEXTS[name] for name in self.types) or "anything"


@dataclass(frozen=True)
class Form:
    """A form that files of a kind can have.

    Args:
        kind: The kind.
        type: What the ``type`` key says; empty where there is but one form.
        file: File of the schema.
        node: What it must be.
    """

    kind: str
    type: str
    file: str
    node: Node


def forms(kind: str) -> list[Form]:
    """The forms of a kind, each once; the first is the usual one."""
    found: dict[str, Form] = {}
    for name, row in KINDS[kind].items():
        file = row.schema.partition("#")[0]
        for type_, node in _forms(Node(schema_files.whole(row.schema)), name):
            if type_ or len(KINDS[kind]) == 1:
                found.setdefault(type_, Form(kind, type_, file, node))
    return list(found.values())


def _forms(node: Node, name: str) -> Iterator[tuple[str, Node]]:
    """The forms of a row: its alternatives, or one for each word that its ``type`` may be."""
    typed = [(branch, branch.properties["type"].choices) for branch in node.alternatives if "type" in branch.properties]
    if typed and not name:
        yield from ((str(choices[0]), branch) for branch, choices in typed if choices)
        return
    words = node.properties["type"].choices if "type" in node.properties else ()
    if name or not words:
        yield name, node
    else:
        yield from ((str(word), node) for word in words)
