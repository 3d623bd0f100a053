"""Connections that cannot be used when waits begin: told to all, asked for by one."""

from __future__ import annotations

import asyncio

from airflow_provider_azml.triggers.wait import outcome_of
from tests.operators.conftest import TENANT
from tests.rest.scripted_service import Answer
from tests.triggers.jobs_service import WORKSPACE
from tests.triggers.triggerer import fired, payload, waiting


def test_many_who_wait_ask_once_for_a_cloud_that_is_none(service):
    service._answers["GET", "/metadata/endpoints"] = [Answer(418)]
    computes = [WORKSPACE.child("compute", f"cpu-{number}") for number in range(50)]
    events = fired(*[waiting("any", arm_id=compute) for compute in computes])
    assert {event["fields"]["status"] for event in events} == {418}
    assert service.count("GET", "/metadata/endpoints") == 1


def test_a_connection_that_airflow_does_not_find_for_a_moment_is_looked_for_again(service, monkeypatch):
    service.has({"train": "Completed"})
    monkeypatch.delenv("AIRFLOW_CONN_AZML_DEFAULT")

    async def find_it_later():
        task = asyncio.create_task(payload(waiting("train")))
        await asyncio.sleep(1)
        monkeypatch.setenv("AIRFLOW_CONN_AZML_DEFAULT", service.connection)
        return await task

    assert outcome_of(asyncio.run(find_it_later())).succeeded


def test_jobs_are_looked_at_one_by_one_where_there_is_no_token_for_run_history(service):
    service.has({"train": "Completed", "score": "Completed"})
    tokens = ("POST", f"/{TENANT}/oauth2/v2.0/token")
    wrong = {"error": "invalid_grant", "error_description": "AADSTS65001: There is no consent to use Azure ML."}
    service._answers[tokens] = [*service._answers[tokens], Answer(400, wrong)]  # the first is Resource Manager's
    events = fired(waiting("train", tolerate_errors_seconds=0), waiting("score", tolerate_errors_seconds=0))
    assert all(outcome_of(event).succeeded for event in events)
    assert service.batches == []
