"""Deletions of what others may be changing, or deleting too, followed until it is gone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError, NotFound
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.resources import PROVISIONING
from airflow_provider_azml.rest.waiting import Ticket, ticket

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Flow, Json

_log = logging.getLogger(__name__)
_NOT_NOW = frozenset({400, 409, 412})
"""HTTP statuses of a DELETE of something that is being changed."""


def delete(arm_id: str) -> Flow[Ticket]:
    """Delete a resource, unless that has been asked for already.

    Args:
        arm_id: ARM id of the resource.

    Returns:
        A ticket with the goal ``gone``; with the goal ``idle`` where something else is being done to it, or to what it
        is below, and this has to be called again after that.

    Raises:
        ApiError: The service will not delete it.

    Example:
        >>> pending = client.run(delete(deployment_id))
    """
    found = yield from flows.find(arm_id)
    if found is None or _state(found) == "Deleting":
        return Ticket(arm_id, goal="gone")
    try:
        response = yield from flows.delete(arm_id)
    except ApiError as refused:
        return (yield from _in_the_way(arm_id, refused))
    return Ticket(arm_id, ticket(arm_id, response).operation_url, goal="gone")


def _in_the_way(arm_id: str, refused: ApiError) -> Flow[Ticket]:
    """What a refused DELETE has to wait for.

    Source: "because it is in Updating provisioning state", Azure/azure-sdk-for-net#36961, of an endpoint that a
    deployment is below.
    """
    if isinstance(refused, NotFound) and refused.code not in flows.MISSING_PARENTS:
        return Ticket(arm_id, goal="gone")
    if refused.status in _NOT_NOW:
        for each in (arm_id, arm_id.rpartition("/deployments/")[0]):
            found = (yield from flows.find(each)) if each else None
            if found and _state(found) in PROVISIONING - {"Deleting"} | {"Scaling"}:
                _log.info("%s is %s; waiting until that is done", found["name"], _state(found))
                return Ticket(each, None, found, "idle")
    raise refused


def _state(found: Json) -> str | None:
    state: str | None = found["properties"].get("provisioningState")
    return state
