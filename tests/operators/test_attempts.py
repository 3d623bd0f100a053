"""What a try makes of the jobs of earlier tries, and of a service that contradicts itself about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.operators.submission import submit_job
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.spec.source import from_mapping
from airflow_provider_azml.spec.target import SUBMISSION, Target
from tests.rest.conftest import CountingCredential
from tests.rest.scripted_service import Answer, ScriptedService
from tests.spec.stand_in import TARGET, WS

if TYPE_CHECKING:
    from airflow_provider_azml.rest.waiting import Ticket

OWNER = {SUBMISSION: "5c0f", "airflow.ti_id": "02-ti", "airflow.try_number": "2"}
FIRST, SECOND, THIRD = (f"{WS}/jobs/train-{attempt}" for attempt in (1, 2, 3))
MISSING = Answer(404, {"error": {"code": "UserError", "message": "there is no such job"}})
TAKEN = Answer(409, {"error": {"code": "Conflict", "message": "there is such a job"}})


def job(status: str, **of: str) -> Answer:
    return Answer(body={"name": "train", "properties": {"status": status, "properties": {**OWNER, **of}}})


def submitted(service: ScriptedService) -> Ticket:
    source = from_mapping({"command": "true", "environment": "azureml:bare:1", "compute": "azureml:cpu"})
    target = Target(TARGET.workspace, service.cloud)
    with Client(service.cloud, TokenCache(CountingCredential()), ca_bundle=service.ca_bundle) as client:
        ticket: Ticket = client.run(submit_job(target, source, "train", OWNER))
        return ticket


def puts(service: ScriptedService) -> list[str]:
    return [asked.path for asked in service.asked if asked.method == "PUT"]


@pytest.fixture
def service(tmp_path: Any) -> Any:
    opened = ScriptedService(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("revived", ["Running", "Completed"])
def test_the_newest_attempt_counts_though_an_older_one_came_to_life_again(service, revived):
    """A node that did not respond responds again, or a job ends before it can be canceled."""
    service.answer("GET", FIRST, job(revived))
    service.answer("GET", SECOND, job("Running"))
    service.answer("GET", THIRD, MISSING)
    assert submitted(service).arm_id == SECOND
    assert puts(service) == []


@pytest.mark.parametrize("answer", [Answer(202), Answer(400, {"error": {"code": "UserError", "message": "too late"}})])
def test_what_does_not_respond_is_canceled_before_the_next_attempt_is_submitted(service, answer, caplog):
    service.answer("GET", FIRST, job("NotResponding"))
    service.answer("GET", SECOND, MISSING)
    service.answer("POST", f"{FIRST}/cancel", answer)
    service.answer("PUT", SECOND, job("Queued"))
    with caplog.at_level("INFO"):
        assert submitted(service).arm_id == SECOND
    changes = [f"{asked.method} {asked.path}" for asked in service.asked if asked.method != "GET"]
    assert changes == [f"POST {FIRST}/cancel", f"PUT {SECOND}"]
    assert ("too late" in caplog.text) == (answer.status == 400)
    assert "Job train-1 does not respond" in caplog.text


def test_what_failed_is_not_canceled(service):
    service.answer("GET", FIRST, job("NotResponding"))
    service.answer("GET", SECOND, job("Failed"))
    service.answer("GET", THIRD, MISSING)
    service.answer("PUT", THIRD, job("Queued"))
    assert submitted(service).arm_id == THIRD
    assert [asked.method for asked in service.asked if asked.method != "GET"] == ["PUT"]


def test_a_job_that_is_there_only_in_the_answer_to_its_put_is_looked_for_again(service):
    service.answer("GET", FIRST, MISSING, MISSING, job("Running"))
    service.answer("GET", SECOND, MISSING)
    service.answer("PUT", FIRST, TAKEN)
    assert submitted(service).arm_id == FIRST
    assert puts(service) == [FIRST]


def test_a_refusal_that_cannot_be_looked_into_is_not_believed(service):
    """So that the next try looks, instead of leaving a job behind that nobody waits for."""
    service.answer("GET", FIRST, MISSING, Answer(405, {"error": {"code": "OutOfOrder", "message": "for now"}}))
    service.answer("PUT", FIRST, TAKEN)
    with pytest.raises(ApiError) as caught:
        submitted(service)
    assert (caught.value.method, caught.value.code) == ("GET", "OutOfOrder")
    assert caught.value.__cause__.code == "Conflict"
