"""Scoring: a payload sent to an online endpoint with the key or token that its auth mode asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import arm_ids, flows
from airflow_provider_azml.rest.credentials import RENEW_SECONDS
from airflow_provider_azml.rest.flows import Flow, Json, Scope, Send, call, request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.credentials import AccessTokenInfo

_SECRETS: Mapping[str, tuple[str, str]] = {"key": ("list_keys", "primaryKey"), "amltoken": ("get_token", "accessToken")}
"""Auth mode -> the action that tells the secret, and its name in the answer; an AAD token is the identity's own."""
_RENEW = "refreshAfterTimeUtc"
"""From when on a token is to be had anew, in seconds since the epoch; a key has none."""
CHOSEN = "azureml-model-deployment"
"""Header that names the deployment which is to answer, whatever the traffic split says."""


@dataclass(frozen=True)
class Door:
    """Where an endpoint takes payloads, and what opens it.

    Args:
        uri: Its scoring URI.
        headers: What goes with every payload; it may hold a secret.
        scope: Which token every payload carries besides, where a header does not open it.
        renew_at: From when on it is to be looked for anew, in seconds since the epoch.
    """

    uri: str
    headers: Mapping[str, str] = field(repr=False)
    scope: Scope = "anonymous"
    renew_at: float | None = None

    def opened_by(self, token: AccessTokenInfo) -> Door:
        """The same door with the identity's own token in its headers, for whoever sends without azure-core."""
        headers = {**self.headers, "Authorization": f"Bearer {token.token}"}
        return Door(self.uri, headers, renew_at=token.refresh_on or token.expires_on - RENEW_SECONDS)

    def send(self, *, json: object = None, content: bytes | None = None) -> Send:
        """The step that sends a payload, once.

        Args:
            json: The payload, as JSON.
            content: The payload as it is sent, which is JSON too, instead.
        """
        headers = dict(self.headers)
        if content is not None:
            headers["Content-Type"] = "application/json"
        sent = request("POST", self.uri, json=json, content=content, headers=headers)
        return Send(sent, scope=self.scope, retry="never")


def score(endpoint_id: str, payload: object, deployment: str | None = None) -> Flow[object]:
    """Send a payload, answer what the endpoint answers: JSON where it is JSON, else text.

    Raises:
        ApiError: The endpoint has no scoring URI yet, or refused the payload, or its script failed.

    Source: azure-ai-ml 1.35.2 ``online_endpoints.invoke`` (recorded exchange): ``Authorization: Bearer <key>``, and
    ``azureml-model-deployment`` to take a deployment whatever the traffic split says.
    """
    opened = yield from door(endpoint_id, deployment)
    return (yield from answer(opened, payload))


def answer(opened: Door, payload: object) -> Flow[object]:
    """What is answered to a payload, sent once: JSON where it is JSON, else text.

    Raises:
        ApiError: The payload was refused, or the script failed.
    """
    response = yield from call(opened.send(json=payload))
    try:
        said: object = response.json()
    except ValueError:
        return response.text()
    return said


def door(endpoint_id: str, deployment: str | None = None) -> Flow[Door]:
    """Where an endpoint takes payloads, for whoever sends many.

    Args:
        endpoint_id: ARM id of the endpoint.
        deployment: The deployment that is to answer, whatever the traffic split says.

    Raises:
        ApiError: The endpoint has no scoring URI yet.
    """
    endpoint = yield from flows.get(endpoint_id)
    uri = endpoint["properties"].get("scoringUri")
    if not uri:
        raise ApiError(
            method="POST",
            url=endpoint_id,
            status=None,
            code="NoScoringUri",
            message=f"online endpoint {arm_ids.parse(endpoint_id).name!r} has no scoring URI",
            hint="Wait until it is provisioned.",
        )
    chosen = {CHOSEN: deployment} if deployment else {}
    mode = str(endpoint["properties"].get("authMode", "")).lower()
    if mode not in _SECRETS:
        return Door(str(uri), chosen, "aml")
    action, name = _SECRETS[mode]
    secrets: Json = (yield from flows.act(endpoint_id, action)).json()
    return Door(str(uri), {"Authorization": f"Bearer {secrets[name]}", **chosen}, renew_at=secrets.get(_RENEW))
