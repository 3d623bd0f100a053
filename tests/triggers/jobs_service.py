"""A service whose jobs have the statuses that a test gives them, in run history and in Resource Manager apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from airflow_provider_azml.rest.arm_ids import WorkspaceId, parse
from tests.operators.conftest import TENANT, SignedIn
from tests.rest.scripted_service import Answer, Asked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

WORKSPACE = WorkspaceId("s", "rg", "ws")
TOKENS = f"/{TENANT}/oauth2/v2.0/token"
BATCH = f"/history/v1.0{WORKSPACE}/batchrundata"


def job_id(name: str) -> str:
    return WORKSPACE.child("job", name)


class JobsService(SignedIn):
    """Answers ``GET`` of a job and ``POST batchrundata`` from two tables; what a test scripted comes first.

    Shapes: ``BatchRunDataResult`` of the run history client, ``JobBase`` of the 2024-04-01 OpenAPI file.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.statuses: dict[str, str] = {}
        self.history: dict[str, str] = {}
        self.clients: set[tuple[str, int]] = set()
        self.headers: dict[str, str] = {}
        self.expired_secret: str | None = None

    def has(self, statuses: Mapping[str, str]) -> JobsService:
        """Let jobs have statuses, in both places."""
        self.statuses.update(statuses)
        self.history.update(statuses)
        return self

    def open(self) -> JobsService:
        super().open()
        workspace = {"name": "ws", "properties": {"discoveryUrl": f"{self.url}/discovery"}}
        self.answer("GET", str(WORKSPACE), Answer(body=workspace))
        self.answer("GET", "/discovery", Answer(body={"api": self.url}))
        return self

    def refuse(self, path: str, status: int, code: str = "Refused", times: int = 1, **headers: str) -> None:
        """Answer so many requests, of whatever method, with an error."""
        error = {"error": {"code": code, "message": f"{code} it is"}}
        for method in ("GET", "POST"):
            self._answers[method, path] = [Answer(status, error, headers)] * times

    def count(self, method: str, path: str) -> int:
        """How many requests there were whose path begins so."""
        return sum(asked.method == method and asked.path.startswith(path) for asked in list(self.asked))

    @property
    def batches(self) -> list[set[str]]:
        """The jobs that were asked for together, request by request."""
        return [set(json.loads(asked.body)["requests"]) for asked in list(self.asked) if asked.path == BATCH]

    @property
    def looks(self) -> list[str]:
        """The jobs that were asked for alone, in order."""
        return [asked.path.rpartition("/")[2] for asked in list(self.asked) if "/jobs/" in asked.path]

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        self.clients.add(handler.client_address)
        if not (path == BATCH or "/jobs/" in path or (path == TOKENS and self.expired_secret)):
            super().serve(handler)
            return
        self._closing.wait(self._silences.get(path, 0))
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._choosing:
            # once a test sees that something was asked, what it changes then is for the next who ask
            answer = self._chosen(handler.command, path, body)
            self.asked.append(Asked(handler.command, path, "", dict(handler.headers), body))
        self._send(handler, answer)

    def _chosen(self, method: str, path: str, body: bytes) -> Answer:
        if path == TOKENS:
            expired = {"error": "invalid_client", "error_description": "AADSTS7000222: The client secret has expired."}
            asked = parse_qs(body.decode())["client_secret"]
            return Answer(401, expired) if asked == [self.expired_secret] else self._answers["POST", TOKENS][0]
        if scripted := self._answers.get((method, path)):
            return scripted.pop(0)
        if path == BATCH:
            return self._batch(json.loads(body))
        if method == "GET":
            return self._job(parse(path).name)
        return Answer(404, {"error": {"code": "NotScripted", "message": path}})

    def _batch(self, asked: dict[str, dict[str, dict[str, str]]]) -> Answer:
        good, bad = {}, {}
        for key, wanted in asked["requests"].items():
            name = wanted["runId"]
            if name in self.history:
                good[key] = {"runMetadata": {"runId": name, "status": self.history[name]}}
            else:
                bad[key] = {"error": {"code": "UserError", "message": f"Run {name} was not found."}}
        return Answer(body={"successfulResults": good, "failedResults": bad}, headers=self.headers)

    def _job(self, name: str) -> Answer:
        if name not in self.statuses:
            message = f"The specified resource {name} was not found."
            return Answer(404, {"error": {"code": "UserError", "message": message}})
        properties = {"jobType": "Command", "status": self.statuses[name]}
        return Answer(body={"id": job_id(name), "name": name, "properties": properties})
