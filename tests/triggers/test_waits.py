"""What a wait hears of when much happens at once, and what is due when it is said twice."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest.patience import Patience
from airflow_provider_azml.rest.waiting import Glance, Outcome, Ticket
from airflow_provider_azml.triggers.waits import Borne, Lane, Wait
from tests.triggers.jobs_service import job_id

ERROR = ApiError(method="GET", url="/", status=503, code="Busy", message="later")
SEEN = Glance("Completed", Outcome(job_id("train"), "Completed"))


@pytest.fixture
def wait() -> Wait:
    return Wait(Ticket(job_id("train")), "train", True, 15, 0, Patience(), lambda: False)


def test_an_end_is_heard_of_though_another_look_failed_in_the_meantime(wait):
    wait.tell(SEEN)
    wait.over = True
    wait.warn(Borne(ERROR, 1))
    wait.fail(ERROR)
    assert asyncio.run(wait.news(0)) is SEEN


def test_an_error_ends_a_wait(wait):
    wait.fail(ERROR)
    with pytest.raises(ApiError):
        asyncio.run(wait.news(0))


def test_what_was_said_first_does_not_count_once_another_lane_looks_at_the_same(wait):
    jobs, each = Lane(1), Lane(1)
    jobs.put(wait, 10)
    jobs.put(wait, 5)
    assert jobs.take(5, 1) == [wait]
    each.put(wait, 20)
    assert (jobs.due_at(), each.due_at()) == (float("inf"), 20)
