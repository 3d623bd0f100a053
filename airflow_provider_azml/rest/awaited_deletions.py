"""Resources that are waited for until they are gone, by looking whether they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.readings import Reading

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Flow, Json

BEARS_SECONDS = 300.0
"""How long something is borne that is there still, though its deletion has succeeded."""


def find(arm_id: str, _: Json) -> Flow[Json]:
    """The resource; empty once it is gone."""
    return (yield from flows.find(arm_id)) or {}


def read(body: Json, _: Json) -> Reading:
    """Whether a resource is gone, is going, or stays.

    Source: ``provisioningState`` ``Deleting`` of the 2024-04-01 OpenAPI file.
    """
    if not body:
        return Reading("Deleted", "good")
    state = body["properties"].get("provisioningState") or "Succeeded"
    if state == "Deleting":
        return Reading(state)
    return Reading(state, message="It has been deleted, and is there still", bears_seconds=BEARS_SECONDS)
