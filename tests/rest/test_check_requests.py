"""Requests of checks, sent to a scripted endpoint."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import pytest

from airflow_provider_azml.exceptions import ApiError, AuthError, NotFound
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.check_requests import perform, put_to
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.scoring import CHOSEN, Door
from tests.rest.scripted_service import Answer

ENDPOINT = WorkspaceId("s", "rg", "ws").child("online_endpoint", "flowers")
SCORE = "/score"
CHECK = {"name": "iris", "request": {"data": [[5, 3, 1, 0]]}}


@pytest.fixture
def endpoint(service):
    """An endpoint that asks for a key. Source: OnlineEndpoint and EndpointAuthKeys of the OpenAPI of 2024-10-01."""
    properties = {"authMode": "Key", "scoringUri": f"{service.url}{SCORE}", "provisioningState": "Succeeded"}
    service.answer("GET", ENDPOINT, Answer(body={"name": "flowers", "properties": properties}))
    service.answer("POST", f"{ENDPOINT}/listKeys", Answer(body={"primaryKey": "k-1", "secondaryKey": "k-2"}))
    return service


def scored(service):
    return [asked for asked in service.asked if asked.path == SCORE]


def test_a_good_answer_passes_and_is_told_of(endpoint, drive):
    endpoint.answer("POST", SCORE, Answer(body={"label": "setosa"}))
    told = drive(perform(ENDPOINT, "green", [{**CHECK, "expect": [{"expression": "label", "value": "setosa"}]}]))
    assert told.passed
    assert told.lines[0].startswith("check 'iris': 1 request, p50 ")
    (asked,) = scored(endpoint)
    assert json.loads(asked.body) == CHECK["request"]
    assert (asked.headers[CHOSEN], asked.headers["Authorization"]) == ("green", "Bearer k-1")


def test_through_the_traffic_no_deployment_is_chosen(endpoint, drive):
    endpoint.answer("POST", SCORE, Answer())
    assert drive(perform(ENDPOINT, None, [CHECK])).passed
    assert CHOSEN not in scored(endpoint)[0].headers


def test_no_checks_are_no_requests(endpoint, drive):
    assert drive(perform(ENDPOINT, "green", [])).passed
    assert endpoint.asked == []


def test_a_wrong_answer_is_a_problem_and_no_error(endpoint, drive):
    endpoint.answer("POST", SCORE, Answer(424, b"boom", {"ms-azureml-model-error-statuscode": "500"}))
    told = drive(perform(ENDPOINT, "green", [CHECK, {**CHECK, "name": "other", "status": 424}]))
    assert told.problems == ("check 'iris': answered 424 (the model 500) instead of 200: boom",)
    assert told.lines[1].endswith("passed")
    assert len(scored(endpoint)) == 2, "neither is sent again"


def test_a_busy_service_is_asked_again_as_often_as_told(endpoint, drive):
    busy = [Answer(status, {}, {"retry-after-ms": "10"}) for status in (503, 429, 408)]
    endpoint.answer("POST", SCORE, *busy, Answer(body={}), *busy)
    assert drive(perform(ENDPOINT, "green", [{**CHECK, "tries": 4}])).passed
    assert len(scored(endpoint)) == 4
    told = drive(perform(ENDPOINT, "green", [{**CHECK, "tries": 2}]))
    assert told.problems[0].startswith("check 'iris': answered 429 instead of 200")
    assert len(scored(endpoint)) == 6


def test_silence_is_a_problem_and_ends_the_checks(endpoint, drive):
    endpoint.slow(SCORE, 30)
    silent = {**CHECK, "timeout_seconds": 0.2, "requests": 5, "concurrency": 2}
    told = drive(perform(ENDPOINT, "green", [silent, CHECK, {**CHECK, "name": "more"}]))
    assert told.problems[0].startswith("check 'iris': 2 of 2 answers: got no answer: ")
    assert told.lines[-1] == "2 more checks are not done"


def test_every_answer_of_many_is_judged_and_timed(endpoint, drive):
    endpoint.answer("POST", SCORE, *[Answer(body={"ok": True})] * 11, Answer(body={"ok": False}), Answer(500, b"no"))
    many = {**CHECK, "requests": 12, "p95_seconds": 60.0, "expect": [{"expression": "ok"}]}
    told = drive(perform(ENDPOINT, "green", [many]))
    assert len(scored(endpoint)) == 13, "the first one opens the connection, and does not count"
    assert told.problems == (
        "check 'iris': 1 of 12 answers: expect 'ok': is false, not true",
        "check 'iris': 1 of 12 answers: answered 500 instead of 200: no",
    )


def test_slow_answers_are_a_problem_of_what_bounds_them(endpoint, drive):
    endpoint.slow(SCORE, 0.05)
    endpoint.answer("POST", SCORE, Answer())
    told = drive(perform(ENDPOINT, "green", [{**CHECK, "requests": 4, "concurrency": 4, "p50_seconds": 0.01}]))
    (problem,) = told.problems
    assert problem.startswith("check 'iris': p50 of 4 answers is 0.")
    assert problem.endswith("s, more than 0.01 s")


def test_requests_are_sent_beside_each_other_up_to_the_limit(endpoint, drive):
    endpoint.slow(SCORE, 0.1)
    endpoint.answer("POST", SCORE, Answer())
    most, seen = threading.Semaphore(3), []
    serve, send = endpoint.serve, endpoint._send

    def counted(handler):
        if handler.path == SCORE:
            seen.append(most.acquire(blocking=False))
        serve(handler)

    def answered(handler, answer):
        if handler.path == SCORE:
            most.release()  # whoever has the answer may send the next request at once
        send(handler, answer)

    endpoint.serve, endpoint._send = counted, answered
    assert drive(perform(ENDPOINT, "green", [{**CHECK, "requests": 9, "concurrency": 3}])).passed
    assert seen == [True] * 9


def test_answers_are_compared_with_those_of_the_deployment_that_serves(endpoint, drive):
    endpoint.answer("POST", SCORE, Answer(body=[0.5]), Answer(body=[0.51]), Answer(body=[0.5]), Answer(body=[0.7]))
    near = {**CHECK, "compare": [{"tolerance": 0.02}]}
    assert drive(perform(ENDPOINT, "green", [near], compared_with="blue")).passed
    assert [asked.headers[CHOSEN] for asked in scored(endpoint)] == ["blue", "green"]
    told = drive(perform(ENDPOINT, "green", [near], compared_with="blue"))
    assert told.problems == ("check 'iris': compared with what serves now: [0] is 0.7, not 0.5",)


@pytest.mark.parametrize("other", [None, "green"])
def test_without_another_deployment_nothing_is_compared(endpoint, drive, other):
    endpoint.answer("POST", SCORE, Answer(body=[0.5]))
    told = drive(perform(ENDPOINT, "green", [{**CHECK, "compare": [{}]}], compared_with=other))
    assert told.passed
    assert told.lines[0].endswith("compared with nothing, since nothing else serves")


def test_a_deployment_that_cannot_be_compared_with_is_a_problem(endpoint, drive):
    """What is silently not compared would be a wrong answer that nobody sees."""
    endpoint.answer("POST", SCORE, Answer(424, b"boom"), Answer(body=[0.5]), Answer(body=b"text"), Answer(body=[0.5]))
    for said in ("answered 424 instead of 200: boom", "the answer is no JSON: text"):
        told = drive(perform(ENDPOINT, "green", [{**CHECK, "compare": [{}]}], compared_with="blue"))
        assert told.problems == (f"check 'iris': nothing to compare with, of the deployment that serves now: {said}",)


def test_keys_that_were_regenerated_meanwhile_are_read_anew(endpoint, drive):
    endpoint.answer("POST", SCORE, Answer(401, b"key_auth_access_denied"), Answer(body={}))
    assert drive(perform(ENDPOINT, "green", [CHECK])).passed
    assert [asked.path for asked in endpoint.asked].count(f"{ENDPOINT}/listKeys") == 2


def test_who_is_not_let_in_gets_an_error_and_no_verdict_on_the_model(endpoint, drive):
    endpoint.answer("POST", SCORE, Answer(403, {"error": {"code": "Forbidden", "message": "no role"}}))
    with pytest.raises(AuthError, match="no role"):
        drive(perform(ENDPOINT, "green", [CHECK]))
    assert drive(perform(ENDPOINT, "green", [{**CHECK, "status": 403}])).passed


def test_an_endpoint_that_is_not_there_is_an_error(service, drive):
    with pytest.raises(NotFound):
        drive(perform(ENDPOINT, "green", [CHECK]))


def test_an_endpoint_without_a_scoring_uri_is_an_error(service, drive):
    service.answer("GET", ENDPOINT, Answer(body={"name": "flowers", "properties": {"provisioningState": "Creating"}}))
    with pytest.raises(ApiError, match="has no scoring URI"):
        drive(perform(ENDPOINT, "green", [CHECK]))


def test_secrets_are_in_no_report(endpoint, drive):
    endpoint.answer("POST", SCORE, Answer(500, b"headers: Authorization: Bearer k-1"))
    told = drive(perform(ENDPOINT, "green", [CHECK]))
    assert "k-1" not in repr(told)
    assert "***" in told.reason


def test_a_door_may_be_anybodys(service, drive):
    service.answer("POST", SCORE, Answer(body={}))
    assert drive(put_to(Door(f"{service.url}{SCORE}", {}), [CHECK])).passed


def test_a_large_answer_holds_no_event_loop_up(service):
    """Judged on the loop it would for about as long as everything takes."""
    rows = [{"label": "setosa", "score": 0.5}] * 60_000
    service.answer("POST", SCORE, Answer(body=rows))
    schema = {"items": {"properties": {"label": {"type": "string"}, "score": {"maximum": 1}}}}
    asked = {**CHECK, "response_schema": schema, "expect": [{"expression": "length(@)", "value": 60_000}]}
    gaps: list[float] = []

    async def watched():
        client = Client(ca_bundle=service.ca_bundle)
        doing = asyncio.ensure_future(client.arun(put_to(Door(f"{service.url}{SCORE}", {}), [asked])))
        last = begun = time.monotonic()
        while not doing.done():
            await asyncio.sleep(0.005)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()
        await client.aclose()
        return doing.result(), time.monotonic() - begun

    told, seconds = asyncio.run(watched())
    assert told.passed
    assert max(gaps) < seconds / 2
