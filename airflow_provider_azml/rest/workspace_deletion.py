"""Deleting a workspace, with what it stands on if that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.rest import flows, waiting
from airflow_provider_azml.rest.flows import Send, call, request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.waiting import Ticket

_DEPENDENTS: Mapping[str, str] = {
    "applicationInsights": "2015-05-01",
    "containerRegistry": "2019-05-01",
    "keyVault": "2019-09-01",
    "storageAccount": "2019-06-01",
}
"""Property of a workspace that names what it stands on -> the api-version by which that is deleted.

Source: azure-ai-ml 1.35.2, ``ArmConstants`` and ``delete_resource_by_arm_id``.
"""


def delete(arm_id: str, *, dependents: bool = False, permanently: bool = False) -> Flow[Ticket]:
    """Delete a workspace; one that is gone already is as good as deleted.

    What it stands on goes first: afterwards nobody could say any more what that was.

    Args:
        arm_id: The workspace.
        dependents: Whether to delete its storage account, key vault, application insights and container registry too.
        permanently: Whether it cannot be recovered afterwards.

    Raises:
        NotFound: There is no such resource group or subscription.
    """
    found = yield from flows.find(arm_id)
    if found is None:
        return waiting.Ticket(arm_id, goal="deleted")
    for name, version in _DEPENDENTS.items() if dependents else ():
        named = found["properties"].get(name)
        if named:
            yield from _delete_dependent(str(named), version)
    response = yield from flows.delete(arm_id, params={"forceToPurge": "true"} if permanently else None)
    return waiting.ticket(arm_id, response, goal="deleted")


def _delete_dependent(arm_id: str, version: str) -> Flow[None]:
    try:
        yield from call(Send(request("DELETE", arm_id, params={"api-version": version})))
    except NotFound as error:
        if error.code in flows.MISSING_PARENTS:
            raise
