"""What goes wrong between two looks is not the end of what is looked at; what does not pass is told."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from airflow_provider_azml.exceptions import AuthError, ConnectionIncomplete, NotFound
from airflow_provider_azml.rest import patience as bearing
from airflow_provider_azml.triggers.wait import outcome_of
from tests.rest.scripted_service import Answer
from tests.triggers.jobs_service import BATCH, TOKENS, WORKSPACE, job_id
from tests.triggers.triggerer import fired, payload, stop, until, waiting


def test_errors_of_the_service_pass(service, capsys):
    statuses = [408, 429, 500, 502, 503, 504]
    service.has({f"train-{status}": "Completed" for status in statuses})
    service.history.clear()  # so that each is looked at by itself
    for status in statuses:
        service.refuse(job_id(f"train-{status}"), status)
    events = fired(*[waiting(f"train-{status}") for status in statuses])
    assert all(outcome_of(event).succeeded for event in events)
    told = capsys.readouterr().out
    assert all(f"answered {status}" in told for status in statuses)


def test_an_answer_of_something_else_passes(service):
    service.has({"train": "Completed"})
    service.answer("GET", job_id("train"), Answer(200, b"<h1>Sign in</h1>", {"Content-Type": "text/html"}))
    (event,) = fired(waiting("train"))
    assert outcome_of(event).succeeded


def test_an_error_that_stays_says_what_was_seen_last(service):
    service.has({"train": "Running"})

    async def take_away():
        task = asyncio.create_task(payload(waiting("train", tolerate_errors_seconds=1)))
        await until(lambda: service.looks)
        service.refuse(job_id("train"), 503, "ServerBusy", times=99)
        return await task

    event = asyncio.run(take_away())
    with pytest.raises(Exception, match=r"ServerBusy.*answered 503.*job 'train' was last seen Running"):
        outcome_of(event)


def test_each_of_many_hears_its_own_end_of_an_error_they_share(service):
    service.has({"train": "Running", "score": "Queued"})

    async def take_away():
        tasks = [asyncio.create_task(payload(waiting(job, tolerate_errors_seconds=0.5))) for job in ("train", "score")]
        await until(lambda: service.batches)
        service.refuse(BATCH, 503, "ServerBusy", times=99)
        return await asyncio.gather(*tasks)

    seen = [event["fields"]["last_seen"] for event in asyncio.run(take_away())]
    assert seen == ["job 'train' was last seen Running", "job 'score' was last seen Queued"]


def test_a_job_that_is_deleted_while_it_is_waited_for_is_an_error_soon(service):
    service.has({"train": "Running", "score": "Running"})

    async def delete():
        tasks = [asyncio.create_task(payload(waiting(job, tolerate_errors_seconds=0.5))) for job in ("train", "score")]
        await until(lambda: len(service.batches) >= 2)
        del service.history["train"], service.statuses["train"]
        event = await tasks[0]
        await stop(tasks)
        return event

    with pytest.raises(NotFound, match=r"train was not found.*last seen Running"):
        outcome_of(asyncio.run(delete()))


def test_a_workspace_that_is_deleted_is_an_error_soon(service):
    service.has({"train": "Running", "score": "Running"})

    async def delete():
        tasks = [asyncio.create_task(payload(waiting(job, tolerate_errors_seconds=0.5))) for job in ("train", "score")]
        await until(lambda: len(service.batches) >= 2)
        gone = f"The Resource 'Microsoft.MachineLearningServices/workspaces/{WORKSPACE.name}' was not found."
        for path in (BATCH, job_id("train"), job_id("score")):
            answer = Answer(404, {"error": {"code": "ResourceNotFound", "message": gone}})
            service.answer("POST" if path == BATCH else "GET", path, *[answer] * 99)
        return await asyncio.gather(*tasks)

    for event in asyncio.run(delete()):
        with pytest.raises(NotFound, match="create the workspace first"):
            outcome_of(event)


def test_a_token_that_is_refused_is_renewed(service, monkeypatch):
    monkeypatch.setattr("airflow_provider_azml.rest.credentials._NEW_SECONDS", 0)
    service.has({"train": "Completed"})
    service.refuse(job_id("train"), 401, "ExpiredAuthenticationToken")
    (event,) = fired(waiting("train"))
    assert outcome_of(event).succeeded
    assert service.looks == ["train", "train"]
    assert service.count("POST", TOKENS) == 2


def test_a_secret_that_is_changed_meanwhile_is_taken(service, monkeypatch):
    monkeypatch.setattr("airflow_provider_azml.triggers.session._REREAD_SECONDS", 0)
    monkeypatch.setattr("airflow_provider_azml.rest.credentials._NEW_SECONDS", 0)
    service.has({"train": "Running"})

    async def change():
        task = asyncio.create_task(payload(waiting("train")))
        await until(lambda: len(service.looks) >= 2)
        service.expired_secret = "never said"
        service.refuse(job_id("train"), 401, "InvalidAuthenticationToken")
        await until(lambda: service.asked[-1].path == TOKENS)
        connection = json.loads(service.connection)
        monkeypatch.setenv("AIRFLOW_CONN_AZML_DEFAULT", json.dumps({**connection, "password": "another"}))
        service.has({"train": "Completed"})
        return await task

    assert outcome_of(asyncio.run(change())).succeeded
    assert any(b"client_secret=another" in asked.body for asked in service.asked)


def test_credentials_that_are_revoked_are_an_error_soon(service, monkeypatch):
    monkeypatch.setattr("airflow_provider_azml.rest.credentials._NEW_SECONDS", 0)
    service.has({"train": "Running"})
    wrong = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}

    async def revoke():
        task = asyncio.create_task(payload(waiting("train", tolerate_errors_seconds=1)))
        await until(lambda: len(service.looks) >= 2)
        service._answers["POST", TOKENS] = [Answer(401, wrong)]
        service.refuse(job_id("train"), 401, "InvalidAuthenticationToken", times=99)
        return await task

    began = time.monotonic()
    with pytest.raises(AuthError, match=r"AADSTS7000215.*set a current one.*last seen Running"):
        outcome_of(asyncio.run(revoke()))
    assert time.monotonic() - began < 30


def test_a_connection_that_is_not_there_is_told_soon(service, monkeypatch):
    monkeypatch.setattr("airflow_provider_azml.triggers.session._LOOK_AGAIN_SECONDS", (0.1,))
    began = time.monotonic()
    for event in fired(waiting("train", azml_conn_id="nowhere"), waiting("score", azml_conn_id="nowhere")):
        with pytest.raises(ConnectionIncomplete, match="'nowhere'"):
            outcome_of(event)
    assert time.monotonic() - began < 20


def test_a_cloud_that_does_not_tell_what_it_is_yet_is_waited_for(service, monkeypatch):
    service.has({"train": "Completed"})
    metadata = service._answers["GET", "/metadata/endpoints"]
    service._answers["GET", "/metadata/endpoints"] = [Answer(418, {}), *metadata]
    monkeypatch.setattr(bearing, "_PASSING", bearing._PASSING | {418})  # what azure-core does not send again itself
    (event,) = fired(waiting("train"))
    assert outcome_of(event).succeeded


def test_absurd_pauses_neither_spin_nor_hang(service):
    absurd = {"zero": 0, "negative": -5, "nan": float("nan"), "inf": float("inf"), "huge": 1e12}
    service.has(dict.fromkeys(absurd, "Running"))
    service.history.clear()  # so that each is looked at by itself

    async def wait_a_while():
        tasks = [asyncio.create_task(payload(waiting(name, poll_seconds=absurd[name]))) for name in absurd]
        await until(lambda: len(service.looks) == len(absurd))
        await asyncio.sleep(0.5)
        await stop(tasks)

    asyncio.run(wait_a_while())
    assert sorted(service.looks) == sorted(absurd)
