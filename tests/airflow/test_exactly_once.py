"""One job for each submission of a task, on a whole Airflow: what is a retry finds it, what is a new run makes another.

All that happens here happens side by side in one Airflow, begun together; each test looks at how one of it went.
"""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.operators.submission import job_name
from tests.airflow.stack import Stack
from tests.airflow.submitted_jobs import Job, jobs_of, wait_for_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from tests.airflow.rest_api import DagRun

    Story = Callable[[Stack], None]

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

DEPLOYMENT = "blue"
SETTINGS = {
    "AIRFLOW__AZML__DEPLOYMENT": DEPLOYMENT,
    "AIRFLOW__CORE__PARALLELISM": "6",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
}
SECONDS = 300
DAGS = ("dies", "fails", "lasts", "left", "sweep", "mapped", "pinned", "daily")


def named(run: DagRun, task_id: str, map_index: int = -1, **changed: Any) -> str:
    """What the jobs of a task are called now, without the attempt, by all that Airflow tells of it."""
    task = run.task(task_id, map_index)
    instance = {"dag_id": run.dag_id, "run_id": run.run_id, "task_id": task_id, "map_index": map_index}
    started = datetime.fromisoformat(run.fields()["start_date"])
    ti = SimpleNamespace(**{**instance, "max_tries": task.max_tries, **changed})
    return job_name({"ti": ti, "dag_run": SimpleNamespace(start_date=started)})  # type: ignore[typeddict-item]


def statuses(jobs: list[Job]) -> list[str]:
    return [job.status for job in jobs]


def are_canceled(jobs: list[Job]) -> bool:
    return {job.status for job in jobs} == {"Canceled"}


# -- what happens ------------------------------------------------------------------------------------------------------


def a_retry_finds_the_job_of_a_try_that_died_and_a_clear_after_success_makes_another(stack: Stack) -> None:
    run = stack.api.begin("dies")
    assert run.wait(seconds=SECONDS) == "success"
    first = {}
    for task_id in ("blocking", "deferred"):
        (first[task_id],) = jobs_of(run, task_id)
        assert run.task(task_id).try_number == 2
        assert run.value(task_id)["name"] == first[task_id].name == f"{named(run, task_id)}-1"
    run.clear("blocking", "deferred")
    assert run.wait(seconds=SECONDS) == "success"
    for task_id in ("blocking", "deferred"):
        before, after = jobs_of(run, task_id)
        assert before == first[task_id]
        assert run.value(task_id)["name"] == after.name == f"{named(run, task_id)}-1"
        assert after.submission != before.submission


def a_job_that_failed_is_tried_again_and_a_clear_after_failure_makes_another(stack: Stack) -> None:
    run = stack.api.begin("fails")
    assert run.wait(seconds=SECONDS) == "failed"
    before = named(run, "blocking")
    assert [job.name for job in jobs_of(run, "blocking")] == [f"{before}-1", f"{before}-2"]
    run.clear("blocking")
    assert run.wait(seconds=SECONDS) == "failed"
    after = named(run, "blocking")
    assert after != before
    names = [job.name for job in jobs_of(run, "blocking")]
    assert names == [f"{before}-1", f"{before}-2", f"{after}-1", f"{after}-2"]


def clears_and_marks_of_tasks_that_wait(stack: Stack) -> None:
    run = stack.api.begin("lasts")
    waits = {"blocking": "running", "deferred": "deferred"}
    first = {}
    for task_id, state in waits.items():
        run.wait_for(task_id, [state], seconds=SECONDS)
        (first[task_id],) = wait_for_jobs(run, task_id, bool, seconds=SECONDS)
    run.wait_for("neighbour", ["success"], seconds=SECONDS)

    run.clear("neighbour")
    run.wait_for("neighbour", ["success"], seconds=SECONDS, try_number=2)
    _kill(run, "blocking")
    _wait_until_told(stack, run, "blocking", f"{first['blocking'].name} is Running", try_number=2)
    assert [job.name for task_id in waits for job in jobs_of(run, task_id)] == [job.name for job in first.values()]

    run.clear("blocking", "deferred")
    for task_id, state in waits.items():
        before, after = wait_for_jobs(run, task_id, lambda jobs: len(jobs) == 2, seconds=SECONDS)
        assert after.name != before.name == first[task_id].name
        run.wait_for(task_id, [state], seconds=SECONDS)
        wait_for_jobs(run, task_id, lambda jobs: jobs[0].status == "Canceled", seconds=SECONDS)
        # a task that is marked before a triggerer has its trigger leaves its job
        _wait_until_told(stack, run, task_id, f"{after.name} is Running")
    for task_id in waits:
        run.mark(task_id, "failed")
    for task_id in waits:
        jobs = wait_for_jobs(run, task_id, are_canceled, seconds=SECONDS)
        assert len(jobs) == 2


def mapped_tasks_have_a_job_each(stack: Stack) -> None:
    run = stack.api.begin("mapped")
    assert run.wait(seconds=SECONDS) == "success"
    names = [job.name for index in range(3) for job in jobs_of(run, "train", index)]
    assert names == [f"{named(run, 'train', index)}-1" for index in range(3)]
    assert len(set(names)) == 3


def a_task_cleared_alone_keeps_the_versions_of_its_run_and_a_cleared_run_takes_new_ones(stack: Stack) -> None:
    def taken(*cleared: str) -> list[dict[str, str]]:
        run.clear(*cleared)
        assert run.wait(seconds=SECONDS) == "success"
        return [run.value(task_id)["labels"] for task_id in ("first", "second")]

    run = stack.api.begin("pinned")
    assert run.wait(seconds=SECONDS) == "success"
    assert run.value("register")["version"] == "1"
    first, newer = {"data numbers@latest": "1"}, {"data numbers@latest": "2"}
    assert taken("register") == [first, first]
    assert run.value("register")["version"] == "2"
    assert taken("second") == [first, first]
    assert taken("register", "first", "second") == [newer, newer]
    assert run.value("register")["version"] == "3"


def days_filled_in_have_a_job_each(stack: Stack) -> None:
    runs = stack.api.runs("daily")
    assert [run.wait(seconds=SECONDS) for run in runs] == ["success", "success"]
    names = [job.name for run in runs for job in jobs_of(run, "blocking")]
    assert names == [f"{named(run, 'blocking')}-1" for run in runs]
    assert len(set(names)) == 2


def a_run_deleted_and_made_anew_is_another_run(stack: Stack) -> None:
    run = stack.api.begin("mapped", "again")
    assert run.wait(seconds=SECONDS) == "success"
    first = [jobs_of(run, "train", index) for index in range(3)]
    time.sleep(3)  # the scheduler takes what it is still to hear of a deleted run's tasks for news of the new one's
    run.delete()
    run = stack.api.begin("mapped", "again")
    assert run.wait(seconds=SECONDS) == "success"
    for index, (before,) in enumerate(first):
        again, after = jobs_of(run, "train", index)
        assert again == before
        assert after.submission != before.submission


def a_day_filled_in_again_has_another_job(stack: Stack) -> None:
    run = stack.api.runs("daily")[0]
    (first,) = jobs_of(run, "blocking")
    stack.api.backfill("daily", "2026-01-11T00:00:00Z", "2026-01-11T00:00:00Z", again=True)
    before, after = wait_for_jobs(run, "blocking", lambda jobs: len(jobs) == 2, seconds=SECONDS)
    assert run.wait(seconds=SECONDS) == "success"
    assert before == first
    assert run.value("blocking")["name"] == after.name == f"{named(run, 'blocking')}-1"
    assert after.submission != before.submission


def a_triggerer_that_restarts_neither_cancels_nor_loses_a_job(stack: Stack) -> None:
    run = stack.api.begin("lasts")
    (job,) = wait_for_jobs(run, "deferred", bool, seconds=SECONDS)
    _wait_until_told(stack, run, "deferred", f"{job.name} is Running", try_number=1)
    first = run.task("deferred").triggerer
    stack.end("triggerer", signal.SIGTERM)
    stack.start("triggerer")
    _wait_until(lambda: run.task("deferred").triggerer not in {None, first}, run.tasks)
    assert statuses(jobs_of(run, "deferred")) == ["Running"]
    run.mark("deferred", "failed")
    run.mark("blocking", "failed")
    assert wait_for_jobs(run, "deferred", are_canceled, seconds=SECONDS) == [Job(job.name, "Canceled")]
    wait_for_jobs(run, "blocking", are_canceled, seconds=SECONDS)


def _wait_until_told(stack: Stack, run: DagRun, task_id: str, text: str, *, try_number: int | None = None) -> None:
    _wait_until(lambda: text in stack.log(run.dag_id, run.run_id, task_id, try_number), run.tasks)


def _wait_until(is_done: Callable[[], bool], told: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_done():
        assert time.monotonic() < deadline, told()
        time.sleep(0.5)


def _kill(run: DagRun, task_id: str) -> None:
    pid = run.task(task_id).pid
    assert pid
    os.kill(pid, signal.SIGKILL)


STORIES: list[Story] = [
    a_retry_finds_the_job_of_a_try_that_died_and_a_clear_after_success_makes_another,
    clears_and_marks_of_tasks_that_wait,
    a_job_that_failed_is_tried_again_and_a_clear_after_failure_makes_another,
    mapped_tasks_have_a_job_each,
    a_task_cleared_alone_keeps_the_versions_of_its_run_and_a_cleared_run_takes_new_ones,
    days_filled_in_have_a_job_each,
    a_run_deleted_and_made_anew_is_another_run,
]
LATER: list[Story] = [
    a_day_filled_in_again_has_another_job,
    a_triggerer_that_restarts_neither_cancels_nor_loses_a_job,
]
"""What is to disturb nothing else."""


# -- the tests ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An Airflow with the DAGs, beside an emulator whose jobs only take time."""
    home = tmp_path_factory.mktemp("exactly_once")
    with (
        running_emulator(home / "emulator", "--simulate", "1", "--create-workspace") as emulator,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in {**emulator.environment, "AIRFLOW__AZML__DEPLOYMENT": DEPLOYMENT}.items():
            patch.setenv(name, value)
        with Stack(home / "airflow", Path(__file__).with_name("dags"), SETTINGS) as running:
            for dag_id in DAGS:
                running.api.wait_until_parsed(dag_id, seconds=60)
            # with SQLite, no backfill can be made while much else goes on
            running.api.backfill("daily", "2026-01-10T00:00:00Z", "2026-01-11T00:00:00Z")
            yield running


@pytest.fixture(scope="module")
def told(stack: Stack) -> Iterator[dict[Story, Future[None]]]:
    """How it goes with what happens."""
    with ThreadPoolExecutor(len(STORIES) + len(LATER)) as threads:
        first = {story: threads.submit(story, stack) for story in STORIES}

        def after_those(story: Story) -> None:
            wait(first.values())
            story(stack)

        yield {**first, **{story: threads.submit(after_those, story) for story in LATER}}


@pytest.mark.parametrize("story", [*STORIES, *LATER], ids=lambda story: story.__name__)
def test_on_a_whole_airflow(story: Story, told: dict[Story, Future[None]]) -> None:
    told[story].result()


def test_two_deployments_have_different_names(
    stack: Stack, told: dict[Story, Future[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    told[mapped_tasks_have_a_job_each].result()
    run = stack.api.runs("mapped")[-1]
    (job,) = jobs_of(run, "train", 0)
    assert job.submission == named(run, "train", 0)
    monkeypatch.setenv("AIRFLOW__AZML__DEPLOYMENT", "green")
    assert job.submission != named(run, "train", 0)


def test_jobs_that_nobody_ends_are_found(stack: Stack, told: dict[Story, Future[None]]) -> None:
    wait(told.values())
    stack.end("triggerer", signal.SIGTERM)
    try:
        kept, marked, cleared, deleted = runs = [stack.api.begin("left") for _ in range(4)]
        first = {}
        for run in runs:
            for task_id in ("deferred", "unheeded"):
                run.wait_for(task_id, ["deferred"], seconds=SECONDS)
            (first[run],) = jobs_of(run, "deferred")
        for run in (marked, deleted):
            run.mark("deferred", "failed")
            run.mark("unheeded", "failed")
            run.wait(seconds=SECONDS)
        deleted.delete()
        cleared.clear("deferred")
        _, anew = wait_for_jobs(cleared, "deferred", lambda jobs: len(jobs) == 2, seconds=SECONDS)
        cleared.wait_for("deferred", ["deferred"], seconds=SECONDS)

        swept = stack.api.begin("sweep")
        assert swept.wait(seconds=SECONDS) == "success"
        found = {kind: {job["name"]: job["reason"] for job in jobs} for kind, jobs in swept.value("cancel").items()}
        assert found == {
            "cancelled": {
                first[marked].name: "its task is failed",
                first[cleared].name: "its task is deferred, and waits for another job",
            },
            "left": {first[deleted].name: "Airflow has no record of its task"},
        }
        for run in (marked, cleared):
            wait_for_jobs(run, "deferred", lambda jobs: jobs[0].status == "Canceled", seconds=SECONDS)
        assert [job.name for job in jobs_of(cleared, "deferred")] == [first[cleared].name, anew.name]
        for run in (kept, cleared):
            wait_for_jobs(run, "deferred", lambda jobs: jobs[-1].status == "Running", seconds=SECONDS)

        kept.mark("deferred", "success")
        swept = stack.api.begin("sweep", conf={"unknown": True})
        assert swept.wait(seconds=SECONDS) == "success"
        assert {job["name"] for job in swept.value("cancel")["cancelled"]} == {first[kept].name, first[deleted].name}
        for run in runs:
            wait_for_jobs(run, "unheeded", lambda jobs: statuses(jobs) == ["Running"], seconds=SECONDS)
    finally:
        stack.start("triggerer")
