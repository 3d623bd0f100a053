"""Credentials of azure-identity for every way to sign in, and a process-wide cache of their tokens."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.rest.http_log import HTTP_LOG

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from azure.core.credentials import AccessTokenInfo, SupportsTokenInfo, TokenRequestOptions
    from typing_extensions import Self

RENEW_SECONDS = 300
"""A token is renewed when it has less than this left, as azure-core does."""
_NEW_SECONDS = 10
"""A token that was had so lately is not had again because it was refused: the refusal has another reason."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who signs in, and how.

    Args:
        auth: ``client_secret``, ``client_certificate``, ``managed_identity``, ``workload_identity``, ``azure_cli`` or
            ``default`` (azure-identity's chain).
        authority: URL of the token service.
        custom_cloud: Whether the authority is none of Microsoft's, so that it cannot be looked up there.
        tenant_id: Entra tenant.
        client_id: Application, or user-assigned managed identity.
        client_secret: Secret, or the certificate's password.
        client_certificate_path: PEM or PKCS12 file.
        ca_bundle: PEM file of the certificate authorities to trust.
    """

    auth: str
    authority: str
    custom_cloud: bool = False
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    client_certificate_path: str | None = None
    ca_bundle: str | None = None


class TokenCache:
    """A credential that asks the one behind it only when it must: one token per scope, whoever asks.

    Args:
        credential: Any credential of azure-identity.
        now: The clock, in seconds since the epoch.
        anew: Makes the credential again, without the tokens that it remembers itself.
    """

    def __init__(
        self,
        credential: SupportsTokenInfo,
        now: Callable[[], float] = time.time,
        anew: Callable[[], SupportsTokenInfo] | None = None,
    ) -> None:
        self._credential = credential
        self._now = now
        self._anew = anew
        self._tokens: dict[tuple[str, ...], AccessTokenInfo] = {}
        self._lock = threading.Lock()
        self._asked = -math.inf

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """A token for the scopes that is good for some minutes yet.

        Raises:
            azure.core.exceptions.ClientAuthenticationError: None could be had.
        """
        if options and options.get("claims"):  # the service refused the cached one and says what it wants
            return self._renew(scopes, options)
        with self._lock:
            token = self._tokens.get(scopes)
            if token and not self._stale(token):
                return token
            return self._renew(scopes, options)

    def forget(self, refused: str) -> None:
        """Drop a token that the service refused, so that the next call asks anew.

        Of many that were refused at once the first has it renewed, and one that is new is not to blame.
        """
        with self._lock:
            held = [scopes for scopes, token in self._tokens.items() if token.token == refused]
            if not held or time.monotonic() - self._asked < _NEW_SECONDS:
                return
            for scopes in held:
                del self._tokens[scopes]
            if self._anew:  # azure-identity would answer the same token as long as its own clock allows
                self._credential = self._anew()

    def close(self) -> None:
        """Nothing: the cache outlives its users."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing: the cache outlives its users."""

    def _renew(self, scopes: tuple[str, ...], options: TokenRequestOptions | None) -> AccessTokenInfo:
        token = self._credential.get_token_info(*scopes, options=options or {})
        self._tokens[scopes] = token
        self._asked = time.monotonic()
        return token

    def _stale(self, token: AccessTokenInfo) -> bool:
        return self._now() > (token.refresh_on or token.expires_on - RENEW_SECONDS)


class InThread:
    """The blocking token cache as azure-core's asynchronous side wants one: never on the event loop.

    Args:
        tokens: The cache.
    """

    def __init__(self, tokens: TokenCache) -> None:
        self._tokens = tokens

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """A token for the scopes that is good for some minutes yet."""
        return await asyncio.to_thread(self._tokens.get_token_info, *scopes, options=options)

    async def close(self) -> None:
        """Nothing: the cache outlives its users."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing: the cache outlives its users."""


@lru_cache(maxsize=64)
def token_cache(identity: Identity) -> TokenCache:
    """The cache that all users of an identity in this process share."""
    make = partial(_MAKERS[identity.auth], identity)
    return TokenCache(make(), anew=make)


def _client_secret(identity: Identity) -> SupportsTokenInfo:
    from azure.identity import ClientSecretCredential

    return ClientSecretCredential(
        identity.tenant_id or "", identity.client_id or "", identity.client_secret or "", **_entra(identity)
    )


def _client_certificate(identity: Identity) -> SupportsTokenInfo:
    from azure.identity import CertificateCredential

    return CertificateCredential(
        identity.tenant_id or "",
        identity.client_id or "",
        identity.client_certificate_path,
        password=identity.client_secret,
        **_entra(identity),
    )


def _workload_identity(identity: Identity) -> SupportsTokenInfo:
    from azure.identity import WorkloadIdentityCredential

    return WorkloadIdentityCredential(tenant_id=identity.tenant_id, client_id=identity.client_id, **_entra(identity))


def _managed_identity(identity: Identity) -> SupportsTokenInfo:
    from azure.identity import ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=identity.client_id, logger=HTTP_LOG)


def _azure_cli(identity: Identity) -> SupportsTokenInfo:
    from azure.identity import AzureCliCredential

    return AzureCliCredential(tenant_id=identity.tenant_id or "")


def _default(identity: Identity) -> SupportsTokenInfo:
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(
        managed_identity_client_id=identity.client_id,
        workload_identity_client_id=identity.client_id,
        **_entra(identity),
    )


def _entra(identity: Identity) -> dict[str, Any]:
    """What every credential that speaks to Entra itself is told."""
    told: dict[str, Any] = {"authority": identity.authority, "logger": HTTP_LOG}
    if identity.custom_cloud:
        told["disable_instance_discovery"] = True
    if identity.ca_bundle:
        told["connection_verify"] = identity.ca_bundle
    return told


_MAKERS: Mapping[str, Callable[[Identity], SupportsTokenInfo]] = {
    "client_secret": _client_secret,
    "client_certificate": _client_certificate,
    "managed_identity": _managed_identity,
    "workload_identity": _workload_identity,
    "azure_cli": _azure_cli,
    "default": _default,
}

AUTHS = tuple(_MAKERS)
"""The words that a connection's ``auth`` may be."""
