"""Tokens: what the emulator issues as Entra ID would, and what it lets in with them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from airflow_provider_azml.emulator.identity import AML_AUDIENCE, CLIENT_ID, PRINCIPAL_ID, TENANT_ID, write_private

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from airflow_provider_azml.emulator.identity import Secrets

STORAGE_AUDIENCE = "https://storage.azure.com"
PUBLIC_AML_AUDIENCE = "https://ml.azure.com"
PUBLIC_ARM_AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
CONTROLS_AUDIENCE = "api://azml-emulator"
"""What tokens for the emulator's own routes are for."""
TOKEN_SECONDS = 3599
SAS_SECONDS = 7 * 24 * 3600
_LASTING_SECONDS = 10 * 365 * 24 * 3600
_KEY_ID = "emulator"
_FEDERATION = "api://AzureADTokenExchange"


class TokenRefused(Exception):
    """A token does not open what was asked for.

    Args:
        code: Azure Resource Manager's error code.
        message: Its words.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Auth:
    """Issues and checks tokens and shared access signatures.

    Args:
        home: Holds the signing key and the federated token file, each readable by its owner alone.
        secrets_: The secrets of the home.
        https_url: The emulator, which is issuer and Resource Manager in one.
    """

    def __init__(self, home: Path, secrets_: Secrets, https_url: str) -> None:
        self._secrets = secrets_
        self._https_url = https_url
        self._key = _signing_key(home / "tls" / "token.key")
        self.arm_audiences = (https_url, *PUBLIC_ARM_AUDIENCES)
        self.aml_audiences = (AML_AUDIENCE, PUBLIC_AML_AUDIENCE)
        self.federated_token_file = home / "federated-token"
        if not self.federated_token_file.exists():
            write_private(self.federated_token_file, self._federated_token())

    @property
    def client_secret(self) -> str:
        """The secret of the one application."""
        return self._secrets.client_secret

    @property
    def account_key(self) -> str:
        """The key of the storage account."""
        return base64.b64encode(hashlib.sha256(self._secrets.storage_key.encode()).digest()).decode()

    def knows_secret(self, secret: str) -> bool:
        """Whether this is the application's secret."""
        return hmac.compare_digest(secret.encode(), self._secrets.client_secret.encode())

    def knows_assertion(self, assertion: str) -> bool:
        """Whether this is the content of the federated token file."""
        return hmac.compare_digest(assertion.encode(), self.federated_token_file.read_bytes().strip())

    def knows_audience(self, audience: str) -> bool:
        """Whether tokens can be had for a resource."""
        known = (*self.arm_audiences, *self.aml_audiences, STORAGE_AUDIENCE)
        return audience.rstrip("/") in known

    def issue(self, audience: str, *, seconds: int = TOKEN_SECONDS, claims: Mapping[str, Any] | None = None) -> str:
        """A bearer token for a resource, e.g. one of ``arm_audiences`` or ``aml_audiences``.

        Args:
            audience: What it opens.
            seconds: How long it does so.
            claims: What else it is to say.
        """
        now = int(time.time())
        content = {
            "aud": audience,
            "iss": f"{self._https_url}/{TENANT_ID}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + seconds,
            "tid": TENANT_ID,
            "oid": PRINCIPAL_ID,
            "sub": PRINCIPAL_ID,
            "appid": CLIENT_ID,
            "appidacr": "1",
            "idtyp": "app",
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
            **(claims or {}),
        }
        return jwt.encode(content, self._key, algorithm="RS256", headers={"kid": _KEY_ID})

    def controls_token(self) -> str:
        """A token that opens the emulator's own routes, for as long as the home has its key."""
        return self.issue(CONTROLS_AUDIENCE, seconds=_LASTING_SECONDS)

    def check(self, authorization: str | None, audiences: Collection[str]) -> Mapping[str, Any]:
        """The claims of the token in an Authorization header.

        Args:
            authorization: The header's value.
            audiences: The token must be for one of these.

        Raises:
            TokenRefused: There is none, it is not one of this emulator's, it has expired, or is for something else.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if not token.strip() or scheme.lower() != "bearer":
            raise TokenRefused(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing or not a bearer token.",
            )
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token.strip(), self._key.public_key(), algorithms=["RS256"], options={"verify_aud": False}
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenRefused(
                "ExpiredAuthenticationToken", "The access token has expired. Get a new one and repeat the request."
            ) from error
        except jwt.InvalidTokenError as error:
            raise TokenRefused("InvalidAuthenticationToken", f"The access token is invalid: {error}.") from error
        if claims.get("tid") != TENANT_ID:
            raise TokenRefused(
                "InvalidAuthenticationTokenTenant", f"The access token is from the wrong tenant {claims.get('tid')!r}."
            )
        if str(claims["aud"]).rstrip("/") not in audiences:
            raise TokenRefused(
                "InvalidAuthenticationTokenAudience",
                f"The access token has been obtained for wrong audience or resource {claims['aud']!r}. It should "
                f"exactly match with one of the allowed audiences {', '.join(audiences)}.",
            )
        return claims

    def keys(self) -> dict[str, Any]:
        """The public signing key, as a JSON Web Key Set."""
        numbers = self._key.public_key().public_numbers()
        return {
            "keys": [
                {
                    "kty": "RSA",
                    "use": "sig",
                    "kid": _KEY_ID,
                    "alg": "RS256",
                    "n": _base64url(numbers.n),
                    "e": _base64url(numbers.e),
                }
            ]
        }

    def sas(self, container: str, *, permissions: str = "racwdl", seconds: int = SAS_SECONDS) -> str:
        """A query that opens a container of the storage account for some time."""
        expiry = datetime.fromtimestamp(time.time() + seconds, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = {"sv": "2021-12-02", "sr": "c", "sp": permissions, "se": expiry}
        return urlencode({**fields, "sig": self._sas_signature(container, permissions, expiry)})

    def opens(self, query: str, container: str, permission: str) -> bool:
        """Whether a query is a shared access signature that gives a permission on a container."""
        fields = {name: values[0] for name, values in parse_qs(query).items()}
        expiry, permissions, signature = fields.get("se", ""), fields.get("sp", ""), fields.get("sig", "")
        if not signature or permission not in permissions or expiry < _utc_now():
            return False
        return hmac.compare_digest(signature, self._sas_signature(container, permissions, expiry))

    def _sas_signature(self, container: str, permissions: str, expiry: str) -> str:
        text = f"{permissions}\n{expiry}\n{container}".encode()
        return base64.b64encode(hmac.digest(self._secrets.storage_key.encode(), text, hashlib.sha256)).decode()

    def _federated_token(self) -> str:
        claims = {"sub": "system:serviceaccount:emulator:azml", "jti": secrets.token_hex(16)}
        return self.issue(_FEDERATION, seconds=_LASTING_SECONDS, claims=claims)


def _signing_key(file: Path) -> rsa.RSAPrivateKey:
    if file.exists():
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    write_private(
        file,
        made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    return made


def _base64url(number: int) -> str:
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _utc_now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
