"""What stands before a service and turns requests away answers in that service's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from starlette.responses import JSONResponse, Response

from airflow_provider_azml.emulator.arm.errors import ArmError
from airflow_provider_azml.emulator.history.data_plane import DataPlaneError
from airflow_provider_azml.emulator.storage.blobs import ACCOUNT, SUFFIX

if TYPE_CHECKING:
    from starlette.types import Scope

ARM = ("subscriptions", "tenants", "providers")
DATA_PLANE = (
    "history",
    "data",
    "metric",
    "mlflow",
    "modelmanagement",
    "modelregistry",
    "artifact",
    "execution",
    "content",
    "hyperdrive",
    "datastore",
    "environment",
    "pipelines",
    "rp",
    "mferp",
    "registrymanagement",
)
STORAGE = f"{ACCOUNT}.blob.{SUFFIX}"
SCORING = "score"
_TOO_MANY = 429
_UNAVAILABLE = 503
_BROKEN = 500
_OF_ARM = {429: "TooManyRequests", 500: "InternalServerError", 502: "BadGateway", 503: "ServiceUnavailable"}
_OF_STORAGE = {429: "TooManyRequests", 500: "InternalError", 503: "ServerBusy"}
_TOKENS = "/oauth2/"
_MESSAGE = "The emulator was told to let this request fail."
EXPIRED = "The access token has expired. Get a new one and repeat the request."


def first_part(path: str) -> str:
    """What a path begins with, by which the services differ that share the emulator's address."""
    return path.lstrip("/").partition("/")[0].lower()


def is_azure(scope: Scope) -> bool:
    """Whether a request is for Resource Manager, the data plane, storage or an endpoint."""
    return scope["type"] == "http" and first_part(scope["path"]) in (*ARM, *DATA_PLANE, STORAGE, SCORING)


def refusal(
    path: str, status: int, *, retry_after: float = 1, code: str | None = None, message: str | None = None
) -> Response:
    """An error that says nothing about what was asked for.

    Args:
        path: The path of the request.
        status: HTTP status.
        retry_after: Seconds after which to come again; said with 429 and 503.
        code: The error's code; the service's usual one when not given.
        message: Its words.

    Sources: the codes that ``RootError`` of the 2019-09-30 run history file lists; for storage
    https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes; for tokens the ``error`` of
    https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """
    first = first_part(path)
    message = message or _MESSAGE
    if first in DATA_PLANE:
        usual = "RequestThrottled" if status == _TOO_MANY else "ServiceError" if status >= _BROKEN else "UserError"
        response: Response = DataPlaneError(status, code or usual, message).response()
    elif first == STORAGE:
        code = code or _OF_STORAGE.get(status, "InvalidInput")
        error = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        body = f'<?xml version="1.0" encoding="utf-8"?>{error}'
        response = Response(body, status, {"x-ms-error-code": code}, "application/xml")
    elif _TOKENS in path:
        response = JSONResponse({"error": code or "temporarily_unavailable", "error_description": message}, status)
    else:
        response = ArmError(status, code or _OF_ARM.get(status, "UserError"), message).response()
    if status in (_TOO_MANY, _UNAVAILABLE):
        response.headers["Retry-After"] = f"{retry_after:g}"
    return response


def expired_token(path: str) -> Response:
    """A refusal for the sake of a token that has expired.

    Sources: what Resource Manager answers to such a token; for storage ``AuthenticationFailed`` of
    https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
    """
    if first_part(path) == STORAGE:
        return refusal(path, 403, code="AuthenticationFailed", message="The signature has expired.")
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token", error_description="The access token has expired."'}
    return ArmError(401, "ExpiredAuthenticationToken", EXPIRED, headers=challenge).response()
