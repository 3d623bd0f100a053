"""Many triggers on one event loop: few requests, and each hears of its own."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import threading
import time

import pytest
from structlog.contextvars import bind_contextvars, get_contextvars

from airflow_provider_azml.triggers import watcher
from airflow_provider_azml.triggers.wait import outcome_of
from tests.operators.conftest import TENANT
from tests.triggers.jobs_service import BATCH, WORKSPACE, job_id
from tests.triggers.triggerer import fired, payload, stop, until, waiting

JOBS = [f"job-{number}" for number in range(250)]


def test_many_jobs_are_looked_at_by_few_requests_over_one_session_with_one_token_each(service):
    service.has(dict.fromkeys(JOBS, "Running"))

    async def wait_for_all():
        tasks = [asyncio.create_task(payload(waiting(job, poll_seconds=1))) for job in JOBS]
        await until(lambda: set().union(*service.batches[3:]) == set(JOBS))
        twice = service.batches
        service.has(dict.fromkeys(JOBS, "Completed"))
        return twice, await asyncio.gather(*tasks)

    twice, events = asyncio.run(wait_for_all())
    assert all(outcome_of(event).succeeded for event in events)
    first, again = twice[:3], twice[3:]
    assert sorted(len(batch) for batch in first) == [50, 100, 100]
    assert set().union(*first) == set(JOBS)
    assert max(map(len, again)) <= 100
    assert len(again) <= 8  # answers that come one after the other part the looks that follow
    assert sorted(service.looks) == sorted(JOBS)  # the end of each is asked for once
    assert service.count("POST", f"/{TENANT}/oauth2/v2.0/token") == 2  # Resource Manager's and the data plane's
    assert service.count("GET", "/discovery") == 1
    assert len(service.clients) <= 40


def test_a_job_that_nothing_else_is_waited_for_with_is_looked_at_by_itself(service):
    service.has({"train": "Completed"})
    (event,) = fired(waiting("train"))
    assert outcome_of(event).succeeded
    assert service.looks == ["train"]
    assert service.batches == []


def test_those_who_wait_for_the_same_job_share_its_looks(service):
    service.has({"train": "Completed", "score": "Completed"})
    events = fired(waiting("train"), waiting("train"), waiting("score"))
    assert [outcome_of(event).arm_id for event in events] == [job_id("train"), job_id("train"), job_id("score")]
    assert service.batches == [{"train", "score"}]


def test_jobs_are_looked_at_one_by_one_where_run_history_refuses(service):
    service.has(dict.fromkeys(JOBS[:20], "Completed"))
    service.refuse(BATCH, 403, times=2)
    events = fired(*map(waiting, JOBS[:20]))
    assert all(outcome_of(event).succeeded for event in events)
    assert len(service.batches) == 1
    assert sorted(service.looks) == sorted(JOBS[:20])


def test_jobs_are_looked_at_one_by_one_where_the_data_plane_is_not_told(service):
    service.has(dict.fromkeys(JOBS[:5], "Completed"))
    service.refuse(str(WORKSPACE), 403)
    assert all(outcome_of(event).succeeded for event in fired(*map(waiting, JOBS[:5])))
    assert service.batches == []


def test_an_error_of_many_is_borne_by_all(service):
    service.has(dict.fromkeys(JOBS[:20], "Completed"))
    service.refuse(BATCH, 500)
    events = fired(*map(waiting, JOBS[:20]))
    assert all(outcome_of(event).succeeded for event in events)
    assert [len(batch) for batch in service.batches] == [20, 20]


def test_retry_after_holds_everyone(service):
    service.has(dict.fromkeys(JOBS[:150], "Running"))
    service.refuse(BATCH, 429, "TooManyRequests", **{"Retry-After": "1"})

    async def wait_for_all():
        tasks = [asyncio.create_task(payload(waiting(job))) for job in JOBS[:150]]
        await until(lambda: len(service.batches) >= 4)
        await stop(tasks)

    asyncio.run(wait_for_all())
    asked = [one.at for one in service.asked if one.path == BATCH]
    assert asked[2] - asked[0] > 0.95  # the second was on its way


def test_the_resource_has_the_last_word_on_a_jobs_end(service):
    service.has({"train": "Running", "score": "Running"})
    service.history["train"] = "Completed"

    async def wait_for_all():
        tasks = [asyncio.create_task(payload(waiting(job, poll_seconds=30))) for job in ("train", "score")]
        await until(lambda: "train" in service.looks)
        service.has({"train": "Completed"})
        event = await tasks[0]
        await stop(tasks)
        return event

    began = time.monotonic()
    assert outcome_of(asyncio.run(wait_for_all())).status == "Completed"
    assert time.monotonic() - began < 25  # not a whole pause later


def test_a_job_that_run_history_does_not_know_is_looked_at_by_itself(service):
    service.has({"train": "Completed", "score": "Completed"})
    del service.history["train"]
    assert all(outcome_of(event).succeeded for event in fired(waiting("train"), waiting("score")))


def test_cancelling_one_leaves_the_others(service):
    service.has({"train": "Running", "score": "Running"})

    async def cancel_one():
        tasks = [asyncio.create_task(payload(waiting(job))) for job in ("train", "score")]
        await until(lambda: len(service.batches) >= 2)
        await stop(tasks[:1])
        service.has({"score": "Completed"})
        return await tasks[1]

    assert outcome_of(asyncio.run(cancel_one())).succeeded


def test_each_event_loop_has_its_own(service):
    service.has({"train": "Running", "score": "Completed"})
    events: dict[str, object] = {}

    def wait_for(job: str) -> None:
        (events[job],) = fired(waiting(job))

    threads = [threading.Thread(target=wait_for, args=(job,)) for job in ("train", "score")]
    for thread in threads:
        thread.start()
    threads[1].join(120)
    assert set(events) == {"score"}  # the end of one loop is not the other's
    service.has({"train": "Completed"})
    threads[0].join(120)
    assert set(events) == {"train", "score"}
    assert service.batches == []


@pytest.mark.parametrize("silent_seconds", [0, 5])
def test_nothing_is_left_open_when_the_loop_ends_in_the_midst_of_it(service, recwarn, silent_seconds):
    service.has(dict.fromkeys(JOBS[:120], "Running"))
    threads = threading.active_count()

    async def leave() -> None:
        for job in JOBS[:120]:
            asyncio.ensure_future(payload(waiting(job))).add_done_callback(lambda task: task.cancelled())
        await until(lambda: len(service.batches) >= 3)
        service.slow(BATCH, silent_seconds)
        await asyncio.sleep(0.2)

    began = time.monotonic()
    asyncio.run(leave())
    assert time.monotonic() - began < 30
    assert threading.active_count() <= threads + len(service.clients)  # those of the service
    gc.collect()
    assert [str(warning.message) for warning in recwarn if "nclosed" in str(warning.message)] == []


def test_what_is_told_of_a_job_goes_to_the_log_of_its_own_task(service, capsys):
    jobs = JOBS[:5]
    service.has(dict.fromkeys(jobs, "Running"))

    async def run(job: str) -> None:
        bind_contextvars(trigger_id=f"of-{job}")  # by which the triggerer finds the log of a task
        await payload(waiting(job))

    async def run_all() -> None:
        tasks = [asyncio.create_task(run(job)) for job in jobs]
        await until(lambda: service.batches)
        service.refuse(BATCH, 500)
        await until(lambda: len(service.batches) >= 3)
        service.has(dict.fromkeys(jobs, "Completed"))
        await asyncio.gather(*tasks)

    asyncio.run(run_all())
    lines = capsys.readouterr().out.splitlines()
    told = [(found[1], found[2]) for line in lines if (found := re.search(r"(job-\d) is .*trigger_id=of-(\S+)", line))]
    assert sorted(told) == sorted(2 * [(job, job) for job in jobs])
    borne = [line for line in lines if "answered 500" in line]
    assert {re.search(r"trigger_id=of-(\S+)", line)[1] for line in borne} == set(jobs)
    assert [line for line in lines if "trigger_id" not in line] == []


def test_what_concerns_all_goes_to_nobodys_log(service):
    service.has(dict.fromkeys(JOBS[:3], "Completed"))
    service.refuse(BATCH, 403)
    logs_of: list[object] = []

    class Noting(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            logs_of.append(get_contextvars().get("trigger_id"))

    async def run(job: str) -> None:
        bind_contextvars(trigger_id=job)
        await payload(waiting(job))

    async def run_all() -> None:
        await asyncio.gather(*map(run, JOBS[:3]))

    logger, noting = logging.getLogger(watcher.__name__), Noting()
    logger.addHandler(noting)
    try:
        asyncio.run(run_all())
    finally:
        logger.removeHandler(noting)
    assert logs_of == [None]


def test_the_event_loop_is_never_held_up(service):
    service.has(dict.fromkeys(JOBS, "Running"))
    longest = 0.0

    async def watch_the_loop() -> None:
        nonlocal longest
        while True:
            worked = time.thread_time()
            await asyncio.sleep(0.005)
            longest = max(longest, time.thread_time() - worked)

    async def wait_for_all() -> None:
        gc.collect()
        gc.disable()  # its pauses are those of all that Airflow holds
        watch = asyncio.create_task(watch_the_loop())
        tasks = [asyncio.create_task(payload(waiting(job))) for job in JOBS]
        await until(lambda: len(service.batches) > 12)
        await stop([watch, *tasks])
        gc.enable()

    asyncio.run(wait_for_all())
    assert longest < 0.2  # from which on Airflow warns


def test_whoever_is_near_the_limit_holds_back_before_it_is_reached(service):
    service.has(dict.fromkeys(JOBS[:5], "Running"))
    service.headers["x-ms-ratelimit-remaining-runs"] = "25"

    async def wait_a_while() -> None:
        tasks = [asyncio.create_task(payload(waiting(job))) for job in JOBS[:5]]
        await until(lambda: len(service.batches) >= 2)
        await stop(tasks)

    asyncio.run(wait_a_while())
    first, second, *_ = (one.at for one in service.asked if one.path == BATCH)
    assert second - first > 0.9  # a pause is 0.1 s
