"""Changes of traffic against a scripted service: what is sent, what is refused before, and what is read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import ApiError, NotFound, RunFailed, TrafficChanged, TrafficRefused
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.rest.traffic_changes import change, settled
from airflow_provider_azml.rest.waiting import Outcome, Ticket, settle
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rest.conftest import CountingCredential, Drive
    from tests.rest.scripted_service import ScriptedService

WORKSPACE = WorkspaceId("s", "rg", "ws")
IRIS = WORKSPACE.child("online_endpoint", "iris")
OPERATION = "/subscriptions/s/operations/1"
BLUE = {"blue": 100}
BOTH = {"blue": 90, "green": 10}
BUSY = Answer(409, {"error": {"code": "Conflict", "message": "The endpoint is being updated."}})


def endpoint(
    traffic: dict[str, int],
    state: str = "Succeeded",
    mirrored: dict[str, int] | None = None,
    tags: dict[str, str] | None = None,
) -> Answer:
    properties = {
        "authMode": "Key",
        "provisioningState": state,
        "scoringUri": "https://iris/score",
        "traffic": traffic,
        "mirrorTraffic": mirrored or {},
    }
    tags = {"a": "b"} if tags is None else tags
    return Answer(200, {"name": "iris", "location": "westeurope", "tags": tags, "properties": properties})


def deployed(service: ScriptedService, **states: str) -> None:
    for name, state in states.items():
        body = {"name": name, "properties": {"provisioningState": state}}
        service.answer("GET", f"{IRIS}/deployments/{name}", Answer(200, body))


def shown(service: ScriptedService, *answers: Answer) -> None:
    service.answer("GET", IRIS, *answers)


def accepting(service: ScriptedService, *before: Answer) -> None:
    operation = {"Azure-AsyncOperation": f"{service.url}{OPERATION}"}
    service.answer("PUT", IRIS, *before, Answer(200, endpoint(BOTH, "Updating").body, operation))
    service.answer("GET", OPERATION, Answer(200, {"status": "Succeeded"}))


def puts(service: ScriptedService) -> list[Any]:
    return [json.loads(asked.body)["properties"] for asked in service.asked if asked.method == "PUT"]


def sent(service: ScriptedService) -> list[Any]:
    return [json.loads(asked.body)["tags"] for asked in service.asked if asked.method == "PUT"]


def waited(drive: Drive, pending: Ticket) -> Outcome:
    outcome: Outcome = drive(settle(pending, poll_seconds=0.05))
    return outcome


@pytest.fixture
def drive(service: ScriptedService, credential: CountingCredential) -> Iterator[Drive]:
    """Blocking alone: what is tested here is what the flows decide."""
    with Client(service.cloud, TokenCache(credential), ca_bundle=service.ca_bundle) as client:
        yield client.run


@pytest.fixture
def blue_and_green(service: ScriptedService) -> None:
    deployed(service, blue="Succeeded", green="Succeeded")


@pytest.mark.usefixtures("blue_and_green")
def test_a_change_is_put_and_read_back(service, drive):
    shown(service, endpoint(BLUE), endpoint(BOTH))
    accepting(service)
    pending = drive(change(IRIS, BOTH, expected=BLUE))
    assert (pending.goal, pending.wanted["former"]) == ("traffic", BLUE)
    outcome = waited(drive, pending)
    settled(outcome)
    assert outcome.status == "Succeeded"
    assert puts(service) == [{"authMode": "Key", "traffic": BOTH, "mirrorTraffic": {}}]
    assert drive(change(IRIS, BOTH, expected=BLUE)) is None


@pytest.mark.usefixtures("blue_and_green")
def test_the_former_traffic_is_waited_out(service, drive):
    shown(service, endpoint(BLUE), endpoint(BLUE), endpoint(BLUE), endpoint(BOTH))
    accepting(service)
    assert waited(drive, drive(change(IRIS, BOTH))).succeeded


@pytest.mark.usefixtures("blue_and_green")
def test_the_former_traffic_is_not_waited_out_for_ever(service, drive):
    shown(service, endpoint(BLUE))
    accepting(service)
    pending = drive(change(IRIS, BOTH))
    clock = iter(range(0, 10_000, 200))
    outcome = drive(settle(pending, poll_seconds=0.05, now=lambda: float(next(clock))))
    with pytest.raises(RunFailed, match=r"still shows the traffic from before the change: blue 100 %.* for 300 s"):
        settled(outcome)


@pytest.mark.usefixtures("blue_and_green")
def test_traffic_of_somebody_else_that_is_read_back_is_an_error(service, drive):
    shown(service, endpoint(BLUE), endpoint({"blue": 50, "green": 50}))
    accepting(service)
    outcome = waited(drive, drive(change(IRIS, BOTH)))
    with pytest.raises(TrafficChanged, match=r"blue 50 %, green 50 %, and neither blue 90 %, green 10 %.*blue 100 %"):
        settled(outcome)


@pytest.mark.usefixtures("blue_and_green")
def test_traffic_that_is_shown_already_is_not_put_whatever_was_expected(service, drive):
    shown(service, endpoint({"Blue": 90, "green": 10, "red": 0}))
    assert drive(change(IRIS, BOTH, expected=BLUE)) is None
    assert not puts(service)


@pytest.mark.usefixtures("blue_and_green")
def test_somebody_elses_traffic_is_not_overwritten(service, drive):
    shown(service, endpoint({"blue": 20, "green": 80}))
    with pytest.raises(TrafficChanged, match=r"it shows blue 20 %, green 80 %, where blue 100 % was expected"):
        drive(change(IRIS, BOTH, expected=BLUE))
    assert not puts(service)


@pytest.mark.usefixtures("blue_and_green")
def test_tags_go_with_the_traffic_that_they_tell_of(service, drive):
    shown(service, endpoint(BLUE), endpoint(BOTH), endpoint(BOTH, tags={"a": "b", "step": "2"}))
    accepting(service)
    assert waited(drive, drive(change(IRIS, BOTH, tags={"step": "2"}))).succeeded
    assert sent(service) == [{"a": "b", "step": "2"}]
    assert drive(change(IRIS, BOTH, tags={"step": "2"})) is None


@pytest.mark.usefixtures("blue_and_green")
def test_tags_are_put_where_they_alone_differ(service, drive):
    shown(service, endpoint(BOTH), endpoint(BOTH, tags={"step": "2"}))
    accepting(service)
    assert waited(drive, drive(change(IRIS, BOTH, expected=BLUE, tags={"step": "2"}))).succeeded
    assert puts(service)[0]["traffic"] == BOTH


@pytest.mark.parametrize("wanted", [{"blue": 99}, {"blue": 110, "green": -10}, {"blue": 100, "green": True}])
def test_percentages_that_cannot_be_are_refused_before_anything_is_asked(service, drive, wanted):
    with pytest.raises(ValueError, match="'iris'"):
        drive(change(IRIS, wanted))
    assert not service.asked


def test_a_deployment_that_is_not_there_is_refused(service, drive):
    deployed(service, blue="Succeeded")
    missing = Answer(404, {"error": {"code": "ResourceNotFound", "message": "There is none."}})
    service.answer("GET", f"{IRIS}/deployments/gren", missing)
    shown(service, endpoint(BLUE))
    with pytest.raises(NotFound, match="'iris' has no deployment 'gren'"):
        drive(change(IRIS, {"blue": 90, "gren": 10}))
    assert not puts(service)


@pytest.mark.parametrize("state", ["Creating", "Failed", "Canceled", "Deleting"])
def test_a_deployment_that_has_not_succeeded_gets_nothing(service, drive, state):
    deployed(service, blue="Succeeded", green=state)
    shown(service, endpoint(BLUE))
    with pytest.raises(TrafficRefused, match=f"'green' of endpoint 'iris' is {state}"):
        drive(change(IRIS, BOTH))
    with pytest.raises(TrafficRefused, match=f"'green' of endpoint 'iris' is {state}"):
        drive(change(IRIS, None, mirrored={"green": 10}))
    assert not puts(service)


def test_traffic_is_taken_from_a_deployment_that_has_failed(service, drive):
    deployed(service, blue="Succeeded", green="Failed")
    shown(service, endpoint(BOTH))
    accepting(service)
    assert drive(change(IRIS, {"blue": 100, "green": 0})).goal == "traffic"


@pytest.mark.parametrize("state", ["Updating", "Scaling"])
def test_a_deployment_that_is_being_scaled_is_waited_for(service, drive, state):
    deployed(service, blue="Succeeded", green=state)
    shown(service, endpoint(BLUE))
    pending = drive(change(IRIS, BOTH))
    assert (pending.goal, pending.arm_id) == ("idle", f"{IRIS}/deployments/green")
    assert not puts(service)


def test_an_endpoint_that_is_being_deleted_is_refused(service, drive):
    deployed(service, blue="Succeeded", green="Succeeded")
    shown(service, endpoint(BLUE, "Deleting"))
    with pytest.raises(TrafficRefused, match="'iris' is being deleted"):
        drive(change(IRIS, BOTH))
    assert not puts(service)


@pytest.mark.usefixtures("blue_and_green")
def test_an_endpoint_that_is_being_updated_is_waited_for(service, drive):
    shown(service, endpoint(BOTH, "Updating"))
    assert drive(change(IRIS, BOTH)).goal == "idle"
    assert not puts(service)


@pytest.mark.usefixtures("blue_and_green")
def test_an_update_that_was_refused_for_another_is_waited_for(service, drive):
    shown(service, endpoint(BLUE), endpoint(BLUE, "Updating"))
    accepting(service, BUSY)
    assert drive(change(IRIS, BOTH)).goal == "idle"
    assert len(puts(service)) == 1


@pytest.mark.usefixtures("blue_and_green")
def test_an_update_without_an_answer_is_not_sent_again_over_somebody_elses(service, drive):
    shown(service, endpoint(BLUE), endpoint({"blue": 20, "green": 80}))
    accepting(service, Answer(503, {"error": {"code": "ServerBusy", "message": "Later."}}))
    with pytest.raises(TrafficChanged, match="blue 20 %"):
        drive(change(IRIS, BOTH))
    assert len(puts(service)) == 1


@pytest.mark.usefixtures("blue_and_green")
def test_an_update_without_an_answer_is_sent_again_where_nothing_has_changed(service, drive):
    shown(service, endpoint(BLUE))
    accepting(service, Answer(503, {"error": {"code": "ServerBusy", "message": "Later."}}))
    assert drive(change(IRIS, BOTH)).goal == "traffic"
    assert len(puts(service)) == 2


@pytest.mark.usefixtures("blue_and_green")
def test_a_refusal_for_another_reason_is_an_error_at_once(service, drive):
    shown(service, endpoint(BLUE))
    accepting(service, Answer(400, {"error": {"code": "BadRequest", "message": "No."}}))
    with pytest.raises(ApiError, match="BadRequest"):
        drive(change(IRIS, BOTH))
    assert len(puts(service)) == 1


@pytest.mark.usefixtures("blue_and_green")
def test_a_failed_endpoint_is_put_whatever_it_shows(service, drive):
    shown(service, endpoint(BOTH, "Failed"))
    accepting(service)
    assert drive(change(IRIS, BOTH, expected=BLUE)).goal == "traffic"


@pytest.mark.usefixtures("blue_and_green")
def test_what_gets_live_traffic_is_mirrored_to_no_longer(service, drive):
    shown(service, endpoint(BLUE, mirrored={"green": 20}), endpoint(BOTH))
    accepting(service)
    assert waited(drive, drive(change(IRIS, BOTH))).succeeded
    assert puts(service)[0]["mirrorTraffic"] == {}


@pytest.mark.usefixtures("blue_and_green")
def test_live_traffic_stays_while_some_of_it_is_mirrored(service, drive):
    shown(service, endpoint(BLUE), endpoint(BLUE, mirrored={"green": 20}))
    accepting(service)
    assert waited(drive, drive(change(IRIS, None, mirrored={"green": 20}))).succeeded
    assert puts(service) == [{"authMode": "Key", "traffic": BLUE, "mirrorTraffic": {"green": 20}}]


@pytest.mark.usefixtures("blue_and_green")
def test_nothing_is_mirrored_to_what_gets_live_traffic(service, drive):
    shown(service, endpoint(BLUE))
    with pytest.raises(TrafficRefused, match="'blue' live and mirrored"):
        drive(change(IRIS, None, mirrored={"blue": 20}))


@pytest.mark.usefixtures("blue_and_green")
def test_a_mirror_of_somebody_else_that_is_read_back_is_an_error(service, drive):
    shown(service, endpoint(BLUE), endpoint(BLUE, mirrored={"green": 50}))
    accepting(service)
    outcome = waited(drive, drive(change(IRIS, None, mirrored={"green": 20})))
    with pytest.raises(TrafficChanged, match="mirrors green 50 %, and not green 20 %"):
        settled(outcome)


@pytest.mark.usefixtures("blue_and_green")
def test_an_update_that_fails_is_told_as_that(service, drive):
    shown(service, endpoint(BLUE))
    operation = {"Azure-AsyncOperation": f"{service.url}{OPERATION}"}
    service.answer("PUT", IRIS, Answer(200, endpoint(BOTH, "Updating").body, operation))
    failed = {"status": "Failed", "error": {"code": "InternalServerError", "message": "It broke."}}
    service.answer("GET", OPERATION, Answer(200, failed))
    with pytest.raises(RunFailed, match="It broke"):
        settled(waited(drive, drive(change(IRIS, BOTH))))
