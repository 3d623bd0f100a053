"""Writes down what Resource Manager is asked and answers, one JSON object a line, for whoever wants to check it."""

from __future__ import annotations

import json
import os
import re
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from airflow_provider_azml.emulator.refusals import ARM, first_part
from airflow_provider_azml.emulator.request_json import parsed

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HIDDEN = "***"
_SECRET = re.compile(r"credential|key|password|pwd|sas|secret|token", re.IGNORECASE)
_PLAIN = re.compile(r"(type|kind|mode)$", re.IGNORECASE)
_SIGNED = "sig="


class Recording:
    """Writes each answer of Resource Manager, with what was asked, to a file of this process.

    A line has ``method``, ``path``, ``api_version``, ``status``, ``request`` and ``response``; a body that is no JSON
    is ``null``. What is a key, a password, a token or a signed URL is not written.

    Args:
        app: What answers.
        folder: Where to; made if need be.

    Example:
        >>> {"method": "GET", "path": "/subscriptions/...", "api_version": "2024-04-01", "status": 200,
        ...  "request": None, "response": {"value": []}}
    """

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app = app
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl").open("a", encoding="utf-8", buffering=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and write it down."""
        if scope["type"] != "http" or first_part(scope["path"]) not in ARM:
            await self._app(scope, receive, send)
            return
        asked, answered, statuses = bytearray(), bytearray(), []

        async def note_asked() -> Message:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def note_answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            answered.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, note_asked, note_answered)
        line = {
            "method": scope["method"],
            "path": scope["path"],
            "api_version": parse_qs(scope["query_string"].decode()).get("api-version", [None])[0],
            "status": statuses[0] if statuses else None,
            "request": _json(asked),
            "response": _json(answered),
        }
        self._file.write(json.dumps(line) + "\n")


def without_secrets(value: Any, *, secret: bool = False) -> Any:
    """A JSON value whose secrets are hidden: texts below a name that speaks of one, and signed URLs.

    Args:
        value: The value.
        secret: Whether it stands below such a name.
    """
    if isinstance(value, dict):
        return {
            name: without_secrets(one, secret=(secret or bool(_SECRET.search(name))) and not _PLAIN.search(name))
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(one, secret=secret) for one in value]
    hides = isinstance(value, str) and (secret or _SIGNED in value)
    return HIDDEN if hides else value


def _json(body: bytes | bytearray) -> Any:
    try:
        return without_secrets(parsed(bytes(body))) if body else None
    except ValueError:
        return None
