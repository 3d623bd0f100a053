"""Answering what tasks ask of people, as a person does: by Airflow's REST API."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

_WAITING = ("awaiting_input", "deferred")
_SECONDS = 600


@contextmanager
def answered(dag_id: str, task_id: str, option: str) -> Iterator[dict[str, Any]]:
    """Choose an option when a task asks, while the block runs that runs its DAG.

    Airflow's API server warns about itself, so a test that uses this has to bear warnings.

    Yields:
        What was asked, once it was.

    Raises:
        AssertionError: It could not be answered; the task is failed then, as nothing else would end its run.
    """
    asked: dict[str, Any] = {}
    client = _client()
    is_over = threading.Event()
    with ThreadPoolExecutor(1) as person:
        answer = person.submit(_answer, client, (dag_id, task_id, option), asked, is_over)
        try:
            yield asked
        finally:
            is_over.set()
        answer.result()


def _answer(client: TestClient, what: tuple[str, str, str], asked: dict[str, Any], is_over: threading.Event) -> None:
    dag_id, task_id, option = what
    deadline = time.monotonic() + _SECONDS
    try:
        while not asked and not is_over.wait(0.2):
            assert time.monotonic() < deadline, f"{task_id} has not asked in {_SECONDS} s"
            asked.update(_asked(client, dag_id, task_id))
        if asked:
            run = f"/api/v2/dags/{dag_id}/dagRuns/{asked['task_instance']['dag_run_id']}"
            path = f"{run}/taskInstances/{task_id}/-1/hitlDetails"
            client.patch(path, json={"chosen_options": [option]}).raise_for_status()
    except Exception:
        _fail(dag_id, task_id)
        raise


def _asked(client: TestClient, dag_id: str, task_id: str) -> dict[str, Any]:
    """What a task asks; nothing, as long as it does not wait for the answer."""
    query = {"dag_id_pattern": dag_id, "response_received": False}
    details = client.get("/api/v2/dags/~/dagRuns/~/hitlDetails", params=query).raise_for_status().json()
    instances = [(detail, detail["task_instance"]) for detail in details["hitl_details"]]
    waiting = [detail for detail, ti in instances if ti["task_id"] == task_id and ti["state"] in _WAITING]
    return waiting[0] if waiting else {}


def _fail(dag_id: str, task_id: str) -> None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        waiting = session.query(TaskInstance).filter_by(dag_id=dag_id, task_id=task_id)
        waiting.filter(TaskInstance.state.in_(_WAITING)).update({"state": "failed"})


@lru_cache
def _client() -> TestClient:
    """A client of Airflow's API server, which is in this process, signed in as one who may do everything."""
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from starlette.testclient import TestClient

    app = create_app(apps="core")
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="somebody", role="admin"))
    return TestClient(app, headers={"Authorization": f"Bearer {token}"}, base_url="http://localhost")
