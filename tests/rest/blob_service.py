"""A workspace with one datastore, and the storage behind it, which remembers bytes and fails when it is told to."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

from airflow_provider_azml.rest.arm_ids import WorkspaceId
from tests.rest.scripted_service import Answer, Asked, ScriptedService

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

WORKSPACE = WorkspaceId("s", "rg", "ws")
STORE = WORKSPACE.child("datastore", "workspaceblobstore")
_PREFIX = "/acct.blob.core.windows.net/c/"


class BlobService(ScriptedService):
    """Blobs of one container by their names; what was asked of storage is in ``stored``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.blobs: dict[str, bytes] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self.stored: list[tuple[str, str, str]] = []
        self.before: Callable[[str, str, str], Answer | None] = lambda *_: None
        self._blocks: dict[str, dict[str, bytes]] = defaultdict(dict)
        self._lock = threading.Lock()
        self.has_datastore()
        secrets = Answer(body={"secretsType": "Sas", "sasToken": "sv=2021-12-02&sig=x"})
        self.answer("POST", f"{STORE}/listSecrets", secrets)

    def has_datastore(self, **properties: object) -> None:
        """Answer for the workspace's datastore."""
        account = f"{self.url.removeprefix('https://')}/acct"
        usual = {"datastoreType": "AzureBlob", "accountName": account, "containerName": "c", "filesystem": "c"}
        self._answers["GET", STORE] = [Answer(body={"properties": {**usual, **properties}})]

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        if not url.path.startswith(_PREFIX):
            super().serve(handler)
            return
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        name, query = (
            unquote(url.path.removeprefix(_PREFIX)),
            {key: one for key, (one, *_) in parse_qs(url.query).items()},
        )
        self.asked.append(Asked(handler.command, url.path, url.query, dict(handler.headers), b""))
        comp = query.get("comp", "")
        answer = self.before(handler.command, name, comp)
        with self._lock:
            self.stored.append((handler.command, name, comp))
            answer = answer or self._answer(handler, name, query, body)
        marks = {"ETag": '"1"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "x-ms-version": "2021-12-02"}
        self._send(handler, Answer(answer.status, answer.body, {**marks, **answer.headers}))

    def _answer(self, handler: BaseHTTPRequestHandler, name: str, query: dict[str, str], body: bytes) -> Answer:
        comp = query.get("comp", "")
        if handler.command == "HEAD":
            return self._head(name)
        if comp == "block":
            self._blocks[name][query["blockid"]] = body
            return Answer(201, b"")
        if comp == "metadata":
            meta = "x-ms-meta-"
            self.metadata[name] = {
                key.lower().removeprefix(meta): value
                for key, value in handler.headers.items()
                if key.lower().startswith(meta)
            }
            return Answer(200, b"")
        if handler.headers.get("If-None-Match") == "*" and name in self.blobs:
            return refusal(409, "BlobAlreadyExists")
        if comp == "blocklist":
            wanted = [element.text or "" for element in ET.fromstring(body)]
            if not set(wanted) <= set(self._blocks[name]):
                return refusal(400, "InvalidBlockList")
            body = b"".join(self._blocks[name][block] for block in wanted)
            self._blocks[name].clear()  # those of others too, as the service does
        self.blobs[name] = body
        return Answer(201, b"")

    def _head(self, name: str) -> Answer:
        if name not in self.blobs:
            return refusal(404, "BlobNotFound")
        marks = {f"x-ms-meta-{key}": value for key, value in self.metadata.get(name, {}).items()}
        return Answer(200, b"", {"Content-Length": str(len(self.blobs[name])), "x-ms-blob-type": "BlockBlob", **marks})


def refusal(status: int, code: str) -> Answer:
    """An error of storage."""
    body = f"<?xml version='1.0' encoding='utf-8'?><Error><Code>{code}</Code><Message>{code} it is.</Message></Error>"
    return Answer(status, body.encode(), {"Content-Type": "application/xml", "x-ms-error-code": code})


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
