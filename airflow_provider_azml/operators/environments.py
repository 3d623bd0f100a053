"""Operators for environments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.files import AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class AzmlRegisterEnvironmentOperator(AzmlSpecOperator):
    """Registers a version of an environment.

    Args:
        file: Environment YAML, or ``azureml_environment.json`` of CLI v1, relative to the DAG file.
        spec: Its content as a mapping instead.
        name: Name of the environment.
        version: Its version; by default the next one, and a retry never makes a second.
        image: Docker image.
        conda_file: Conda file, relative to the DAG file (in a file: to that file), or its content.
        build: Docker build context.
        description: Free text.
        tags: Tags of the version.

    Returns:
        ``{"name", "version", "id", "status", "studio_url"}``.

    Example:
        >>> AzmlRegisterEnvironmentOperator(task_id="register_environment", file="environment.yml")

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-environment
    """

    kind = "environment"
    spec_fields: ClassVar[Sequence[str]] = ("name", "version", "image", "conda_file", "build", "description", "tags")

    def __init__(
        self,
        *,
        name: str | None = None,
        version: str | None = None,
        image: str | None = None,
        conda_file: str | Mapping[str, Any] | None = None,
        build: Mapping[str, Any] | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep(locals())
