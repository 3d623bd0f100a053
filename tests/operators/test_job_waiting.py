"""How a task waits for its job: what it takes for a failure, when it tries again, and which arguments it refuses."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.emulator.workspace_of_tests import ensure_workspace
from airflow_provider_azml.exceptions import ApiError, AuthError, NotFound, RunFailed, SpecError
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.operators import (
    AzmlSubmitCommandJobOperator,
)
from tests.airflow.running import run
from tests.operators.task_process import TaskProcess
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.airflow.running import Finished
    from tests.operators.conftest import OneJob, SignedIn

COMMAND_OF_A_NAME = {
    "name": "train-1",
    "command": "true",
    "environment": "azureml:bare:1",
    "compute": "azureml:cpu",
}
COMMAND = {"command": "true", "environment": {"image": "local"}}


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """What leads to an emulator whose jobs only take time."""
    with running_emulator(tmp_path_factory.mktemp("waiting"), "--simulate", "0.1", "--create-workspace") as emulator:
        yield emulator.environment


@pytest.fixture
def simulated(simulation: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection ``azml_default`` to it."""
    for name, value in simulation.items():
        monkeypatch.setenv(name, value)
    ensure_workspace(simulation)


def in_a_dag(operator: type[Any], **arguments: Any) -> Finished:
    with DAG("waiting", schedule=None, default_args={"poll_seconds": 0.1, "retries": 1}) as dag:
        operator(task_id="it", **arguments)
    return run(dag)


def failing(code: str, message: str = "it failed") -> dict[str, str]:
    return {"simulate.status": "Failed", "simulate.error": json.dumps({"code": code, "message": message})}


@pytest.mark.usefixtures("simulated")
@pytest.mark.parametrize(
    ("retry_on", "properties", "tries", "deferrable"),
    [
        (None, failing("UserError"), 2, False),
        (["user_error"], failing("UserError"), 2, True),
        (["system_error", "preemption"], failing("UserError"), 1, True),
        (["system_error"], {"simulate.status": "NotResponding"}, 2, False),
        (["user_error"], {"simulate.status": "Canceled"}, 1, False),
        ([], failing("SystemError"), 1, False),
    ],
    ids=str,
)
def test_the_class_of_an_error_decides_whether_a_task_is_tried_again(
    retry_on: list[str] | None, properties: dict[str, str], tries: int, deferrable: bool
) -> None:
    finished = in_a_dag(
        AzmlSubmitCommandJobOperator, retry_on=retry_on, properties=properties, deferrable=deferrable, **COMMAND
    )
    errors = finished.errors["it"]
    assert len(errors) == tries
    assert isinstance(errors[-1], AirflowFailException if tries == 1 else RunFailed)
    if tries == 1:
        assert "Not tried again: its error class is " in str(errors[-1])


def has_a_failed_child(service: SignedIn, job: str) -> None:
    """Run history has a child of the job that failed."""
    service.holds({
        WS: {"properties": {"discoveryUrl": f"{service.url}/discovery"}},
        "/discovery": {"api": service.url},
    })
    failed = {"error": {"error": {"code": "UserError", "message": "no such file"}}}
    child = {"runId": "c", "displayName": "load", "runType": "azureml.StepRun", "status": "Failed", **failed}
    runs = f"/history/v1.0{WS}/runs"
    service.holds({f"{runs}/{job}/children": {"value": [child]}, f"{runs}/c/children": {"value": []}})
    service.holds({f"{runs}/{job}/details": {"runId": job, "status": "Completed", "logFiles": {}}})


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("fail_on", ["service", "any_child"])
def test_a_child_that_failed_may_fail_a_job_that_completed(fail_on: str, deferrable: bool, one_job: OneJob) -> None:
    has_a_failed_child(one_job, "train-1")
    one_job.ends_as = "Completed"
    finished = in_a_dag(
        AzmlSubmitCommandJobOperator,
        name="train-1",
        fail_on=fail_on,
        deferrable=deferrable,
        compute="azureml:c",
        **COMMAND,
    )
    if fail_on == "service":
        assert finished.errors == {}
        return
    first, second = finished.errors["it"]
    assert isinstance(first, RunFailed)
    assert "ended as Completed (step 'load' (job c) failed: UserError: no such file)" in str(first)
    assert "ended as Completed, and a job cannot run twice under one name" in str(second)


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(("status", "kind", "is_final"), [("403", AuthError, False), ("404", NotFound, True)])
def test_a_job_that_cannot_be_looked_at_any_more(
    status: str, kind: type[ApiError], is_final: bool, deferrable: bool, one_job: OneJob
) -> None:
    """With credentials that were withdrawn, the job goes on for another try to take up; a deleted one does not."""
    one_job.ends_as = status
    finished = in_a_dag(
        AzmlSubmitCommandJobOperator, deferrable=deferrable, tolerate_errors_seconds=0.3, **COMMAND_OF_A_NAME
    )
    error = finished.errors["it"][0]
    cause = error.__cause__ if is_final else error
    assert isinstance(cause, kind)
    assert "job 'train-1' was last seen Running" in str(error)
    assert isinstance(error, AirflowFailException) == is_final
    assert one_job.count("POST") == 0


def plain(value: Any) -> Any:
    """What Airflow 3.1 sends with its types written beside."""
    held = value["__var"] if isinstance(value, dict) and "__var" in value else value
    return {name: plain(member) for name, member in held.items()} if isinstance(held, dict) else held


def test_the_trigger_is_told_how_to_wait(one_job: OneJob, tmp_path: Path) -> None:
    limits = {"timeout_seconds": "7200", "queue_timeout_seconds": "{{ 60 * 60 }}", "tolerate_errors_seconds": "30"}
    with DAG("waiting", schedule=None):
        operator = AzmlSubmitCommandJobOperator(
            task_id="it",
            deferrable=True,
            poll_seconds="7",
            execution_timeout=timedelta(seconds=6000),
            stream_logs=False,
            **{**COMMAND_OF_A_NAME, **limits},
        )
    before = time.time()
    task = TaskProcess(operator, tmp_path)
    told = plain(task.end()["trigger_kwargs"])
    assert told["arm_id"] == one_job.path
    assert told["deadlines"]["limit"] == "execution_timeout"
    assert 6000 <= told["deadlines"]["ends"] - before <= 6060
    assert 3600 <= told["deadlines"]["queue_ends"] - before <= 3660
    names = ("poll_seconds", "tolerate_errors_seconds", "stream_logs", "cancel_on_kill", "max_tries")
    assert [told[name] for name in names] == [7, 30, False, True, 2]


def test_words_and_durations_are_checked_before_anything_is_asked(service: SignedIn) -> None:
    for arguments, said in WRONG:
        finished = in_a_dag(AzmlSubmitCommandJobOperator, **COMMAND, **arguments)
        (error,) = finished.errors["it"]
        assert isinstance(error, AirflowFailException)
        assert isinstance(error.__cause__, SpecError)
        assert said in str(error)
    assert service.asked == []


def test_a_template_may_render_to_a_truth_value(one_job: OneJob, tmp_path: Path) -> None:
    words = {
        "deferrable": "TRUE",
        "stream_logs": "{{ 1 > 2 }}",
        "cancel_on_kill": "{{ 'false' }}",
        "wait": "{{ true }}",
    }
    with DAG("waiting", schedule=None):
        operator = AzmlSubmitCommandJobOperator(task_id="it", **{**COMMAND_OF_A_NAME, **words})
    told = plain(TaskProcess(operator, tmp_path).end()["trigger_kwargs"])
    assert told["arm_id"] == one_job.path
    assert [told[name] for name in ("stream_logs", "cancel_on_kill")] == [False, False]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"poll_seconds": 0}, "poll_seconds: is 0; it must be a number of seconds, more than 0 and at most 86400"),
    ({"poll_seconds": -1}, "poll_seconds: is -1;"),
    ({"poll_seconds": float("inf")}, "poll_seconds: is inf;"),
    ({"poll_seconds": float("nan")}, "poll_seconds: is nan;"),
    ({"poll_seconds": 1e6}, "poll_seconds: is 1000000.0;"),
    ({"poll_seconds": True}, "poll_seconds: is True;"),
    ({"poll_seconds": "often"}, "poll_seconds: is 'often';"),
    ({"timeout_seconds": 0}, "timeout_seconds: is 0;"),
    ({"timeout_seconds": 1e12}, "timeout_seconds: is 1000000000000.0;"),
    ({"queue_timeout_seconds": -5}, "queue_timeout_seconds: is -5;"),
    ({"queue_timeout_seconds": "{{ 2 - 3 }}"}, "queue_timeout_seconds: is '-1';"),
    ({"tolerate_errors_seconds": -1}, "tolerate_errors_seconds: is -1; it must be a number of seconds, 0 or more"),
    ({"on_worker_shutdown": "stay"}, "on_worker_shutdown: is 'stay'; it must be 'leave' or 'cancel'"),
    ({"on_existing": "reuse"}, "on_existing: is 'reuse'; it must be 'attach' or 'fail'"),
    ({"fail_on": "children"}, "fail_on: is 'children'; it must be 'service' or 'any_child'"),
    ({"retry_on": "quota"}, "retry_on: is 'quota'; it must be a list of 'user_error', 'system_error', 'quota' or"),
    ({"cancel_on_kill": "no"}, "cancel_on_kill: is 'no'; it must be True or False"),
    ({"stream_logs": "{{ none }}"}, "stream_logs: is 'None';"),
    ({"deferrable": 1}, "deferrable: is 1;"),
    ({"wait": "{{ '' }}"}, "wait: is '';"),
    ({"follow_symlinks": "yes"}, "follow_symlinks: is 'yes';"),
    ({"retry_on": ["quotas"]}, "retry_on: is 'quotas'; it must be 'user_error', 'system_error', 'quota' or 'preem"),
]
