"""What no request gets past: it must be meant for this emulator, come from no web page, and be of a size.

An emulator runs the code that it is given, as whoever started it. A web page in a browser on the same machine reaches
loopback, too: by a request to another origin, or by a name of its own that resolves to 127.0.0.1 (DNS rebinding).
Browsers tell the first by ``Origin`` and the second by ``Host``, and neither can be left out or made up by a page.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.errors import ArmError
from airflow_provider_azml.emulator.refusals import SCORING, STORAGE, first_part

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_azml.emulator.emulator import Emulator

CONTENT_BYTES = 4 << 20
PROJECT_BYTES = 304 << 20
"""How much the execution service takes with the project of a run: 300 MB, and what stands around it.

Source: ``SNAPSHOT_MAX_SIZE_BYTES`` of azureml-core 1.61.
"""
URL_BYTES = 16 << 10
HEADER_BYTES = 64 << 10
_OWN_HOST = re.compile(r"(?:localhost|127\.0\.0\.1)(?::\d{1,5})?", re.IGNORECASE)
_ARTIFACTS = "/mlflow-artifacts/"


class Gate:
    """Turns away what is not meant for an emulator, and what is too large for one.

    Args:
        app: What answers.
        emulator: The emulator.

    Sources: "Error: Code=RequestContentTooLarge; Message=The request content size exceeds the maximum size of 4 MB."
    in Azure/Azure-Landing-Zones issue 2644, with status 413 in MicrosoftDocs/azure-docs issue 74251. Lengths of URLs
    and headers are the emulator's own.
    """

    def __init__(self, app: ASGIApp, emulator: Emulator) -> None:
        self._app = app
        ports = {url.rpartition(":")[2]: url.partition(":")[0] for url in (emulator.https_url, emulator.http_url)}
        self._own = {
            f"{scheme}://{host}:{port}" for port, scheme in ports.items() for host in ("localhost", "127.0.0.1")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse to."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is not None:
            await refused.response()(scope, receive, send)
        elif _is_bounded_elsewhere(scope["path"]):
            await self._app(scope, receive, send)
        else:
            await self._app(scope, _bounded(receive, _most(scope["path"])), send)

    def _refusal(self, scope: Scope) -> ArmError | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(scope["raw_path"]) + len(scope["query_string"]) > URL_BYTES:
            return ArmError(414, "UriTooLong", f"The request URI is longer than {URL_BYTES} bytes.")
        if sum(len(name) + len(value) for name, value in headers) > HEADER_BYTES:
            return ArmError(431, "RequestHeadersTooLarge", f"The headers are larger than {HEADER_BYTES} bytes.")
        told = {
            name: value.decode("latin-1") for name, value in headers if name in (b"host", b"origin", b"content-length")
        }
        if not _OWN_HOST.fullmatch(told.get(b"host", "")):
            return ArmError(
                403,
                "ForeignHost",
                f"The emulator answers for localhost and 127.0.0.1, not for '{told.get(b'host', '')}': "
                "a name that somebody else lets resolve to this machine may not use it.",
            )
        if b"origin" in told and told[b"origin"].lower() not in self._own:
            return ArmError(403, "ForeignOrigin", f"Web pages of '{told[b'origin']}' may not use the emulator.")
        length = told.get(b"content-length", "0")
        most = _most(scope["path"])
        if length.isdecimal() and int(length) > most and not _is_bounded_elsewhere(scope["path"]):
            return too_large(most)
        return None


def too_large(most: int = CONTENT_BYTES) -> ArmError:
    """The error for a body that is longer than the service takes."""
    return ArmError(
        413, "RequestContentTooLarge", f"The request content size exceeds the maximum size of {most >> 20} MB."
    )


def _most(path: str) -> int:
    """How many bytes a request may have."""
    return PROJECT_BYTES if first_part(path) == "execution" and path.endswith("/startrun") else CONTENT_BYTES


def _is_bounded_elsewhere(path: str) -> bool:
    """Whether a path takes files or payloads, which are not JSON of the service and have limits of their own."""
    return first_part(path) in (STORAGE, SCORING) or _ARTIFACTS in path


def _bounded(receive: Receive, most: int) -> Receive:
    left = most

    async def receive_within() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            # what is not announced by a length is noticed when it has come
            raise too_large(most)
        return message

    return receive_within
