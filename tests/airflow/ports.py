"""Ports to listen on in a while, when others may have asked for any port in between."""

from __future__ import annotations

import secrets
import socket
from contextlib import ExitStack, suppress

_CHOICE = range(15_000, 32_768)
"""None that Linux or macOS gives to a connection, or to a server that takes any."""


def free_ports(count: int) -> list[int]:
    """So many ports of 127.0.0.1 that nobody listens on, and that nobody is given who does not ask for them."""
    with ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            port = secrets.choice(_CHOICE)
            with suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
        return found
