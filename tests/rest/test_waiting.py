from __future__ import annotations

import time

import pytest

from airflow_provider_azml.exceptions import ApiError, NotFound, WaitTimeout
from airflow_provider_azml.rest import waiting
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.deadlines import Deadlines
from airflow_provider_azml.rest.following import Follower
from airflow_provider_azml.rest.patience import Patience
from airflow_provider_azml.rest.waiting import Ticket, settle
from tests.rest.scripted_service import Answer

WORKSPACE = WorkspaceId("s", "rg", "ws")
JOB = WORKSPACE.child("job", "train")
ENDPOINT = WORKSPACE.child("online_endpoint", "iris")


def job(status: str) -> Answer:
    return Answer(body={"name": "train", "properties": {"status": status}})


def endpoint(state: str, **headers: str) -> Answer:
    return Answer(body={"name": "iris", "properties": {"provisioningState": state}}, headers=headers)


def test_a_job_is_waited_for_until_its_status_is_terminal(service, drive):
    service.answer("GET", JOB, job("Queued"), job("Running"), job("Running"), job("Completed"))
    seen: list[str] = []
    follower = Follower(JOB, lambda _, line: seen.append(line))
    outcome = drive(settle(Ticket(JOB), poll_seconds=0.01, follow=follower.look))
    assert (outcome.status, outcome.succeeded, outcome.body["name"]) == ("Completed", True, "train")
    assert seen == ["train is Queued", "train is Running", "train is Completed"]


@pytest.mark.parametrize("status", ["Failed", "Canceled", "NotResponding"])
def test_a_bad_end_is_no_success(service, drive, status):
    service.answer("GET", JOB, job(status))
    assert not drive(settle(Ticket(JOB), poll_seconds=0.01)).succeeded


def test_a_status_that_nobody_knows_is_waited_on(service, drive, caplog):
    service.answer("GET", JOB, job("Pondering"), job("Completed"))
    assert drive(settle(Ticket(JOB), poll_seconds=0.01)).succeeded
    assert "Pondering" in caplog.text


def test_an_operation_is_followed_where_the_service_says(service, drive):
    service.answer("PUT", ENDPOINT, endpoint("Creating", **{"Azure-AsyncOperation": f"{service.url}/operation"}))
    service.answer("GET", "/operation", Answer(body={"status": "InProgress"}), Answer(body={"status": "Succeeded"}))
    service.answer("GET", ENDPOINT, endpoint("Succeeded"))

    def made():
        ticket = yield from waiting.submit(ENDPOINT, {})
        return (yield from settle(ticket, poll_seconds=0.01))

    outcome = drive(made())
    assert outcome.succeeded
    assert outcome.body["properties"]["provisioningState"] == "Succeeded"
    assert [asked.path for asked in service.asked].count("/operation") == 2


def test_a_failed_operation_tells_why(service, drive):
    failed = {"status": "Failed", "error": {"code": "OutOfQuota", "message": "No cores are left."}}
    service.answer("GET", "/operation", Answer(body=failed))
    service.answer("GET", ENDPOINT, endpoint("Failed"))
    outcome = drive(settle(Ticket(ENDPOINT, f"{service.url}/operation"), poll_seconds=0.01))
    assert (outcome.status, outcome.code, outcome.message) == ("Failed", "OutOfQuota", "No cores are left.")


def test_a_delete_is_done_when_its_location_stops_saying_202(service, drive):
    service.answer("GET", "/location", Answer(202), Answer(202), Answer(204))
    outcome = drive(settle(Ticket(ENDPOINT, f"{service.url}/location", goal="deleted"), poll_seconds=0.01))
    assert (outcome.status, outcome.succeeded) == ("Deleted", True)
    assert ENDPOINT not in [asked.path for asked in service.asked]


def test_retry_after_is_kept_when_it_is_the_longer_pause(service, drive):
    running = Answer(body={"properties": {"status": "Running"}}, headers={"Retry-After": "1"})
    service.answer("GET", JOB, running, job("Completed"))
    began = time.monotonic()
    assert drive(settle(Ticket(JOB), poll_seconds=0.01)).succeeded
    assert time.monotonic() - began > 1


def test_a_deadline_ends_the_wait_and_tells_the_last_status(service, drive):
    service.answer("GET", JOB, job("Running"))
    clock = iter([0.0, 0.0, 2.0, 2.0])
    with pytest.raises(WaitTimeout) as caught:
        drive(settle(Ticket(JOB), poll_seconds=0.01, deadlines=Deadlines(1), now=lambda: next(clock)))
    assert caught.value.last_status == "Running"
    assert "'train'" in str(caught.value)


def test_what_vanishes_while_it_is_waited_for_is_an_error(service, drive):
    service.answer("GET", JOB, job("Running"), Answer(404, {"error": {"code": "NotFound", "message": "gone"}}))
    with pytest.raises(NotFound, match="job 'train' was last seen Running"):
        drive(settle(Ticket(JOB), poll_seconds=0.01, patience=Patience(refusal_seconds=0.1)))


def test_an_operation_on_a_foreign_host_is_never_asked(service, drive):
    elsewhere = service.url.replace("localhost", "127.0.0.1")
    with pytest.raises(Exception, match="no token is sent"):
        drive(settle(Ticket(ENDPOINT, f"{elsewhere}/operation"), poll_seconds=0.01))
    assert service.asked == []


def test_an_answer_that_shows_the_end_needs_no_wait():
    assert waiting.ended(Ticket(JOB, None, {"properties": {"status": "Completed"}})).succeeded
    assert waiting.ended(Ticket(JOB, None, {"properties": {"status": "Running"}})) is None
    assert waiting.ended(Ticket(ENDPOINT, "https://poll", {"properties": {"provisioningState": "Succeeded"}})) is None


def test_errors_in_between_are_borne(service, drive):
    busy = Answer(503, {"error": {"code": "ServerBusy", "message": "busy"}})
    service.answer("GET", JOB, job("Running"), busy, job("Completed"))
    assert drive(settle(Ticket(JOB), poll_seconds=0.01)).succeeded


def test_a_look_is_sent_once_and_an_error_that_stays_says_what_was_seen(service, drive):
    busy = Answer(503, {"error": {"code": "ServerBusy", "message": "busy"}})
    service.answer("GET", JOB, job("Running"), busy)
    with pytest.raises(ApiError, match=r"ServerBusy: busy.*job 'train' was last seen Running"):
        drive(settle(Ticket(JOB), poll_seconds=0.01, patience=Patience(0.1)))
    assert len(service.asked) == 3  # the last look comes when the patience ends


def test_the_page_of_a_proxy_is_no_end(service, drive):
    page = Answer(200, b"<h1>Sign in</h1>", {"Content-Type": "text/html"})
    service.answer("GET", JOB, page, job("Completed"))
    assert drive(settle(Ticket(JOB), poll_seconds=0.01)).status == "Completed"
    assert len(service.asked) == 2


def test_a_deadline_that_has_passed_still_leaves_one_look(service, drive):
    service.answer("GET", JOB, job("Completed"))
    assert drive(settle(Ticket(JOB), poll_seconds=0.01, deadlines=Deadlines(ends=0))).succeeded


def test_a_look_tells_how_many_requests_are_left(service, drive):
    headers = {"x-ms-ratelimit-remaining-subscription-reads": "12", "x-ms-ratelimit-remaining-resource": "a;1,b;2"}
    service.answer("GET", JOB, Answer(body={"properties": {"status": "Running"}}, headers=headers))
    assert drive(waiting.look(Ticket(JOB))).requests_left == 12
