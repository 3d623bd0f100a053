"""Online deployments: what their containers log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import arm_ids, flows

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Flow

_CONTAINERS = ("InferenceServer", "StorageInitializer")
"""Containers of a deployment: the one that serves, and the one that downloads the model before it."""


def log_tail(deployment_id: str, *, lines: int) -> Flow[list[str]]:
    """The last lines that a deployment logged, of the container that has any; none for anything but a deployment.

    A log that cannot be had is left out: it is asked for to explain a failure, which matters more.

    Source: ``POST .../getLogs {"containerType", "tail"}`` answers ``{"content"}`` (recorded exchange).
    """
    if arm_ids.parse(deployment_id).kind != "online_deployment":
        return []
    for container in _CONTAINERS:
        try:
            response = yield from flows.act(deployment_id, "get_logs", {"containerType": container, "tail": lines})
        except ApiError:
            continue
        content = str(response.json().get("content") or "").rstrip()
        if content:
            return content.splitlines()[-lines:]
    return []
