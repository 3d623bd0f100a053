"""The web application: all routes, and what every answer has in common."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request

from airflow_provider_azml.emulator import cloud_metadata, controls, studio, token_endpoint
from airflow_provider_azml.emulator.arm import manager as arm
from airflow_provider_azml.emulator.arm import monitor
from airflow_provider_azml.emulator.arm.errors import ArmError
from airflow_provider_azml.emulator.auth import CONTROLS_AUDIENCE, TokenRefused
from airflow_provider_azml.emulator.database import is_disk_full
from airflow_provider_azml.emulator.gate import Gate
from airflow_provider_azml.emulator.history import metrics as run_metrics
from airflow_provider_azml.emulator.history import service as history
from airflow_provider_azml.emulator.identity import TENANT_ID
from airflow_provider_azml.emulator.mlflow import server as mlflow
from airflow_provider_azml.emulator.recording import Recording
from airflow_provider_azml.emulator.refusals import ARM, DATA_PLANE, first_part
from airflow_provider_azml.emulator.serving import batch_jobs, scoring
from airflow_provider_azml.emulator.storage import service as blob
from airflow_provider_azml.emulator.throttle import Throttle
from airflow_provider_azml.emulator.v1 import (
    artifacts,
    content,
    datastores,
    environments,
    execution,
    hyperdrive,
    model_management,
    pipelines,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_azml.emulator.emulator import Emulator


def make_app(emulator: Emulator) -> ASGIApp:
    """The application of an emulator; the same one answers on both listeners."""
    parts = (cloud_metadata, controls, monitor, arm, batch_jobs, blob, history, mlflow, scoring, studio, token_endpoint)
    retired = (
        run_metrics,
        artifacts,
        environments,
        execution,
        content,
        model_management,
        hyperdrive,
        pipelines,
        datastores,
    )
    app = Starlette(
        routes=[route for part in (*parts, *retired) for route in part.routes(emulator)],
        middleware=[Middleware(RequestIds), Middleware(Tokens, emulator=emulator)],
        exception_handlers={ArmError: _arm_error, HTTPException: _http_error, 500: _broken},
    )
    return Gate(Front(app if emulator.record is None else Recording(app, emulator.record), emulator), emulator)


class Front:
    """What every request passes first: it is counted, and may go wrong or come too soon.

    Args:
        app: What answers.
        emulator: The emulator.
    """

    def __init__(self, app: ASGIApp, emulator: Emulator) -> None:
        self._app = app
        self._emulator = emulator
        self._throttle = Throttle() if emulator.throttles else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http" or scope["path"].startswith(controls.PREFIX):
            await self._app(scope, receive, send)
            return
        with self._emulator.requests.noted(scope):
            await self._emulator.faults.answer(self._throttled, scope, receive, send)

    async def _throttled(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._throttle is None:
            await self._app(scope, receive, send)
        else:
            await self._throttle.answer(self._app, scope, receive, send)


class RequestIds:
    """Gives every answer the ids by which the service's support would look it up.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the ids."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        asked = dict(scope["headers"])
        headers = [
            (b"x-ms-request-id", request_id.encode()),
            (b"x-ms-correlation-request-id", asked.get(b"x-ms-correlation-request-id", request_id.encode())),
        ]
        if b"x-ms-client-request-id" in asked:
            headers.append((b"x-ms-client-request-id", asked[b"x-ms-client-request-id"]))

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await self._app(scope, receive, send_with_ids)


class Tokens:
    """Lets nothing through to Resource Manager, the data plane and the controls without a token for it.

    Args:
        app: What answers.
        emulator: The emulator.
    """

    def __init__(self, app: ASGIApp, emulator: Emulator) -> None:
        self._app = app
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse to."""
        audiences = self._audiences(scope["path"]) if scope["type"] == "http" else ()
        if audiences:
            request = Request(scope)
            try:
                self._emulator.auth.check(request.headers.get("authorization"), audiences)
            except TokenRefused as refused:
                await self._refusal(refused)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _audiences(self, path: str) -> Collection[str]:
        first = first_part(path)
        auth = self._emulator.auth
        if path.startswith(controls.PREFIX):
            return (CONTROLS_AUDIENCE, *auth.arm_audiences)
        if first in ARM:
            return auth.arm_audiences
        return (*auth.aml_audiences, *auth.arm_audiences) if first in DATA_PLANE else ()

    def _refusal(self, refused: TokenRefused) -> Response:
        challenge = (
            f'Bearer authorization_uri="{self._emulator.https_url}/{TENANT_ID}", error="invalid_token", '
            f'error_description="{refused.message}"'
        )
        return ArmError(401, refused.code, refused.message, headers={"WWW-Authenticate": challenge}).response()


async def _arm_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ArmError)
    return error.response()


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "NotFound", 405: "MethodNotAllowed"}.get(error.status_code, "BadRequest")
    message = f"{request.method} {request.scope['path']}: {error.detail}"
    return ArmError(error.status_code, code, message, headers=dict(error.headers or {})).response()


async def _broken(_: Request, error: Exception) -> Response:
    message = "The emulator itself broke; its log has the reason."
    if is_disk_full(error):
        message = "The disk that the emulator keeps its data on is full: make room there, and repeat the request."
    return ArmError(500, "InternalServerError", message).response()
