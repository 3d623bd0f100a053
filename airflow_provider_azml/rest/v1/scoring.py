"""Scoring by web services of v1: a payload, with the key or token that the service asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.flows import Send, call
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
    headers = yield from _authorization(place, name, service)
    sent = flows.request("POST", uri, json=payload, headers=headers)
    response = yield from call(Send(sent, scope="anonymous", retry="never"))
    try:
        answer: object = response.json()
    except ValueError:
        return response.text()
    return answer


def _authorization(place: WorkspaceId | DataPlane, name: str, service: Json) -> Flow[dict[str, str]]:
    """The header that opens a service; one that asks for nothing gets none."""
    if service.get("aadAuthEnabled"):
        return {"Authorization": f"Bearer {(yield from services.token(place, name))['accessToken']}"}
    if service.get("authEnabled"):
        return {"Authorization": f"Bearer {(yield from services.keys(place, name))['primaryKey']}"}
    return {}
