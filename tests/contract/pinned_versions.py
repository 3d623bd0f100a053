"""Which api-version azure-ai-ml really sends, seen at its transport."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import HttpTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient
    from typing_extensions import Self

CALLS: dict[str, Callable[[MLClient], object]] = {
    "workspace": lambda client: client.workspaces.get("w"),
    "compute": lambda client: client.compute.get("n"),
    "datastore": lambda client: client.datastores.get("n"),
    "connection": lambda client: client.connections.get("n"),
    "code": lambda client: client._code.get("n", "1"),
    "environment": lambda client: client.environments.get("n", "1"),
    "data": lambda client: client.data.get("n", "1"),
    "model": lambda client: client.models.get("n", "1"),
    "component": lambda client: client.components.get("n", "1"),
    "job": lambda client: client.jobs.create_or_update(_command_job()),
    "schedule": lambda client: client.schedules.get("n"),
    "online_endpoint": lambda client: client.online_endpoints.get("n"),
    "online_deployment": lambda client: client.online_deployments.get("n", "e"),
    "batch_endpoint": lambda client: client.batch_endpoints.get("n"),
    "batch_deployment": lambda client: client.batch_deployments.get("n", "e"),
    "serverless_endpoint": lambda client: client.serverless_endpoints.get("n"),
    "marketplace_subscription": lambda client: client.marketplace_subscriptions.get("n"),
    "feature_set": lambda client: client.feature_sets.get("n", "1"),
    "feature_store_entity": lambda client: client.feature_store_entities.get("n", "1"),
    "outbound_rule": lambda client: client.workspace_outbound_rules.get("w", "n"),
    "registry": lambda client: client.registries.get("n"),
}
"""Kind -> a call whose first request is for a resource of that kind."""

CALLS_OF_RESOURCE_MANAGER: dict[str, Callable[[Any], object]] = {
    "resource_group": lambda client: client.resource_groups.get("g"),
    "template_deployment": lambda client: client.deployments.get("g", "d"),
}


class _SentError(Exception):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


class _Transport(HttpTransport[Any, Any]):
    """Sends nothing: the first request ends the call."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def send(self, request: Any, **_: object) -> Any:
        raise _SentError(request.url)


class _Credential:
    def get_token(self, *_: str, **__: object) -> AccessToken:
        return AccessToken("token", 2**40)


def first_request(kind: str) -> tuple[str, str]:
    """URL template and api-version of the first request of a call for a kind of resource."""
    try:
        if kind in CALLS:
            CALLS[kind](_client())
        else:
            CALLS_OF_RESOURCE_MANAGER[kind](_resource_manager())
    except _SentError as sent:
        parts = urlsplit(sent.url)
        (version,) = parse_qs(parts.query)["api-version"]
        return _template(parts.path), version
    raise AssertionError(f"no request was sent for {kind}")


def _client() -> MLClient:
    from azure.ai.ml import MLClient

    return MLClient(_Credential(), "s", "g", "w", enable_telemetry=False, transport=_Transport())


def _resource_manager() -> Any:
    from azure.ai.ml._vendor.azure_resources import ResourceManagementClient

    return ResourceManagementClient(_Credential(), "s", transport=_Transport())


def _command_job() -> Any:
    from azure.ai.ml import command

    return command(command="true", environment="azureml:e:1", compute="serverless")


def _template(path: str) -> str:
    """The path with ``{}`` for every name: of each pair of segments the second, as ARM ids are built."""
    template = re.sub(r"(/(?!providers\b)[^/]+)/[^/]+", r"\1/{}", re.sub(r"/providers/([^/]+)", r"/providers.\1", path))
    return template.replace("/providers.", "/providers/").replace("resourcegroups", "resourceGroups")
