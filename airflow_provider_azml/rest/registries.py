"""Assets in registries, which are asked for where the registry is, with the token of Resource Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest import arm_ids, versions
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.flows import Send, call, json_object, odd_answer, request
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_azml.rest.clouds import Cloud
    from airflow_provider_azml.rest.flows import Flow, Json

_PREFIX = "mferp/managementfrontend"
_HOME = ("subscriptionId", "resourceGroup", "primaryRegionResourceProviderUri")
_SILENT = "RegistryNotTold"


def newest_version(
    cloud: Cloud, registry: str, segment: str, name: str, *, as_of: datetime | None = None
) -> Flow[Json]:
    """The version of an asset in a registry that was created last.

    Args:
        cloud: The cloud that the registry is in.
        registry: Its name.
        segment: How the kind of the asset is called in ids, e.g. ``environments``.
        name: Name of the asset.
        as_of: Newer versions do not count; see :func:`airflow_provider_azml.rest.versions.newest_version`.

    Raises:
        NotFound: There is no such registry, or no version.
        ApiError: The registry cannot be asked.

    Example:
        >>> client.run(newest_version(cloud, "azureml", "environments", "sklearn-1.5"))["name"]

    Source: azure-ai-ml 1.35.2, ``_registry_utils.RegistryDiscovery``: a registry is found by its name at the cloud's
    discovery service, with a token of the data plane, and its assets are in its primary region.
    """
    url = f"{cloud.registries or cloud.arm}/registrymanagement/v1.0/registries/{registry}/discovery"
    sent = request("GET", url)
    response = yield from call(Send(sent, scope="aml"))
    told = json_object(sent, response)
    subscription_id, group, where = (str(told.get(key) or "") for key in _HOME)
    if not (subscription_id and group and where):
        raise odd_answer(sent, response, _SILENT, f"the answer does not tell where registry {registry!r} is")
    found = WorkspaceId(subscription_id, group, registry).sibling("registry", registry)
    kind = arm_ids.parse(f"{found}/{segment}/{name}").kind
    container = f"{where.rstrip('/')}/{_PREFIX}{found}/{segment}/{name}"
    return (yield from versions.newest_version(container, as_of=as_of, api_version=RESOURCES[kind].api_version))
