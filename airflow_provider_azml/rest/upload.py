"""The flows that bring local files into the workspace's storage, as azure-ai-ml does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.rest import arm_ids, flows
from airflow_provider_azml.rest.flows import Flow, Json, Send, Upload, error_of, request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.clouds import Cloud
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
        return f"azureml://datastores/{self.datastore}/paths/{self.path}"

    @property
    def url(self) -> str:
        """``https://`` URL of the blob or folder."""
        return f"{self.container_url}/{self.path}"


def upload_code(workspace: WorkspaceId, taken: Snapshot) -> Flow[str]:
    """Make a code asset of a file or folder, unless the workspace has one with the same content.

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
    yield Upload(place["credential"]["sasUri"], _blobs(taken, folder), {**_DONE, "name": name, "version": "1"})
    properties = {
        "codeUri": f"{place['blobUri'].rstrip('/')}/{folder}".rstrip("/"),
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
    """Upload a file or folder to ``LocalUpload/<hash>/<name>`` of a blob datastore, unless it is there already.

    An upload that broke off is taken up again: the mark that it is complete is set last, and blobs that are there stay,
    because the hash in their names says that their content is the same.

    Args:
        workspace: Whose datastore.
        cloud: The cloud that it is in.
        taken: The file or folder.
        datastore: Name of the datastore.
        asset: Name and version of the asset that it is for; azure-ai-ml looks for them in the metadata.

    Raises:
        SpecError: The datastore holds no blobs.
        ApiError: The service or its storage refused.

    Source: azure-ai-ml 1.35.2, ``_artifact_utilities`` and ``_blob_storage_helper``.
    """
    prefix = f"LocalUpload/{taken.object_hash()}"
    arm_id = workspace.child("datastore", datastore)
    properties = (yield from flows.get(arm_id))["properties"]
    container_url = _container_url(properties, cloud, datastore)
    secrets = (yield from flows.act(arm_id, "list_secrets", {"expirableSecret": True, "expireAfterHours": 1})).json()
    sas = _sas(secrets, properties)
    blobs = _blobs(taken, prefix if taken.is_file else f"{prefix}/{taken.path.name}")
    done = yield from _completed(f"{container_url}/{quote(blobs[0][1])}?{sas}")
    if not done:
        name, version = asset or (str(uuid.uuid4()), str(uuid.uuid4()))
        yield Upload(f"{container_url}?{sas}", blobs, {**_DONE, "name": name, "version": version})
    return Uploaded(datastore, f"{prefix}/{taken.path.name}", container_url)


def _code_with(workspace: WorkspaceId, name: str, digest: str) -> Flow[str | None]:
    """The code version of the workspace that has this content; the name in the path is not looked at."""
    container = workspace.child("code", name)
    found = yield from flows.pages(
        f"{container}/versions",
        api_version=arm_ids.parse(container).row.api_version,
        params={"hash": digest, "hashVersion": str(HASH_VERSION)},
    )
    return str(found[0]["id"]) if found else None


def _blobs(taken: Snapshot, folder: str) -> list[tuple[Path, str]]:
    """Files and blob names; first the blob that carries the mark, which azure-ai-ml takes to be the first by path."""
    prefix = f"{folder}/" if folder else ""
    return sorted((file.path, f"{prefix}{file.name}") for file in taken.files)


def _completed(blob_url: str) -> Flow[bool]:
    """Whether an upload was finished before."""
    head = request("HEAD", blob_url)
    response = yield Send(head, scope="anonymous")
    if response.status_code == HTTPStatus.NOT_FOUND:
        return False
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        raise error_of(head, response)
    status: str = response.headers.get("x-ms-meta-upload_status", "")
    return status == _DONE["upload_status"]


def _container_url(properties: Json, cloud: Cloud, datastore: str) -> str:
    kind = properties.get("datastoreType")
    if kind != "AzureBlob":
        reason = f"the datastore {datastore!r} is {kind}; files are uploaded to AzureBlob alone"
        raise SpecError([Problem(datastore, 0, 0, "", reason)])
    scheme = properties.get("protocol") or "https"
    return f"{scheme}://{properties['accountName']}.blob.{cloud.storage_suffix}/{properties['containerName']}"


def _sas(secrets: Mapping[str, str], properties: Json) -> str:
    """The SAS that the service gave, or one made with the account's key."""
    if secrets.get("sasToken"):
        return secrets["sasToken"].lstrip("?")
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    return generate_container_sas(
        account_name=properties["accountName"],
        container_name=properties["containerName"],
        account_key=secrets["key"],
        permission=ContainerSasPermissions(read=True, write=True, create=True, add=True, list=True),
        expiry=datetime.now(timezone.utc) + timedelta(hours=1),
    )
