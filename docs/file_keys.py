"""What ``{file-reference} job`` writes out: every key that files of a kind may have, from their schemas."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.cli.schema_keys import Node, forms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_DEEPEST = 3
"""How many keys a path shows; what is below is the schema's."""
_CHOSEN = "<name>"
_NO_MARKDOWN = re.compile(r"([|<>*_\[\]])(?=[^`]*(?:`[^`]*`[^`]*)*$)")


@dataclass(frozen=True)
class Key:
    """A key, with all that a reader wants to know.

    Args:
        path: The keys that lead to it, and it.
        value: What it may be.
        required: Whether it must be there, if what it is in is.
        meaning: What it is for, and what the service asks of it.
    """

    path: tuple[str, ...]
    value: str
    required: bool
    meaning: str


def keys(node: Node, path: tuple[str, ...] = (), above: tuple[int, ...] = ()) -> Iterator[Key]:
    """The keys below a part of a schema, each once, however many alternatives have it."""
    if len(path) >= _DEEPEST or id(node.schema) in above:
        return
    found: dict[tuple[str, ...], Key] = {}
    around = (*above, id(node.schema))
    for branch in (node, *node.alternatives):
        for name, member in _members(branch):
            here = (*path, name)
            key = Key(here, member.kind_of_value(), name in branch.required, _meaning(member))
            found[here] = _merged(found[here], key) if here in found else key
            for below in keys(member, here, around):
                found[below.path] = _merged(found[below.path], below) if below.path in found else below
        for below in () if branch is node else keys(branch, path, around):
            found.setdefault(below.path, below)
        for below in keys(branch.items, path, around) if branch.items else ():
            found.setdefault(below.path, below)
    yield from sorted(found.values(), key=lambda key: list(found).index(key.path))


def _members(node: Node) -> Iterator[tuple[str, Node]]:
    yield from node.properties.items()
    if node.values:
        yield _CHOSEN, node.values


def _merged(one: Key, other: Key) -> Key:
    values = dict.fromkeys((*one.value.split(", "), *other.value.split(", ")))
    return replace(
        one,
        value=", ".join(values),
        required=one.required and other.required,
        meaning=one.meaning or other.meaning,
    )


def _meaning(node: Node) -> str:
    said = [_says(node.schema), *(_says(layer.get("x-service", {})) for layer in node.layers())]
    rules = [f"It {words}." for words in dict.fromkeys(said) if words]
    return " ".join([node.description, *rules]).strip()


def _says(schema: dict[str, Any]) -> str:
    return str(schema.get("x-says") or "")


def pages(kind: str) -> str:
    """The reference of a kind, in Markdown."""
    return "\n\n".join(_section(kind, type_, group) for type_, group in _sections(kind))


def _sections(kind: str) -> Iterable[tuple[str, Node]]:
    """Forms with the same keys are told of once."""
    found: dict[int, tuple[list[str], Node]] = {}
    for form in forms(kind):
        found.setdefault(id(form.node.schema), ([], form.node))[0].append(form.type)
    return [(", ".join(f"`{name}`" for name in types if name), node) for types, node in found.values()]


def _section(kind: str, types: str, node: Node) -> str:
    heading = f"## {node.title or kind}" + (f": type {types}" if types else "")
    told = [
        key for key in keys(node) if key.meaning or key.path[-1] != _CHOSEN
    ]  # that a name has some value says nothing
    rows = ["| Key | Value | Meaning |", "| --- | --- | --- |", *map(_row, told)]
    return "\n\n".join(filter(None, [heading, _plain(node.description), "\n".join(rows)]))


def _row(key: Key) -> str:
    required = " **required**" if key.required else ""
    return f"| `{'.'.join(key.path)}`{required} | {_plain(key.value)} | {_plain(key.meaning)} |"


def _plain(text: str) -> str:
    return _NO_MARKDOWN.sub(r"\\\1", text)
