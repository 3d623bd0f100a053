"""The default deployment of a batch endpoint: how it is set."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import flows, waiting
from airflow_provider_azml.rest.awaited_defaults import default_of
from airflow_provider_azml.rest.whole_endpoints import as_it_is

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.waiting import Ticket

_log = logging.getLogger(__name__)
_KEPT = ("authMode", "description", "properties")


def set_default(endpoint_id: str, deployment: str) -> Flow[Ticket | None]:
    """Have a batch endpoint go to a deployment by default.

    Args:
        endpoint_id: ARM id of the endpoint.
        deployment: Name of a deployment that is there.

    Returns:
        The ticket of the change; ``None`` when it is so already.

    Source: azure-ai-ml 1.35.2, ``batch_endpoints.begin_create_or_update`` with changed ``defaults``: the whole endpoint
    is PUT again, for a PATCH changes tags and identity alone.
    """
    endpoint = yield from flows.get(endpoint_id)
    former = default_of(endpoint)
    if former == deployment:
        return None
    _log.info("Default deployment of endpoint %s: %s (before: %s)", endpoint["name"], deployment, former or "none")
    body = as_it_is(endpoint, _KEPT)
    body["properties"]["defaults"] = {"deploymentName": deployment}
    ticket = yield from waiting.submit(endpoint_id, body)
    return replace(ticket, goal="default_deployment", wanted={"deployment": deployment, "former": former})
