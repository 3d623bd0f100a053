"""A small https server that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import trustme

from airflow_provider_azml.rest.clouds import Cloud

if TYPE_CHECKING:
    from pathlib import Path


class Written(Protocol):
    """What has been written to a blob so far, e.g. a bytearray that a test adds to."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes | bytearray: ...


@dataclass
class Answer:
    status: int = 200
    body: object = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    blob: Written | None = None


def part_of(blob: Written, asked: str) -> Answer:
    """A part of a blob.

    Source: https://learn.microsoft.com/rest/api/storageservices/get-blob
    """
    first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
    size = len(blob)
    if first >= size:
        return Answer(416, b"<Error><Code>InvalidRange</Code></Error>", {"Content-Range": f"bytes */{size}"})
    content = bytes(blob[first : last + 1])
    return Answer(206, content, {"Content-Range": f"bytes {first}-{first + len(content) - 1}/{size}"})


@dataclass
class Asked:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic, compare=False)


class ScriptedService:
    """Answers in the order in which they were scripted for a method and path; the last one stays."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca_bundle = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_bundle)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self.asked: list[Asked] = []
        self._answers: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        self._silences: dict[str, float] = {}
        self._closing = threading.Event()
        self._choosing = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # headers and body are sent one after the other

            def handle_any(self) -> None:
                service.serve(self)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = handle_any  # noqa: N815 (the names that http.server calls)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # whoever finds the usual 5 places taken tries again a second later

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"https://localhost:{self._server.server_address[1]}"

    @property
    def cloud(self) -> Cloud:
        return Cloud(
            name="scripted",
            authority=self.url,
            arm=self.url,
            arm_scope=f"{self.url}/.default",
            aml_scope="https://ml.azure.test/.default",
            storage_suffix="core.windows.net",
            studio=self.url,
            data_plane_suffixes=(),
        )

    def answer(self, method: str, path: str, *answers: Answer) -> None:
        self._answers[method, path].extend(answers)

    def slow(self, path: str, seconds: float) -> None:
        """Say nothing for some time to whoever asks for a path."""
        self._silences[path] = seconds

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        self._closing.wait(self._silences.get(url.path, 0))
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        asked = Asked(handler.command, url.path, url.query, dict(handler.headers), body)
        answer = Answer(404, {"error": {"code": "NotScripted", "message": handler.path}})
        with self._choosing:
            # once a test sees that something was asked, what it scripts then is for the next who ask
            if script := self._answers.get((handler.command, url.path)):
                answer = script.pop(0) if len(script) > 1 else script[0]
            self.asked.append(asked)
        if answer.blob is not None:
            answer = part_of(answer.blob, handler.headers["x-ms-range"])
        self._send(handler, answer)

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        content: Any = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        if answer.status in {202, 204} and not answer.body:
            content = b""
        handler.send_response(answer.status)
        usual = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        for name, value in {**usual, **answer.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)
