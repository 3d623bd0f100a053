"""The JSON Schemas of the package, as files and as parts of files."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Traversable

    from airflow_provider_azml.rest.flows import Json


@lru_cache
def load(name: str) -> Json:
    """A schema by the name of its file, e.g. ``job.schema.json``."""
    schema: Json = json.loads((_folder() / name).read_text(encoding="utf-8"))
    return schema


def names() -> list[str]:
    """The files of all schemas."""
    return sorted(entry.name for entry in _folder().iterdir() if entry.name.endswith(".schema.json"))


def part(name: str, pointer: str) -> Json:
    """The part of a schema file that a JSON pointer leads to."""
    found: Any = load(name)
    for step in pointer.strip("/").split("/"):
        found = found[step] if step else found
    schema: Json = found
    return schema


def _folder() -> Traversable:
    return resources.files("airflow_provider_azml.spec") / "schemas"
