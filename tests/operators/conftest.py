"""A service on https that Airflow signs in to, and that answers what a test gives it."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.operators import sending
from airflow_provider_azml.rest import patience
from tests.rest.scripted_service import Answer, Asked
from tests.spec.stand_in import WS, StandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

TENANT = "11111111-1111-1111-1111-111111111111"
_LONGEST_HOLD_SECONDS = 150


class SignedIn(StandIn):
    """A stand-in with what a connection asks for first: the cloud's metadata and tokens."""

    def open(self) -> SignedIn:
        """Answer them."""
        self._by_past: dict[tuple[str, str], Callable[[], Answer]] = {}
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

    def when(self, method: str, path: str, answer: Callable[[], Answer]) -> None:
        """Answer by what has happened so far."""
        self._by_past[method, path] = answer

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer by what has happened so far where a test says how, else as any stand-in does."""
        path = handler.path.partition("?")[0]
        if (handler.command, path) not in self._by_past:
            super().serve(handler)
            return
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.asked.append(Asked(handler.command, path, "", dict(handler.headers), body))
        self._send(handler, self._by_past[handler.command, path]())

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


class OneJob(SignedIn):
    """A workspace with one job, which is there after its PUT, runs until a test ends it, and can be cancelled."""

    path = f"{WS}/jobs/train-1"

    def open(self) -> OneJob:
        """Answer what a connection asks for."""
        super().open()
        self.status: str | None = None
        self.begins_as = "Running"
        self.ends_as: str | None = None
        """What it is after the first look; digits stand for a refusal."""
        self.properties: dict[str, str] = {}
        self.outages = 0
        """How many PUTs still find the service out of order."""
        self._held: dict[str, tuple[threading.Event, threading.Event]] = {}
        return self

    def hold(self, method: str) -> tuple[threading.Event, threading.Event]:
        """Hold back the next answer about the job: one event tells that it was asked for, the other lets it go."""
        return self._held.setdefault(method, (threading.Event(), threading.Event()))

    def count(self, method: str) -> int:
        """How often the job was asked about with a method."""
        return sum(asked.method == method and asked.path.startswith(self.path) for asked in self.asked)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer about the job by what has become of it."""
        path = handler.path.partition("?")[0]
        if not path.startswith(self.path):
            super().serve(handler)
            return
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.asked.append(Asked(handler.command, path, "", dict(handler.headers), body))
        arrived, released = self._held.pop(handler.command, (threading.Event(), None))
        arrived.set()
        if released:
            released.wait(_LONGEST_HOLD_SECONDS)
        with contextlib.suppress(OSError):  # who asked may be gone
            self._send(handler, self._about_job(handler.command, body))

    def _about_job(self, method: str, body: bytes) -> Answer:
        if method == "PUT" and self.outages:
            self.outages -= 1
            return Answer(503)
        if method == "PUT" and self.status is None:
            self.status, self.properties = self.begins_as, json.loads(body)["properties"]["properties"]
        if self.status is None:
            return Answer(404, {"error": {"code": "UserError", "message": "there is no such job"}})
        if self.status.isdigit():
            return Answer(int(self.status), {"error": {"code": "Refused", "message": f"answers {self.status}"}})
        if method == "POST":
            self.status = "CancelRequested"
            return Answer(202)
        status = self.status
        if method == "GET":
            self.status = "Canceled" if status == "CancelRequested" else self.ends_as or status
        return Answer(body={"name": "train-1", "properties": {"status": status, "properties": self.properties}})


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may have been sent is looked for in smaller pauses than out there, so that tests take less time."""
    monkeypatch.setattr(sending, "APPEARING_SECONDS", (0.1, 0.1))
    monkeypatch.setattr(patience, "FIRST_PAUSE_SECONDS", 0.1)


@pytest.fixture
def one_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneJob]:
    """A service with one job, and a connection ``azml_default`` to it."""
    scripted = OneJob(tmp_path).open()
    monkeypatch.setenv("AIRFLOW_CONN_AZML_DEFAULT", scripted.connection)
    yield scripted
    scripted.close()


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignedIn]:
    """The service, and a connection ``azml_default`` to it."""
    scripted = SignedIn(tmp_path).open()
    monkeypatch.setenv("AIRFLOW_CONN_AZML_DEFAULT", scripted.connection)
    yield scripted
    scripted.close()
