"""The flows that bring local files into the workspace's storage, as azure-ai-ml does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_azml.rest import arm_ids, datastores, flows
from airflow_provider_azml.rest.flows import Flow, Send, Upload, error_of, request

if TYPE_CHECKING:
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.clouds import Cloud
    from airflow_provider_azml.rest.flows import Scope
    from airflow_provider_azml.rest.local_files import LocalFile
    from airflow_provider_azml.rest.snapshot import Snapshot

WORKSPACE_BLOB_STORE = "workspaceblobstore"
HASH_VERSION = 202208
_DONE = {"upload_status": "completed"}


@dataclass(frozen=True)
class Uploaded:
    """Where an upload went.

    Args:
        datastore: Name of the datastore.
        path: Path in it, without slashes at its ends.
        container_url: URL of the datastore's container, without a SAS.
    """

    datastore: str
    path: str
    container_url: str

    @property
    def uri(self) -> str:
        """``azureml://datastores/...``."""
        return datastores.uri(self.datastore, self.path)

    @property
    def url(self) -> str:
        """``https://`` URL of the blob or folder."""
        return f"{self.container_url}/{self.path}"


def upload_code(workspace: WorkspaceId, taken: Snapshot) -> Flow[str]:
    """Make a code asset of a file or folder, unless the workspace has one with the same content.

    Each upload goes to a container of its own, under a name that nobody else has: of submissions at the same time each
    makes its own code, and one that breaks off leaves a container that nothing leads to. See
    docs/decisions/0006-code-is-found-by-its-hash-not-by-its-name.md.

    Args:
        workspace: Where to.
        taken: The file or folder.

    Returns:
        ARM id of the code version.

    Raises:
        ApiError: The service or its storage refused.

    Source: recorded exchange of azure-ai-ml (list by hash, startPendingUpload, blobs, PUT).
    """
    digest = taken.content_hash()
    name = str(uuid.uuid4())
    existing = yield from _code_with(workspace, name, digest)
    if existing:
        return existing
    code_id = workspace.child("code", name, "1")
    response = yield from flows.act(code_id, "start_pending_upload", {"pendingUploadType": "TemporaryBlobReference"})
    place = response.json()["blobReferenceForConsumption"]
    folder = "" if taken.is_file else taken.path.name
    metadata = {**_DONE, "name": name, "version": "1"}
    yield Upload(place["credential"]["sasUri"], _blobs(taken, folder), metadata, title=taken.path.name)
    properties = {
        "codeUri": f"{place['blobUri'].rstrip('/')}/{folder}",
        "isAnonymous": True,
        "properties": {"hash_sha256": digest, "hash_version": HASH_VERSION},
    }
    yield from flows.put(code_id, {"properties": properties})
    return code_id


def upload_to_datastore(
    workspace: WorkspaceId,
    cloud: Cloud,
    taken: Snapshot,
    *,
    datastore: str = WORKSPACE_BLOB_STORE,
    asset: tuple[str, str] | None = None,
) -> Flow[Uploaded]:
    """Upload a file or folder to ``LocalUpload/<hash>/<name>`` of a datastore, unless it is there already.

    An upload that broke off is taken up again: the mark that it is complete is set last, and blobs that are there stay,
    because the hash in their names says that their content is the same.

    Args:
        workspace: Whose datastore.
        cloud: The cloud that it is in.
        taken: The file or folder.
        datastore: Name of the datastore.
        asset: Name and version of the asset that it is for; azure-ai-ml looks for them in the metadata.

    Raises:
        SpecError: Nothing can be uploaded to datastores of this type.
        ApiError: The service or its storage refused.

    Source: azure-ai-ml 1.35.2, ``_artifact_utilities``, ``_blob_storage_helper`` and ``_gen2_storage_helper``.
    """
    arm_id = workspace.child("datastore", datastore)
    properties = (yield from flows.get(arm_id))["properties"]
    store = datastores.place(properties, cloud.storage_suffix, datastore, act="files are uploaded to")
    prefix = f"LocalUpload/{taken.object_hash()}"
    access = yield from datastores.access(arm_id, properties)
    blobs = _blobs(taken, prefix if taken.is_file else f"{prefix}/{taken.path.name}")
    marked = prefix if store.has_folders else blobs[0][1]
    done = yield from _completed(f"{store.blob_url}/{quote(marked)}{access.query}", access.scope)
    if not done:
        name, version = asset or (str(uuid.uuid4()), str(uuid.uuid4()))
        metadata = {**_DONE, "name": name, "version": version}
        yield Upload(f"{store.blob_url}{access.query}", blobs, metadata, marked, taken.path.name, access.scope)
    return Uploaded(datastore, f"{prefix}/{taken.path.name}", store.url)


def _code_with(workspace: WorkspaceId, name: str, digest: str) -> Flow[str | None]:
    """The code version of the workspace that has this content; the name in the path is not looked at."""
    container = workspace.child("code", name)
    found = yield from flows.pages(
        f"{container}/versions",
        api_version=arm_ids.parse(container).row.api_version,
        params={"hash": digest, "hashVersion": str(HASH_VERSION)},
    )
    return str(found[0]["id"]) if found else None


def _blobs(taken: Snapshot, folder: str) -> list[tuple[LocalFile, str]]:
    """Files and blob names; first the blob that carries the mark, which azure-ai-ml takes to be the first by path."""
    prefix = f"{folder}/" if folder else ""
    blobs = [(file, f"{prefix}{file.name}") for file in taken.files]
    return sorted(blobs, key=lambda blob: (blob[0].path.as_posix(), blob[1]))


def _completed(blob_url: str, scope: Scope = "anonymous") -> Flow[bool]:
    """Whether an upload was finished before."""
    head = request("HEAD", blob_url, headers={"x-ms-version": datastores.STORAGE_VERSION})
    response = yield Send(head, scope=scope)
    if response.status_code == HTTPStatus.NOT_FOUND:
        return False
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        raise error_of(head, response)
    status: str = response.headers.get("x-ms-meta-upload_status", "")
    return status == _DONE["upload_status"]
