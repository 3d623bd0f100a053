"""Operators for data: what it is called, where it lies, and how it gets there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.assets import AzmlArchiveAssetOperator
from airflow_provider_azml.operators.base import AzmlOperator
from airflow_provider_azml.operators.files import AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json


class AzmlRegisterDataOperator(AzmlSpecOperator):
    """Registers a version of a data asset: local files, which are uploaded, or a place in storage.

    Args:
        file: Data YAML, or a dataset's JSON of CLI v1, relative to the DAG file.
        spec: Its content as a mapping instead.
        name: Name of the data asset.
        version: Its version; by default the next one, and a retry never makes a second.
        type: ``uri_file``, ``uri_folder`` or ``mltable``.
        path: Local path, relative to the DAG file (in a file: to that file), or a URI, as the result of an upstream job
            has it under ``outputs``.
        datastore: Datastore that local files go to; by default the workspace's own.
        description: Free text.
        tags: Tags of the version.
        properties: Properties of the version.

    Returns:
        ``{"name", "version", "id", "status", "studio_url", "path", "type"}``.

    Example:
        >>> AzmlRegisterDataOperator(task_id="register", name="flowers", type="uri_file", path="flowers.csv")

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-data
    """

    kind = "data"
    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "version",
        "type",
        "path",
        "datastore",
        "description",
        "tags",
        "properties",
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        version: str | None = None,
        type: str | None = None,  # noqa: A002 (the key of the data YAML)
        path: str | None = None,
        datastore: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep(locals())


class AzmlCreateDatastoreOperator(AzmlSpecOperator):
    """Creates or updates a datastore: a name for a container, share or file system, and how it is opened.

    Secrets belong into an Airflow connection or variable and reach the YAML by a template. Airflow's UI and logs show
    asterisks for what stands under ``credentials``.

    Args:
        file: Datastore YAML, relative to the DAG file.
        spec: Its content as a mapping instead.
        name: Name of the datastore.
        type: ``azure_blob``, ``azure_file``, ``azure_data_lake_gen1``, ``azure_data_lake_gen2`` or ``one_lake``.
        account_name: Storage account.
        container_name: Blob container.
        file_share_name: File share.
        filesystem: File system of a data lake.
        store_name: Name of a data lake of the first generation.
        one_lake_workspace_name: Fabric workspace of a OneLake.
        artifact: Lakehouse of a OneLake: ``{"type": "lake_house", "name": ...}``.
        endpoint: Suffix of the storage's host name.
        protocol: ``https`` or ``wasbs``.
        credentials: ``account_key``, ``sas_token``, or ``tenant_id``, ``client_id`` and ``client_secret``; none for the
            identity of whoever reads.
        description: Free text.
        tags: Tags of the datastore.

    Returns:
        ``{"name", "id", "status", "studio_url"}``.

    Example:
        >>> AzmlCreateDatastoreOperator(
        ...     task_id="create_datastore",
        ...     file="datastore.yml",
        ...     credentials={"account_key": "{{ conn.storage.password }}"},
        ... )

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-datastore-blob
    """

    kind = "datastore"
    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "type",
        "account_name",
        "container_name",
        "file_share_name",
        "filesystem",
        "store_name",
        "one_lake_workspace_name",
        "artifact",
        "endpoint",
        "protocol",
        "credentials",
        "description",
        "tags",
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        type: str | None = None,  # noqa: A002 (the key of the datastore YAML)
        account_name: str | None = None,
        container_name: str | None = None,
        file_share_name: str | None = None,
        filesystem: str | None = None,
        store_name: str | None = None,
        one_lake_workspace_name: str | None = None,
        artifact: Mapping[str, str] | None = None,
        endpoint: str | None = None,
        protocol: str | None = None,
        credentials: Mapping[str, str] | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep(locals())


class AzmlUploadToDatastoreOperator(AzmlOperator):
    """Uploads a local file or folder to a blob datastore, unless the same content is there already.

    It goes where the Azure ML CLI puts local data: to ``LocalUpload/<hash of the content>/<name>``.

    Args:
        path: File or folder, relative to the DAG file; ``.amlignore`` and ``.gitignore`` are obeyed.
        datastore: Name of the datastore.
        follow_symlinks: Upload what links inside the folder lead to, even outside of it.

    Returns:
        ``{"datastore", "path", "uri", "files", "bytes"}``; ``uri`` is ``azureml://datastores/...``, for the
        ``path`` of a data YAML or of a job's input.

    Example:
        >>> AzmlUploadToDatastoreOperator(task_id="upload", path="flowers")
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "path", "datastore")

    def __init__(
        self, *, path: str, datastore: str = "workspaceblobstore", follow_symlinks: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.datastore = datastore
        self.follow_symlinks = follow_symlinks

    def submit(self, context: Context) -> Json:
        """Upload it; there is nothing to wait for."""
        from airflow_provider_azml.exceptions import SpecError
        from airflow_provider_azml.rest.upload import upload_to_datastore
        from airflow_provider_azml.spec import local_paths
        from airflow_provider_azml.spec.source import from_mapping

        source = from_mapping({"path": self.path}, base_path=self.folder, follow_symlinks=self.follow_symlinks)
        problems = list(local_paths.problems(source, ("path",), self.path))
        if problems:
            raise SpecError(problems)
        taken = local_paths.taken(source, self.path)
        hook = self.hook
        uploaded = hook.run(upload_to_datastore(hook.workspace_id, hook.cloud, taken, datastore=self.datastore))
        return {
            "datastore": uploaded.datastore,
            "path": uploaded.path,
            "uri": uploaded.uri,
            "files": len(taken.files),
            "bytes": sum(file.path.stat().st_size for file in taken.files),
        }


class AzmlArchiveDataOperator(AzmlArchiveAssetOperator):
    """Hides a data asset, or a version of it, from listings; whatever refers to it still works.

    Args:
        name: Name of the data asset.
        version: The version; without one, the asset with all its versions.
        restore: Show it again instead.

    Returns:
        ``{"name", "version", "id", "is_archived"}``.

    Example:
        >>> AzmlArchiveDataOperator(task_id="archive", name="flowers", version="3")

    Source: azure-ai-ml 1.35.2, ``data.archive``.
    """

    kind = "data"
