"""The process: two listeners on loopback, from the lock on the home to the last goodbye."""

from __future__ import annotations

import asyncio
import signal
import socket
import sqlite3
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import uvicorn

from airflow_provider_azml.emulator.app import make_app
from airflow_provider_azml.emulator.default_workspace import create_default_workspace
from airflow_provider_azml.emulator.emulator import Emulator
from airflow_provider_azml.emulator.environment_file import NAME, write_environment
from airflow_provider_azml.emulator.home import HomeInUseError, held
from airflow_provider_azml.emulator.tls import certificates
from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp

    from airflow_provider_azml.emulator.settings import Settings
    from airflow_provider_azml.emulator.tls import Certificates

HOST = "127.0.0.1"
_GRACE_SECONDS = 2
_FAREWELL_SECONDS = 0.3
_BACKLOG = 128
_IDLE_SECONDS = 120
"""How long an idle connection stays open: a client that is about to use one again must not find it closed."""


class CannotStartError(AzmlError):
    """The emulator cannot start; the message says why and what to do."""


class _Server(uvicorn.Server):
    """A server that says when it answers, and leaves signals to the process: there are two of it in one."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()


def serve(settings: Settings, *, ready: Callable[[Emulator], None]) -> None:
    """Run an emulator until the process is told to end.

    Args:
        settings: How it is to be.
        ready: Called once everything answers and ``env.sh`` is written.

    Raises:
        CannotStartError: A port is taken, the home cannot be made, or another emulator uses it.
    """
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CannotStartError(f"{home} cannot be made ({error.strerror}): choose another --home.") from error
    with (
        _lock(home),
        _listener(settings.https_port, "--https-port") as https,
        _listener(settings.http_port, "--http-port") as http,
    ):
        (home / NAME).unlink(missing_ok=True)
        asyncio.run(_run(settings, https, http, ready))


async def _run(
    settings: Settings, https: socket.socket, http: socket.socket, ready: Callable[[Emulator], None]
) -> None:
    try:
        files = certificates(settings.home)
        emulator = Emulator(settings, https_port=https.getsockname()[1], http_port=http.getsockname()[1])
        app, protocol = make_app(emulator), emulator.open_connections.protocol()
        servers = [_Server(_config(app, protocol, files)), _Server(_config(app, protocol))]
        emulator.recover()
    except (OSError, sqlite3.Error) as error:
        raise _unusable(settings.home, error) from error
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [
        asyncio.create_task(server.serve([listener])) for server, listener in zip(servers, (https, http), strict=True)
    ]
    try:
        for server in servers:
            await server.answers.wait()
        if settings.create_workspace:
            await create_default_workspace(emulator)
        write_environment(emulator)
        ready(emulator)
        await stop.wait()
    finally:
        (emulator.home / NAME).unlink(missing_ok=True)
        for server in servers:
            server.should_exit = True
        await emulator.stop_work()
        while (await asyncio.wait(tasks, timeout=_FAREWELL_SECONDS))[1]:
            emulator.open_connections.drop_closing()
        # what the last requests have begun meanwhile
        await emulator.stop_work()
        emulator.close()


def _config(app: ASGIApp, protocol: type[asyncio.Protocol], files: Certificates | None = None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=protocol,
        # who is at the other end is what the connection says, and nothing else
        proxy_headers=False,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=_IDLE_SECONDS,
        ssl_certfile=str(files.certificate) if files else None,
        ssl_keyfile=str(files.key) if files else None,
    )
    config.load()
    return config


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    with ExitStack() as holding:
        try:
            holding.enter_context(held(home))
        except HomeInUseError as error:
            raise CannotStartError(f"{error}: stop that one, or give this one another --home.") from error
        except OSError as error:
            raise _unusable(home, error) from error
        yield


def _unusable(home: Path, error: Exception) -> CannotStartError:
    return CannotStartError(f"{home} cannot be used ({error}): see to it that it can, or choose another --home.")


@contextmanager
def _listener(port: int, option: str) -> Iterator[socket.socket]:
    # asyncio sends at once only on what says that it is TCP; on others an answer in two parts takes 40 ms
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise CannotStartError(
                f"Port {port} cannot be had ({error.strerror}): stop what listens on it, "
                f"or choose another with {option} (0 picks a free one)."
            ) from error
        listener.setblocking(False)
        yield listener
