"""Where the files of a datastore are, and what opens them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import AuthError, NotFound, Problem, SpecError
from airflow_provider_azml.rest import flows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.clouds import Cloud
    from airflow_provider_azml.rest.flows import Flow, Json, Scope

STORAGE_VERSION = "2021-12-02"
"""The version of the Blob service that requests name; those with a token have to."""
_CONTAINERS = {"AzureBlob": ("containerName", "blob"), "AzureDataLakeGen2": ("filesystem", "dfs")}
"""Types of datastores that hold blobs: which property names the container, and the service in its URL."""
_URI = re.compile(r"azureml://(?:.*?/)??datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)", re.IGNORECASE)
"""The first datastore counts: below it there may be folders of any name."""


@dataclass(frozen=True)
class Place:
    """Where the files of a datastore are.

    Args:
        blob_url: URL of its container at the account's Blob endpoint.
        url: URL of its container, as azure-ai-ml writes it.
        has_folders: Whether folders are things of their own, which can carry the mark.
    """

    blob_url: str
    url: str
    has_folders: bool = False


@dataclass(frozen=True)
class Access:
    """How a container opens.

    Args:
        query: What its URLs end in: a question mark and a SAS, or nothing.
        scope: Which token requests take.
    """

    query: str = field(repr=False)
    scope: Scope


@dataclass(frozen=True)
class Container:
    """The container of a datastore, opened for some time.

    Args:
        blob_url: Its URL at the account's Blob endpoint.
        access: What opens it.
    """

    blob_url: str
    access: Access


@dataclass(frozen=True)
class Files:
    """A file or a folder in a datastore.

    Args:
        datastore: Name of the datastore.
        path: Path in it; that of a folder may end in a slash.
    """

    datastore: str
    path: str

    @property
    def uri(self) -> str:
        """The URI by which Azure ML names it."""
        return uri(self.datastore, self.path)

    def below(self, path: str) -> Files:
        """A file or folder in this folder."""
        return Files(self.datastore, f"{self.path.rstrip('/')}/{path}".strip("/") if path else self.path)


def uri(datastore: str, path: str) -> str:
    """The URI by which Azure ML names a place in a datastore.

    Example:
        >>> uri("workspaceblobstore", "incoming/a.csv")
        'azureml://datastores/workspaceblobstore/paths/incoming/a.csv'
    """
    return f"azureml://datastores/{datastore}/paths/{path}"


def files_of(uri: str) -> Files | None:
    """What a URI names in a datastore, in its short form or in the long one, with the workspace; ``None`` for another.

    Args:
        uri: ``azureml://datastores/<datastore>/paths/<path>``, or ``azureml://subscriptions/<subscription>/
            resourcegroups/<group>/workspaces/<workspace>/datastores/<datastore>/paths/<path>``, of a workspace that is
            known already. An empty path is the whole datastore.

    Example:
        >>> files_of("azureml://datastores/workspaceblobstore/paths/incoming/a.csv")
        Files(datastore='workspaceblobstore', path='incoming/a.csv')

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-access-data-interactive
    """
    found = _URI.fullmatch(uri)
    return Files(found["datastore"], found["path"]) if found else None


def opened(workspace: WorkspaceId, cloud: Cloud, datastore: str, *, act: str) -> Flow[Container]:
    """Find the container of a datastore, and what opens it for an hour at least.

    Args:
        workspace: Whose datastore.
        cloud: The cloud that it is in.
        datastore: Name of the datastore.
        act: What is to be done there, for the refusal of other types, e.g. ``files are uploaded to``.

    Raises:
        SpecError: It is of a type that holds no blobs.
        ApiError: There is no such datastore, or the service refused.
    """
    arm_id = workspace.child("datastore", datastore)
    properties = (yield from flows.get(arm_id))["properties"]
    found = place(properties, cloud.storage_suffix, datastore, act=act)
    return Container(found.blob_url, (yield from access(arm_id, properties)))


def place(properties: Json, storage_suffix: str, datastore: str, *, act: str) -> Place:
    """Where the files of a datastore are.

    Data Lake Gen2 takes blobs too, and shows them as files; azure-ai-ml itself sets its mark that way.

    Args:
        properties: What the service says of the datastore.
        storage_suffix: What follows ``<account>.blob.`` in its cloud.
        datastore: Its name.
        act: What is to be done there, as for :func:`opened`.

    Raises:
        SpecError: Its type holds no blobs; azure-ai-ml uploads to the same types.

    Source: https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-multi-protocol-access
    """
    kind = properties.get("datastoreType")
    if kind not in _CONTAINERS:
        reason = f"the datastore {datastore!r} is {kind}; {act} {' and '.join(_CONTAINERS)} alone"
        raise SpecError([Problem(datastore, 0, 0, "", reason)])
    member, service = _CONTAINERS[kind]
    scheme = properties.get("protocol") or "https"

    def url(of: str) -> str:
        return f"{scheme}://{properties['accountName']}.{of}.{storage_suffix}/{properties[member]}"

    return Place(url("blob"), url(service), has_folders=service == "dfs")


def access(arm_id: str, properties: Json) -> Flow[Access]:
    """How a datastore's container opens: by the SAS or key that the workspace keeps, else by the connection's identity.

    Source: azure-ai-ml 1.35.2, ``get_datastore_info``: a datastore without credentials, and one whose secrets the
    caller may not read, is opened by the caller's own identity.
    """
    if (properties.get("credentials") or {}).get("credentialsType") == "None":
        return Access("", "storage")
    try:
        found = yield from flows.act(arm_id, "list_secrets", {"expirableSecret": True, "expireAfterHours": 1})
    except (AuthError, NotFound):
        return Access("", "storage")
    made = sas(found.json(), properties)
    return Access(f"?{made}", "anonymous") if made else Access("", "storage")


def sas(secrets: Mapping[str, str], properties: Json) -> str | None:
    """The SAS that the service gave, or one made with the account's key; ``None`` when there is neither."""
    if secrets.get("sasToken"):
        return secrets["sasToken"].lstrip("?")
    if not secrets.get("key"):
        return None
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    return generate_container_sas(
        account_name=properties["accountName"],
        container_name=properties[_CONTAINERS[properties["datastoreType"]][0]],
        account_key=secrets["key"],
        permission=ContainerSasPermissions(read=True, write=True, create=True, add=True, list=True),
        expiry=datetime.now(timezone.utc) + timedelta(hours=1),
    )
