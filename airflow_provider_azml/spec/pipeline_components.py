"""Pipeline components."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.spec.pipeline_nodes import component_spec as spec
from airflow_provider_azml.spec.pipeline_problems import of_component

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.source import Source

__all__ = ["problems", "spec"]


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with it besides what its schema says."""
    yield from of_component(source)
