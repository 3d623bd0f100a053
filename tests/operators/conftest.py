"""A service on https that Airflow signs in to, and that answers what a test gives it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.rest.scripted_service import Answer
from tests.spec.stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TENANT = "11111111-1111-1111-1111-111111111111"


class SignedIn(StandIn):
    """A stand-in with what a connection asks for first: the cloud's metadata and tokens."""

    def open(self) -> SignedIn:
        """Answer them."""
        metadata = {
            "name": "scripted",
            "portal": "https://portal.azure.test/",
            "authentication": {"loginEndpoint": self.url},
            "resourceManager": self.url,
            "suffixes": {"storage": "core.windows.net"},
        }
        issuer = f"{self.url}/{TENANT}"
        endpoints = {
            "issuer": f"{issuer}/v2.0",
            "authorization_endpoint": f"{issuer}/oauth2/v2.0/authorize",
            "token_endpoint": f"{issuer}/oauth2/v2.0/token",
        }
        token = {"access_token": "token", "expires_in": 3600, "token_type": "Bearer"}
        self.answer("GET", "/metadata/endpoints", Answer(body=metadata))
        self.answer("GET", f"/{TENANT}/v2.0/.well-known/openid-configuration", Answer(body=endpoints))
        self.answer("POST", f"/{TENANT}/oauth2/v2.0/token", Answer(body=token))
        return self

    @property
    def sent(self) -> list[tuple[str, Any]]:
        """Method and path, and body, of every request so far but those for tokens, which are forms."""
        asked = [each for each in self.asked if TENANT not in each.path]
        return [(f"{each.method} {each.path}", json.loads(each.body or b"null")) for each in asked]

    @property
    def connection(self) -> str:
        """The value of an ``AIRFLOW_CONN_`` variable that leads here."""
        extra = {
            "tenant_id": TENANT,
            "subscription_id": "s",
            "resource_group": "rg",
            "workspace": "ws",
            "cloud": self.url,
            "ca_bundle": self.ca_bundle,
        }
        return json.dumps({"conn_type": "azml", "login": "client", "password": "never said", "extra": extra})


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignedIn]:
    """The service, and a connection ``azml_default`` to it."""
    scripted = SignedIn(tmp_path).open()
    monkeypatch.setenv("AIRFLOW_CONN_AZML_DEFAULT", scripted.connection)
    yield scripted
    scripted.close()
