"""The nodes of a pipeline that are waited for at once: few requests, and each hears of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.rest.awaited_nodes import NODE, wanted
from airflow_provider_azml.triggers.wait import outcome_of
from tests.rest.scripted_service import Answer
from tests.triggers.jobs_service import WORKSPACE, job_id
from tests.triggers.triggerer import fired, payload, until, waiting

if TYPE_CHECKING:
    from airflow_provider_azml.rest.awaited_nodes import Step
    from airflow_provider_azml.triggers.wait import AzmlWaitTrigger
    from tests.triggers.jobs_service import JobsService

RUN = f"/history/v1.0{WORKSPACE}/runs/whole"


def child(name: str, job: str, status: str = "Running") -> dict[str, Any]:
    return {"runId": job, "displayName": name, "status": status, "runType": "azureml.StepRun"}


def node(*path: str | Step, **arguments: Any) -> AzmlWaitTrigger:
    """A trigger that waits for a node of the pipeline ``whole``."""
    steps = [(step, None) if isinstance(step, str) else step for step in path]
    return waiting("whole", goal=NODE, wanted=wanted(steps), stream_logs=True, **arguments)


def has(service: JobsService, *children: dict[str, Any], status: str = "Running", of: str = "whole") -> None:
    """Let a pipeline have a status, and children."""
    base = RUN.replace("whole", of)
    service._answers["GET", base] = [Answer(body={"runId": of, "status": status})]
    service._answers["GET", f"{base}/children"] = [Answer(body={"value": [*children]})]


def test_many_nodes_of_a_pipeline_share_its_looks(service: JobsService) -> None:
    names = [f"node_{number}" for number in range(300)]
    has(service, status="Preparing")

    async def wait_for_all() -> list[dict[str, Any]]:
        tasks = [asyncio.create_task(payload(node(name, poll_seconds=0.5))) for name in names]
        await until(lambda: service.count("GET", f"{RUN}/children") >= 3)
        has(service, *(child(name, f"job-of-{name}") for name in names))
        return await asyncio.gather(*tasks)

    events = asyncio.run(wait_for_all())
    assert [outcome_of(event).arm_id for event in events] == [job_id(f"job-of-{name}") for name in names]
    assert all(outcome_of(event).succeeded for event in events)
    assert service.count("GET", f"{RUN}/children") <= 8
    assert service.count("GET", "/discovery") == 1
    assert service.batches == service.looks == []


def test_nodes_of_nested_pipelines_are_looked_for_below_those(service: JobsService) -> None:
    has(service, child("Shown otherwise", "group"))
    has(service, child("one", "first"), child("two", "second"), of="group")
    group: Step = ("group", "Shown otherwise")
    events = fired(node(group, "one"), node(group, "two"), node(group))
    assert [outcome_of(event).arm_id for event in events] == [job_id("first"), job_id("second"), job_id("group")]
    assert service.count("GET", f"{RUN}/children") == 1
    assert service.count("GET", f"{RUN.replace('whole', 'group')}/children") == 1


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
def test_a_pipeline_that_ended_without_a_node_never_has_it(status: str, service: JobsService) -> None:
    has(service, child("group", "inner", status))
    has(service, of="inner")
    (event,) = fired(node("group", "never"))
    outcome = outcome_of(event)
    assert (outcome.succeeded, outcome.status, outcome.code) == (False, status, "NoJob")
    assert outcome.message == f"pipeline job 'inner' ended as {status} without it"
    has(service, status=status)
    (event,) = fired(node("never"))
    assert outcome_of(event).message == f"pipeline job 'whole' ended as {status} without it"


def test_a_node_that_cannot_be_told_from_another_is_none(service: JobsService) -> None:
    has(service, child("same", "first"), child("same", "second"), status="Completed")
    (event,) = fired(node("same"))
    outcome = outcome_of(event)
    assert (outcome.succeeded, outcome.code) == (False, "AlikeJobs")
    assert "2 jobs in pipeline job 'whole' are called as it is" in str(outcome.message)


def test_an_error_is_borne_by_all(service: JobsService) -> None:
    has(service, child("a", "first"), child("b", "second"))
    service.refuse(RUN, 503)
    service._answers["GET", RUN].append(Answer(body={"runId": "whole", "status": "Running"}))
    assert [outcome_of(event).succeeded for event in fired(node("a"), node("b"))] == [True, True]
