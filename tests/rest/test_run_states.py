from __future__ import annotations

import json

import pytest

from airflow_provider_azml.exceptions import ApiError, Throttled
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.run_states import refused, run_states
from tests.rest.scripted_service import Answer

WORKSPACE = WorkspaceId("s", "rg", "ws")
BATCH = f"/history/v1.0{WORKSPACE}/batchrundata"


def test_run_history_is_asked_once_for_many_jobs(service, drive):
    run = {"runId": "train", "status": "Queued", "queueingInfo": {"code": "Busy"}}
    body = {
        "successfulResults": {
            "train": {"runMetadata": run},
            "odd": {"runMetadata": None},
            "odder": {"runMetadata": {}},
        },
        "failedResults": {"gone": {"error": {"code": "UserError", "message": "Run gone was not found."}}},
    }
    service.answer("POST", BATCH, Answer(body=body, headers={"x-ms-ratelimit-remaining-runs": "17", "x-other": "1"}))
    states = drive(run_states(service.url, WORKSPACE, ["train", "odd", "odder", "gone"]))
    assert states.runs == {"train": run}
    assert states.requests_left == 17
    assert states.size == len(json.dumps(body))
    (asked,) = service.asked
    assert json.loads(asked.body)["requests"]["train"] == {"runId": "train", "selectRunMetadata": True}
    assert (asked.query, asked.headers["Authorization"]) == ("api-version=v1.0", "Bearer token-1")


def test_it_is_not_asked_again_by_itself(service, drive):
    service.answer("POST", BATCH, Answer(429, {}, {"Retry-After": "7"}))
    with pytest.raises(Throttled) as caught:
        drive(run_states(service.url, WORKSPACE, ["train"]))
    assert caught.value.retry_after == 7
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("status", "refuses"),
    [(400, True), (403, True), (404, True), (405, True), (401, False), (408, False), (429, False), (500, False)],
)
def test_what_does_not_pass_is_a_refusal(service, drive, status, refuses):
    service.answer("POST", BATCH, Answer(status, {}))
    with pytest.raises(ApiError) as caught:
        drive(run_states(service.url, WORKSPACE, ["train"]))
    assert refused(caught.value) is refuses


def test_no_answer_is_no_refusal():
    assert not refused(ApiError(method="POST", url="", status=None, code="", message=""))
