"""The scoring route of online endpoints: checks the key, picks a deployment, and passes the request to its server."""

from __future__ import annotations

import asyncio
import random
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_azml.emulator import durations
from airflow_provider_azml.emulator.arm import endpoint_keys
from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.serving.inference_server import Answer, ServerDown
from airflow_provider_azml.rest.arm_ids import WorkspaceId

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

CHOSEN = "azureml-model-deployment"
_PATH = "/score/{subscription}/{group}/{workspace}/{endpoint}"
_DEFAULT_TIMEOUT = "PT5S"
_DROPPED = frozenset({"authorization", "host", "content-length", "content-type", "connection", CHOSEN})


class _Refused(Exception):
    """Ends a scoring request.

    Args:
        status: HTTP status.
        reason: What the service says.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The scoring route, and the one of the description that the script gives."""
    scoring = Scoring(emulator)
    return [
        Route(f"{_PATH}/swagger.json", scoring.describe, methods=["GET"]),
        Route(_PATH, scoring.score, methods=["GET", "POST", "OPTIONS"]),
    ]


@dataclass(frozen=True)
class Scoring:
    """Answers scoring requests as the front door of managed online endpoints does.

    Source: the table of HTTP status codes in Microsoft's "Troubleshooting online endpoints" (read 2026-11).

    Args:
        emulator: The emulator.
    """

    emulator: Emulator

    async def score(self, request: Request) -> Response:
        """Pass a payload to the scoring script."""
        return await self._pass(request, "/score")

    async def describe(self, request: Request) -> Response:
        """Pass on what the scoring script says of itself."""
        return await self._pass(request, "/swagger.json")

    async def _pass(self, request: Request, path: str) -> Response:
        request_id = request.headers.get("x-ms-request-id") or str(uuid.uuid4())
        try:
            endpoint = self._endpoint(request)
            deployment = self._deployment(endpoint, request.headers.get(CHOSEN))
            answer = await self._send(request, deployment, path, request_id)
        except _Refused as refused:
            return Response(
                refused.reason, refused.status, headers={"x-ms-request-id": request_id}, media_type="text/plain"
            )
        headers = {**answer.headers, "x-ms-request-id": request_id, CHOSEN: deployment["name"]}
        status = answer.status
        if status != HTTPStatus.OK:
            headers |= {
                "ms-azureml-model-error-reason": "model_error",
                "ms-azureml-model-error-statuscode": str(status),
            }
            status = HTTPStatus.FAILED_DEPENDENCY
        return Response(answer.body, status, headers=headers)

    def _endpoint(self, request: Request) -> Json:
        names = request.path_params
        workspace = WorkspaceId(names["subscription"], names["group"], names["workspace"])
        endpoint = self.emulator.store.get(workspace.child("online_endpoint", names["endpoint"]))
        if endpoint is None:
            raise _Refused(HTTPStatus.NOT_FOUND, f"There is no online endpoint {names['endpoint']}.")
        authorization = request.headers.get("Authorization")
        if not endpoint_keys.opens(self.emulator, endpoint, authorization):
            kind = "key" if endpoint["properties"].get("authMode") == "Key" else "token"
            wrong = "access_denied" if authorization else "bad_header_forbidden"
            raise _Refused(HTTPStatus.UNAUTHORIZED, f"{kind}_auth_{wrong}")
        return endpoint

    def _deployment(self, endpoint: Json, chosen: str | None) -> Json:
        traffic: dict[str, int] = endpoint["properties"].get("traffic") or {}
        weights = {name: weight for name, weight in traffic.items() if weight > 0}
        if not chosen and not weights:
            reason = (
                f"Endpoint {endpoint['name']} has no deployment with traffic: give one some, or name one in {CHOSEN}."
            )
            raise _Refused(HTTPStatus.NOT_FOUND, reason)
        name = chosen or random.choices([*weights], [*weights.values()])[0]  # noqa: S311 (a split of traffic)
        deployment = self.emulator.store.get(f"{endpoint['id']}/deployments/{name}")
        if deployment is None:
            raise _Refused(HTTPStatus.NOT_FOUND, f"Endpoint {endpoint['name']} has no deployment {name}.")
        return deployment

    async def _send(self, request: Request, deployment: Json, path: str, request_id: str) -> Answer:
        body = await request.body()
        passed = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED}
        # without it the server reads the body as a form, and the script gets nothing
        headers = {**passed, "Content-Type": "application/json", "x-request-id": request_id}
        try:
            server = await self.emulator.deployments.server(deployment["id"])
        except OperationFailed as error:
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
        if server is None or not server.alive:
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, f"Deployment {deployment['name']} does not run.")
        seconds = _timeout_seconds(deployment)
        try:
            return await server.send(request.method, path, body=body, headers=headers, seconds=seconds)
        except asyncio.TimeoutError:
            reason = f"Deployment {deployment['name']} did not answer within requestTimeout ({seconds:g} s)."
            raise _Refused(HTTPStatus.REQUEST_TIMEOUT, reason) from None
        except ServerDown as error:
            raise _Refused(HTTPStatus.BAD_GATEWAY, f"Deployment {deployment['name']}: {error}.") from error


def _timeout_seconds(deployment: Json) -> float:
    settings = deployment["properties"].get("requestSettings") or {}
    return durations.seconds(settings.get("requestTimeout") or _DEFAULT_TIMEOUT)
