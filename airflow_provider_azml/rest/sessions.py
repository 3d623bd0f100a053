"""Connections of the event loop's side: with their session all of them are closed, whatever is on its way over them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

import aiohttp  # noqa: TID253 (only what goes on in an event loop imports this module)

from airflow_provider_azml.rest.proxies import proxy_of

if TYPE_CHECKING:
    import ssl

    from aiohttp.client_proto import ResponseHandler


_MOST_CONNECTIONS = 700
"""More than a watcher sends requests at once: to wait for a connection would look like a slow answer."""


class _Connector(aiohttp.TCPConnector):
    """Remembers its connections for as long as they are there; aiohttp forgets those whose request was broken off."""

    def __init__(self, trusted: ssl.SSLContext) -> None:
        super().__init__(ssl=trusted, limit=_MOST_CONNECTIONS)
        self._opened: WeakSet[asyncio.Transport] = WeakSet()

    async def _create_connection(self, *arguments: object, **options: object) -> ResponseHandler:
        opened: ResponseHandler = await super()._create_connection(*arguments, **options)  # type: ignore[arg-type]
        with suppress(TypeError):  # what another event loop calls a transport may not take weak references
            self._opened.add(opened.transport)  # type: ignore[arg-type]
        return opened

    def abort(self) -> None:
        """Let go of all connections at once, without waiting for the other side."""
        for transport in list(self._opened):
            transport.abort()


class Session:
    """A session of aiohttp whose certificates are read once; azure-core's own reads them for every request.

    Args:
        trusted: The certificate authorities to trust.
    """

    def __init__(self, trusted: ssl.SSLContext) -> None:
        self._connector = _Connector(trusted)
        self.aiohttp = aiohttp.ClientSession(connector=self._connector, cookie_jar=aiohttp.DummyCookieJar())
        self._proxies: dict[str, str | None] = {}

    def proxy(self, url: str) -> str | None:
        """URL of the proxy that leads to a URL's host, or ``None``; looked up once for each host."""
        origin = "/".join(url.split("/", 3)[:3])
        if origin not in self._proxies:
            self._proxies[origin] = proxy_of(origin)
        return self._proxies[origin]

    async def close(self) -> None:
        """Close it, and all that was opened for it."""
        await self.aiohttp.close()
        self._connector.abort()
        await asyncio.sleep(0)  # an aborted connection is gone in the loop's next round,
        await asyncio.sleep(0)  # and what is below its encryption in the one after
