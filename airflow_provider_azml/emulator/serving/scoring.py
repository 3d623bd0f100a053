"""The front door of online endpoints: checks the key, picks a deployment, and passes the request to its server."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_azml.emulator import durations
from airflow_provider_azml.emulator.arm import endpoint_keys
from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.serving.inference_server import Answer, ServerDown
from airflow_provider_azml.emulator.serving.traffic import Traffic
from airflow_provider_azml.rest.arm_ids import WorkspaceId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_log = logging.getLogger(__name__)
CHOSEN = "azureml-model-deployment"
_REASON = "ms-azureml-model-error-reason"
_STATUS = "ms-azureml-model-error-statuscode"
_PATH = "/score/{subscription}/{group}/{workspace}/{endpoint}"
_SCORE = "/score"
_DEFAULT_TIMEOUT = "PT5S"
_DEFAULT_CONCURRENCY = 1
MOST_BYTES = 64 << 20
"""How long a payload may be: more than the service ever took (1.5 MB once, with 413 above), for the memory's sake."""
_DROPPED = frozenset({"authorization", "host", "content-length", "connection", CHOSEN})
_OWN = frozenset({"x-ms-request-id", "x-ms-client-request-id"})
"""Headers that every answer of the emulator gets anyway."""
_OF_KUBERNETES = {
    HTTPStatus.FAILED_DEPENDENCY: HTTPStatus.BAD_GATEWAY,
    HTTPStatus.REQUEST_TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Status that a managed endpoint answers with -> what one in a Kubernetes cluster does."""


class Refused(Exception):
    """Ends a scoring request.

    Args:
        status: HTTP status.
        reason: What the service says.
        headers: What it says in headers.
    """

    def __init__(self, status: HTTPStatus, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})


@dataclass(frozen=True)
class _Payload:
    """What is passed on of a request, with the path that it goes to."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The scoring route, and the one of the description that the script gives."""
    scoring = Scoring(emulator)
    return [
        Route(f"{_PATH}/swagger.json", scoring.describe, methods=["GET"]),
        Route(_PATH, scoring.score, methods=["GET", "POST", "OPTIONS"]),
    ]


@dataclass(frozen=True)
class Scoring:
    """Answers scoring requests as the front door of online endpoints does.

    Sources: the tables of HTTP status codes in
    https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints#http-status-codes; the Envoy
    filters of the service's inference images (``ms-azureml-model-error-reason``: ``model_error``, ``model_not_ready``,
    ``too_many_pending_request``); "No valid deployments to route to" and "key_auth_access_denied" as users report them;
    "Specified deployment could not be found" in the README of microsoft/PIKE-RAG; "upstream request timeout" in
    MicrosoftDocs/azure-docs issue 94105.

    Args:
        emulator: The emulator.
    """

    emulator: Emulator
    traffic: Traffic = field(default_factory=Traffic)
    under_way: Counter[str] = field(default_factory=Counter)
    copies: set[asyncio.Task[None]] = field(default_factory=set)

    async def score(self, request: Request) -> Response:
        """Pass a payload to the scoring script."""
        return await self._pass(request, _SCORE)

    async def describe(self, request: Request) -> Response:
        """Pass on what the scoring script says of itself."""
        return await self._pass(request, "/swagger.json")

    async def _pass(self, request: Request, path: str) -> Response:
        told: dict[str, str] = {}
        try:
            endpoint = self._endpoint(request)
            deployment = self._deployment(endpoint, request.headers.get(CHOSEN))
            told = self._told(deployment)
            payload = await _payload(request, path)
            if path == _SCORE and CHOSEN not in request.headers:
                self._mirror(endpoint, payload)
            answer = await self._send(deployment, payload)
        except Refused as refused:
            return Response(refused.reason, refused.status, {**refused.headers, **told}, media_type="text/plain")
        headers = {**{name: value for name, value in answer.headers.items() if name.lower() not in _OWN}, **told}
        status = HTTPStatus.OK
        if answer.status != HTTPStatus.OK:
            headers |= _model_error(answer.status, "model_error")
            status = _status(deployment, HTTPStatus.FAILED_DEPENDENCY)
        return Response(answer.body, status, headers=headers)

    def _told(self, deployment: Json) -> dict[str, str]:
        """Headers that say who answers."""
        return {CHOSEN: deployment["name"]}

    def _endpoint(self, request: Request) -> Json:
        names = request.path_params
        workspace = WorkspaceId(names["subscription"], names["group"], names["workspace"])
        endpoint = self.emulator.store.get(workspace.child("online_endpoint", names["endpoint"]))
        if endpoint is None:
            raise Refused(HTTPStatus.NOT_FOUND, f"There is no online endpoint {names['endpoint']}.")
        authorization = request.headers.get("Authorization")
        if not endpoint_keys.opens(self.emulator, endpoint, authorization):
            kind = "key" if endpoint["properties"].get("authMode") == "Key" else "token"
            wrong = "access_denied" if authorization else "bad_header_forbidden"
            raise Refused(HTTPStatus.UNAUTHORIZED, f"{kind}_auth_{wrong}")
        return endpoint

    def _deployment(self, endpoint: Json, chosen: str | None) -> Json:
        name = chosen or self.traffic.next(endpoint)
        if name is None:
            raise Refused(
                HTTPStatus.NOT_FOUND,
                "No valid deployments to route to. Please check that the endpoint has at least one deployment with "
                "positive weight values or use a deployment specific header to route.",
            )
        deployment = self.emulator.store.get(f"{endpoint['id']}/deployments/{name}")
        if deployment is None:
            raise Refused(HTTPStatus.NOT_FOUND, f"Specified deployment could not be found: {name}.")
        return deployment

    def _mirror(self, endpoint: Json, payload: _Payload) -> None:
        """Send a copy to where copies go, if one is due; nobody waits for what it answers."""
        name = self.traffic.mirror(endpoint)
        deployment = self.emulator.store.get(f"{endpoint['id']}/deployments/{name}") if name else None
        if deployment is not None:
            copy = asyncio.create_task(self._send_copy(deployment, payload))
            self.copies.add(copy)
            copy.add_done_callback(self.copies.discard)

    async def _send_copy(self, deployment: Json, payload: _Payload) -> None:
        try:
            await self._send(deployment, payload)
        except Refused as refused:
            _log.info("Mirrored traffic to %s: %s", deployment["id"], refused.reason)

    async def _send(self, deployment: Json, payload: _Payload) -> Answer:
        key = deployment["id"].lower()
        if self.under_way[key] >= _most_requests(deployment):
            status = _status(deployment, HTTPStatus.TOO_MANY_REQUESTS)
            raise Refused(status, "", {_REASON: "too_many_pending_request"})
        self.under_way[key] += 1
        try:
            return await self._answer(deployment, payload)
        finally:
            self.under_way[key] -= 1

    async def _answer(self, deployment: Json, payload: _Payload) -> Answer:
        seconds = _timeout_seconds(deployment)
        try:
            server = await self.emulator.deployments.server(deployment["id"])
        except OperationFailed as error:
            raise _not_ready(deployment, str(error)) from error
        if server is None or not server.alive:
            raise _not_ready(deployment, "its container does not run")
        try:
            return await server.send(
                payload.method, payload.path, body=payload.body, headers=payload.headers, seconds=seconds
            )
        except asyncio.TimeoutError:
            raise Refused(_status(deployment, HTTPStatus.REQUEST_TIMEOUT), "upstream request timeout") from None
        except ServerDown as error:
            raise _not_ready(deployment, str(error)) from error


async def _payload(request: Request, path: str) -> _Payload:
    passed = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED}
    # without a type the server reads the body as a form, and the script gets nothing
    headers = {"content-type": "application/json", **passed, "x-request-id": str(uuid.uuid4())}
    query = f"?{request.url.query}" if request.url.query else ""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            reason = f"The payload is larger than {MOST_BYTES >> 20} MB."
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)
    return _Payload(request.method, path + query, headers, bytes(body))


def _not_ready(deployment: Json, why: str) -> Refused:
    headers = _model_error(HTTPStatus.SERVICE_UNAVAILABLE, "model_not_ready")
    status = _status(deployment, HTTPStatus.FAILED_DEPENDENCY)
    return Refused(status, f"Deployment {deployment['name']} is not ready: {why}.", headers)


def _model_error(status: int, reason: str) -> dict[str, str]:
    return {_REASON: reason, _STATUS: str(int(status))}


def _status(deployment: Json, status: HTTPStatus) -> HTTPStatus:
    """The status that an endpoint of this kind answers with, for one of a managed endpoint."""
    managed = deployment["properties"].get("endpointComputeType") != "Kubernetes"
    return status if managed else _OF_KUBERNETES[status]


def _most_requests(deployment: Json) -> int:
    """How many requests a deployment works on at once, at most."""
    settings = deployment["properties"].get("requestSettings") or {}
    concurrency = int(settings.get("maxConcurrentRequestsPerInstance") or _DEFAULT_CONCURRENCY)
    instances = int((deployment.get("sku") or {}).get("capacity") or 1)
    return 2 * concurrency * instances


def _timeout_seconds(deployment: Json) -> float:
    settings = deployment["properties"].get("requestSettings") or {}
    return durations.seconds(settings.get("requestTimeout") or _DEFAULT_TIMEOUT)
