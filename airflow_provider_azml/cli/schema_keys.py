"""What a schema says of each key, for whoever writes it out: the templates and the reference pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import schema_files
from airflow_provider_azml.spec.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json

_TEXTS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
_TEXTS |= {"object": "mapping", "array": "list", "null": "empty"}

_TELLING = ("task", "model_provider")
"""Keys besides ``type`` that say what else a file holds."""


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
        found: dict[str, list[Json]] = {}
        for layer in self.layers():
            for name, member in layer.get("properties", {}).items():
                if isinstance(member, dict):
                    found.setdefault(name, []).append(member)
        return {name: Node(said[0] if len(said) == 1 else {"allOf": said}) for name, said in found.items()}

    @property
    def required(self) -> frozenset[str]:
        """The keys that must be there."""
        return frozenset(key for layer in self.layers() for key in layer.get("required", ()))

    @property
    def alternatives(self) -> list[Node]:
        """The forms that it may have, whether it may choose or a condition does."""
        found = [
            branch
            for layer in self.layers()
            for word in ("anyOf", "oneOf")
            for branch in layer.get(word, ())
            if branch.keys() - {"required", "not"}
        ]
        conditional = [branch["then"] for layer in self.layers() for branch in layer.get("allOf", ()) if "if" in branch]
        return [Node(branch) for branch in (*found, *(form for form in conditional if "title" in form))]

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
            return " or ".join(f"`{choice}`" for choice in self.choices)
        if self.alternatives and not self.properties:
            parts = [part for node in self.alternatives for part in node.kind_of_value().split(" or ")]
            words = [f"`{choice}`" for node in self.alternatives for choice in node.choices]
            return " or ".join(dict.fromkeys("list of them" if part == _list_of(words) else part for part in parts))
        if self.items and self.types == ["array"]:
            if self.items.choices:
                return _list_of([f"`{choice}`" for choice in self.items.choices])
            return "list of mappings" if self.items.types == ["object"] else f"list of {self.items.kind_of_value()}"
        return " or ".join(_TEXTS[name] for name in self.types) or "anything"


def _list_of(words: Sequence[str]) -> str:
    return f"list of {', '.join(words)}"


@dataclass(frozen=True)
class Form:
    """A form that files of a kind can have.

    Args:
        kind: The kind.
        type: What to call it: the word under ``type``, after a dot what else tells it apart; empty for an only form.
        file: File of the schema.
        node: What it must be.
        fixed: The keys that make it this form.
    """

    kind: str
    type: str
    file: str
    node: Node
    fixed: Mapping[str, str]


def forms(kind: str) -> list[Form]:
    """The forms of a kind, each once; the first is the usual one."""
    found: dict[str, Form] = {}
    for name, row in KINDS[kind].items():
        if not name and len(KINDS[kind]) > 1:  # an older form that does not say its type
            continue
        file = row.schema.partition("#")[0]
        for fixed, node in _forms(Node(schema_files.whole(row.schema)), name):
            label = ".".join(fixed.values())
            found.setdefault(label, Form(kind, label, file, node, fixed))
    return list(found.values())


def _forms(node: Node, name: str) -> Iterator[tuple[dict[str, str], Node]]:
    """The forms of a row: alternatives, what another key than ``type`` tells apart, or the words of ``type``."""
    typed = [(branch, branch.properties["type"].choices) for branch in node.alternatives if "type" in branch.properties]
    told_apart = list(_told_apart(node.schema))
    words = node.properties["type"].choices if "type" in node.properties else ()
    if typed and not name:
        yield from (({"type": str(choices[0])}, branch) for branch, choices in typed if choices)
    elif told_apart:
        yield from (({"type": name, key: word}, branch) for key, word, branch in told_apart)
    elif name or not words:
        yield {"type": name} if name else {}, node
    else:
        yield from (({"type": str(word)}, node) for word in words)


def _told_apart(schema: Json) -> Iterator[tuple[str, str, Node]]:
    """The forms that another key than ``type`` tells apart: the key, its word, and what it must be then."""
    for branch in schema.get("allOf", ()):
        for key in _TELLING:
            word = branch.get("if", {}).get("properties", {}).get(key, {}).get("const")
            if word:
                yield key, word, Node({**schema, "allOf": [branch["then"]]})
