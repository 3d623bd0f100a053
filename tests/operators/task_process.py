"""A try of a task in a process of its own, run by Airflow's own task runner, with this process as its supervisor."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import azure.identity  # noqa: F401
import msgspec
from airflow.sdk.api.datamodels._generated import DagRun, DagRunState, DagRunType, TIRunContext
from airflow.sdk.execution_time import comms, task_runner

import airflow_provider_azml.triggers.wait  # noqa: F401
from tests.airflow.versions import serialize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.synchronize import Event
    from pathlib import Path

    from airflow.sdk import BaseOperator

FORK = multiprocessing.get_context("fork")
RUN = "manual__1"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
LAST_WORDS = "Running finalizers"
"""What Airflow logs once the end of a try is told."""
LONGEST_SECONDS = 150.0
"""Until a test gives up; a machine with much else to do takes many times as long as an idle one."""
_ENDS = frozenset({"TaskState", "SucceedTask", "RetryTask", "DeferTask"})


class TaskProcess:
    """One try.

    Args:
        task: The operator, in a DAG.
        folder: Where its log goes.
        state: What Airflow's API says of the task; ``none`` for no state, ``gone`` when it knows no such task, ``None``
            when it answers with an error.
        try_number: Which try it is.
        max_tries: Which is the last but one.
        resumes: Name and arguments of the method that it goes on with after a deferral.
        lingers: Whether it is still there after its end is told, until :meth:`let_go`.
    """

    def __init__(
        self,
        task: BaseOperator,
        folder: Path,
        *,
        state: str | None = "running",
        try_number: int = 1,
        max_tries: int = 2,
        resumes: tuple[str, Mapping[str, Any]] | None = None,
        lingers: bool = False,
    ) -> None:
        self.state = state
        self.messages: list[dict[str, Any]] = []
        self._task = task
        self._log = folder / f"{uuid.uuid4()}.log"
        self._try_number, self._max_tries, self._resumes = try_number, max_tries, resumes
        self._gone = FORK.Event()
        if not lingers:
            self._gone.set()
        self._held: dict[str, threading.Event] = {}
        self._ours, self._theirs = socket.socketpair()
        self._process = FORK.Process(target=self._run)
        self._process.start()
        self._theirs.close()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    # -- what a test does ----------------------------------------------------------------------------------------

    def terminate(self) -> None:
        """Send it SIGTERM, as a worker that goes away or a supervisor that kills does."""
        pid = self._process.pid
        assert pid
        os.kill(pid, signal.SIGTERM)

    def time_is_up(self) -> None:
        """Let its ``execution_timeout`` run out now, by the signal that a timer sends otherwise."""
        pid = self._process.pid
        assert pid
        os.kill(pid, signal.SIGALRM)

    def let_go(self) -> None:
        """Let one that lingers go."""
        self._gone.set()

    def end(self) -> dict[str, Any]:
        """Wait for its end, and answer what it told its supervisor last."""
        self._process.join(LONGEST_SECONDS)
        assert not self._process.is_alive(), f"the task goes on after {LONGEST_SECONDS} s:\n{self.log}"
        self._supervisor.join(LONGEST_SECONDS)  # what it told last may not have been read yet
        self.close()
        ends = [message for message in self.messages if message["type"] in _ENDS]
        assert ends, self.log
        return ends[-1]

    def error(self) -> str:
        """What it ended with."""
        return self.log.rpartition("ended as ")[2]

    def close(self) -> None:
        """Leave nothing of it behind."""
        self._process.kill()
        self._process.join()
        for held in self._held.values():
            held.set()
        self._supervisor.join(LONGEST_SECONDS)
        self._ours.close()

    def hold(self, kind: str) -> threading.Event:
        """Leave messages of a kind unanswered until the event is set."""
        return self._held.setdefault(kind, threading.Event())

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The messages of a kind so far."""
        return [message for message in self.messages if message["type"] == kind]

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def until(self, seen: Callable[[], object]) -> None:
        """Wait until something is seen."""
        ends = time.monotonic() + LONGEST_SECONDS
        while not seen():
            assert time.monotonic() < ends, self.log
            time.sleep(0.01)

    # -- the task's side -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        written = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(written, 1)
        os.dup2(written, 2)
        sys.stdout = sys.stderr = os.fdopen(written, "w", buffering=1)
        self._ours.close()
        task_runner.SUPERVISOR_COMMS = comms.CommsDecoder(socket=self._theirs)
        ti = self._instance()
        context = ti.get_template_context()
        log = _Log(self._gone)
        state, _, error = task_runner.run(ti, context, log)
        task_runner.finalize(ti, state, context, log, error)
        sys.stdout.write(f"ended as {state} with {type(error).__name__}: {error}\n")
        sys.stdout.flush()
        os._exit(0)  # what the test process registered to run at its exit is none of this one's

    def _instance(self) -> task_runner.RuntimeTaskInstance:
        task, now = self._task, datetime.now(tz=timezone.utc)
        known = {
            "dag_id": task.dag_id,
            "run_id": RUN,
            "run_after": START,
            "start_date": START,
            "run_type": DagRunType.MANUAL,
            "state": DagRunState.RUNNING,
            "consumed_asset_events": [],
        }
        dag_run = DagRun.model_validate({**dict.fromkeys(DagRun.model_fields), "clear_number": 0, **known})
        method, arguments = self._resumes or (None, None)
        served = TIRunContext.model_construct(
            dag_run=dag_run,
            max_tries=self._max_tries,
            should_retry=self._try_number <= self._max_tries,
            next_method=method,
            next_kwargs=serialize(arguments or {}),
            xcom_keys_to_clear=[],
        )
        return task_runner.RuntimeTaskInstance.model_construct(
            id=uuid.uuid4(),
            task_id=task.task_id,
            dag_id=task.dag_id,
            run_id=RUN,
            try_number=self._try_number,
            map_index=-1,
            max_tries=self._max_tries,
            dag_version_id=uuid.uuid4(),
            task=task,
            start_date=now,
            is_mapped=False,
            _ti_context_from_server=served,
        )

    # -- the supervisor's side -----------------------------------------------------------------------------------

    def _supervise(self) -> None:
        with contextlib.suppress(ConnectionError):  # of a try that was killed before it read what it was told
            self._listen()

    def _listen(self) -> None:
        decoder = msgspec.msgpack.Decoder(comms._RequestFrame)
        while header := self._ours.recv(4, socket.MSG_WAITALL):
            length = int.from_bytes(header, "big")
            body = self._ours.recv(length, socket.MSG_WAITALL)
            if len(body) < length:  # killed in the midst of a word
                return
            frame = decoder.decode(body)
            message = frame.body or {}
            self.messages.append(message)
            if message["type"] in self._held:
                self._held[message["type"]].wait(LONGEST_SECONDS)
            self._ours.sendall(comms._ResponseFrame(frame.id, *self._answer(message)).as_bytes())

    def _answer(self, message: Mapping[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """The body of an answer, and the error in its place."""
        if message["type"] != "GetTaskStates":
            return None, None
        if self.state is None:
            return None, {"type": "ErrorResponse", "error": "API_SERVER_ERROR", "detail": {"status_code": 503}}
        states = (
            {} if self.state == "gone" else {RUN: {self._task.task_id: None if self.state == "none" else self.state}}
        )
        return {"type": "TaskStatesResult", "task_states": states}, None


class _Log:
    """What the task runner logs by itself goes where the task's log goes; it may take its time for the last words."""

    def __init__(self, gone: Event) -> None:
        self._gone = gone

    def __getattr__(self, level: str) -> Callable[..., None]:
        def tell(message: object = "", *args: object, **fields: object) -> None:
            sys.stdout.write(f"{level} {message} {args} {fields}\n")
            if message == LAST_WORDS:
                self._gone.wait(LONGEST_SECONDS)

        return tell
