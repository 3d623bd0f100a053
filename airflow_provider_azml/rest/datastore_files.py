"""Single files of datastores: fetched, and put in place whole or not at all."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.rest import datastores
from airflow_provider_azml.rest.datastores import Files
from airflow_provider_azml.rest.flows import Download, Upload
from airflow_provider_azml.rest.local_files import LocalFile

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.clouds import Cloud
    from airflow_provider_azml.rest.flows import Flow


def fetch(workspace: WorkspaceId, cloud: Cloud, uri: str, folder: Path) -> Flow[Path]:
    """Fetch a file.

    Args:
        workspace: Whose datastore.
        cloud: The cloud that it is in.
        uri: ``azureml://datastores/<datastore>/paths/<path>``.
        folder: Where it goes, under its own name.

    Raises:
        NotFound: There is no such datastore or file.
        SpecError: It is a folder, or the datastore holds no blobs.
    """
    named = _named(uri)
    container = yield from datastores.opened(workspace, cloud, named.datastore, act="files are read from")
    yield Download(container.blob_url + container.access.query, named.path, folder, container.access.scope)
    file = folder / PurePosixPath(named.path).name
    if file.is_file():
        return file
    raise SpecError([Problem(uri, 0, 0, "", "is a folder; name a file")])


def put(workspace: WorkspaceId, cloud: Cloud, uri: str, file: Path) -> Flow[None]:
    """Put a file in place of whatever is there; until all of it has come, that stays.

    Args:
        workspace: Whose datastore.
        cloud: The cloud that it is in.
        uri: ``azureml://datastores/<datastore>/paths/<path>``.
        file: The file.

    Raises:
        SpecError: The datastore holds no blobs.
        ApiError: There is no such datastore, or its storage refused.

    Source: a blob is there when its list of blocks is, https://learn.microsoft.com/rest/api/storageservices/put-block-list
    """
    named = _named(uri)
    container = yield from datastores.opened(workspace, cloud, named.datastore, act="files are written to")
    local = LocalFile(file, PurePosixPath(named.path).name)
    url = container.blob_url + container.access.query
    yield Upload(url, [(local, named.path)], title=local.name, scope=container.access.scope, replaces=True)


def check(workspace: WorkspaceId, cloud: Cloud, uri: str) -> Flow[None]:
    """Find out whether files can be put there, before there is one.

    Raises:
        SpecError: The datastore holds no blobs.
        ApiError: There is no such datastore.
    """
    yield from datastores.opened(workspace, cloud, _named(uri).datastore, act="files are written to")


def _named(uri: str) -> Files:
    found = datastores.files_of(uri)
    if found and found.path.strip("/"):
        return Files(found.datastore, found.path.strip("/"))
    raise SpecError([Problem(uri, 0, 0, "", "names no file of a datastore: azureml://datastores/<name>/paths/<path>")])
