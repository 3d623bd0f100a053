"""Operators for models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.assets import AzmlArchiveAssetOperator
from airflow_provider_azml.operators.base import AzmlOperator
from airflow_provider_azml.operators.files import AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.waiting import Ticket


class AzmlRegisterModelOperator(AzmlSpecOperator):
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
        self.keep(locals())


class AzmlArchiveModelOperator(AzmlArchiveAssetOperator):
    """Hides a model, or a version of it, from listings; whatever refers to it still works.

    Args:
        name: Name of the model.
        version: The version; without one, the model with all its versions.
        restore: Show it again instead.

    Returns:
        ``{"name", "version", "id", "is_archived"}``.

    Example:
        >>> AzmlArchiveModelOperator(task_id="archive", name="iris", version="3")

    Source: azure-ai-ml 1.35.2, ``models.archive``.
    """

    kind = "model"


class AzmlDeleteModelOperator(AzmlOperator):
    """Deletes a version of a model; one that is gone already is no error.

    Args:
        name: Name of the model.
        version: The version.

    Returns:
        ``{"name", "version", "id", "status"}``.

    Example:
        >>> AzmlDeleteModelOperator(task_id="delete", name="iris", version="3")

    Source: ``DELETE models/{name}/versions/{version}`` of the service's OpenAPI file.
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "name", "version")

    def __init__(self, *, name: str, version: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.version = version

    def submit(self, context: Context) -> Ticket:
        """Delete it."""
        return self._delete(self.hook.workspace_id.child("model", self.name, str(self.version)))
