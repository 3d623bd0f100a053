from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azml.exceptions import NotFound, SpecError
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.model_versions import checked
from airflow_provider_azml.rest.patience import Patience
from airflow_provider_azml.rest.waiting import ABSENT, Outcome, Ticket, look, settle
from tests.rest.scripted_service import Answer

WORKSPACE = WorkspaceId("s", "rg", "ws")
IRIS = WORKSPACE.child("model", "iris")
THIRD = WORKSPACE.child("model", "iris", "3")
MISSING = Answer(404, {"error": {"code": "NotFound", "message": "no such model"}})


def version(name: str, made: str = "Succeeded", **properties: Any) -> dict[str, Any]:
    return {"name": name, "id": f"{IRIS}/versions/{name}", "properties": {"provisioningState": made, **properties}}


def listed(*versions: dict[str, Any], more: str | None = None) -> Answer:
    return Answer(body={"value": list(versions), **({"nextLink": more} if more else {})})


@pytest.fixture
def found(service, drive):
    """What one look finds, of what is listed newest first."""

    def find(*pages: Answer, **wanted: object) -> Outcome | None:
        service.answer("GET", f"{IRIS}/versions", *pages)
        glance = drive(look(Ticket(IRIS, goal="version", wanted=checked(wanted))))
        assert glance.outcome or glance.status == ABSENT
        return glance.outcome

    return find


def test_any_version_is_the_newest(found, service):
    outcome = found(listed(version("7"), version("6")))
    assert (outcome.arm_id, outcome.succeeded) == (WORKSPACE.child("model", "iris", "7"), True)
    assert "createdtime+desc" in service.asked[0].query or "createdtime%20desc" in service.asked[0].query


@pytest.mark.parametrize("nothing", [listed(), MISSING])
@pytest.mark.parametrize("newer_than", [None, "2", "2026-01-01"])
def test_a_model_without_versions_is_waited_for(found, nothing, newer_than):
    assert found(nothing, newer_than=newer_than) is None


def test_a_missing_workspace_is_an_error(service, drive):
    service.answer("GET", f"{IRIS}/versions", Answer(404, {"error": {"code": "ResourceGroupNotFound", "message": "?"}}))
    with pytest.raises(NotFound):
        drive(look(Ticket(IRIS, goal="version", wanted=checked({}))))


@pytest.mark.parametrize(("newer_than", "newest"), [("8", "10"), (9, "10"), ("10", None), ("11", None)])
def test_numbers_are_compared_as_numbers(found, newer_than, newest):
    outcome = found(listed(version("10"), version("9"), version("8")), newer_than=newer_than)
    assert (outcome and outcome.arm_id.rpartition("/")[2]) == newest


@pytest.mark.parametrize(("number", "is_newer"), [("10", True), ("8", False)])
def test_a_number_need_not_be_listed_any_more(found, number, is_newer):
    assert bool(found(listed(version(number)), newer_than="9")) is is_newer


@pytest.mark.parametrize(("newer_than", "newest"), [("february", "march"), ("march", None)])
def test_names_are_compared_by_when_they_were_registered(found, newer_than, newest):
    outcome = found(listed(version("march"), version("february"), version("january")), newer_than=newer_than)
    assert (outcome and outcome.arm_id.rpartition("/")[2]) == newest


def test_a_name_that_is_not_there_is_an_error(found):
    with pytest.raises(NotFound, match="no version 'april' that another could be newer than"):
        found(listed(version("march")), newer_than="april")


@pytest.mark.parametrize(
    ("wanted", "newest"),
    [
        ({"tags": {"by": "us"}}, "5"),
        ({"tags": {"by": "us"}, "stage": "Production"}, "3"),
        ({"tags": {"by": "us"}, "stage": "Production", "newer_than": "3"}, None),
        ({"tags": {"by": "nobody"}}, None),
    ],
)
def test_tags_and_stage_have_to_fit(found, wanted, newest):
    versions = listed(
        version("5", tags={"by": "us"}, stage="Development"),
        version("4", tags={"by": "them", "more": "x"}, stage="Production"),
        version("3", tags={"by": "us", "more": "x"}, stage="Production"),
    )
    outcome = found(versions, **wanted)
    assert (outcome and outcome.arm_id.rpartition("/")[2]) == newest


def test_versions_that_are_not_made_do_not_count(found):
    assert found(listed(version("5", "Creating"), version("4", "Failed"), version("3"))).arm_id == THIRD


def test_pages_are_read_until_one_fits(found, service):
    service.answer("GET", "/more", listed(version("2", stage="Production"), more=f"{service.url}/never"))
    outcome = found(listed(version("4"), version("3"), more=f"{service.url}/more"), stage="Production")
    assert outcome.arm_id.endswith("/2")
    assert [asked.path for asked in service.asked] == [f"{IRIS}/versions", "/more"]


def test_a_version_is_waited_for_until_it_is_as_wanted(service, drive):
    service.answer(
        "GET",
        THIRD,
        MISSING,
        Answer(body=version("3", "Creating")),
        Answer(body=version("3", stage="Development")),
        Answer(body=version("3", stage="Production", tags={"approved": "yes"})),
    )
    pending = Ticket(THIRD, goal="version", wanted=checked({"stage": "Production", "tags": {"approved": "yes"}}))
    told: list[str] = []

    def follow(glance):
        told.append(glance.status)
        yield from ()

    outcome = drive(settle(pending, poll_seconds=0.01, follow=follow))
    assert (outcome.arm_id, outcome.succeeded) == (THIRD, True)
    assert told == [
        ABSENT,
        "Creating; its tag approved is None; its stage is None",
        "its tag approved is None; its stage is 'Development'",
        "Succeeded",
    ]


def test_a_version_that_could_not_be_made_fails(service, drive):
    service.answer("GET", THIRD, Answer(body=version("3", "Failed")))
    outcome = drive(settle(Ticket(THIRD, goal="version", wanted=checked({})), poll_seconds=0.01))
    assert (outcome.status, outcome.succeeded) == ("Failed", False)


def test_errors_in_between_are_borne(service, drive):
    broken = Answer(503, {"error": {"code": "ServiceUnavailable", "message": "later"}})
    service.answer("GET", f"{IRIS}/versions", broken, listed(version("1")))
    pending = Ticket(IRIS, goal="version", wanted=checked({}))
    assert drive(settle(pending, poll_seconds=0.01, patience=Patience())).succeeded


def test_bad_tags_are_named():
    with pytest.raises(SpecError, match="tags: is 'a=b'; it must be a mapping"):
        checked({"tags": "a=b"})


@pytest.mark.parametrize("nothing", [None, "", "None"])
def test_templates_of_nothing_ask_for_nothing(nothing):
    assert checked({"newer_than": nothing}) == {"newer_than": None, "tags": {}, "stage": None}
