"""Web services of v1; shapes are those of ``modelManagement.json`` of 2019-09-30 and of errors in public issues."""

from __future__ import annotations

import json
import logging

import pytest

from airflow_provider_azml.exceptions import ApiError, NotFound, RunFailed, SpecError, WaitTimeout
from airflow_provider_azml.rest import waiting
from airflow_provider_azml.rest.deadlines import Deadlines
from airflow_provider_azml.rest.following import Follower
from airflow_provider_azml.rest.v1 import awaited_services, services, tickets
from tests.rest.scripted_service import Answer
from tests.rest.v1.conftest import WORKSPACE, scripted

AREA = "modelmanagement/v1.0"
NO_ROOM = {
    "code": "KubernetesError",
    "statusCode": 400,
    "message": "Kubernetes Deployment Error",
    "details": [{"code": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."}],
}


def serves(plane, *states, error=None, method="GET") -> None:
    answers = [Answer(body={"name": "iris", "state": state, "error": error, "computeType": "AKS"}) for state in states]
    scripted(plane, AREA, method, "services/iris", *answers)


def operates(plane, *states, error=None) -> None:
    answers = [Answer(body={"id": "op-1", "state": state, "error": error}) for state in states]
    scripted(plane, AREA, "GET", "operations/op-1", *answers)


def settled(drive, ticket, **options):
    return drive(waiting.settle(ticket, poll_seconds=0.01, **options))


def test_making_one_tells_the_operation_by_the_last_segment_of_its_location(plane, drive):
    location = f"{plane.url}/api/elsewhere/operations/op-1"
    scripted(plane, AREA, "POST", "services", Answer(202, None, {"Operation-Location": location}))
    made = drive(services.create(WORKSPACE, {"name": "iris", "computeType": "ACI"}))
    assert (made.id, made.state) == ("op-1", "NotStarted")
    assert json.loads(plane.asked[-1].body) == {"name": "iris", "computeType": "ACI"}


def test_it_is_waited_for_until_operation_and_service_say_so(plane, drive):
    operates(plane, "NotStarted", "Running", "Succeeded")
    serves(plane, "Transitioning", "Transitioning", "Unhealthy", "Healthy")
    outcome = settled(drive, tickets.web_service(WORKSPACE, "iris", operation="op-1"))
    assert (outcome.status, outcome.succeeded) == ("Healthy", True)


def test_one_that_is_being_changed_is_not_healthy_yet(plane, drive):
    operates(plane, "Running", "Succeeded")
    serves(plane, "Healthy")
    assert settled(drive, tickets.web_service(WORKSPACE, "iris", operation="op-1")).succeeded
    assert [asked.path for asked in plane.asked if "operations" in asked.path] == [
        f"/{AREA}{WORKSPACE}/operations/op-1"
    ] * 2


def test_one_that_is_not_there_yet_is_waited_for_while_it_is_made(plane, drive):
    operates(plane, "Running", "Succeeded")
    missing = Answer(404, {"code": "NotFound", "statusCode": 404, "message": "There is no service iris"})
    healthy = Answer(body={"name": "iris", "state": "Healthy"})
    scripted(plane, AREA, "GET", "services/iris", missing, healthy)
    assert settled(drive, tickets.web_service(WORKSPACE, "iris", operation="op-1")).succeeded


def test_one_that_is_not_there_is_an_error_at_once(plane, drive):
    missing = Answer(404, {"code": "ServiceNotFound", "statusCode": 404, "message": "There is no service iris"})
    scripted(plane, AREA, "GET", "services/iris", missing)
    with pytest.raises(
        NotFound, match=r"ServiceNotFound: There is no service iris.*web service 'iris' was last seen never"
    ):
        settled(drive, tickets.web_service(WORKSPACE, "iris"), patience=waiting.Patience(refusal_seconds=0))


@pytest.mark.parametrize("by", ["service", "operation"])
def test_a_failure_is_told_with_all_of_its_reasons(plane, drive, by):
    operates(plane, "Failed", error=NO_ROOM if by == "operation" else None)
    serves(plane, "Failed", error=NO_ROOM if by == "service" else None)
    outcome = settled(drive, tickets.web_service(WORKSPACE, "iris", operation="op-1"))
    assert str(outcome.failure()) == (
        "web service 'iris' ended as Failed (KubernetesError: Kubernetes Deployment Error "
        "Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.)"
    )
    with pytest.raises(RunFailed):
        raise outcome.failure()


def test_an_operation_that_timed_out_leaves_the_last_word_to_the_service(plane, drive):
    operates(plane, "TimedOut", error={"code": "DeploymentTimedOut", "statusCode": 504, "message": "still trying"})
    serves(plane, "Unhealthy", "Healthy")
    assert settled(drive, tickets.web_service(WORKSPACE, "iris", operation="op-1")).succeeded


@pytest.mark.parametrize("state", ["Unschedulable", "Transitioning"])
def test_one_without_a_place_to_run_is_warned_of_and_fails_in_time(plane, drive, state):
    serves(plane, state, error=NO_ROOM)
    said: list[tuple[int, str]] = []
    ticket = tickets.web_service(WORKSPACE, "iris", unschedulable_seconds=0.2)
    outcome = settled(drive, ticket, follow=Follower(ticket.arm_id, lambda *line: said.append(line)).look)
    assert (outcome.status, outcome.succeeded, outcome.code) == ("Unschedulable", False, "Unschedulable")
    reason = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    assert said == [(logging.WARNING, f"iris is Unschedulable: {reason}; waiting on for at most 0 s")]
    assert str(outcome.failure()) == (
        f"web service 'iris' ended as Unschedulable (Unschedulable: {reason} It has stayed so for 0.2 s.)"
    )


def test_one_that_finds_a_place_in_time_is_healthy(plane, drive):
    serves(plane, "Unschedulable", "Transitioning", "Unschedulable", "Healthy")
    assert settled(drive, tickets.web_service(WORKSPACE, "iris", unschedulable_seconds=5)).succeeded


def test_one_without_a_place_is_waited_for_as_long_as_anything(plane, drive):
    serves(plane, "Unschedulable")
    with pytest.raises(WaitTimeout, match="web service 'iris' was still Unschedulable when timeout_seconds ran out"):
        settled(drive, tickets.web_service(WORKSPACE, "iris"), deadlines=Deadlines(ends=0))


def test_an_unknown_state_is_waited_on(plane, drive):
    serves(plane, "Migrating", "Healthy")
    said: list[str] = []
    ticket = tickets.web_service(WORKSPACE, "iris")
    settled(drive, ticket, follow=Follower(ticket.arm_id, lambda _, line: said.append(line)).look)
    assert said == ["iris has the unknown status 'Migrating'; waiting on", "iris is Healthy"]


@pytest.mark.parametrize("given", ["soon", -1, "nan", "inf"])
def test_a_time_that_is_none_is_refused_by_name(given):
    with pytest.raises(SpecError, match="unschedulable_seconds"):
        awaited_services.checked({"unschedulable_seconds": given})


@pytest.mark.parametrize("status", [204, 404])
def test_one_that_is_gone_already_is_as_good_as_deleted(plane, drive, status):
    body = None if status == 204 else {"code": "ServiceNotFound", "message": "gone"}
    scripted(plane, AREA, "DELETE", "services/iris", Answer(status, body))
    assert drive(services.delete(WORKSPACE, "iris")) == services.Operation(None, "Succeeded")


def test_a_deletion_is_waited_for(plane, drive):
    operates(plane, "Running")
    missing = Answer(404, {"code": "ServiceNotFound", "message": "gone"})
    scripted(plane, AREA, "GET", "services/iris", Answer(body={"name": "iris", "state": "Healthy"}), missing)
    outcome = settled(drive, tickets.web_service_gone(WORKSPACE, "iris", operation="op-1"))
    assert (outcome.status, outcome.succeeded) == ("Deleted", True)


def test_a_key_is_made_anew_and_both_are_answered(plane, drive):
    accepted = Answer(202, None, {"Operation-Location": f"{plane.url}/operations/op-1"})
    scripted(plane, AREA, "POST", "services/iris/regenerateKeys", accepted)
    operates(plane, "Succeeded")
    scripted(plane, AREA, "POST", "services/iris/listkeys", Answer(body={"primaryKey": "p", "secondaryKey": "s"}))
    assert drive(services.regenerate_key(WORKSPACE, "iris", "Primary"))["primaryKey"] == "p"


def test_a_key_that_was_not_made_anew_is_an_error(plane, drive):
    accepted = Answer(202, None, {"Operation-Location": f"{plane.url}/operations/op-1"})
    scripted(plane, AREA, "POST", "services/iris/regenerateKeys", accepted)
    operates(plane, "Failed", error={"code": "NoKeys", "message": "it has none"})
    with pytest.raises(ApiError, match="it has none"):
        drive(services.regenerate_key(WORKSPACE, "iris", "Primary"))


def test_lists_are_read_to_their_end(plane, drive):
    rest = {"value": [{"name": "b"}]}
    page = {"value": [{"name": "a"}], "nextLink": f"{plane.url}/rest"}
    scripted(plane, AREA, "GET", "services", Answer(body=page))
    plane.answer("GET", "/rest", Answer(body=rest))
    assert [each["name"] for each in drive(services.each(WORKSPACE, params={"computeType": "ACI"}))] == ["a", "b"]


def test_a_change_is_a_json_patch(plane, drive):
    scripted(plane, AREA, "PATCH", "services/iris", Answer(body={"name": "iris", "operationId": "op-2"}))
    patch = [{"op": "replace", "path": "/numReplicas", "value": 2}]
    assert drive(services.update(WORKSPACE, "iris", patch)).id == "op-2"
    assert plane.asked[-1].headers["Content-Type"] == "application/json-patch+json"
    assert json.loads(plane.asked[-1].body) == patch
