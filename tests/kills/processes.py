"""Airflow's processes of one task, forked from this one: its supervisor, with the task below it, and its trigger."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.kills import scheduling

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow.executors.workloads import ExecuteTask
    from airflow.triggers.base import BaseTrigger

HEARTBEAT_SECONDS = 1
"""How often a supervisor looks after its task; Airflow's 5 s are what every task then takes at least."""
_LONGEST_SECONDS = 300


@dataclass
class Process:
    """A process, forked from this one unless it is said to be none of its children."""

    pid: int
    is_child: bool = True
    _status: int | None = None

    @classmethod
    def fork(cls, act: Callable[[], int], log: Path) -> Process:
        """Do something in a process of its own, whose exit code is what it answers; its output goes into a log."""
        pid = os.fork()
        if pid:
            return cls(pid)
        code = 1
        try:
            os.setsid()
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(output, 1)
            os.dup2(output, 2)
            scheduling.forget_connections()
            code = act()
        except BaseException:  # noqa: BLE001 (nothing may go on into what the parent would do next)
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def has_ended(self) -> bool:
        """Whether a child has ended."""
        if self._status is None and self.is_child:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if pid else None
        return self._status is not None

    def wait(self, seconds: float = _LONGEST_SECONDS) -> bool:
        """Wait for its end; whether it came in time."""
        deadline = time.monotonic() + seconds
        while not self.has_ended():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def kill(self, sign: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal, if it is still there."""
        if not self.has_ended():
            with suppress(ProcessLookupError):
                os.kill(self.pid, sign)

    def vanish(self) -> None:
        """Kill it with all of its process group, as when its machine is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()


def supervise(workload: ExecuteTask, log: Path) -> Process:
    """Execute a task as a worker does: below a supervisor, which talks to an API server in its own process."""
    return Process.fork(lambda: _supervise(workload, log), log)


def _supervise(workload: ExecuteTask, log: Path) -> int:
    from airflow.sdk.execution_time import supervisor

    supervisor.MIN_HEARTBEAT_INTERVAL = HEARTBEAT_SECONDS
    return supervisor.supervise_task(
        ti=workload.ti,  # type: ignore[arg-type]
        bundle_info=workload.bundle_info,
        dag_rel_path=workload.dag_rel_path,
        token="",
        client=scheduling.api_client(),
        log_path=str(log.with_suffix(".task.log")),
    )


def run_trigger(trigger: BaseTrigger, log: Path) -> tuple[Process, Callable[[], Any]]:
    """Run a trigger in a process of its own, and say how to read its event, which is None when it was killed."""
    reader, writer = os.pipe()

    def act() -> int:
        payload = json.dumps(asyncio.run(_first_event(trigger))).encode()
        os.write(writer, payload)
        return 0

    process = Process.fork(act, log)
    os.close(writer)

    def event() -> Any:
        process.wait()
        with os.fdopen(reader, "rb") as told:
            payload = told.read() if select.select([told], [], [], 0)[0] else b""
        return json.loads(payload) if payload else None

    return process, event


async def _first_event(trigger: BaseTrigger) -> Any:
    events = trigger.run()
    try:
        async for event in events:
            return event.payload
    finally:
        await events.aclose()  # type: ignore[attr-defined]
    return None
