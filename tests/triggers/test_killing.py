"""What becomes of the job of a trigger that is cancelled, by what Airflow's supervisor says of its task."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from airflow.executors.workloads import TaskInstance
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import GetTaskStates, GetXCom, TaskStatesResult, XComResult

from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.triggers import killing
from tests.rest.scripted_service import Answer
from tests.triggers.jobs_service import WORKSPACE, job_id
from tests.triggers.triggerer import payload, stop, until, waiting

CANCEL = f"{job_id('train')}/cancel"
LINK = f"https://ml.azure.com/runs/train?wsid={WORKSPACE}"


@dataclass
class Supervisor:
    """Stands where the triggerer's way to Airflow's API is: ``TriggerCommsDecoder``."""

    states: dict[str, dict[str, str | None]] = field(default_factory=dict)
    link: object = LINK
    silent: bool = False
    broken: bool = False
    asked: list[Any] = field(default_factory=list)

    async def asend(self, question: Any) -> TaskStatesResult | XComResult | None:
        if not isinstance(question, (GetTaskStates, GetXCom)):  # secrets to be masked
            return None
        self.asked.append(question)
        if self.silent:
            await asyncio.sleep(60)
        if self.broken:
            raise RuntimeError("Supervisor connection lost")
        if isinstance(question, GetTaskStates):
            return TaskStatesResult(task_states=self.states)
        return XComResult(key=question.key, value=self.link if question.key == AzmlStudioLink.key else None)


@pytest.fixture
def supervisor(monkeypatch):
    stands_in = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", stands_in, raising=False)
    return stands_in


def task(map_index: int = -1, try_number: int = 1) -> TaskInstance:
    return TaskInstance(
        id=uuid.uuid4(),
        dag_version_id=uuid.uuid4(),
        task_id="train",
        dag_id="dag",
        run_id="run",
        try_number=try_number,
        map_index=map_index,
        pool_slots=1,
        queue="default",
        priority_weight=1,
    )


def is_cancelled(service, *, ti: TaskInstance | None = None, **arguments: object) -> bool:
    """Kill a trigger as Airflow 3.3 does, and tell whether that cancelled its job."""
    service.has({"train": "Running"})
    service.answer("POST", CANCEL, Answer(202))
    given = {"links": {AzmlStudioLink.key: LINK}, "cancel_on_kill": True, "max_tries": 2, **arguments}
    trigger = waiting("train", **given)
    trigger.task_instance = ti or task()

    async def kill() -> None:
        running = asyncio.create_task(payload(trigger))
        await until(lambda: service.looks)
        await stop([running])
        if killing.TELLS_KILLS:
            await trigger.on_kill()

    asyncio.run(kill())
    return service.count("POST", CANCEL) == 1


@pytest.mark.parametrize("state", ["success", "failed", "scheduled", "queued", "running", "up_for_retry", None])
def test_the_job_of_a_task_that_was_ended_is_cancelled(service, supervisor, state):
    supervisor.states = {"run": {"train": state}}
    assert is_cancelled(service)
    (question,) = supervisor.asked
    assert (question.dag_id, question.run_ids, question.task_ids) == ("dag", ["run"], ["train"])


def test_the_job_of_a_run_that_was_deleted_is_cancelled(service, supervisor):
    supervisor.states = {}
    assert is_cancelled(service)


def test_the_job_of_a_task_that_waits_in_another_triggerer_goes_on(service, supervisor, capsys):
    supervisor.states = {"run": {"train": "deferred"}}
    assert not is_cancelled(service)
    assert "Job train goes on: the task is still deferred" in capsys.readouterr().out


def test_the_job_of_a_task_that_waits_for_another_job_by_now_is_cancelled(service, supervisor):
    supervisor.states, supervisor.link = {"run": {"train": "deferred"}}, LINK.replace("/train?", "/train-2?")
    assert is_cancelled(service)


@pytest.mark.parametrize("link", [None, {"stored": "elsewhere"}, "s3://xcoms/1"])
def test_a_link_that_tells_nothing_lets_the_job_go_on(service, supervisor, link):
    supervisor.states, supervisor.link = {"run": {"train": "deferred"}}, link
    assert not is_cancelled(service)


def test_a_mapped_task_is_known_by_its_index(service, supervisor):
    supervisor.states = {"run": {"train_3": "deferred", "train_4": "success"}}
    assert not is_cancelled(service, ti=task(map_index=3))
    assert [question.map_index for question in supervisor.asked] == [3, 3]


@pytest.mark.parametrize("trouble", ["silent", "broken", "absent"])
@pytest.mark.parametrize("try_number", [2, 3])
def test_without_an_answer_the_job_is_left_to_another_try_if_there_is_one(
    service, supervisor, monkeypatch, trouble, try_number
):
    monkeypatch.setattr(killing, "_ASK_SECONDS", 0.1)
    if trouble == "absent":
        monkeypatch.delattr(task_runner, "SUPERVISOR_COMMS")
    else:
        setattr(supervisor, trouble, True)
    assert is_cancelled(service, ti=task(try_number=try_number), max_tries=2) is (
        try_number > 2 and killing.TELLS_KILLS
    )


@pytest.mark.parametrize("arguments", [{"cancel_on_kill": False}, {"goal": "exists"}])
def test_what_is_not_to_be_cancelled_is_not(service, supervisor, arguments):
    supervisor.states = {"run": {"train": "failed"}}
    assert not is_cancelled(service, **arguments)
    assert supervisor.asked == []


def test_only_the_job_of_this_trigger_is_cancelled_and_only_once(service, supervisor):
    supervisor.states = {"run": {"train": "failed"}}
    assert is_cancelled(service)
    assert [asked.path for asked in service.asked if asked.method == "POST" and "/jobs/" in asked.path] == [CANCEL]


def test_an_older_airflow_is_asked_when_a_trigger_is_cancelled(service, supervisor, monkeypatch):
    monkeypatch.setattr(killing, "TELLS_KILLS", False)
    supervisor.states = {"run": {"train": "failed"}}
    assert is_cancelled(service)


@pytest.mark.parametrize("trouble", ["silent", "broken"])
def test_an_older_airflow_that_does_not_answer_may_only_be_restarting(service, supervisor, monkeypatch, trouble):
    monkeypatch.setattr(killing, "TELLS_KILLS", False)
    monkeypatch.setattr(killing, "_ASK_SECONDS", 0.1)
    setattr(supervisor, trouble, True)
    assert not is_cancelled(service, ti=task(try_number=3))


def test_the_end_of_a_triggerer_cancels_no_job(service, supervisor):
    service.has({"train": "Running"})
    supervisor.states = {"run": {"train": "deferred"}}
    trigger = waiting("train", cancel_on_kill=True)
    trigger.task_instance = task()

    async def end() -> None:
        running = asyncio.create_task(payload(trigger))
        await until(lambda: service.looks)
        await stop([running])
        await trigger.cleanup()

    asyncio.run(end())
    assert service.count("POST", CANCEL) == 0
