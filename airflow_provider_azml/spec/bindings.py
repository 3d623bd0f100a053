"""References among the parts of a pipeline: ``${{parent.inputs.x}}``, ``${{parent.jobs.n.outputs.o}}`` and so on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_azml.spec.marks import Path

_OPENED = "${{"
_ANY = re.compile(r"\$\{\{\s*parent\.(inputs|outputs|jobs)\.([^\s{}]*)\s*\}\}")
_WHOLE = re.compile(r"\$\{\{\s*parent\.(?:inputs|jobs|outputs)\.[^{}\n]*\}\}")
_NODE = re.compile(r"\$\{\{\s*parent\.jobs\.([^\s{}.]+)\s*\}\}")
_OLD = re.compile(r"\$\{\{(?:inputs|outputs|jobs)\.[^{}\n]*\}\}")


@dataclass(frozen=True)
class Binding:
    """What a reference leads to.

    Args:
        place: ``inputs`` or ``outputs`` of the pipeline, or of a node.
        name: Name of the input or output.
        node: Name of the node; ``None`` for the pipeline itself.
    """

    place: str
    name: str
    node: str | None = None


def is_whole(value: object) -> bool:
    """Whether a value is nothing but one reference to an input or output of the pipeline or of another node."""
    return isinstance(value, str) and bool(_WHOLE.fullmatch(value))


def is_old(value: object) -> bool:
    """Whether a value is a reference in the form that leaves ``parent`` out, which the service no longer takes."""
    return isinstance(value, str) and bool(_OLD.fullmatch(value))


def holds_any(value: object) -> bool:
    """Whether a value is a text with a reference in it."""
    return isinstance(value, str) and bool(_ANY.search(value))


def node(value: object) -> str | None:
    """The node that a value names, if it is a reference to a node and nothing else.

    Example:
        >>> node("${{parent.jobs.prep}}")
        'prep'
    """
    found_node = _NODE.fullmatch(value) if isinstance(value, str) else None
    return found_node[1] if found_node else None


def unless_bound(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The conversion of what may be a text with a reference in it, which stays as it is."""
    return lambda value: value if isinstance(value, str) and _OPENED in value else convert(value)


def found(text: str) -> Iterator[Binding]:
    """The references in a text.

    Example:
        >>> list(found("${{parent.jobs.prep.outputs.data}}"))
        [Binding(place='outputs', name='data', node='prep')]
    """
    return iter(_found(text))


def texts(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The texts in a value that may refer to something, with the paths that lead there.

    Example:
        >>> list(texts({"inputs": {"data": "${{parent.inputs.raw}}", "lr": 0.1}}))
        [(('inputs', 'data'), '${{parent.inputs.raw}}')]
    """
    if isinstance(value, str):
        if _OPENED in value:
            yield path, value
        return
    members: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for key, member in members:
        if isinstance(member, str):
            if _OPENED in member:  # most have none, and are many
                yield (*path, key), member
        elif isinstance(member, (dict, list)):
            yield from texts(member, (*path, key))


@lru_cache(maxsize=4096)
def _found(text: str) -> tuple[Binding, ...]:
    """The same text is asked about many times: by each check, by the plan, by what is told of the node."""
    return tuple(_binding(place, rest) for place, rest in _ANY.findall(text))


def filled(text: str, value: Callable[[Binding], str]) -> str:
    """A text with what the references in it lead to in their place."""
    return _ANY.sub(lambda reference: value(_binding(reference[1], reference[2])), text)


def _binding(place: str, rest: str) -> Binding:
    if place != "jobs":
        return Binding(place, rest)
    node, _, port = rest.partition(".")
    kind, _, name = port.partition(".")
    return Binding(kind, name, node)
