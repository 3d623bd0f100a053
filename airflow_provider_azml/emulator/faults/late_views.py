"""What readers are shown of a resource for some time after it was changed: what it was before."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OF_BODIES = (b"content-length", b"content-type")


@dataclass
class LateViews:
    """The answers that readers get for now instead of the true ones, by path.

    Source: "make azd to wait until the expected state can be seen from the online endpoint", Azure/azure-dev#3881.
    """

    _shown: dict[str, tuple[float, list[Message]]] = field(default_factory=dict)

    async def change(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, seconds: float) -> None:
        """Let an application change something, and readers see it so late.

        Args:
            app: The application.
            scope: The request that changes something.
            receive: Its body.
            send: Takes the answer.
            seconds: How long readers see what was there before.
        """
        before = await _read(app, scope)
        await app(scope, receive, send)
        self._shown[scope["path"].lower()] = (time.monotonic() + seconds, before)

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with what was there before where that is due, else let the application answer."""
        until, before = self._shown.get(scope["path"].lower(), (0.0, []))
        if scope["method"] != "GET" or time.monotonic() >= until:
            await app(scope, receive, send)
            return
        for message in before:
            await send(message)


async def _read(app: ASGIApp, scope: Scope) -> list[Message]:
    """What an application answers to a GET of what another request is about."""
    answer: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        answer.append(message)

    headers = [(name, value) for name, value in scope["headers"] if name not in _OF_BODIES]
    await app({**scope, "method": "GET", "headers": headers}, receive, send)
    return answer
