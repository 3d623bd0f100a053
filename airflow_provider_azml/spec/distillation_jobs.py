"""Distillation jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source


def properties(source: Source, name: str | None) -> Json:
    """The ``properties`` of the job."""
    raise NotImplementedError


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with it besides what its schema says."""
    raise NotImplementedError
