"""Who may do what in blob storage: shared access signatures, the account's key, and tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.auth import STORAGE_AUDIENCE, TokenRefused
from airflow_provider_azml.emulator.storage.errors import BlobError

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_azml.emulator.auth import Auth

_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
_LOG = re.compile(r"/[^/]+/(?:.+/)?(?:user_logs|azureml-logs|logs/azureml)/")
_LOG_TIME = timedelta(minutes=31)


def check_access(auth: Auth, request: Request, container: str, permissions: str) -> None:
    """Check that a request may do what it asks for.

    Args:
        auth: Knows keys and tokens.
        request: The request.
        container: The container that it is about.
        permissions: The letters of the permissions, one of which is enough.

    Raises:
        BlobError: It may not.
    """
    authorization = request.headers.get("authorization", "")
    scheme = authorization.partition(" ")[0].lower()
    if "sig" in request.query_params:
        signed = any(auth.opens(request.url.query, container, permission) for permission in permissions)
        if not signed and not _reads_log_as_sdk_does(request):
            raise BlobError(
                "AuthorizationPermissionMismatch",
                "The shared access signature is wrong, has expired, is for another container, or does not permit this.",
            )
    elif scheme == "sharedkey":
        if not hmac.compare_digest(authorization.rpartition(":")[2], _signature(auth, request, authorization)):
            raise BlobError(
                "AuthenticationFailed",
                "Server failed to authenticate the request. Make sure the value of Authorization header is formed "
                "correctly including the signature.",
            )
    elif scheme == "bearer":
        _check_token(auth, authorization)
    else:
        raise BlobError(
            "NoAuthenticationInformation",
            "Server failed to authenticate the request. Please refer to the "
            "information in the www-authenticate header.",
            {"WWW-Authenticate": f"Bearer resource_id={STORAGE_AUDIENCE}"},
        )


def _reads_log_as_sdk_does(request: Request) -> bool:
    """Whether a request reads one log of a job with a signature that nobody can check.

    azure-ai-ml signs the URLs of log files itself, for 30 minutes, with whatever ``listSecrets`` gave it as if that
    were an account key; here that was a shared access signature (``list_logs_in_datastore`` of azure-ai-ml 1.35.2).
    Nothing but those URLs opens so: one blob, to read, in a folder of logs, for no longer.
    """
    query = request.query_params
    try:
        left = datetime.fromisoformat(query.get("se", "").replace("Z", "+00:00")) - datetime.now(timezone.utc)
    except (TypeError, ValueError):
        return False
    own = request.method in ("GET", "HEAD") and query.get("sr") == "b" and query.get("sp") == "r"
    return own and timedelta(0) < left <= _LOG_TIME and bool(_LOG.match(str(request.path_params["path"])))


def _check_token(auth: Auth, authorization: str) -> None:
    try:
        auth.check(authorization, (STORAGE_AUDIENCE,))
    except TokenRefused as refused:
        raise BlobError("AuthenticationFailed", refused.message) from refused


def _signature(auth: Auth, request: Request, authorization: str) -> str:
    """The signature that a request must have.

    Source: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
    """
    account = authorization.partition(" ")[2].rpartition(":")[0]
    values = {name: request.headers.get(name, "") for name in _SIGNED}
    if values["content-length"] == "0":
        values["content-length"] = ""
    if "x-ms-date" in request.headers:
        values["date"] = ""
    own = sorted((name, value) for name, value in request.headers.items() if name.startswith("x-ms-"))
    query: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        query.setdefault(name.lower(), []).append(value)
    lines = [
        request.method,
        *values.values(),
        *(f"{name}:{value}" for name, value in own),
        f"/{account}{request.scope['raw_path'].decode()}",
    ]
    text = "\n".join(lines) + "".join(f"\n{name}:{','.join(sorted(query[name]))}" for name in sorted(query))
    key = base64.b64decode(auth.account_key)
    return base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode()
