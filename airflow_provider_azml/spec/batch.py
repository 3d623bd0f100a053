"""Batch endpoints and deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source


def endpoint_body(source: Source) -> Json:
    """What is sent for a batch endpoint."""
    raise NotImplementedError


def deployment_body(source: Source) -> Json:
    """What is sent for a batch deployment."""
    raise NotImplementedError


def endpoint_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a batch endpoint besides what its schema says."""
    raise NotImplementedError


def deployment_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a batch deployment besides what its schema says."""
    raise NotImplementedError
