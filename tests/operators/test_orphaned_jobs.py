"""Jobs whose task has ended are found among those of the workspace, and no others are touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests
from airflow.sdk import DAG, task

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.exceptions import AzmlError, SpecError
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators import AzmlCancelOrphanedJobsOperator, AzmlSubmitCommandJobOperator
from tests.airflow.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from airflow_provider_azml.rest.flows import Json
    from tests.airflow.running import Finished

ENDED = "ended"
"""A task that has ended well, and that jobs here say to be of."""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    """An emulator whose jobs only take time."""
    home = tmp_path_factory.mktemp("orphaned_jobs")
    with running_emulator(home, "--simulate", "1", "--create-workspace") as running:
        yield running


@pytest.fixture(autouse=True)
def _deployment(emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**emulator.environment, "AIRFLOW__AZML__DEPLOYMENT": "blue"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def ended(emulator: RunningEmulator) -> Finished:
    """A run whose task has submitted a job and waited for it."""
    with pytest.MonkeyPatch.context() as patch, DAG(f"orphans-{uuid4().hex[:8]}", schedule=None) as dag:
        for name, value in {**emulator.environment, "AIRFLOW__AZML__DEPLOYMENT": "blue"}.items():
            patch.setenv(name, value)
        quick = {"simulate.seconds": "0.1"}
        AzmlSubmitCommandJobOperator(
            task_id=ENDED, command="true", environment={"image": "local"}, properties=quick, poll_seconds=0.1
        )
        return run(dag)


def submit(finished: Finished, name: str | None = None, **changed: str) -> str:
    """Submit a job that lasts as the task of a run that has ended would have; answer its name."""
    submission = uuid4().hex[:12]
    name = name or f"orphan-{submission}-1"
    said = {
        "airflow.submission": submission,
        "airflow.deployment": "blue",
        "airflow.cancel_on_kill": "true",
        "airflow.dag_id": finished.dag_run.dag_id,
        "airflow.run_id": finished.dag_run.run_id,
        "airflow.task_id": ENDED,
        "airflow.map_index": "-1",
        **{f"airflow.{key}": value for key, value in changed.items()},
        "simulate.seconds": "600",
    }
    job = {"type": "command", "name": name, "command": "true", "environment": {"image": "local"}, "properties": said}
    AzmlHook().apply(job, wait=False)
    return name


def swept(**arguments: object) -> Finished:
    with DAG(f"sweep-{uuid4().hex[:8]}", schedule=None) as dag:
        AzmlCancelOrphanedJobsOperator(task_id="cancel", **{"grace_seconds": 0, **arguments})  # type: ignore[arg-type]
    return run(dag)


def found(finished: Finished) -> dict[str, dict[str, str]]:
    """The jobs of a result, and the reasons."""
    assert finished.errors == {}
    told: dict[str, list[Json]] = finished.value("cancel")
    return {kind: {job["name"]: job["reason"] for job in jobs} for kind, jobs in told.items()}


def status(name: str) -> str:
    return str(AzmlHook().get("job", name)["properties"]["status"])


def test_a_job_says_whose_it_is_and_whether_it_ends_with_its_task(ended: Finished) -> None:
    said = AzmlHook().get("job", ended.value(ENDED)["name"])["properties"]["properties"]
    assert (said["airflow.deployment"], said["airflow.cancel_on_kill"]) == ("blue", "true")


@pytest.mark.parametrize("kept", [{"wait": False}, {"cancel_on_kill": False, "timeout_seconds": 0.1}])
def test_a_job_that_may_outlive_its_task_says_so(kept: dict[str, object]) -> None:
    lasting = {"simulate.seconds": "600"}
    with DAG(f"outlives-{uuid4().hex[:8]}", schedule=None) as dag:
        AzmlSubmitCommandJobOperator(
            task_id="train",
            command="true",
            environment={"image": "local"},
            properties=lasting,
            poll_seconds=0.1,
            **kept,
        )
    finished = run(dag)
    (name,) = (
        job["name"]
        for job in AzmlHook().list("job")
        if job["properties"]["properties"].get("airflow.dag_id") == dag.dag_id
    )
    assert found(swept()) == {"cancelled": {}, "left": {}}
    assert AzmlHook().get("job", name)["properties"]["properties"]["airflow.cancel_on_kill"] == "false"
    assert status(name) not in {"Canceled", "CancelRequested"}
    assert finished.states["train"] in {"success", "failed"}


def test_only_jobs_of_tasks_that_have_ended_are_cancelled(ended: Finished) -> None:
    orphan = submit(ended)
    others = [
        submit(ended, deployment="green"),
        submit(ended, cancel_on_kill="false"),
        submit(ended, map_index="first"),
        submit(ended, name=f"copied-by-hand-{uuid4().hex[:8]}"),
    ]
    unknown = submit(ended, run_id="deleted")
    reason = "Airflow has no record of its task"
    assert found(swept(report_only=True)) == {
        "cancelled": {},
        "left": {orphan: "its task is success", unknown: reason},
    }
    assert found(swept(grace_seconds=600)) == {"cancelled": {}, "left": {}}
    assert status(orphan) not in {"Canceled", "CancelRequested"}
    assert found(swept()) == {"cancelled": {orphan: "its task is success"}, "left": {unknown: reason}}
    assert status(orphan) in {"Canceled", "CancelRequested"}
    assert found(swept(cancel_unknown=True)) == {"cancelled": {unknown: reason}, "left": {}}
    assert not {status(name) for name in others} & {"Canceled", "CancelRequested"}


def test_a_job_with_a_name_of_its_own_is_cancelled_if_the_task_shows_it() -> None:
    name = f"named-{uuid4().hex[:8]}"
    with DAG(f"shows-{uuid4().hex[:8]}", schedule=None) as dag:

        @task(task_id=ENDED)
        def show(**context: Any) -> None:
            context["ti"].xcom_push(key=AzmlStudioLink.key, value=AzmlHook().studio_url("job", name))

        show()
    shown = run(dag)
    submit(shown, name=name)
    assert found(swept())["cancelled"] == {name: "its task is success"}


def test_without_a_name_of_the_deployment_nothing_is_looked_at(
    ended: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan = submit(ended)
    monkeypatch.setenv("AIRFLOW__AZML__DEPLOYMENT", "")
    (error,) = swept().errors["cancel"]
    assert isinstance(error.__cause__, SpecError)
    assert "[azml] deployment: is not set" in str(error)
    assert status(orphan) not in {"Canceled", "CancelRequested"}


def test_one_that_cannot_be_cancelled_is_named_and_keeps_no_other(ended: Finished, emulator: RunningEmulator) -> None:
    stuck, other = submit(ended), submit(ended)
    rule = {"fault": "status", "method": "POST", "path": f"/jobs/{stuck}/cancel$", "status": 409, "message": "locked"}
    url = f"{emulator.url}/emulator/faults"
    requests.put(url, headers=emulator.headers, json={"rules": [rule]}, timeout=60).raise_for_status()
    (error,) = swept().errors["cancel"]
    requests.delete(url, headers=emulator.headers, timeout=60).raise_for_status()
    assert isinstance(error, AzmlError)
    assert f"{stuck} of {ended.dag_run.dag_id}.{ENDED} in run {ended.dag_run.run_id}: " in str(error)
    assert "locked" in str(error)
    cancelled, *_ = str(error).splitlines()
    assert other in cancelled
    assert stuck not in cancelled
    assert found(swept())["cancelled"] == {stuck: "its task is success"}
