"""Answers that are a success and do not say what they should: no wait ends for them, or takes them for an end."""

from __future__ import annotations

import pytest

from airflow_provider_azml.triggers.wait import outcome_of
from tests.rest.scripted_service import Answer
from tests.triggers.jobs_service import BATCH, WORKSPACE, job_id
from tests.triggers.triggerer import fired, waiting

PAGE = Answer(200, b"<h1>Sign in</h1>", {"Content-Type": "text/html"})


@pytest.mark.parametrize(
    "said",
    [
        [],
        None,
        {"train": None, "score": {"runMetadata": None}},
        {"train": {"runMetadata": {"status": None}}, "score": []},
    ],
)
def test_jobs_that_run_history_says_nothing_of_are_looked_at_one_by_one(service, said):
    service.has({"train": "Completed", "score": "Completed"})
    service.answer("POST", BATCH, Answer(body={"successfulResults": said}))
    assert all(outcome_of(event).succeeded for event in fired(waiting("train"), waiting("score")))
    assert len(service.batches) == 1
    assert sorted(service.looks) == ["score", "train"]


def test_what_is_odd_about_a_run_does_not_end_the_wait(service):
    odd = {"properties": "none", "runType": [], "queueingInfo": "soon", "startTimeUtc": 5}
    service.has({"train": "Completed", "score": "Completed"})
    said = {job: {"runMetadata": {"runId": job, "status": "Running", **odd}} for job in ("train", "score")}
    service.answer("POST", BATCH, Answer(body={"successfulResults": said}))
    events = fired(waiting("train", stream_logs=True), waiting("score"))
    assert all(outcome_of(event).succeeded for event in events)
    assert len(service.batches) == 2


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/discovery", Answer(body={})),
        ("/discovery", Answer(body={"api": None})),
        ("/discovery", Answer(body={"api": "https://elsewhere.test"})),
        (str(WORKSPACE), Answer(body={"name": "ws", "properties": None})),
        (str(WORKSPACE), Answer(body={"name": "ws", "properties": {"discoveryUrl": None}})),
    ],
)
def test_jobs_are_looked_at_one_by_one_where_the_data_plane_is_none_to_ask(service, path, answer):
    service.has({"train": "Completed", "score": "Completed"})
    service._answers["GET", path] = [answer]
    assert all(outcome_of(event).succeeded for event in fired(waiting("train"), waiting("score")))
    assert service.batches == []


@pytest.mark.parametrize("path", ["/discovery", str(WORKSPACE)])
def test_a_page_in_place_of_where_the_data_plane_is_passes(service, path):
    service.has({"train": "Completed", "score": "Completed"})
    service._answers["GET", path] = [PAGE, *service._answers["GET", path]]
    assert all(outcome_of(event).succeeded for event in fired(waiting("train"), waiting("score")))
    assert service.batches == [{"train", "score"}]


@pytest.mark.parametrize("body", [{}, {"properties": None}, {"properties": {"status": None}}])
def test_a_job_without_a_status_has_not_ended(service, body):
    service.has({"train": "Failed"})
    service.answer("GET", job_id("train"), Answer(body=body))
    (event,) = fired(waiting("train"))
    assert outcome_of(event).status == "Failed"
    assert service.looks == ["train", "train"]
