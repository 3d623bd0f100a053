"""Where in a schema keys live: what a misspelt or misplaced key was meant to be."""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.marks import dotted
from airflow_provider_azml.spec.schema_files import part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path

_DEEPEST = 5
ANY = "*"
"""Stands for a name that the author of a file chooses, in a path of a schema."""


def closest(key: str, known: Iterable[str]) -> str | None:
    """The known key that a misspelt or shortened one was meant to be, if one is close."""
    names = list(known)
    longer = [name for name in names if name.startswith(f"{key}_")]
    return longer[0] if len(longer) == 1 else next(iter(difflib.get_close_matches(key, names, 1, 0.7)), None)


def known_at(path: Path, schema: str) -> list[str]:
    """The keys that a mapping can have in any of the forms that it may take."""
    here = tuple(str(step) for step in path)
    return sorted({name for parent, name in keys(schema) if _is_same(parent, here)})


def belongs(key: str, path: Path, schema: str, value: Mapping[str, Any]) -> str | None:
    """Where a key that is known elsewhere belongs.

    Args:
        key: The key.
        path: Where it was found.
        schema: The schema of the file.
        value: The whole file.
    """
    here = tuple(str(step) for step in path)
    others = {parent for parent, name in keys(schema) if name == key and not _is_same(parent, here)}
    places = sorted(others, key=lambda place: (_distance(place, here), place))
    if not places:
        return None
    best = places[0]
    if not best:
        return "it belongs at the top of the file"
    steps = [here[place] if place < len(here) and step == ANY else step for place, step in enumerate(best)]
    shown = dotted("<name>" if step == ANY else step for step in steps)
    return f"it belongs under {shown!r}" + ("" if best[0] in value or best[1:] else f", as {best[0]}: {{{key}: ...}}")


def _is_same(place: tuple[str, ...], here: tuple[str, ...]) -> bool:
    return len(place) == len(here) and all(one in {other, ANY} for one, other in zip(place, here, strict=True))


def _distance(place: tuple[str, ...], here: tuple[str, ...]) -> tuple[int, int]:
    shared = 0
    for one, other in zip(place, here, strict=False):
        if one not in {other, ANY}:
            break
        shared += 1
    return len(place) + len(here) - 2 * shared, len(place)


@lru_cache
def keys(schema: str) -> frozenset[tuple[tuple[str, ...], str]]:
    """Every key that a schema knows, with the path of the mapping that holds it."""
    name, _, pointer = schema.partition("#")
    return frozenset(_keys(part(name, pointer), name, ()))


def _keys(schema: Json, name: str, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if len(path) > _DEEPEST:
        return
    if "$ref" in schema:
        file, _, pointer = schema["$ref"].partition("#")
        yield from _keys(part(file or name, pointer), file or name, path)
    for key, member in schema.get("properties", {}).items():
        yield path, key
        if isinstance(member, dict):
            yield from _keys(member, name, (*path, key))
    for word in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(word, ()):
            yield from _keys(branch.get("then", branch), name, path)
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield from _keys(schema[word], name, (*path, ANY))
