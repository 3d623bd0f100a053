"""The connections that clients hold, so that one can be torn down in the middle of a request."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from starlette.types import Scope

_Ends = tuple[tuple[str, int], tuple[str, int]]
_NO_FAREWELL = struct.pack("ii", 1, 0)
"""``SO_LINGER`` for no time: the peer gets a reset, not an orderly end."""


class OpenConnections:
    """The open connections of an emulator, by their two ends.

    An ASGI application knows the ends of its connection and not the connection itself; the protocol that the web
    server makes for each knows both.
    """

    def __init__(self) -> None:
        self._transports: dict[_Ends, asyncio.Transport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """The web server's own protocol for HTTP, noting its connections here."""
        return type("NotedProtocol", (_Noted, AutoHTTPProtocol), {"open_connections": self})

    def opened(self, transport: asyncio.Transport) -> None:
        """A connection is there."""
        self._transports[_ends(transport)] = transport

    def closed(self, transport: asyncio.Transport) -> None:
        """A connection is gone."""
        self._transports.pop(_ends(transport), None)

    def reset(self, scope: Scope) -> None:
        """Tear down the connection of a request: its client sees a reset."""
        transport = self._transports[tuple(scope["client"]), tuple(scope["server"])]
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_FAREWELL)
        transport.abort()

    def end(self, scope: Scope) -> None:
        """End the connection of a request once what was sent has left: its client sees an end in the middle."""
        self._transports[tuple(scope["client"]), tuple(scope["server"])].close()

    def drop_closing(self) -> None:
        """Tear down the connections that are being closed: idle clients do not answer the farewell of TLS."""
        for transport in [*self._transports.values()]:
            if transport.is_closing():
                transport.abort()


class _Noted(asyncio.Protocol):
    open_connections: OpenConnections
    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.open_connections.opened(transport)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open_connections.closed(self._transport)
        super().connection_lost(exc)


def _ends(transport: asyncio.Transport) -> _Ends:
    return transport.get_extra_info("peername"), transport.get_extra_info("sockname")
