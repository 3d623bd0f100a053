"""Files out of blob storage, by azure-storage-blob: what the blocking driver does for a ``Download`` step."""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import NotFound, Problem, SpecError
from airflow_provider_azml.rest.blobs import AT_ONCE, StorageCredential, api_error, said, transport
from airflow_provider_azml.rest.flows import NO_BLOBS, Downloaded
from airflow_provider_azml.rest.http_log import HTTP_LOG

if TYPE_CHECKING:
    from pathlib import Path

    from azure.storage.blob import BlobProperties, ContainerClient

    from airflow_provider_azml.rest.credentials import TokenCache
    from airflow_provider_azml.rest.flows import Download
    from airflow_provider_azml.rest.workers import Group, Workers

_BLOCK = 4 << 20
_CONNECTIONS = 4


def fetch_files(
    step: Download, workers: Workers, group: Group, *, ca_bundle: str | None = None, tokens: TokenCache | None = None
) -> Downloaded:
    """Fetch the blobs of a step; a file appears under its name when all of it is there.

    Args:
        step: What to fetch, and where to.
        workers: The threads that fetch files beside each other.
        group: What the download is a part of.
        ca_bundle: PEM file of the certificate authorities to trust.
        tokens: Where tokens come from; without them the URL opens the container.

    Raises:
        NotFound: There is no such blob, and none below the path.
        ApiError: The storage refused, or could not be reached.
        SpecError: A file cannot be written, or a blob's name leads out of the folder.
    """
    from azure.core.exceptions import AzureError
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_container_url(
        step.container_url,
        credential=StorageCredential(tokens) if tokens else None,
        transport=transport(ca_bundle),
        logger=HTTP_LOG,
        max_single_get_size=AT_ONCE,
        max_chunk_get_size=_BLOCK,
    ) as container:
        found = _found(container, step)

        def fetch(pair: tuple[str, Path], beside: Group) -> int:
            try:
                return _fetch(container, *pair, beside)
            except AzureError as error:
                raise api_error(container, error, f"{pair[0]}: {said(error)}", method="GET") from error
            except OSError as error:
                raise SpecError([_not_written(pair[1], str(error.strerror or error))]) from error

        done = workers.each(fetch, sorted(found.items()), group)
    if done.errors:
        raise done.errors[0]
    return Downloaded(len(done.results), sum(done.results))


def _found(container: ContainerClient, step: Download) -> dict[str, Path]:
    """Blob -> the file that it becomes, of one blob at least."""
    from azure.core.exceptions import AzureError

    try:
        found = _targets(container, step)
    except AzureError as error:
        raise api_error(container, error, said(error), method="GET") from error
    if found:
        return found
    raise NotFound(
        method="GET",
        url=f"{container.primary_endpoint.partition('?')[0]}/{step.path}",
        status=404,
        code=NO_BLOBS,
        message="there is no such blob, and none below it",
    )


def _targets(container: ContainerClient, step: Download) -> dict[str, Path]:
    """Blob -> the file that it becomes."""
    path, folder = step.path.strip("/"), step.folder
    found: dict[str, Path] = {}
    for blob in container.list_blobs(name_starts_with=path, include=["metadata"]):
        name = str(blob.name)
        if _is_folder(blob) or not (name == path or not path or name.startswith(f"{path}/")):
            continue
        below = PurePosixPath(name).name if name == path else name.removeprefix(path).lstrip("/")
        file = folder / below
        if ".." in PurePosixPath(below).parts or not file.resolve().is_relative_to(folder.resolve()):
            raise SpecError([_not_written(file, f"the blob {name!r} leads out of the folder")])
        found[name] = file
    return found


def _is_folder(blob: BlobProperties) -> bool:
    """Whether it only stands for a folder, as in accounts with a hierarchical namespace."""
    return (blob.metadata or {}).get("hdi_isfolder") == "true"


def _fetch(container: ContainerClient, name: str, file: Path, group: Group) -> int:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{uuid.uuid4().hex}.part")
    size = 0
    try:
        with part.open("xb") as opened:
            for chunk in container.download_blob(name, max_concurrency=_CONNECTIONS).chunks():
                group.check()
                size += opened.write(chunk)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return size


def _not_written(file: Path, reason: str) -> Problem:
    return Problem(str(file), 0, 0, "", f"cannot be written: {reason}")
