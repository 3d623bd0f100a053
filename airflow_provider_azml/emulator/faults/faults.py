"""Lets things go wrong where they happen: in answers to requests, in operations, and in jobs."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
from typing import TYPE_CHECKING, Protocol

from airflow_provider_azml.emulator.faults.kinds import (
    ExpiredToken,
    FailedOperation,
    Latency,
    LateView,
    LostAnswer,
    LostWorker,
    OutOfMemory,
    Preemption,
    Refusal,
    Reset,
    ShortToken,
    SilentServer,
    SlowStep,
    StuckOperation,
    Truncation,
)
from airflow_provider_azml.emulator.faults.late_views import LateViews
from airflow_provider_azml.emulator.jobs.processes import kill_children, signal_group
from airflow_provider_azml.emulator.refusals import expired_token, is_azure, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_azml.emulator.faults.plan import FaultPlan
    from airflow_provider_azml.emulator.open_connections import OpenConnections
    from airflow_provider_azml.rest.flows import Json

log = logging.getLogger(__name__)


class Losses(Protocol):
    """What can be lost while jobs run; ``Jobs`` says more."""

    def lose_worker(self, job_id: str) -> bool:
        """Let the processes of a job end without a word."""

    def preempt(self, compute_id: str) -> list[str]:
        """Take a cluster's nodes away."""


class Faults:
    """What goes wrong in an emulator.

    Args:
        plan: What does, and how often; it can be changed at any time.
        connections: Tears down connections.
    """

    def __init__(self, plan: FaultPlan, connections: OpenConnections) -> None:
        self.plan = plan
        self._connections = connections
        self._late_views = LateViews()

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an application answer, unless this request is one of those that go wrong."""
        method, path = scope["method"], scope["path"]
        struck = self.plan.draw("request", method, path, is_azure=is_azure(scope))
        for fault in struck:
            if isinstance(fault, Latency):
                await asyncio.sleep(fault.most)
        match struck[-1:]:
            case [Refusal() as fault]:
                response = refusal(
                    path,
                    fault.status,
                    retry_after=fault.retry_after_seconds,
                    code=fault.code,
                    message=fault.message,
                )
                await response(scope, receive, send)
            case [ExpiredToken()]:
                await expired_token(path)(scope, receive, send)
            case [Reset()]:
                await self._reset(scope, receive)
            case [LostAnswer()]:
                await app(scope, receive, _unsent)
                await self._reset(scope, receive)
            case [Truncation(size)]:
                await self._truncate(app, scope, receive, send, size)
            case [LateView(seconds)] if method != "GET":
                await self._late_views.change(app, scope, receive, send, seconds)
            case _:
                await self._late_views.answer(app, scope, receive, send)

    def token_seconds(self, path: str, usual: int) -> int:
        """How long a token is valid that is about to be issued.

        Args:
            path: The path of the request for it.
            usual: How long tokens are.
        """
        match self.plan.draw("token", "POST", path):
            case [ShortToken(seconds)]:
                return seconds
        return usual

    def operation(self, verb: str, arm_id: str) -> StuckOperation | FailedOperation | None:
        """What goes wrong with a long-running operation that begins."""
        match self.plan.draw("operation", verb, arm_id):
            case [StuckOperation() | FailedOperation() as fault]:
                return fault
        return None

    def job_runs(self, job: Json, losses: Losses) -> None:
        """Called when a job begins to run: it or its cluster may be lost soon.

        Args:
            job: Its document.
            losses: Loses them.
        """
        loop = asyncio.get_running_loop()
        match self.plan.draw("job", "", job["name"]):
            case [LostWorker(seconds)]:
                loop.call_later(seconds, _lose, losses.lose_worker, job["id"])
        compute_id = str(job["properties"].get("computeId") or "")
        match self.plan.draw("compute", "", compute_id.rpartition("/")[2]) if compute_id else []:
            case [Preemption(seconds)]:
                loop.call_later(seconds, _lose, losses.preempt, compute_id)

    def server_runs(self, arm_id: str, pid: int) -> None:
        """Called when a server answers for the first time: it may fall silent, or run out of memory.

        Args:
            arm_id: What it serves.
            pid: The process that leads its group.
        """
        match self.plan.draw("server", "", arm_id):
            case [SilentServer(seconds)]:
                signal_group(pid, signal.SIGSTOP)
                if seconds < math.inf:
                    asyncio.get_running_loop().call_later(seconds, signal_group, pid, signal.SIGCONT)
            case [OutOfMemory(seconds)]:
                asyncio.get_running_loop().call_later(seconds, kill_children, pid)

    def step_seconds(self, step: str, arm_id: str) -> float:
        """How much longer a step of the making of a deployment takes, in seconds.

        Args:
            step: ``IMAGE_BUILD``, ``IMAGE_PULL``, ``MODEL_DOWNLOAD`` or ``CONTAINER_START``.
            arm_id: The deployment.
        """
        match self.plan.draw("step", step, arm_id):
            case [SlowStep(seconds)]:
                return seconds
        return 0.0

    async def _truncate(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, size: int | None) -> None:
        body = _Beginning(send, size)
        await app(scope, receive, body.send)
        self._connections.end(scope)
        await _gone(receive)

    async def _reset(self, scope: Scope, receive: Receive) -> None:
        self._connections.reset(scope)
        await _gone(receive)


class _Beginning:
    """Passes on an answer up to a point in its body; one without a body not at all."""

    def __init__(self, send: Send, size: int | None) -> None:
        self._send = send
        self._left = size
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            if self._left is None:
                length = dict(message["headers"]).get(b"content-length", b"0")
                self._left = int(length) // 2
            return
        part = message.get("body", b"")[: self._left]
        if not part:
            return
        if self._start is not None:
            await self._send(self._start)
            self._start = None
        self._left = (self._left or 0) - len(part)
        await self._send({**message, "body": part, "more_body": True})


def _lose(act: Callable[[str], object], arm_id: str) -> None:
    if not act(arm_id):
        log.warning(
            "%s has nothing that a fault could take away: its process or jobs have ended, or it is not low-priority",
            arm_id,
        )


async def _gone(receive: Receive) -> None:
    # until the web server has noticed: it would otherwise miss the answer
    while (await receive())["type"] != "http.disconnect":
        pass


async def _unsent(_: Message) -> None:
    """Take an answer that nobody gets."""
