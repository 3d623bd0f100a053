"""Runs and web services of v1 in the triggerer: few requests for many, and cancelled as v1 cancels."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from airflow_provider_azml.rest.v1 import tickets
from airflow_provider_azml.triggers.wait import AzmlWaitTrigger, outcome_of
from tests.rest.scripted_service import Answer
from tests.triggers.jobs_service import WORKSPACE
from tests.triggers.triggerer import fired, payload, until

if TYPE_CHECKING:
    from typing import Any

    from airflow_provider_azml.rest.waiting import Ticket
    from tests.triggers.jobs_service import JobsService

RUNS = [f"run-{number}" for number in range(120)]


def waiting_for(ticket: Ticket, **arguments: Any) -> AzmlWaitTrigger:
    return AzmlWaitTrigger(
        arm_id=ticket.arm_id,
        goal=ticket.goal,
        wanted=ticket.wanted,
        azml_conn_id="azml_default",
        **{"poll_seconds": 0.2, **arguments},
    )


def test_many_runs_are_looked_at_by_few_requests(service: JobsService) -> None:
    service.has(dict.fromkeys(RUNS, "Running"))
    for run in RUNS:
        shown = Answer(body={"runId": run, "status": "Completed"})
        service.answer("GET", f"/history/v1.0{WORKSPACE}/runs/{run}", shown)

    async def wait_for_all() -> list[Any]:
        waits = [waiting_for(tickets.run(WORKSPACE, "iris", run), poll_seconds=1) for run in RUNS]
        tasks = [asyncio.create_task(payload(trigger)) for trigger in waits]
        await until(lambda: set().union(*service.batches) == set(RUNS))
        service.has(dict.fromkeys(RUNS, "Completed"))
        return await asyncio.gather(*tasks)

    events = asyncio.run(wait_for_all())
    assert all(outcome_of(event).succeeded for event in events)
    assert max(map(len, service.batches)) > 1
    assert len(service.batches) < len(RUNS) / 10
    assert service.looks == []  # run history has the last word, not Resource Manager
    assert service.count("GET", "/discovery") == 1


def test_a_run_whose_time_is_up_is_cancelled_by_its_experiment(service: JobsService) -> None:
    run = f"/history/v1.0{WORKSPACE}/runs/train"
    service.answer("GET", run, Answer(body={"runId": "train", "status": "Running"}))
    cancel = f"/execution/v1.0{WORKSPACE}/experiments/iris%20flowers/runId/train/cancel"
    service.answer("POST", cancel, Answer(body={"runId": "train"}))
    ticket = tickets.run(WORKSPACE, "iris flowers", "train")
    (event,) = fired(waiting_for(ticket, cancel_on_kill=True, deadlines={"ends": time.time() + 1}))
    assert event["fields"]["kind"] == "run"
    assert event["fields"]["cancelled"] is True
    assert service.count("POST", cancel) == 1


def test_those_who_wait_for_one_web_service_share_its_looks(service: JobsService) -> None:
    place = f"/modelmanagement/v1.0{WORKSPACE}/services/iris"
    states = ("Transitioning", "Healthy")
    service.answer("GET", place, *(Answer(body={"name": "iris", "state": state}) for state in states))
    ticket = tickets.web_service(WORKSPACE, "iris")
    events = fired(*(waiting_for(ticket) for _ in range(5)))
    assert [outcome_of(event).status for event in events] == ["Healthy"] * 5
    assert service.count("GET", place) == len(states)


def test_a_web_service_without_a_place_ends_the_wait_between_two_looks(service: JobsService) -> None:
    place = f"/modelmanagement/v1.0{WORKSPACE}/services/iris"
    service.answer("GET", place, *[Answer(body={"name": "iris", "state": "Unschedulable"})] * 2)
    ticket = tickets.web_service(WORKSPACE, "iris", unschedulable_seconds=0.5)
    (event,) = fired(waiting_for(ticket, poll_seconds=60))
    outcome = outcome_of(event)
    assert (outcome.succeeded, outcome.code) == (False, "Unschedulable")
    assert str(outcome.failure()).startswith("web service 'iris' ended as Unschedulable")
