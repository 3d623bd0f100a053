"""Puts bodies of 2021-03-01-preview by way of today's interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest import arm_ids, datastores, flows, waiting
from airflow_provider_azml.rest.flows import All
from airflow_provider_azml.rest.resources import RESOURCES
from airflow_provider_azml.spec.needs import put_version
from airflow_provider_azml.spec.v1 import preview_2021
from airflow_provider_azml.spec.v1.preview_2021_assets import Known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Ticket
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target


def put(kind: str, name: str, version: str | None, body: Json | Source, target: Target) -> Flow[Ticket]:
    """Put a resource by a body of that version, in today's words.

    What the body names is looked up first: the types of data, and for code the containers of datastores.

    Args:
        kind: What it is, one of ``preview_2021.KINDS``.
        name: Its name.
        version: Its version, where it has versions; ``None`` for the next one.
        body: The body, with ``properties``.
        target: Where to.

    Returns:
        The ticket of the resource, by which it is waited for.

    Raises:
        SpecError: The body is wrong, or says what has no equal today; nothing was sent.
        ApiError: The service refused.
    """
    preview_2021.today(kind, body)
    ids = preview_2021.named(body)
    found = yield All([flows.find(arm_id) for arm_id in ids])
    known = _known(kind, dict(zip(ids, found, strict=True)), target)
    sent = preview_2021.today(kind, body, known)
    if RESOURCES[kind].versioned:
        return (yield from put_version(target, kind, name, version, sent))
    return (yield from waiting.submit(target.workspace.child(kind, name), sent))


def _known(kind: str, found: Mapping[str, Json | None], target: Target) -> Known:
    types, containers = {}, {}
    for arm_id, resource in found.items():
        properties = (resource or {}).get("properties") or {}
        if "dataType" in properties:
            types[arm_id.lower()] = str(properties["dataType"])
        elif kind == "code" and properties:
            name = arm_ids.parse(arm_id).name
            place = datastores.place(properties, target.cloud.storage_suffix, name, act="code is in")
            containers[arm_id.lower()] = place.blob_url
    return Known(types, containers)
