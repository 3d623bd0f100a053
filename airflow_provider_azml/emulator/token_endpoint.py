"""The token service: Entra ID's client credentials flow, in both versions, with the errors that it answers."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import JSONResponse
from starlette.routing import Route

from airflow_provider_azml.emulator.auth import TOKEN_SECONDS
from airflow_provider_azml.emulator.identity import CLIENT_ID, TENANT_ID

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_DEFAULT = "/.default"


@dataclass
class TokenError(Exception):
    """Entra ID refuses a token.

    Args:
        status: HTTP status.
        error: OAuth's word for it.
        code: Entra's number for it.
        reason: Entra's words.
    """

    status: int
    error: str
    code: int
    reason: str

    def response(self) -> JSONResponse:
        """The answer; the trace and correlation ids in it name nothing that exists."""
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        moment = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
        description = (
            f"AADSTS{self.code}: {self.reason} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}"
        )
        body = {
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": moment,
            "trace_id": trace,
            "correlation_id": correlation,
        }
        return JSONResponse(body, self.status)


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the token service."""
    service = TokenService(emulator)
    return [
        Route("/{tenant}/oauth2/v2.0/token", service.token_v2, methods=["POST"]),
        Route("/{tenant}/oauth2/token", service.token_v1, methods=["POST"]),
        Route("/{tenant}/v2.0/.well-known/openid-configuration", service.configuration_v2),
        Route("/{tenant}/.well-known/openid-configuration", service.configuration_v1),
        Route("/{tenant}/discovery/v2.0/keys", service.keys),
        Route("/{tenant}/discovery/keys", service.keys),
    ]


class TokenService:
    """Issues tokens to the one application, for its secret or for the content of the federated token file.

    Args:
        emulator: The emulator.

    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow and
    reference-error-codes.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def token_v2(self, request: Request) -> Response:
        """Answer for a scope."""
        try:
            form = await self._authenticated(request)
            audience = self._audience_of_scope(form.get("scope", ""))
        except TokenError as error:
            return error.response()
        seconds = self._seconds(request)
        return JSONResponse({
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": self._emulator.auth.issue(audience, seconds=seconds),
        })

    async def token_v1(self, request: Request) -> Response:
        """Answer for a resource; its numbers are strings."""
        try:
            form = await self._authenticated(request)
            audience = self._known(form.get("resource", ""))
        except TokenError as error:
            return error.response()
        now, seconds = int(time.time()), self._seconds(request)
        return JSONResponse({
            "token_type": "Bearer",
            "expires_in": str(seconds),
            "ext_expires_in": str(seconds),
            "expires_on": str(now + seconds),
            "not_before": str(now),
            "resource": audience,
            "access_token": self._emulator.auth.issue(audience, seconds=seconds),
        })

    async def configuration_v2(self, request: Request) -> Response:
        """Describe the service, version 2."""
        return self._configuration(request, "/v2.0", "/oauth2/v2.0", "/discovery/v2.0/keys")

    async def configuration_v1(self, request: Request) -> Response:
        """Describe the service, version 1."""
        return self._configuration(request, "/", "/oauth2", "/discovery/keys")

    async def keys(self, request: Request) -> Response:
        """The keys that tokens can be checked with."""
        try:
            _check_tenant(request)
        except TokenError as error:
            return error.response()
        return JSONResponse(self._emulator.auth.keys())

    def _seconds(self, request: Request) -> int:
        return self._emulator.faults.token_seconds(str(request.scope["path"]), TOKEN_SECONDS)

    def _configuration(self, request: Request, issuer: str, oauth: str, keys: str) -> Response:
        try:
            tenant = f"{self._emulator.https_url}/{_check_tenant(request)}"
        except TokenError as error:
            return error.response()
        return JSONResponse({
            "token_endpoint": f"{tenant}{oauth}/token",
            "authorization_endpoint": f"{tenant}{oauth}/authorize",
            "device_authorization_endpoint": f"{tenant}{oauth}/devicecode",
            "end_session_endpoint": f"{tenant}{oauth}/logout",
            "issuer": f"{tenant}{issuer}",
            "jwks_uri": f"{tenant}{keys}",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid"],
            "tenant_region_scope": "EU",
            "cloud_instance_name": "localhost",
        })

    async def _authenticated(self, request: Request) -> dict[str, str]:
        tenant = _check_tenant(request)
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        grant = form.get("grant_type", "")
        if grant != "client_credentials":
            raise TokenError(
                400, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{grant}'."
            )
        client = form.get("client_id", "")
        if client.lower() != CLIENT_ID:
            raise TokenError(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if "
                "the application has not been installed by the administrator of the tenant or consented to by any user "
                "in the tenant. You may have sent your authentication request to the wrong tenant.",
            )
        self._check_credential(form, client)
        return form

    def _check_credential(self, form: dict[str, str], client: str) -> None:
        auth = self._emulator.auth
        if "client_secret" in form:
            if not auth.knows_secret(form["client_secret"]):
                raise TokenError(
                    401,
                    "invalid_client",
                    7000215,
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                    f"value, not the client secret ID, for a secret added to app '{client}'.",
                )
        elif "client_assertion" in form:
            kind = form.get("client_assertion_type", "")
            if kind != _ASSERTION_TYPE or not auth.knows_assertion(form["client_assertion"]):
                raise TokenError(
                    401,
                    "invalid_client",
                    700213,
                    "No matching federated identity record found for presented assertion. The assertion must be the "
                    f"content of {auth.federated_token_file}.",
                )
        else:
            raise TokenError(
                401,
                "invalid_client",
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            )

    def _audience_of_scope(self, scope: str) -> str:
        if not scope.endswith(_DEFAULT):
            raise TokenError(
                400,
                "invalid_scope",
                1002012,
                f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value "
                "with /.default suffixed to the resource identifier (application ID URI).",
            )
        # https://host//.default asks for a token for https://host/, with the slash
        return self._known(scope.removesuffix(_DEFAULT))

    def _known(self, audience: str) -> str:
        if not self._emulator.auth.knows_audience(audience):
            raise TokenError(
                400,
                "invalid_resource",
                500011,
                f"The resource principal named {audience} was not found in the tenant named {TENANT_ID}. This can "
                "happen if the application has not been installed by the administrator of the tenant. The emulator has "
                f"{', '.join((*self._emulator.auth.arm_audiences, *self._emulator.auth.aml_audiences))}.",
            )
        return audience


def _check_tenant(request: Request) -> str:
    tenant = str(request.path_params["tenant"])
    if tenant.lower() != TENANT_ID:
        raise TokenError(
            400,
            "invalid_request",
            90002,
            f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the "
            "correct cloud. Check with your subscription administrator, this may happen if there are no active "
            "subscriptions for the tenant.",
        )
    return tenant
