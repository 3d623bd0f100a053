"""A workspace with one online endpoint, whose scoring script is a function of the test."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from tests.rest.scripted_service import Answer, Asked, ScriptedService

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

ENDPOINT = (
    "/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws/onlineEndpoints/iris"
)
SCORE = "/score"


class ScoringService(ScriptedService):
    """Answers about the endpoint as the service does, and takes payloads with its key alone.

    Source: the recorded exchange of ``online_endpoints.invoke`` of azure-ai-ml 1.35.2; the words of a refusal are those
    of https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints#http-status-codes.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.script: Callable[[bytes], Answer | None] = lambda _: Answer(body=[])
        """What a payload is answered; with ``None`` the connection is closed without an answer."""
        self.auth_mode = "Key"
        self.secret = "key-1"
        self.told_secret: str | None = None
        """What it says that its key is, if that is not so."""
        self.scoring_uri = f"{self.url}{SCORE}"
        self.renew_at = 0
        self.payloads: list[Asked] = []
        self.connections: set[object] = set()
        self.under_way = self.most_under_way = 0
        self._counting = threading.Lock()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a payload by the script, and all else as the service does."""
        path = handler.path.partition("?")[0]
        if path != SCORE:
            self._about_the_endpoint(path)
            super().serve(handler)
            return
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._counting:
            self.payloads.append(Asked("POST", path, "", dict(handler.headers), body))
            self.connections.add(handler.client_address)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        refused = Answer(401, b"key_auth_access_denied", {"Content-Type": "text/plain"})
        opens = handler.headers.get("Authorization") == f"Bearer {self.secret}"
        answer = self.script(body) if opens else refused
        with self._counting:
            self.under_way -= 1
        if answer is None:
            handler.close_connection = True
            return
        with contextlib.suppress(OSError):  # who asked may be gone
            self._send(handler, answer)

    def count(self, path: str) -> int:
        """How often the end of a path was asked for."""
        return sum(asked.path.endswith(path) for asked in self.asked)

    def _about_the_endpoint(self, path: str) -> None:
        properties = {"scoringUri": self.scoring_uri, "authMode": self.auth_mode, "traffic": {"blue": 100}}
        secret = self.told_secret or self.secret
        told = {
            ENDPOINT: {"id": ENDPOINT, "name": "iris", "properties": properties},
            f"{ENDPOINT}/listKeys": {"primaryKey": secret, "secondaryKey": "other"},
            f"{ENDPOINT}/token": {"accessToken": secret, "refreshAfterTimeUtc": self.renew_at},
        }
        if path in told:
            self._answers["GET" if path == ENDPOINT else "POST", path] = [Answer(body=told[path])]
