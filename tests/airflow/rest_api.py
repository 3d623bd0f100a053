"""A running Airflow's REST API, and what a user does with a DAG run there: clear, mark, delete, fill in."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

HEALTH = ("metadatabase", "scheduler", "triggerer", "dag_processor")
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
_LOOK_SECONDS = 0.5
_TIMES = 10
_PAGE = 100


@dataclass(frozen=True)
class Task:
    """A task of a DAG run, or one of a mapped one, as Airflow tells of it.

    Args:
        id: New with every try.
        map_index: -1 where it is not mapped.
        state: None before it is scheduled.
        pid: The process of its last try in a worker, which may have ended.
        triggerer: Number of the triggerer that waits for it.
    """

    id: str
    task_id: str
    map_index: int
    state: str | None
    try_number: int
    max_tries: int
    pid: int | None
    triggerer: int | None

    @classmethod
    def of(cls, told: Any) -> Task:
        """The task of which the REST API tells this."""
        fields = {name: told[name] for name in cls.__dataclass_fields__ if name != "triggerer"}
        return cls(triggerer=(told["trigger"] or {}).get("triggerer_id"), **fields)


class RestApi:
    """The REST API of an Airflow; threads may share it.

    It changes one thing at a time, and tries again what fails for a fault of the server: with SQLite, two changes
    beside each other stop the API server of Airflow 3.2 until its database gives up, and one beside a change of the
    scheduler's can find the database locked.

    Args:
        url: Where its API server listens.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._token: str | None = None
        self._threads = threading.local()
        self._changing = threading.Lock()

    def call(self, method: str, path: str, **request: Any) -> Any:
        """Send a request and answer the JSON of its response, None for an empty one.

        Raises:
            AssertionError: It was refused.
        """
        headers = {"Authorization": f"Bearer {self._signed_in()}"}
        url = f"{self._url}/api/v2/{path}"
        with nullcontext() if method == "GET" else self._changing:
            for _ in range(_TIMES):
                response = self._session.request(method, url, headers=headers, timeout=60, **request)
                if response.status_code < requests.codes.server_error:
                    break
                time.sleep(_LOOK_SECONDS)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def pages(self, path: str, key: str) -> Iterator[Any]:
        """All that a list holds, of which an answer has a part."""
        offset, total = 0, 1
        while offset < total:
            page = self.call("GET", path, params={"limit": _PAGE, "offset": offset, "order_by": "id"})
            yield from page[key]
            offset, total = offset + _PAGE, page["total_entries"]

    def is_healthy(self, *parts: str) -> bool:
        """Whether these parts of Airflow, by default all, say that they are well."""
        try:
            health = self._session.get(f"{self._url}/api/v2/monitor/health", timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            return False
        return health.ok and all(health.json()[part]["status"] == "healthy" for part in parts or HEALTH)

    def wait_until_parsed(self, dag_id: str, *, seconds: float) -> None:
        """Wait until the DAG processor has found a DAG.

        Raises:
            AssertionError: A DAG file cannot be imported, or the time is up.
        """
        deadline = time.monotonic() + seconds
        while dag_id not in {dag["dag_id"] for dag in self.call("GET", "dags")["dags"]}:
            errors = [error["stack_trace"] for error in self.call("GET", "importErrors")["import_errors"]]
            assert not errors, errors[0]
            assert time.monotonic() < deadline, f"the DAG processor has not found {dag_id}"
            time.sleep(_LOOK_SECONDS)

    def begin(self, dag_id: str, run_id: str | None = None, conf: Mapping[str, Any] | None = None) -> DagRun:
        """Begin a run of a DAG."""
        asked = {"logical_date": None, "dag_run_id": run_id, "conf": dict(conf or {})}
        begun = self.call("POST", f"dags/{dag_id}/dagRuns", json=asked)
        return DagRun(self, dag_id, begun["dag_run_id"])

    def backfill(self, dag_id: str, first: str, last: str, *, again: bool = False) -> None:
        """Have the runs of some days made, or made again.

        Args:
            dag_id: A DAG with a schedule.
            first: Day, ``2026-01-31T00:00:00Z``.
            last: Day, included.
            again: Also where there is one that has ended.
        """
        behaviour = "completed" if again else "none"
        asked = {"dag_id": dag_id, "from_date": first, "to_date": last, "reprocess_behavior": behaviour}
        self.call("POST", "backfills", json=asked)

    def runs(self, dag_id: str) -> list[DagRun]:
        """The runs of a DAG, newest first."""
        found = self.call("GET", f"dags/{dag_id}/dagRuns", params={"order_by": "-run_after", "limit": 100})["dag_runs"]
        return [DagRun(self, dag_id, run["dag_run_id"]) for run in found]

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._threads, "session"):
            self._threads.session = requests.Session()
            self._threads.session.trust_env = False
        session: requests.Session = self._threads.session
        return session

    def _signed_in(self) -> str:
        if self._token is None:
            self._token = str(self._session.get(f"{self._url}/auth/token", timeout=30).json()["access_token"])
        return self._token


@dataclass(frozen=True)
class DagRun:
    """A run of a DAG, and what can be done to it."""

    api: RestApi
    dag_id: str
    run_id: str

    @property
    def path(self) -> str:
        """Its path in the REST API."""
        return f"dags/{self.dag_id}/dagRuns/{quote(self.run_id, safe='')}"

    @property
    def state(self) -> str:
        return str(self.fields()["state"])

    def fields(self) -> Any:
        """All that Airflow tells of it."""
        return self.api.call("GET", self.path)

    def tasks(self) -> list[Task]:
        """Its tasks, each of a mapped one."""
        return [Task.of(told) for told in self.api.pages(f"{self.path}/taskInstances", "task_instances")]

    def task(self, task_id: str, map_index: int = -1) -> Task:
        """One of its tasks."""
        (found,) = (task for task in self.tasks() if (task.task_id, task.map_index) == (task_id, map_index))
        return found

    def value(self, task_id: str) -> Any:
        """What a task returned."""
        place = f"{self.path}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.api.call("GET", place, params={"deserialize": "true"})["value"]

    def wait(self, *, seconds: float) -> str:
        """Wait for its end, and answer the state that it ended in.

        Raises:
            AssertionError: The time is up; says which task is in which state.
        """
        deadline = time.monotonic() + seconds
        while (state := self.state) in ("queued", "running"):
            self._in_time(deadline, seconds, "ended")
            time.sleep(_LOOK_SECONDS)
        return state

    def wait_for(self, task_id: str, states: Collection[str], *, seconds: float, try_number: int = 1) -> Task:
        """Wait until a task is in one of some states, in a try of this number or a later one.

        Raises:
            AssertionError: The time is up; says which task is in which state.
        """
        deadline = time.monotonic() + seconds
        while (task := self.task(task_id)).state not in states or task.try_number < try_number:
            self._in_time(deadline, seconds, f"reached {task_id} {'/'.join(states)}, try {try_number}")
            time.sleep(_LOOK_SECONDS)
        return task

    def clear(self, *task_ids: str) -> None:
        """Clear tasks, and no others, as "Clear" does."""
        asked = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": [*task_ids], "only_failed": False}
        self.api.call("POST", f"dags/{self.dag_id}/clearTaskInstances", json=asked)

    def mark(self, task_id: str, state: str) -> None:
        """Mark a task as failed or successful."""
        self.api.call("PATCH", f"{self.path}/taskInstances/{task_id}", json={"new_state": state})

    def delete(self) -> None:
        """Delete it, with all that is recorded of its tasks."""
        self.api.call("DELETE", self.path)

    def _in_time(self, deadline: float, seconds: float, goal: str) -> None:
        if time.monotonic() > deadline:
            states = {f"{task.task_id}[{task.map_index}]": (task.state, task.try_number) for task in self.tasks()}
            raise AssertionError(f"{self.dag_id} {self.run_id} has not {goal} after {seconds} s: {states}")
