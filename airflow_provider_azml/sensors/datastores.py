"""The sensor that waits for files in a datastore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.sensors.base import AzmlSensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket


class AzmlDatastorePathSensor(AzmlSensor):
    """Waits until files are in a datastore: one of a name, some that match a pattern, or any in a folder.

    It looks right into the folder, not below it. A blob counts as soon as it is listed; who writes large ones should
    write a small one last, say ``_SUCCESS``, and have that waited for.

    Args:
        datastore: Name of a datastore of type AzureBlob or AzureDataLakeGen2.
        path: Path of a blob; or with ``*``, ``?`` or ``[...]`` in its last part; or of a folder, with a slash at its
            end.
        min_files: How many files have to be there.

    Returns:
        ``{"datastore", "path", "uri", "blobs": [path, ...]}``; ``uri`` is ``azureml://datastores/...`` of the folder,
        or of the blob that was named.

    Raises:
        NotFound: There is no such datastore.

    Example:
        >>> AzmlDatastorePathSensor(
        ...     task_id="arrived", datastore="workspaceblobstore", path="incoming/{{ ds }}/_SUCCESS", deferrable=True
        ... )

    Source: https://learn.microsoft.com/rest/api/storageservices/list-blobs
    """

    template_fields: Sequence[str] = (*AzmlSensor.template_fields, "datastore", "path", "min_files")

    def __init__(
        self, *, path: str, datastore: str = "workspaceblobstore", min_files: int | str = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.datastore = datastore
        self.path = path
        self.min_files = min_files

    @property
    def _wanted(self) -> Json:
        from airflow_provider_azml.rest.datastore_paths import checked

        suffix = self.hook.cloud.storage_suffix
        return checked({"path": self.path, "min_files": self.min_files, "storage_suffix": suffix})

    def submit(self, context: Context) -> Ticket:
        """Look at the folder."""
        from airflow_provider_azml.rest.waiting import Ticket

        arm_id = self.hook.workspace_id.child("datastore", self.datastore)
        return self._seen(Ticket(arm_id, goal="path", wanted=self._wanted))

    def advance(self, context: Context, outcome: Outcome) -> Json:
        """What is there."""
        from airflow_provider_azml.rest import datastore_paths, datastores

        wanted = self._wanted
        body = outcome.body or self.hook.run(datastore_paths.find(outcome.arm_id, wanted))
        path = self.path.lstrip("/")
        folder = f"{wanted['folder']}/" if wanted["folder"] else ""
        uri = datastores.uri(self.datastore, path if [path] == body["blobs"] else folder)
        return {"datastore": self.datastore, "path": path, "uri": uri, "blobs": body["blobs"]}
