"""A whole Airflow for a test: API server, scheduler, DAG processor and triggerer, as processes of their own."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.airflow.ports import free_ports
from tests.airflow.postgres import is_installed, postgres
from tests.airflow.rest_api import RestApi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
READY_SECONDS = 300
STOP_SECONDS = 15
REPOSITORY = Path(__file__).parents[2]
AIRFLOW = Path(sys.executable).with_name("airflow")


@dataclass(frozen=True)
class TaskRun:
    """How a task of a DAG run ended: its state, the number of its last try, and the logs of all its tries."""

    state: str
    try_number: int
    log: str


class Stack:
    """A whole Airflow, from entering it to leaving it.

    Its database is PostgreSQL where that is installed: with SQLite, a scheduler that finds it locked ends.

    Args:
        home: An empty folder.
        dags: DAGs folder.
        environment: Variables that all its processes get besides those of this process, and settings of Airflow that go
            before those given here.

    Example:
        >>> with Stack(tmp_path, Path("dags"), {}) as stack:
        ...     assert stack.run("train", seconds=120) == "success"
    """

    def __init__(self, home: Path, dags: Path, environment: Mapping[str, str]) -> None:
        port, worker_logs, trigger_logs = free_ports(3)
        url = f"http://127.0.0.1:{port}"
        self.api = RestApi(url)
        self._home = home
        self._running = ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
            "PYTHONPATH": str(REPOSITORY),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            # what is not answered in 5 s is sent again, and that a task begins cannot be told twice
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "120",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
            **environment,
        }

    def __enter__(self) -> Self:
        self._home.mkdir(parents=True, exist_ok=True)
        with ExitStack() as begun:
            self._environment |= begun.enter_context(postgres() if is_installed() else nullcontext({}))
            begun.callback(self._stop)
            self.command("db", "migrate")
            for component in COMPONENTS:
                self.start(component)
            self.wait_until_healthy()
            self._running = begun.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def run(self, dag_id: str, *, seconds: float, conf: Mapping[str, Any] | None = None) -> str:
        """Run a DAG, wait for its end, and return the state that it ended in.

        Raises:
            AssertionError: It did not end in time; says which task was in which state.
        """
        deadline = time.monotonic() + seconds
        self.api.wait_until_parsed(dag_id, seconds=seconds)
        return self.api.begin(dag_id, conf=conf).wait(seconds=deadline - time.monotonic())

    def tasks(self, dag_id: str) -> dict[str, TaskRun]:
        """Task id -> how the task ended, in the last run of a DAG."""
        newest = self.api.runs(dag_id)[0]
        return {
            task.task_id: TaskRun(str(task.state), task.try_number, self.log(dag_id, newest.run_id, task.task_id))
            for task in newest.tasks()
        }

    def value(self, dag_id: str, task_id: str) -> Any:
        """What a task returned in the last run of a DAG."""
        return self.api.runs(dag_id)[0].value(task_id)

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int | None = None) -> str:
        """The logs of a try of a task, or of all, in a worker and in the triggerer."""
        folder = self._home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        files = folder.glob(f"**/attempt={'*' if try_number is None else try_number}.log*")
        return "".join(file.read_text(encoding="utf-8") for file in sorted(files))

    def component_log(self, component: str) -> str:
        """All that a component has printed."""
        return (self._home / f"{component}.log").read_text(encoding="utf-8", errors="replace")

    def command(self, *arguments: str) -> str:
        """What a command of Airflow's prints.

        Raises:
            AssertionError: It failed.
        """
        asked = [str(AIRFLOW), *arguments]
        done = subprocess.run(
            asked, env=self._environment, capture_output=True, text=True, timeout=READY_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def start(self, component: str) -> None:
        """Start a component, for the first time or again."""
        with (self._home / f"{component}.log").open("ab") as log:
            self._processes[component] = subprocess.Popen(
                [str(AIRFLOW), component],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def end(self, component: str, sign: signal.Signals) -> None:
        """End a component: SIGTERM as a redeploy does, SIGKILL with all that it started, as a machine that is gone."""
        process = self._processes[component]
        if sign == signal.SIGKILL:
            os.killpg(process.pid, sign)
        else:
            process.send_signal(sign)
        process.wait(READY_SECONDS)

    def wait_until_healthy(self, *parts: str) -> None:
        """Wait until these parts of Airflow, by default all, say that they are well.

        Raises:
            AssertionError: A component ended, or the time is up.
        """
        deadline = time.monotonic() + READY_SECONDS
        while not self.api.is_healthy(*parts):
            for component, process in self._processes.items():
                assert process.poll() is None, f"airflow {component} ended:\n{self.component_log(component)[-3000:]}"
            assert time.monotonic() < deadline, f"Airflow was not healthy after {READY_SECONDS} s"
            time.sleep(0.5)

    def _stop(self) -> None:
        """End the components and all that they started."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for process in self._processes.values():
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
            for process in self._processes.values():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
