"""Azure clouds: who signs tokens, where Resource Manager is, what the tokens are for, where studio is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow_provider_azml.exceptions import ConnectionIncomplete
from airflow_provider_azml.rest.flows import Flow, Json, Send, call, request

if TYPE_CHECKING:
    from airflow_provider_azml.rest.arm_ids import WorkspaceId

STUDIO_PLACES = {
    "compute": "compute/{name}/details",
    "data": "data/{name}/{version}/details",
    "environment": "environments/{name}/version/{version}",
    "job": "runs/{name}",
    "model": "model/{name}/details",
    "online_endpoint": "endpoints/realtime/{name}/detail",
}
"""Kind -> path of its page in studio. Sources: recorded jobs; links to studio in public repositories."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
STORAGE_SCOPE = "https://storage.azure.com/.default"
"""Scope of tokens for storage, in every cloud.

Source: https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory
"""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """One row: an Azure cloud.

    Args:
        name: The cloud's own name.
        authority: URL of the token service.
        arm: URL of Azure Resource Manager, without a slash at the end.
        arm_scope: Scope of tokens for it.
        aml_scope: Scope of tokens for the AML data plane.
        storage_suffix: What follows ``<account>.blob.``.
        studio: URL of Azure ML studio.
        data_plane_suffixes: Hosts that may be sent an AML token end with one of these.
        registries: URL of the service that tells where a registry is; Resource Manager's where there is none.
    """

    name: str
    authority: str
    arm: str
    arm_scope: str
    aml_scope: str
    storage_suffix: str
    studio: str
    data_plane_suffixes: tuple[str, ...]
    registries: str = ""

    def studio_url(
        self, kind: str, name: str, workspace: WorkspaceId, tenant_id: str | None = None, *, version: str | None = None
    ) -> str:
        """Where something is seen in studio; the workspace's first page for what has none of its own.

        Source: ``services.Studio.endpoint`` of recorded jobs: ``{studio}/runs/{name}?wsid={workspace}&tid={tenant}``.
        """
        place = STUDIO_PLACES.get(kind, "")
        if "{version}" in place and not version:
            place = ""
        place = place.format(name=quote(name), version=quote(version or ""))
        tenant = f"&tid={tenant_id}" if tenant_id else ""
        return f"{self.studio}/{place}?wsid={workspace}{tenant}"

    def trusts(self, url: str) -> bool:
        """Whether a token may go to this URL."""
        parts = urlsplit(url)
        own = {urlsplit(self.arm).netloc, urlsplit(self.arm_scope).netloc}
        host = (parts.hostname or "").lower()
        return parts.scheme == "https" and (
            parts.netloc in own or any(host.endswith(suffix) for suffix in self.data_plane_suffixes)
        )

    def stores(self, url: str) -> bool:
        """Whether a token for storage may go to this URL."""
        parts = urlsplit(url)
        own = parts.netloc == urlsplit(self.arm).netloc  # an emulator has everything on one host
        return parts.scheme == "https" and (own or parts.netloc.lower().endswith(f".blob.{self.storage_suffix}"))


CLOUDS = {
    "public": Cloud(
        name="AzureCloud",
        authority="https://login.microsoftonline.com",
        arm="https://management.azure.com",
        arm_scope="https://management.azure.com/.default",
        aml_scope="https://ml.azure.com/.default",
        storage_suffix="core.windows.net",
        studio="https://ml.azure.com",
        data_plane_suffixes=(
            ".api.azureml.ms",
            ".ml.azure.com",
            ".experiments.azureml.net",
            ".modelmanagement.azureml.net",
        ),
        registries="https://eastus.api.azureml.ms",
    ),
    "government": Cloud(
        name="AzureUSGovernment",
        authority="https://login.microsoftonline.us",
        arm="https://management.usgovcloudapi.net",
        arm_scope="https://management.usgovcloudapi.net/.default",
        aml_scope="https://ml.azure.us/.default",
        storage_suffix="core.usgovcloudapi.net",
        studio="https://ml.azure.us",
        data_plane_suffixes=(".ml.azure.us",),
        registries="https://usgovarizona.api.ml.azure.us",
    ),
    "china": Cloud(
        name="AzureChinaCloud",
        authority="https://login.chinacloudapi.cn",
        arm="https://management.chinacloudapi.cn",
        arm_scope="https://management.chinacloudapi.cn/.default",
        aml_scope="https://ml.azure.cn/.default",
        storage_suffix="core.chinacloudapi.cn",
        studio="https://ml.azure.cn",
        data_plane_suffixes=(".ml.azure.cn",),
        registries="https://chinaeast2.api.ml.azure.cn",
    ),
}
"""Sources: azure-ai-ml 1.35.2, ``_azure_environments`` (endpoints and suffixes of the three clouds) and
``_registry_utils`` (the hosts of registries); the discovery document of "Use REST to manage Azure ML resources" (hosts
of experiments and of model management, v1)."""


def discover(metadata_url: str) -> Flow[Cloud]:
    """The cloud that a metadata document describes, e.g. the emulator's or Azure Stack's.

    Args:
        metadata_url: ``https`` URL of a ``/metadata/endpoints`` document, or of the host that has it; ``http`` on this
            machine, where nobody is in between.

    Source: ``GET /metadata/endpoints?api-version=2019-05-01`` as azure-ai-ml reads it (recorded exchange).
    """
    parts = urlsplit(metadata_url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_safe or not parts.netloc:
        raise ConnectionIncomplete(
            f"cloud={metadata_url!r} is neither {', '.join(CLOUDS)} nor the https URL of a metadata endpoint"
        )
    host = f"{parts.scheme}://{parts.netloc}"
    url = metadata_url if parts.path.strip("/") else f"{host}/metadata/endpoints?api-version=2019-05-01"
    response = yield from call(Send(request("GET", url), scope="anonymous"))
    document = response.json()
    return _cloud(document[0] if isinstance(document, list) else document, url)


def _cloud(document: Json, url: str) -> Cloud:
    try:
        arm = document["resourceManager"].rstrip("/")
        portal = urlsplit(document["portal"]).netloc or document["portal"]
        audience = f"https://ml.azure.{'.'.join(portal.split('.')[2:])}"
        authority = document["authentication"]["loginEndpoint"].rstrip("/")
        storage = document["suffixes"]["storage"]
    except (KeyError, TypeError, AttributeError) as error:
        raise ConnectionIncomplete(f"{url} is not a cloud metadata document: {error} is missing") from error
    return Cloud(
        name=document.get("name", "custom"),
        authority=authority,
        arm=arm,
        arm_scope=f"{arm}/.default",
        aml_scope=f"{audience}/.default",
        storage_suffix=storage,
        studio=str(document.get("mlStudio", arm)).rstrip("/"),
        data_plane_suffixes=(),
    )
