"""Checks that hold for every local path in a specification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest import snapshot
from airflow_provider_azml.spec import references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source


def problems(source: Source, path: Path, text: str) -> Iterator[Problem]:
    """What keeps a path of the source from being sent or uploaded; nothing for one that leads into the cloud."""
    if references.is_git(text):
        yield source.problem(path, "the service takes no git paths; clone the repository and name the local folder")
    elif not references.is_remote(text):
        for reason in snapshot.problems(source.local(text)):
            yield source.problem(path, reason)


def value_at(source: Source, path: Path) -> object:
    """The value at a path of a source, ``None`` where there is none."""
    value: object = source.value
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value
