"""Kills of real task processes by real signals: what becomes of the job."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from airflow.sdk import DAG

from airflow_provider_azml.operators import AzmlSubmitCommandJobOperator
from airflow_provider_azml.operators.killing import Kill, Orders
from tests.operators.task_process import LAST_WORDS, TaskProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.operators.conftest import OneJob

    Try = Callable[..., TaskProcess]


def command(**arguments: Any) -> AzmlSubmitCommandJobOperator:
    spec = {"name": "train-1", "command": "true", "environment": "azureml:bare:1", "compute": "azureml:cpu"}
    with DAG("killing", schedule=None):
        return AzmlSubmitCommandJobOperator(
            task_id="train", poll_seconds=0.1, stream_logs=False, **{**spec, **arguments}
        )


@pytest.fixture
def a_try(tmp_path: Path) -> Iterator[Try]:
    """Begins a try of a command job in a process of its own."""
    begun: list[TaskProcess] = []

    def begin(
        *,
        state: str | None = "running",
        try_number: int = 1,
        resumes: Any = None,
        lingers: bool = False,
        **arguments: Any,
    ) -> TaskProcess:
        told = {"state": state, "try_number": try_number, "resumes": resumes, "lingers": lingers}
        task = TaskProcess(command(**arguments), tmp_path, **told)
        begun.append(task)
        return task

    yield begin
    for task in begun:
        task.close()


NORMAL = Orders()
AT_SHUTDOWN = Orders(on_worker_shutdown="cancel")
NEVER = Orders(cancel_on_kill=False)


@dataclass(frozen=True)
class Case:
    """What is known at a kill, and what it means for the job."""

    state: str | None
    verdict: str
    orders: Orders = NORMAL
    try_number: int = 1
    handed_over: bool = False


CASES = (
    Case("running", "leave"),
    Case("running", "leave", try_number=3),
    Case("running", "cancel", AT_SHUTDOWN),
    Case("up_for_retry", "leave"),
    *(Case(state, "cancel") for state in ("failed", "success", "skipped", "restarting", "removed", "gone", "none")),
    *(Case(state, "cancel") for state in ("queued", "scheduled", "deferred")),
    Case("failed", "leave", NEVER),
    Case(None, "leave", try_number=2),
    Case(None, "cancel", try_number=3),
    Case(None, "cancel", AT_SHUTDOWN, try_number=2),
    Case(None, "leave", NEVER, try_number=3),
    *(Case(state, "leave", AT_SHUTDOWN, 3, handed_over=True) for state in ("deferred", "running", "queued", None)),
    *(Case(state, "cancel", handed_over=True) for state in ("failed", "success", "restarting", "gone")),
)


@pytest.mark.parametrize("map_index", [-1, 3])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_kill_means(case: Case, map_index: int) -> None:
    def states(**asked: Any) -> dict[str, dict[str, str | None]]:
        assert asked == {"dag_id": "d", "map_index": map_index, "task_ids": ["t"], "run_ids": ["r"]}
        if case.state is None:
            raise RuntimeError("no answer")
        known = {"t" if map_index < 0 else f"t_{map_index}": None if case.state == "none" else case.state}
        return {} if case.state == "gone" else {"r": known}

    ids = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": map_index}
    ti: Any = SimpleNamespace(**ids, try_number=case.try_number, max_tries=2, get_task_states=states)
    kill, carried_out = Kill(ti, case.orders, structlog.get_logger()), []
    kill.handed_over = case.handed_over
    kill.ask(carried_out.append)
    assert [kill.verdict, *carried_out] == [case.verdict, case.verdict]


def test_a_worker_that_goes_away_leaves_the_job(a_try: Try, one_job: OneJob) -> None:
    task = a_try()
    task.until(lambda: one_job.count("GET") > 1)
    task.terminate()
    task.until(lambda: "so its worker goes away" in task.log)
    assert task.is_alive
    one_job.status = "Completed"
    assert task.end()["type"] == "SucceedTask"
    assert one_job.count("POST") == 0


def test_a_worker_that_goes_away_may_cancel_the_job(a_try: Try, one_job: OneJob) -> None:
    task = a_try(on_worker_shutdown="cancel")
    task.until(lambda: one_job.count("GET") > 1)
    task.terminate()
    assert task.end()["type"] == "RetryTask"
    assert one_job.count("POST") == 1
    assert "Airflow ended this task; its job train-1 was cancelled" in task.error()


def test_a_task_that_was_ended_takes_its_job_with_it(a_try: Try, one_job: OneJob) -> None:
    task = a_try(state="failed")
    task.until(lambda: one_job.count("GET") > 1)
    task.terminate()
    task.end()
    (cancel,) = (asked.path for asked in one_job.asked if asked.method == "POST" and "/jobs/" in asked.path)
    assert cancel.endswith("/jobs/train-1/cancel")


@pytest.mark.parametrize("state", ["running", "failed"])
def test_nothing_is_submitted_after_a_kill(state: str, a_try: Try, one_job: OneJob) -> None:
    asked, answer = one_job.hold("GET")
    task = a_try(state=state)
    task.until(asked.is_set)
    task.terminate()
    task.until(lambda: "The task is asked to end" in task.log)
    answer.set()
    assert task.end()["type"] == "RetryTask"
    assert "AirflowException: Airflow asked this task to end before its job was submitted" in task.error()
    assert (one_job.count("PUT"), one_job.count("POST")) == (0, 0)


def test_a_kill_while_templates_are_rendered_counts(a_try: Try, one_job: OneJob) -> None:
    task = a_try(state="failed")
    answer = task.hold("SetRenderedFields")
    task.until(lambda: task.told("SetRenderedFields"))
    task.terminate()
    time.sleep(0.2)  # a kill before there is anything to see to tells nothing
    answer.set()
    task.end()
    assert (one_job.count("PUT"), one_job.count("POST")) == (0, 0)


def test_a_kill_before_an_earlier_job_is_found_cancels_that(a_try: Try, one_job: OneJob) -> None:
    first = a_try()
    first.until(lambda: one_job.status)
    first.close()
    asked, answer = one_job.hold("GET")
    second = a_try(state="failed", try_number=2)
    second.until(asked.is_set)
    second.terminate()
    second.until(lambda: "The task is asked to end" in second.log)
    answer.set()
    second.end()
    assert (one_job.count("PUT"), one_job.count("POST")) == (1, 1)


def test_a_job_that_is_being_submitted_is_cancelled_once_it_is_there(a_try: Try, one_job: OneJob) -> None:
    asked, answer = one_job.hold("PUT")
    task = a_try(state="failed")
    task.until(asked.is_set)
    task.terminate()
    task.until(lambda: "nothing to cancel" in task.log)
    answer.set()
    assert task.end()["type"] == "RetryTask"
    assert "Airflow ended this task; its job train-1 was cancelled" in task.error()
    assert one_job.status == "CancelRequested"


def test_a_job_that_is_being_submitted_is_left_where_the_worker_goes_away(a_try: Try, one_job: OneJob) -> None:
    asked, answer = one_job.hold("PUT")
    task = a_try()
    task.until(asked.is_set)
    task.terminate()
    task.until(lambda: "so its worker goes away" in task.log)
    answer.set()
    task.until(lambda: one_job.count("GET") > 1)
    one_job.status = "Completed"
    assert task.end()["type"] == "SucceedTask"
    assert (one_job.count("PUT"), one_job.count("POST")) == (1, 0)


def test_a_service_that_is_out_of_order_is_asked_again_to_take_the_job(a_try: Try, one_job: OneJob) -> None:
    one_job.outages, one_job.ends_as = 1, "Completed"
    assert a_try().end()["type"] == "SucceedTask"
    assert one_job.count("PUT") == 2


@pytest.mark.parametrize("state", ["running", "failed"])
def test_it_is_not_asked_again_after_a_kill(state: str, a_try: Try, one_job: OneJob) -> None:
    one_job.outages = 9
    task = a_try(state=state)
    task.until(lambda: "Submitting again in" in task.log)
    task.terminate()
    assert task.end()["type"] == "RetryTask"
    assert one_job.count("PUT") == 1
    reason = {"running": "before its job was submitted, so none was", "failed": "its job train-1 was not submitted"}
    assert reason[state] in task.error()


def test_a_second_signal_is_looked_into_anew(a_try: Try, one_job: OneJob) -> None:
    task = a_try()
    task.until(lambda: one_job.count("GET") > 1)
    task.terminate()
    task.until(lambda: "so its worker goes away" in task.log)
    task.state = "failed"
    task.terminate()
    task.end()
    assert one_job.count("POST") == 1


def test_a_signal_in_the_midst_of_a_question_to_airflow_blocks_nothing(a_try: Try, one_job: OneJob) -> None:
    """The way to Airflow's API is one lock, which the interrupted task holds."""
    task = a_try(state="failed")
    answer = task.hold("SetXCom")
    task.until(lambda: task.told("SetXCom"))
    task.terminate()
    task.until(lambda: "in a state that Airflow does not tell" in task.log)
    assert one_job.count("POST") == 0
    answer.set()  # what Airflow says after all is acted upon
    task.end()
    assert one_job.count("POST") == 1


# -- time that is up ---------------------------------------------------------------------------------------------


def test_an_execution_timeout_cancels_the_job_once(a_try: Try, one_job: OneJob) -> None:
    task = a_try(execution_timeout=timedelta(hours=1))
    task.until(lambda: one_job.count("GET") > 1)
    task.time_is_up()
    assert task.end()["type"] == "RetryTask"
    assert "AirflowTaskTimeout" in task.error()
    assert one_job.count("POST") == 1
    assert not task.told("GetTaskStates")  # on_kill, which Airflow calls after it, has nothing to do


def test_a_job_that_outlives_an_execution_timeout_is_told_of(a_try: Try, one_job: OneJob) -> None:
    task = a_try(execution_timeout=timedelta(hours=1), cancel_on_kill=False)
    task.until(lambda: one_job.count("GET") > 1)
    task.time_is_up()
    task.end()
    assert "Job train-1 goes on: cancel_on_kill is off" in task.log
    assert one_job.count("POST") == 0


def test_an_execution_timeout_during_the_submission_cancels_the_job_when_it_appears(
    a_try: Try, one_job: OneJob
) -> None:
    asked, answer = one_job.hold("PUT")
    task = a_try(execution_timeout=timedelta(hours=1))
    task.until(asked.is_set)
    task.time_is_up()
    task.until(lambda: one_job.count("POST"))
    answer.set()
    task.end()
    assert (one_job.status, one_job.count("PUT")) == ("CancelRequested", 1)


@pytest.mark.parametrize(("limit", "cancels"), [("timeout_seconds", False), ("queue_timeout_seconds", True)])
def test_time_that_is_up_cancels_the_job(limit: str, cancels: bool, a_try: Try, one_job: OneJob) -> None:
    one_job.begins_as = "Queued"
    task = a_try(cancel_on_kill=cancels, **{limit: 1})
    assert task.end()["type"] == "RetryTask"
    end = "was cancelled" if cancels else "goes on"
    assert f"job 'train-1' was still Queued when {limit} ran out, and {end}" in task.error()
    assert one_job.count("POST") == cancels


# -- deferral ----------------------------------------------------------------------------------------------------


def test_a_task_that_was_ended_before_it_defers_cancels_its_job(a_try: Try, one_job: OneJob) -> None:
    task = a_try(state="failed", deferrable=True)
    assert task.end()["type"] == "RetryTask"
    assert one_job.count("POST") == 1


@pytest.mark.parametrize(("state", "cancels"), [("deferred", 0), ("failed", 1)])
def test_a_signal_after_the_deferral_leaves_the_job_to_the_trigger(
    state: str | None, cancels: int, a_try: Try, one_job: OneJob
) -> None:
    task = a_try(deferrable=True, on_worker_shutdown="cancel", lingers=True)
    task.until(lambda: LAST_WORDS in task.log)
    task.state = state
    task.terminate()
    task.until(lambda: "The task is asked to end" in task.log and one_job.count("POST") == cancels)
    task.let_go()
    assert task.end()["type"] == "DeferTask"
    assert one_job.count("POST") == cancels


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_job_that_the_trigger_could_not_cancel_is_cancelled_when_the_task_goes_on(
    cancelled: bool, a_try: Try, one_job: OneJob
) -> None:
    one_job.status = "Running"
    fields = {"kind": "job", "name": "train-1", "last_status": "Running", "seconds": 1.0, "limit": "execution_timeout"}
    event = {
        "error": "WaitTimeout",
        "message": "",
        "fields": {**fields, "cancelled": cancelled, "reasons": []},
        "deadlines": {"ends": 1.0, "limit": "execution_timeout", "queue_ends": None},
        "links": {},
    }
    task = a_try(resumes=("resume", {"event": event}))
    assert task.end()["type"] == "RetryTask"
    assert "when execution_timeout ran out, and was cancelled" in task.error()
    assert one_job.count("POST") == (0 if cancelled else 1)
