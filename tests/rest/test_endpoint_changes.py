"""Deletions, keys and what was before, against a scripted service: what emulators do not get wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import ApiError, TrafficRefused
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.rest.deletions import delete
from airflow_provider_azml.rest.endpoint_keys import regenerate
from airflow_provider_azml.rest.rollbacks import traffic_before
from airflow_provider_azml.rest.rollouts import REPLACED, ROLLOUT
from airflow_provider_azml.rest.traffic import TRAFFIC_BEFORE
from airflow_provider_azml.rest.waiting import Outcome, Ticket, settle
from airflow_provider_azml.spec.target import SUBMISSION
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rest.conftest import CountingCredential, Drive
    from tests.rest.scripted_service import ScriptedService

IRIS = WorkspaceId("s", "rg", "ws").child("online_endpoint", "iris")
GREEN = f"{IRIS}/deployments/green"
GONE = Answer(404, {"error": {"code": "ResourceNotFound", "message": "There is none."}})
OUT_OF_ORDER = Answer(503, {"error": {"code": "ServerBusy", "message": "Later."}})


def being(state: str, name: str = "iris", **properties: object) -> Answer:
    return Answer(200, {"name": name, "properties": {"provisioningState": state, **properties}})


@pytest.fixture
def drive(service: ScriptedService, credential: CountingCredential) -> Iterator[Drive]:
    """Blocking alone: what is tested here is what the flows decide."""
    with Client(service.cloud, TokenCache(credential), ca_bundle=service.ca_bundle) as client:
        yield client.run


def waited(drive: Drive, pending: Ticket, **options: Any) -> Outcome:
    outcome: Outcome = drive(settle(pending, poll_seconds=0.05, **options))
    return outcome


def asked(service: ScriptedService, method: str) -> int:
    return sum(each.method == method for each in service.asked)


def test_what_is_deleted_is_waited_for_until_nobody_sees_it(service, drive):
    service.answer("GET", GREEN, being("Succeeded"), being("Succeeded"), being("Deleting"), GONE)
    service.answer("DELETE", GREEN, Answer(202, {}))
    assert waited(drive, drive(delete(GREEN))).status == "Deleted"


def test_what_stays_though_it_is_deleted_is_an_error_in_the_end(service, drive):
    service.answer("GET", GREEN, being("Succeeded"))
    service.answer("DELETE", GREEN, Answer(204, {}))
    clock = iter(range(0, 10_000, 200))
    outcome = waited(drive, drive(delete(GREEN)), now=lambda: float(next(clock)))
    assert not outcome.succeeded
    assert "is there still" in str(outcome.failure())


@pytest.mark.parametrize("shown", [GONE, being("Deleting")])
def test_what_is_gone_or_going_is_not_deleted_again(service, drive, shown):
    service.answer("GET", GREEN, shown, GONE)
    assert waited(drive, drive(delete(GREEN))).status == "Deleted"
    assert not asked(service, "DELETE")


def test_what_goes_meanwhile_is_as_good_as_deleted(service, drive):
    service.answer("GET", GREEN, being("Succeeded"), GONE)
    service.answer("DELETE", GREEN, GONE)
    assert waited(drive, drive(delete(GREEN))).status == "Deleted"


def test_a_deletion_comes_again_after_a_change_of_the_endpoint(service, drive):
    service.answer("GET", GREEN, being("Succeeded"))
    service.answer("GET", IRIS, being("Updating"))
    service.answer("DELETE", GREEN, Answer(409, {"error": {"code": "Conflict", "message": "Not now."}}))
    pending = drive(delete(GREEN))
    assert (pending.goal, pending.arm_id) == ("idle", IRIS)


def test_a_deletion_that_is_refused_for_another_reason_is_an_error(service, drive):
    service.answer("GET", GREEN, being("Succeeded"))
    service.answer("GET", IRIS, being("Succeeded"))
    service.answer("DELETE", GREEN, Answer(400, {"error": {"code": "UserError", "message": "It gets traffic."}}))
    with pytest.raises(ApiError, match="It gets traffic"):
        drive(delete(GREEN))


def keys(secondary: str) -> Answer:
    return Answer(200, {"primaryKey": "never-said-1", "secondaryKey": secondary})


def test_a_key_is_waited_for_until_it_is_another(service, drive):
    service.answer("POST", f"{IRIS}/listKeys", keys("never-said-2"), keys("never-said-2"), keys("never-said-3"))
    service.answer("POST", f"{IRIS}/regenerateKeys", Answer(202, {}))
    pending = drive(regenerate(IRIS, "secondary"))
    assert "never-said" not in str(pending)
    outcome = waited(drive, pending)
    assert outcome.succeeded
    assert "never-said" not in str(outcome)


def test_a_key_whose_change_got_no_answer_is_not_changed_twice(service, drive):
    service.answer("POST", f"{IRIS}/listKeys", keys("never-said-2"), keys("never-said-3"))
    service.answer("POST", f"{IRIS}/regenerateKeys", OUT_OF_ORDER)
    assert waited(drive, drive(regenerate(IRIS, "secondary"))).succeeded
    assert sum(each.path.endswith("regenerateKeys") for each in service.asked) == 1


def test_a_key_that_was_not_changed_is_an_error_without_it(service, drive):
    service.answer("POST", f"{IRIS}/listKeys", keys("never-said-2"))
    service.answer("POST", f"{IRIS}/regenerateKeys", OUT_OF_ORDER)
    with pytest.raises(ApiError, match="Later") as refused:
        drive(regenerate(IRIS, "secondary"))
    assert "never-said" not in str(refused.value)


def deployment(name: str, day: int, before: str | None, *others: str) -> dict[str, Any]:
    tags = dict.fromkeys(others, "yes") if before is None else {TRAFFIC_BEFORE: before, **dict.fromkeys(others, "yes")}
    return {"name": name, "tags": tags, "systemData": {"createdAt": f"2026-01-{day:02}T10:00:00.1Z"}}


@pytest.mark.parametrize(
    ("deployments", "mark", "expected"),
    [
        ([("red", 1, ""), ("blue", 2, "red=100"), ("green", 3, "blue=90,red=10")], None, {"blue": 90, "red": 10}),
        ([("green", 3, "blue=100"), ("debug", 4, None)], None, {"blue": 100}),
        ([("blue", 2, "green=100"), ("green", 3, "blue=100")], "hash blue 100", {"green": 100}),
        ([("green", 3, "blue=100")], "hash blue 100", {"blue": 100}),
        # made without traffic, and given it by a person, after the newest rollout
        ([("blue", 2, "red=100"), ("live", 3, "blue=100")], "hash blue 100", {"blue": 100}),
        ([("blue", 2, "red=100"), ("live", 3, "blue=100")], "hash blue failed: it is slow", {"blue": 100}),
        ([("blue", 2, "red=100"), ("live", 3, None)], "hash blue 100", "'live' has no tag"),
        ([("live", 1, "red=100"), ("blue", 2, "live=100")], "hash blue failed: it is slow", {"live": 100}),
        ([("live", 1, "red=100")], "hash live failed: its traffic was rolled back", {"red": 100}),
        ([("blue", 1, "blue=100", REPLACED), ("live", 2, "blue=100")], "hash blue 50", "same name"),
        ([("green", 3, "blue=100")], "hash red failed: it answers nonsense", {"live": 100}),
        ([("green", 3, "blue=100")], "what somebody wrote", {"blue": 100}),
        ([("green", 3, "blue=100"), ("live", 4, None)], None, "'live' has no tag"),
        ([("live", 1, "")], None, "No deployment got traffic before 'live'"),
        ([("blue", 1, None)], None, "No deployment"),
        ([("green", 1, "all of it")], None, "no split"),
        ([("live", 1, "live=100", REPLACED)], "hash live 100", "same name"),
    ],
)
def test_what_was_before_the_newest_deployment(service, drive, deployments, mark, expected):
    service.answer("GET", f"{IRIS}/deployments", Answer(200, {"value": [deployment(*each) for each in deployments]}))
    shown = being("Succeeded", traffic={"live": 100})
    assert isinstance(shown.body, dict)
    service.answer("GET", IRIS, Answer(200, {**shown.body, "tags": {ROLLOUT: mark} if mark else None}))
    if isinstance(expected, dict):
        before = drive(traffic_before(IRIS, SUBMISSION))
        assert before.traffic == expected
        assert bool(before.tags) == (expected != {"live": 100})
        return
    with pytest.raises(TrafficRefused, match=expected):
        drive(traffic_before(IRIS, SUBMISSION))
