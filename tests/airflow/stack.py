"""A whole Airflow for a test: API server, scheduler, DAG processor and triggerer, as processes of their own."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
HEALTH = ("metadatabase", "scheduler", "triggerer", "dag_processor")
READY_SECONDS = 120
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

    Args:
        home: An empty folder.
        dags: DAGs folder.
        environment: Variables that all its processes get besides those of this process.

    Example:
        >>> with Stack(tmp_path, Path("dags"), {}) as stack:
        ...     assert stack.run("train", seconds=120) == "success"
    """

    def __init__(self, home: Path, dags: Path, environment: Mapping[str, str]) -> None:
        api, worker_logs, trigger_logs = _free_ports(3)
        self._home = home
        self._url = f"http://127.0.0.1:{api}"
        self._session = requests.Session()
        self._session.trust_env = False
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")},
            **environment,
            "PYTHONPATH": str(REPOSITORY),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self._url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(api),
            "AIRFLOW__API__BASE_URL": self._url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
        }

    def __enter__(self) -> Self:
        self._home.mkdir(parents=True, exist_ok=True)
        migrate = [AIRFLOW, "db", "migrate"]
        subprocess.run(migrate, env=self._environment, check=True, capture_output=True, timeout=READY_SECONDS)
        try:
            for component in COMPONENTS:
                self._start(component)
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def run(self, dag_id: str, *, seconds: float, conf: Mapping[str, Any] | None = None) -> str:
        """Run a DAG, wait for its end, and return the state that it ended in.

        Raises:
            AssertionError: It did not end in time; says which task was in which state.
        """
        deadline = time.monotonic() + seconds
        self._wait_until_parsed(dag_id, deadline)
        begun = self._api("POST", f"dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": dict(conf or {})})
        while begun["state"] in ("queued", "running"):
            states = {task: ended.state for task, ended in self.tasks(dag_id).items()}
            assert time.monotonic() < deadline, f"{dag_id} has not ended after {seconds} s: {states}"
            time.sleep(1)
            begun = self._api("GET", f"dags/{dag_id}/dagRuns/{begun['dag_run_id']}")
        return str(begun["state"])

    def tasks(self, dag_id: str) -> dict[str, TaskRun]:
        """Task id -> how the task ended, in the last run of a DAG."""
        (newest,) = self._api("GET", f"dags/{dag_id}/dagRuns", params={"order_by": "-run_after", "limit": 1})[
            "dag_runs"
        ]
        run_id = newest["dag_run_id"]
        found = self._api("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {
            task["task_id"]: TaskRun(str(task["state"]), task["try_number"], self._log(dag_id, run_id, task["task_id"]))
            for task in found
        }

    def value(self, dag_id: str, task_id: str) -> Any:
        """What a task returned in the last run of a DAG."""
        (newest,) = self._api("GET", f"dags/{dag_id}/dagRuns", params={"order_by": "-run_after", "limit": 1})[
            "dag_runs"
        ]
        place = f"dags/{dag_id}/dagRuns/{newest['dag_run_id']}/taskInstances/{task_id}/xcomEntries/return_value"
        return self._api("GET", place, params={"deserialize": "true"})["value"]

    def component_log(self, component: str) -> str:
        """All that a component has printed."""
        return (self._home / f"{component}.log").read_text(encoding="utf-8", errors="replace")

    def _start(self, component: str) -> None:
        with (self._home / f"{component}.log").open("wb") as log:
            self._processes[component] = subprocess.Popen(
                [AIRFLOW, component],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _stop(self) -> None:
        """End the components and all that they started."""
        self._session.close()
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for process in self._processes.values():
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
            for process in self._processes.values():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._healthy():
            for component, process in self._processes.items():
                assert process.poll() is None, f"airflow {component} ended:\n{self.component_log(component)[-3000:]}"
            assert time.monotonic() < deadline, f"Airflow was not healthy after {READY_SECONDS} s"
            time.sleep(0.5)

    def _healthy(self) -> bool:
        try:
            health = self._session.get(f"{self._url}/api/v2/monitor/health", timeout=5)
        except requests.ConnectionError:
            return False
        return health.ok and all(health.json()[part]["status"] == "healthy" for part in HEALTH)

    def _wait_until_parsed(self, dag_id: str, deadline: float) -> None:
        while dag_id not in {dag["dag_id"] for dag in self._api("GET", "dags")["dags"]}:
            errors = [error["stack_trace"] for error in self._api("GET", "importErrors")["import_errors"]]
            assert not errors, errors[0]
            assert time.monotonic() < deadline, f"the DAG processor has not found {dag_id}"
            time.sleep(0.5)

    def _api(self, method: str, path: str, **request: Any) -> Any:
        if "Authorization" not in self._session.headers:
            token = self._session.get(f"{self._url}/auth/token", timeout=30).json()["access_token"]
            self._session.headers["Authorization"] = f"Bearer {token}"
        response = self._session.request(method, f"{self._url}/api/v2/{path}", timeout=30, **request)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    def _log(self, dag_id: str, run_id: str, task_id: str) -> str:
        folder = self._home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return "".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob("**/*.log*")))


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        taken = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in taken]
