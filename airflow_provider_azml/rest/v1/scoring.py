"""Scoring by web services of v1: a payload, with the key or token that the service asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest.scoring import Door, answer
from airflow_provider_azml.rest.v1 import services

if TYPE_CHECKING:
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane


def score(place: WorkspaceId | DataPlane, name: str, payload: object) -> Flow[object]:
    """Send a payload, answer what the service answers: JSON where it is JSON, else text.

    Args:
        place: The workspace.
        name: Name of the service.
        payload: What its scoring script takes, by custom ``{"data": [...]}``.

    Raises:
        NotFound: There is no such service.
        ApiError: It has no scoring URI yet, or refused the payload, or its script failed.
    """
    opened = yield from door(place, name)
    return (yield from answer(opened, payload))


def door(place: WorkspaceId | DataPlane, name: str) -> Flow[Door]:
    """Where a web service takes payloads, for whoever sends many.

    Args:
        place: The workspace.
        name: Name of the service.

    Raises:
        NotFound: There is no such service.
        ApiError: It has no scoring URI yet.

    Source: "Use REST to score a deployed model" of "Use REST to manage Azure ML resources": ``Authorization: Bearer``
    with a key; azureml-core 1.61 does the same with a token.
    """
    service = yield from services.get(place, name)
    uri = service.get("scoringUri")
    if not uri:
        raise ApiError(
            method="POST",
            url=f"services/{name}",
            status=None,
            code="NoScoringUri",
            message=f"web service {name!r} is {service.get('state')} and has no scoring URI",
            hint="Wait until it is healthy.",
        )
    headers, renew_at = yield from _authorization(place, name, service)
    return Door(str(uri), headers, renew_at=renew_at)


def _authorization(
    place: WorkspaceId | DataPlane, name: str, service: Json
) -> Flow[tuple[dict[str, str], float | None]]:
    """The header that opens a service, and from when on another is to be had; one that asks for nothing gets none."""
    if service.get("aadAuthEnabled"):
        told = yield from services.token(place, name)
        return {"Authorization": f"Bearer {told['accessToken']}"}, told.get("refreshAfter")
    if service.get("authEnabled"):
        return {"Authorization": f"Bearer {(yield from services.keys(place, name))['primaryKey']}"}, None
    return {}, None
