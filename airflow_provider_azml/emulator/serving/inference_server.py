"""One inference server: azureml-inference-server-http under gunicorn, on a port of the loopback interface."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from airflow_provider_azml.emulator.jobs.processes import GRACE_SECONDS, end_group, inherited_environment
from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.emulator.serving.probes import Probe

SERVER_PACKAGE = "azureml-inference-server-http"
_APPLICATION = "azureml_inference_server_http.server.entry:app"
_SETTINGS = Path(__file__).with_name("gunicorn_settings.py")
_WORKER_SECONDS = "300"
_DYING_SECONDS = 5
_HOP_BY_HOP = frozenset({"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"})


class ServerDown(AzmlError):
    """An inference server is not there, or does not answer."""


class ServerSilent(ServerDown):
    """An inference server is there, but does not answer."""


@dataclass(frozen=True)
class Answer:
    """What a server answered.

    Args:
        status: HTTP status.
        headers: Its headers, without those that concern the connection.
        body: Its body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Launch:
    """How a server is started.

    Args:
        python: The Python of its environment.
        working: Where it runs.
        script: The scoring script.
        variables: Environment variables of the deployment.
        log: Gets its output, at its end.
        folder: What it runs on.
        session: The connections to it.
    """

    python: Path
    working: Path
    script: Path
    variables: Mapping[str, str]
    log: Path
    folder: Path
    session: aiohttp.ClientSession


@dataclass(frozen=True)
class InferenceServer:
    """A server that was started.

    Args:
        process: The process that leads its group.
        port: Where it listens.
        launch: How it was started.
    """

    process: Process
    port: int
    launch: Launch

    @classmethod
    async def start(cls, launch: Launch) -> InferenceServer:
        """Start a server; it answers once ``healthy`` has returned."""
        python, variables = launch.python, launch.variables
        with closing(socket.create_server(("127.0.0.1", 0))) as listener, launch.log.open("ab") as output:
            # the socket is handed over rather than its number, which another process could take in between
            process = await asyncio.create_subprocess_exec(
                *(str(python), "-m", "gunicorn", "--config", str(_SETTINGS), "--bind", f"fd://{listener.fileno()}"),
                *("--workers", variables.get("WORKER_COUNT", "1")),
                *("--timeout", variables.get("WORKER_TIMEOUT", _WORKER_SECONDS), _APPLICATION),
                cwd=launch.working,
                env={
                    **inherited_environment(),
                    "PATH": f"{python.parent}:{inherited_environment().get('PATH', '/usr/bin:/bin')}",
                    "PYTHONUNBUFFERED": "1",
                    "VIRTUAL_ENV": str(python.parent.parent),
                    **variables,
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[listener.fileno()],
            )
            return cls(process, listener.getsockname()[1], launch)

    @property
    def alive(self) -> bool:
        """Whether its process is there."""
        return self.process.returncode is None

    async def healthy(self, seconds: float) -> None:
        """Wait until it answers its liveness probe.

        Raises:
            ServerDown: It ended, or did not answer in time.
        """
        probing = asyncio.create_task(self._probe(seconds))
        ending = asyncio.create_task(self.process.wait())
        try:
            await asyncio.wait({probing, ending}, return_when=asyncio.FIRST_COMPLETED)
            # a server that dies drops connections before it is gone
            if not ending.done() and not isinstance(probing.exception(), (ServerSilent, type(None))):
                await asyncio.wait({ending}, timeout=_DYING_SECONDS)
            if ending.done():
                raise ServerDown(f"its process ended with status {self.process.returncode}")
            probing.result()
        finally:
            probing.cancel()
            ending.cancel()
            await asyncio.wait({probing, ending})

    async def answers(self, seconds: float) -> bool:
        """Whether it answers its liveness probe within some time."""
        try:
            await self._probe(seconds)
        except ServerDown:
            return False
        return True

    async def until_failing(self, probe: Probe, failed: Callable[[str], None]) -> str:
        """Wait until it ends, or fails too many liveness probes in a row; which of these, in words.

        Args:
            probe: Its liveness probe.
            failed: Told why, whenever it fails one.
        """
        failures, reason = 0, ""
        ending = asyncio.create_task(self.process.wait())
        try:
            while failures < probe.failures:
                done, _ = await asyncio.wait({ending}, timeout=probe.period_seconds)
                if done:
                    return f"its process ended with status {self.process.returncode}"
                try:
                    await self._probe(probe.timeout_seconds)
                    failures = 0
                except ServerDown as error:
                    failures, reason = failures + 1, str(error)
                    failed(reason)
            return reason
        finally:
            ending.cancel()

    async def send(
        self, method: str, path: str, *, seconds: float, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request to it.

        Raises:
            ServerDown: There is no connection to be had, or it broke.
            asyncio.TimeoutError: It did not answer in time.
        """
        url = f"http://127.0.0.1:{self.port}{path}"
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            sent = self.launch.session.request(method, url, data=body, headers=headers, timeout=timeout)
            async with sent as response:
                kept = {name: value for name, value in response.headers.items() if name.lower() not in _HOP_BY_HOP}
                return Answer(response.status, kept, await response.read())
        except aiohttp.ClientError as error:
            raise ServerDown(str(error) or type(error).__name__) from error

    async def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """End it.

        Args:
            grace_seconds: How long what it works on may take.
        """
        await end_group(self.process, grace_seconds)

    async def _probe(self, seconds: float) -> None:
        try:
            answer = await self.send("GET", "/", seconds=seconds)
        except asyncio.TimeoutError:
            raise ServerSilent(f"it did not answer its liveness probe within {seconds:g} s") from None
        if answer.status != 200:  # noqa: PLR2004 (200 OK)
            raise ServerDown(f"its liveness probe answered {answer.status}")
