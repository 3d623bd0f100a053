"""Deployments that have to stay well, and endpoints that have to answer, by both drivers."""

from __future__ import annotations

import logging
import time

import pytest

from airflow_provider_azml.exceptions import ApiError, AuthError, WaitTimeout
from airflow_provider_azml.rest import steadiness
from airflow_provider_azml.rest.deadlines import Deadlines
from airflow_provider_azml.rest.following import Follower
from airflow_provider_azml.rest.patience import Patience
from airflow_provider_azml.rest.waiting import settle
from tests.rest.endpoint_answers import (
    BUSY,
    ENDPOINT,
    GONE,
    GREEN,
    KEYS,
    RIGHT,
    SCORE,
    SMOKE,
    WRONG,
    asked,
    endpoint,
    serves,
    state,
)
from tests.rest.scripted_service import Answer

LONG = 1e10
"""A moment that no test lives to see."""


def watched(seconds=0.0, checks=(SMOKE,), **wanted):
    return steadiness.ticket(GREEN, until=time.time() + seconds, checks=checks, every_seconds=0.05, **wanted)


def well(ticket, tell=lambda *_: None, **waiting):
    return settle(ticket, poll_seconds=600, follow=Follower(ticket.arm_id, tell).look, **waiting)


def test_a_deployment_that_answers_is_well_once_the_time_is_over(service, drive):
    serves(service)
    until = time.time() + 0.4
    outcome = drive(well(steadiness.ticket(GREEN, until=until, checks=[SMOKE], every_seconds=0.05)))
    assert (outcome.succeeded, outcome.status, outcome.goal) == (True, "Succeeded", "steady")
    assert time.time() >= until


def test_the_last_look_comes_when_the_time_is_over_however_rare_looks_are(service, drive):
    serves(service)
    until = time.time() + 0.3
    assert drive(well(steadiness.ticket(GREEN, until=until, checks=[SMOKE], every_seconds=600))).succeeded
    assert asked(service, "POST", SCORE) in (1, 2)  # the first look may take as long


def test_checks_are_done_once_when_the_time_is_over_already(service, drive):
    serves(service)
    assert drive(well(watched(-60))).succeeded
    assert asked(service, "POST", SCORE) == 1


def test_without_checks_it_only_has_to_be_there(service, drive):
    serves(service)
    assert drive(well(watched(0.2, checks=()))).succeeded
    assert ENDPOINT not in {one.path for one in service.asked}


def test_a_check_that_fails_ends_it_at_once_and_says_why(service, drive):
    serves(service, RIGHT, RIGHT, WRONG)
    outcome = drive(well(watched(LONG)))
    assert (outcome.succeeded, outcome.status, outcome.code) == (False, "Unhealthy", steadiness.CHECK_FAILED)
    assert outcome.message == "check 'smoke': expect 'result[0]': is 7, not 0"
    assert str(outcome.failure()) == (
        "online deployment 'green' ended as Unhealthy (CheckFailed: check 'smoke': expect 'result[0]': is 7, not 0)"
    )


@pytest.mark.parametrize(
    ("shown", "status"),
    [(state("Failed"), "Failed"), (state("Canceled"), "Canceled"), (state("Deleting"), "Deleting"), (GONE, "Deleted")],
)
def test_a_deployment_that_failed_or_is_gone_ends_it_at_once_and_is_not_asked(service, drive, shown, status):
    serves(service, states=[state("Succeeded"), shown])
    outcome = drive(well(watched(LONG)))
    assert (outcome.succeeded, outcome.status) == (False, status)
    assert asked(service, "POST", SCORE) == 1


@pytest.mark.parametrize("word", ["Updating", "Scaling"])
def test_a_deployment_that_is_changed_or_scaled_goes_on_to_be_checked(service, drive, word):
    serves(service, RIGHT, WRONG, states=[state(word)])
    assert drive(well(watched(LONG))).code == steadiness.CHECK_FAILED


def test_it_is_not_well_for_good_while_it_is_changed(service, drive):
    serves(service, states=[state("Updating"), state("Updating"), state("Pondering"), state("Succeeded")])
    lines: list[str] = []
    assert drive(well(watched(-60), lambda _, line: lines.append(line))).succeeded
    assert "green has the unknown status 'Pondering'; waiting on" in lines
    assert asked(service, "GET", GREEN) == 4


def test_a_service_out_of_reach_is_no_failed_check(service, drive):
    serves(service, states=[state("Succeeded"), BUSY, BUSY, state("Succeeded")])
    assert drive(well(watched(0.1))).succeeded


def test_a_service_that_stays_out_of_reach_is_an_error_and_no_bad_end(service, drive):
    serves(service, states=[state("Succeeded"), BUSY])
    with pytest.raises(ApiError, match="ServerBusy"):
        drive(well(watched(LONG), patience=Patience(0.1)))


def test_a_door_is_opened_once_for_many_looks(service, drive):
    serves(service, RIGHT, RIGHT, RIGHT, WRONG)
    assert drive(well(watched(LONG))).code == steadiness.CHECK_FAILED
    assert asked(service, "POST", SCORE) == 4
    assert asked(service, "POST", KEYS) == asked(service, "GET", ENDPOINT) == 1


def test_a_key_that_was_made_anew_is_fetched_again_and_fails_no_check(service, drive):
    refused = Answer(401, {"error": {"code": "key_auth_bad_header_forbidden", "message": "bad key"}})
    serves(service, RIGHT, refused, RIGHT, WRONG, keys=["old", "new"])
    assert "instead of" not in drive(well(watched(LONG))).message
    sent = [one.headers["Authorization"] for one in service.asked if one.path == SCORE]
    assert sent == ["Bearer old", "Bearer old", "Bearer new", "Bearer new"]


def test_an_identity_that_is_never_let_in_is_an_error_and_no_failed_check(service, drive):
    serves(service, Answer(401, {"error": {"code": "key_auth_bad_header_forbidden", "message": "bad key"}}))
    with pytest.raises(AuthError, match="bad key"):
        drive(well(watched(LONG), patience=Patience(0.1)))


def test_a_token_that_has_run_out_is_fetched_before_it_is_refused(service, drive):
    service.answer("GET", ENDPOINT, endpoint(service, authMode="AMLToken"))
    old = {"accessToken": "old", "refreshAfterTimeUtc": int(time.time()) - 1}
    service.answer("POST", f"{ENDPOINT}/token", Answer(body=old))
    service.answer("GET", GREEN, state("Succeeded"))
    service.answer("POST", SCORE, RIGHT, RIGHT, WRONG)
    assert drive(well(watched(LONG))).code == steadiness.CHECK_FAILED
    assert asked(service, "POST", f"{ENDPOINT}/token") == asked(service, "POST", SCORE) == 3


def test_the_deployment_is_asked_for_by_name_and_compared_with_the_one_that_serves(service, drive):
    serves(service)
    compares = {**SMOKE, "compare": [{"expression": "result", "tolerance": 0.1}]}
    assert drive(well(watched(-60, checks=[compares], compared_with="blue"))).succeeded
    chosen = [one.headers.get("azureml-model-deployment") for one in service.asked if one.path == SCORE]
    assert chosen == ["blue", "green"]


def test_an_endpoint_is_asked_through_its_traffic_until_it_answers(service, drive):
    service.answer("GET", ENDPOINT, endpoint(service, "Creating"), endpoint(service))
    service.answer("POST", KEYS, Answer(body={"primaryKey": "k"}))
    service.answer("POST", SCORE, Answer(502), WRONG, WRONG, RIGHT)
    lines: list[tuple[int, str]] = []
    ticket = steadiness.answers(ENDPOINT, checks=[SMOKE])
    follow = Follower(ENDPOINT, lambda level, line: lines.append((level, line)))
    outcome = drive(settle(ticket, poll_seconds=0.05, follow=follow.look))
    assert (outcome.succeeded, outcome.status, outcome.goal) == (True, "Succeeded", "answers")
    assert "azureml-model-deployment" not in service.asked[-1].headers
    warned = [line for level, line in lines if level == logging.WARNING]
    assert warned == [
        "iris: check 'smoke': answered 502 instead of 200: {}",
        "iris: check 'smoke': expect 'result[0]': is 7, not 0",
    ]
    told = [line for level, line in lines if level == logging.INFO]
    assert [line.partition(", p50")[0] for line in told] == [
        "iris is Creating",
        "iris is Unhealthy",
        "iris: check 'smoke': 1 request",
        "iris is Succeeded",
        "iris: check 'smoke': 1 request",
    ]


def test_a_deployment_that_failed_never_answers(service, drive):
    serves(service, states=[state("Creating"), state("Failed")])
    outcome = drive(settle(steadiness.answers(GREEN, checks=[SMOKE]), poll_seconds=0.05))
    assert (outcome.succeeded, outcome.status) == (False, "Failed")


def test_what_never_answers_as_it_should_is_waited_for_until_the_deadline(service, drive):
    serves(service, WRONG)
    waiting = settle(
        steadiness.answers(GREEN, checks=[SMOKE]), poll_seconds=0.05, deadlines=Deadlines(time.time() + 0.3)
    )
    with pytest.raises(WaitTimeout, match="Unhealthy") as caught:
        drive(waiting)
    assert caught.value.reasons == ("check 'smoke': expect 'result[0]': is 7, not 0",)


def test_a_ticket_says_whether_it_fits_into_a_trigger():
    large = {**SMOKE, "request": {"data": [["ü" * 1000]] * 10}}
    assert steadiness.travels(watched(0, checks=[SMOKE] * 20))
    assert not steadiness.travels(watched(0, checks=[large]))
