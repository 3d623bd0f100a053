"""Files into blob storage, by azure-storage-blob: what the blocking driver does for an ``Upload`` step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest.http_log import HTTP_LOG

if TYPE_CHECKING:
    from pathlib import Path

    from azure.storage.blob import ContainerClient

    from airflow_provider_azml.rest.flows import Upload

_CONCURRENT = 8


def send_files(step: Upload, *, ca_bundle: str | None = None) -> None:
    """Upload the files of a step, then mark the first blob with the step's metadata.

    A blob that is there already is left as it is: names carry the hash of the content, so it is the same content.

    Raises:
        ApiError: The storage refused a file, or could not be reached.
    """
    from azure.core.exceptions import AzureError
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_container_url(
        step.container_url, connection_verify=ca_bundle or True, logger=HTTP_LOG
    ) as container:
        try:
            with ThreadPoolExecutor(_CONCURRENT) as pool:
                list(pool.map(lambda pair: _send_file(container, *pair), step.files))
            if step.metadata and step.files:
                container.get_blob_client(step.files[0][1]).set_blob_metadata(dict(step.metadata))
        except AzureError as error:
            raise ApiError(
                method="PUT",
                url=f"{container.primary_endpoint.partition('?')[0]}",
                status=getattr(error, "status_code", None),
                code=str(getattr(error, "error_code", None) or type(error).__name__),
                message=str(error.message).partition("\n")[0],
                hint="Check that the workspace's storage account can be reached from here.",
            ) from error


def _send_file(container: ContainerClient, path: Path, name: str) -> None:
    from azure.core.exceptions import ResourceExistsError

    with path.open("rb") as content:
        try:
            container.get_blob_client(name).upload_blob(content, length=path.stat().st_size)
        except ResourceExistsError:
            return
