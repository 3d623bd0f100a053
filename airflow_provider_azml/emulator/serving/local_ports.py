"""Ports of this machine that deployments answer on besides, as web services of CLI v1 did that ran in Docker."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from aiohttp import web

from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.serving.inference_server import ServerDown
from airflow_provider_azml.spec.v1.local_services import ADDRESS, PORT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_azml.emulator.serving.inference_server import InferenceServer
    from airflow_provider_azml.rest.flows import Json

_HOST = "127.0.0.1"
_HERE = frozenset({"localhost", _HOST})
_PATHS = ("/", "/score", "/swagger.json")
_SECONDS = 300.0
_MOST_BYTES = 64 << 20
_HIGHEST = 65535


class LocalPorts:
    """The ports.

    Nobody is asked for a key, who has to be on this machine though.

    Args:
        find: The server of a deployment.

    Source: azureml-core 1.61, ``LocalWebservice``: ``port`` (any that is free without one), ``http://localhost:<port>``
    with ``/score``, ``/swagger.json`` and ``/``, which tells whether it lives; "Local web services do not support auth
    keys".
    """

    def __init__(self, find: Callable[[str], Awaitable[InferenceServer | None]]) -> None:
        self._find = find
        self._open: dict[str, tuple[int, web.AppRunner]] = {}

    async def open(self, deployment: Json) -> str | None:
        """Let a deployment answer on the port that it asks for.

        Returns:
            Where it is scored there; ``None`` for a deployment that asks for none.

        Raises:
            OperationFailed: It asks for what is no port, or for one that is taken.
        """
        asked = (deployment["properties"].get("properties") or {}).get(PORT)
        if asked is None:
            await self.close(deployment["id"])
            return None
        port = _port(str(asked))
        there = self._open.get(deployment["id"].lower())
        if there is None or port not in (0, there[0]):
            await self.close(deployment["id"])
            there = await self._listen(deployment["id"], port)
            self._open[deployment["id"].lower()] = there
        return f"http://localhost:{there[0]}/score"

    async def close(self, deployment_id: str) -> None:
        """Answer on a deployment's port no more."""
        there = self._open.pop(deployment_id.lower(), None)
        if there is not None:
            await there[1].cleanup()

    async def close_all(self) -> None:
        """Answer on no port any more."""
        for deployment_id in list(self._open):
            await self.close(deployment_id)

    async def _listen(self, deployment_id: str, port: int) -> tuple[int, web.AppRunner]:
        try:
            listener = socket.create_server((_HOST, port))
        except OSError as error:
            raise OperationFailed("BadArgument", f"Port {port} cannot be had: {error.strerror}.") from error

        async def answer(request: web.Request) -> web.Response:
            return await self._answer(deployment_id, request)

        app = web.Application(client_max_size=_MOST_BYTES)
        app.add_routes([web.route("*", path, answer) for path in _PATHS])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        return listener.getsockname()[1], runner

    async def _answer(self, deployment_id: str, request: web.Request) -> web.Response:
        if request.url.host not in _HERE or "Origin" in request.headers:  # a page of some site, or one that asks here
            return web.Response(status=403, text="Only programs on this machine are answered.")
        server = await self._find(deployment_id)
        if server is None or not server.alive:
            return web.Response(status=503, text="The container does not run.")
        headers = {name: request.headers[name] for name in ("Content-Type", "Accept") if name in request.headers}
        try:
            found = await server.send(
                request.method, request.path, body=await request.read(), headers=headers, seconds=_SECONDS
            )
        except asyncio.TimeoutError:
            return web.Response(status=504, text="The script did not answer in time.")
        except ServerDown as error:
            return web.Response(status=502, text=str(error))
        kept = {name: value for name, value in found.headers.items() if name.lower() == "content-type"}
        return web.Response(status=found.status, body=found.body, headers=kept)


def told(deployment: Json, address: str | None) -> None:
    """Say in a deployment where it is scored on this machine."""
    properties = deployment["properties"].get("properties") or {}
    kept = {name: value for name, value in properties.items() if name != ADDRESS}
    deployment["properties"]["properties"] = {**kept, **({ADDRESS: address} if address else {})}


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _HIGHEST:
        raise OperationFailed(
            "BadArgument", f"The {PORT} of a deployment is a port from 0 to {_HIGHEST}, not {text!r}."
        )
    return int(text)
