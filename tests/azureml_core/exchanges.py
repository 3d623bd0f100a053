"""Notes what azureml-core asks and is answered; run by a Python that has it."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import requests

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("azureml-core", "azureml-pipeline-core", "azureml-train-core")
_LEFT_OUT = ("/oauth2/", "/metadata/endpoints")
_SENT = ("Content-Type", "x-ms-blob-type", "x-ms-range", "x-ms-version")
_SAS = re.compile(r"sv=[\d-]+&sr=\w&sp=\w+&se=[^&\"\\]+&sig=[^&\"\\]+")
_send = requests.Session.send


class Exchanges:
    """What was asked and answered, in the order of the answers.

    Args:
        file: Where to write it to.
        target: Name of what it is about, which is another one each time.
    """

    def __init__(self, file: Path, target: str) -> None:
        self._file = file
        self._target = target
        self._noted: list[dict[str, Any]] = []
        self._signatures: dict[str, str] = {}

    def begin(self) -> None:
        """Note whatever is asked from now on."""

        def send(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            answered = _send(session, request, **options)
            if not any(part in str(request.url) for part in _LEFT_OUT):
                self._note(request, answered)
            return answered

        requests.Session.send = send

    def write(self) -> None:
        """Write it: without tokens, without what opens blobs, and without what says where it was noted."""
        requests.Session.send = _send
        host = urlsplit(os.environ["AZURE_AUTHORITY_HOST"]).netloc
        text = json.dumps(self._noted, indent=1).replace(host, "{host}").replace(self._target, "{target}")
        for found, stands_for in ((platform.platform(), "an operating system"), (sys.version, "a Python")):
            # once as JSON, once as JSON in JSON
            once = json.dumps(found)[1:-1]
            for known in (json.dumps(once)[1:-1], once):
                text = text.replace(known, stands_for)
        text = _SAS.sub(lambda found: self._signature(found[0]), text)
        packages = {name: version(name) for name in PACKAGES}
        self._file.write_text(f'{{"packages": {json.dumps(packages)}, "exchanges": {text}}}\n')

    def _signature(self, text: str) -> str:
        """What stands for a signature: the same for the same one, however it is quoted."""
        return self._signatures.setdefault(unquote(text), f"{{sas{len(self._signatures)}}}")

    def _note(self, request: requests.PreparedRequest, answered: requests.Response) -> None:
        body = request.body
        if hasattr(body, "read"):
            body.seek(0)
            body = body.read()
        text = body.decode() if isinstance(body, bytes) else body
        parts = urlsplit(str(request.url))
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        noted = {
            "method": request.method,
            "path": path,
            "headers": {name: request.headers[name] for name in _SENT if name in request.headers},
            "body": text,
            "status": answered.status_code,
            "answer": _json(answered),
        }
        # whoever waits asks the same again and again
        same = ("method", "path", "body")
        if self._noted and noted["method"] == "GET" and all(self._noted[-1][key] == noted[key] for key in same):
            self._noted.pop()
        self._noted.append(noted)


def _json(answered: requests.Response) -> object:
    try:
        return answered.json()
    except ValueError:
        return None
