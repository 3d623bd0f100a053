"""Operators for models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.assets import AzmlRegisterAssetOperator
from airflow_provider_azml.operators.base import AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json


class AzmlRegisterModelOperator(AzmlRegisterAssetOperator):
    """Registers a version of a model: from a job's output, from a datastore, or from local files.

    Args:
        file: Model YAML, relative to the DAG file.
        spec: Its content as a mapping instead.
        name: Name of the model.
        version: Its version; by default the next one, and a retry never makes a second.
        path: ``azureml://jobs/<job>/outputs/<output>/paths/<path>``, as the result of an upstream job has it under
            ``outputs``; or any other location that a model YAML takes.
        type: ``custom_model``, ``mlflow_model`` or ``triton_model``.
        description: Free text.
        tags: Tags of the version.
        properties: Properties of the version.
        stage: Stage of the version.
        flavors: Flavors of the model.

    Returns:
        ``{"name", "version", "id", "status", "studio_url", "path"}``.

    Example:
        >>> AzmlRegisterModelOperator(
        ...     task_id="register", name="iris", path="{{ ti.xcom_pull('train')['outputs']['model'] }}"
        ... )

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-model
    """

    kind = "model"
    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "version",
        "path",
        "type",
        "description",
        "tags",
        "properties",
        "stage",
        "flavors",
    )
    template_fields: Sequence[str] = (*AzmlSpecOperator.template_fields, *spec_fields)

    def __init__(
        self,
        *,
        name: str | None = None,
        version: str | None = None,
        path: str | None = None,
        type: str | None = None,  # noqa: A002 (the key of the model YAML)
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        stage: str | None = None,
        flavors: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.version = version
        self.path = path
        self.type = type
        self.description = description
        self.tags = tags
        self.properties = properties
        self.stage = stage
        self.flavors = flavors

    def told(self, body: Json) -> Json:
        """Where the model's files are."""
        return {"path": body["properties"]["modelUri"]}
