"""Deadlines hold in the triggerer, and a job is cancelled then if its task wants that."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_azml.exceptions import WaitTimeout
from airflow_provider_azml.rest import pace
from airflow_provider_azml.triggers.wait import outcome_of
from tests.rest.scripted_service import Answer
from tests.triggers.jobs_service import job_id
from tests.triggers.triggerer import fired, payload, until, waiting

CANCEL = f"{job_id('train')}/cancel"


def ending(seconds: float, limit: str = "timeout_seconds") -> dict[str, object]:
    """Deadlines that end a wait so many seconds from now."""
    return {"ends": time.time() + seconds, "limit": limit, "queue_ends": None}


def late(event: dict[str, object]) -> WaitTimeout:
    """The timeout that an event tells of."""
    with pytest.raises(WaitTimeout) as caught:
        outcome_of(event)
    return caught.value


def test_a_deadline_ends_the_wait_and_leaves_the_job(service):
    service.has({"train": "Running"})
    error = late(fired(waiting("train", deadlines=ending(0.6)))[0])
    assert (error.last_status, error.cancelled) == ("Running", False)
    assert service.count("POST", CANCEL) == 0


def test_a_deadline_cancels_the_job_where_that_is_wanted(service):
    service.has({"train": "Running"})
    service.answer("POST", CANCEL, Answer(503), Answer(202))
    error = late(fired(waiting("train", deadlines=ending(0.6, "execution_timeout"), cancel_on_kill=True))[0])
    assert error.cancelled
    assert "still Running when execution_timeout ran out, and was cancelled" in str(error)
    assert service.count("POST", CANCEL) == 2


def test_a_job_that_cannot_be_cancelled_is_said_to_go_on(service, capsys):
    service.has({"train": "Running"})
    service.answer("POST", CANCEL, Answer(403, {"error": {"code": "AuthorizationFailed", "message": "No role."}}))
    error = late(fired(waiting("train", deadlines=ending(0.5), cancel_on_kill=True))[0])
    assert not error.cancelled
    assert "may go on: AuthorizationFailed" in capsys.readouterr().out


def test_a_deadline_of_the_queue_holds_until_the_job_runs(service):
    service.has({"train": "Queued"})
    in_the_queue = {"ends": None, "limit": "timeout_seconds", "queue_ends": time.time() + 0.6}
    assert late(fired(waiting("train", deadlines=in_the_queue))[0]).limit == "queue_timeout_seconds"
    service.has({"train": "Running"})

    async def outlive() -> dict[str, object]:
        given = {**in_the_queue, "queue_ends": time.time() + 0.5}
        task = asyncio.create_task(payload(waiting("train", deadlines=given)))
        await asyncio.sleep(0.7)
        service.has({"train": "Completed"})
        return await task

    assert outcome_of(asyncio.run(outlive())).succeeded


def test_what_has_ended_before_its_deadline_has_not_timed_out_even_if_nobody_looked(service):
    service.has({"train": "Running"})

    async def end_unseen() -> dict[str, object]:
        task = asyncio.create_task(payload(waiting("train", poll_seconds=60, deadlines=ending(4))))
        await until(lambda: service.looks)
        service.has({"train": "Completed"})
        return await task

    assert outcome_of(asyncio.run(end_unseen())).succeeded
    assert service.looks == ["train", "train"]


def test_a_deadline_that_passed_while_no_triggerer_ran_still_leaves_one_look(service):
    service.has({"train": "Completed"})
    assert outcome_of(fired(waiting("train", deadlines=ending(-100)))[0]).succeeded


def test_a_deadline_holds_while_the_service_is_out_of_reach(service):
    service.refuse(job_id("train"), 503, times=99)
    began = time.monotonic()
    error = late(fired(waiting("train", deadlines=ending(0.6)))[0])
    assert error.last_status is None
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("jump", [-86400, 86400])
def test_a_clock_that_jumps_ends_no_wait_and_spins_none(service, monkeypatch, jump):
    service.has({"train": "Running"})

    async def jumping() -> dict[str, object]:
        task = asyncio.create_task(payload(waiting("train", poll_seconds=0.5, deadlines=ending(60))))
        await until(lambda: service.looks)
        right = time.time
        monkeypatch.setattr(pace.time, "time", lambda: right() + jump)
        await asyncio.sleep(0.8)
        service.has({"train": "Completed"})
        return await task

    assert outcome_of(asyncio.run(jumping())).succeeded
    assert len(service.looks) <= 5


def test_a_wait_that_began_in_the_future_is_one_that_begins_now(service):
    service.has({"train": "Completed"})
    assert outcome_of(fired(waiting("train", began=time.time() + 86400))[0]).succeeded
