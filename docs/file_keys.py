"""What ``{file-reference} job`` writes out: every key that files of a kind may have, from their schemas."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.cli.schema_keys import Form, Node, forms
from airflow_provider_azml.spec import schema_files
from airflow_provider_azml.spec.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_DEEPEST = 3
"""How many keys a path shows; what is below is the schema's."""
_CHOSEN = "<name>"
_NOT_HERE = "Not sent"
"""What is said of keys that nothing is sent for; another alternative may send them."""
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
    around = (*above, id(node.schema))
    found: dict[tuple[str, ...], Key] = {}
    for key in (*_own(node, path, around), *_of_alternatives(node, path, around)):
        found[key.path] = _merged(found[key.path], key) if key.path in found else key
    yield from found.values()


def _own(node: Node, path: tuple[str, ...], above: tuple[int, ...]) -> Iterator[Key]:
    for name, member in _members(node):
        here = (*path, name)
        yield Key(here, member.kind_of_value(), name in node.required, _meaning(member))
        yield from keys(member, here, above)
    if node.items:
        yield from keys(node.items, path, above)


def _of_alternatives(node: Node, path: tuple[str, ...], above: tuple[int, ...]) -> Iterator[Key]:
    """The keys of the alternatives; one is required that is so in each of them that has keys."""
    branches = [list(keys(branch, path, above)) for branch in node.alternatives]
    required = [{key.path for key in branch if key.required} for branch in branches if branch]
    for key in (key for branch in branches for key in branch):
        always = len(key.path) > len(path) + 1 or all(key.path in paths for paths in required)
        yield replace(key, required=key.required and always)


def _members(node: Node) -> Iterator[tuple[str, Node]]:
    yield from node.properties.items()
    if node.values:
        yield _CHOSEN, node.values


def _merged(one: Key, other: Key) -> Key:
    meanings = sorted((one.meaning, other.meaning), key=lambda said: not said or f"{_NOT_HERE}: " in said)
    return replace(
        one,
        value=" or ".join(dict.fromkeys((*one.value.split(" or "), *other.value.split(" or ")))),
        required=one.required and other.required,
        meaning=meanings[0],
    )


def _meaning(node: Node) -> str:
    said = [_says(node.schema), *(_says(layer.get("x-service", {})) for layer in node.layers())]
    rules = [f"It {words}." for words in dict.fromkeys(said) if words]
    why = node.get("x-not-sent")
    return " ".join([node.description, *rules, *([f"{_NOT_HERE}: {why}."] if why else [])]).strip()


def _says(schema: dict[str, Any]) -> str:
    return str(schema.get("x-says") or "")


def pages(kind: str) -> str:
    """The reference of a kind, or of what else has a schema, in Markdown."""
    same: dict[int, list[Form]] = {}
    for form in forms(kind) if kind in KINDS else [_of_schema(f"{kind}.schema.json")]:
        # forms with the same keys are told of once
        same.setdefault(id(form.node.schema), []).append(form)
    return "\n\n".join(map(_section, same.values()))


def _of_schema(file: str) -> Form:
    return Form("", "", file, Node(schema_files.whole(file)), {})


def _section(same: Sequence[Form]) -> str:
    node = same[0].node
    words: dict[str, list[str]] = {}
    for form in same:
        for key, word in form.fixed.items():
            words.setdefault(key, []).append(f"`{word}`")
    told_by = "; ".join(f"`{key}` {', '.join(of)}" for key, of in words.items() if key in node.properties)
    # that a name that somebody chooses has some value says nothing
    told = [key for key in keys(node) if key.meaning or key.path[-1] != _CHOSEN]
    rows = [":::{table}", ":class: keys", "| Key | Value | Meaning |", "| --- | --- | --- |"]
    rows += [*map(_row, told), ":::"]
    heading = f"## {node.title}" + (f": {told_by}" if told_by else "")
    return "\n\n".join([heading, _plain(node.description), "\n".join(rows)])


def _row(key: Key) -> str:
    required = " **required**" if key.required else ""
    return f"| `{'.'.join(key.path)}`{required} | {_plain(key.value)} | {_plain(key.meaning)} |"


def _plain(text: str) -> str:
    return _NO_MARKDOWN.sub(r"\\\1", text)
