"""Exceptions for requests that the service never answered, or that were not sent for want of a token."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_azml.exceptions import ApiError, AuthError

if TYPE_CHECKING:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.core.rest import HttpRequest

_AADSTS = re.compile(r"AADSTS\d+")
_TRACES = re.compile(r"\s*Trace ID:|\n")
_HINTS = {
    "AADSTS7000215": "the password is no valid secret of the application in login: set a current one.",
    "AADSTS7000222": "the secret in password has expired: make a new one in Entra and set it.",
    "AADSTS700016": "login (the client id) names no application of this tenant: check it, and tenant_id.",
    "AADSTS90002": "tenant_id names no tenant of this cloud: check it, and cloud.",
}


def no_answer(sent: HttpRequest, code: str, message: str) -> ApiError:
    """The exception for a request that got no answer.

    Args:
        sent: The request.
        code: What happened, in a word.
        message: What happened.
    """
    host = urlsplit(sent.url).netloc
    return ApiError(
        method=sent.method,
        url=sent.url.partition("?")[0],
        status=None,
        code=code,
        message=message,
        hint=f"Check that {host} can be reached from here, and the proxy and ca_bundle settings.",
    )


def no_token(error: ClientAuthenticationError, authority: str, origin: str) -> AuthError:
    """The exception for a request that was not sent, because there was no token for it.

    Args:
        error: What azure-identity says.
        authority: URL of the token service.
        origin: What the identity was taken from.
    """
    words = str(error.message)
    found = _AADSTS.search(words)
    code = found.group() if found else type(error).__name__
    return AuthError(
        method="POST",
        url=authority,
        status=error.status_code,
        code=code,
        message=_TRACES.split(words[found.end() :].lstrip(": "))[0].strip() if found else words,
        hint=f"In {origin}, {_HINTS.get(code, 'check auth, login, password, tenant_id and cloud.')}",
    )
