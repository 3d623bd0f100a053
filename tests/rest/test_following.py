from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.following import Follower
from airflow_provider_azml.rest.waiting import Glance, Outcome
from tests.rest.jobs import STD_LOG, WORKSPACE, Clock, Told, details, discover, glance, run_path
from tests.rest.scripted_service import Answer

TRAIN = WORKSPACE.child("job", "train")


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def looks(follower, clock, *glances, seconds=15):
    for seen in glances:
        yield from follower.look(seen)
        clock.now += seconds


def test_a_job_without_its_log_costs_no_request_of_its_own(service, drive, told, clock):
    follower = Follower(TRAIN, told.tell, now=clock)
    drive(
        looks(follower, clock, *(glance("train", status) for status in ("Queued", "Running", "Running", "Completed")))
    )
    assert told == ["train is Queued", "train is Running", "train is Completed"]
    assert service.asked == []
    assert not follower.wants_every_look


def test_the_log_of_a_job_is_told_between_its_statuses(service, drive, told, clock):
    discover(service)
    log = bytearray(b"epoch 1\nepo")
    service.answer("GET", f"{run_path('train')}/details", details(service, "train", STD_LOG))
    service.answer("GET", f"/train/{STD_LOG}", Answer(blob=log))
    follower = Follower(TRAIN, told.tell, stream_logs=True, now=clock)
    assert follower.wants_every_look

    def waited():
        yield from looks(follower, clock, glance("train", "Queued"), glance("train", "Running"))
        log.extend(b"ch 2\nsaved")
        yield from looks(follower, clock, glance("train", "Running"), glance("train", "Completed"))

    drive(waited())
    assert told == [
        "train is Queued",
        "train is Running",
        "user_logs/std_log.txt of train:",
        "epoch 1",
        "epoch 2",
        "train is Completed",
        "saved",
    ]
    assert [asked.path for asked in service.asked].count(f"{run_path('train')}/details") == 1


def test_what_cannot_be_told_is_said_once_and_ends_nothing(service, drive, told, clock):
    discover(service)
    service.answer("GET", f"{run_path('train')}/details", Answer(500), Answer(500), details(service, "train", STD_LOG))
    service.answer("GET", f"/train/{STD_LOG}", Answer(blob=b"done\n"))
    follower = Follower(TRAIN, told.tell, stream_logs=True, now=clock)
    drive(looks(follower, clock, *[glance("train", "Running")] * 4, glance("train", "Completed")))
    assert told[0] == "train is Running"
    assert told[1].startswith("WARNING: the log of train cannot be read for now: ")
    assert told[2].startswith("DEBUG: the log of train cannot be read for now: ")
    assert told[3:] == ["train is Completed", "user_logs/std_log.txt of train:", "done"]


@pytest.mark.parametrize(
    "arm_id", [WORKSPACE.child("compute", "cpu"), WorkspaceId("s", "rg", "jobs").child("compute", "cpu")]
)
def test_what_is_no_job_costs_no_request(service, drive, told, clock, arm_id):
    follower = Follower(arm_id, told.tell, stream_logs=True, now=clock)
    drive(looks(follower, clock, *[Glance("Creating", body={"name": "cpu"})] * 30, Glance("Succeeded")))
    assert told == ["cpu is Creating", "cpu is Succeeded"]
    assert service.asked == []
    assert not follower.wants_every_look


def test_a_job_that_only_has_to_be_there_is_not_followed(service, drive, told, clock):
    found = glance("train", "Running", job_type="Sweep")
    there = replace(found, outcome=Outcome(TRAIN, "Running", found.body, goal="exists"))
    drive(looks(Follower(TRAIN, told.tell, stream_logs=True, now=clock), clock, Glance("absent"), there))
    assert told == ["train is absent", "train is Running"]
    assert service.asked == []


def test_the_log_of_a_long_build_is_told_before_the_job_runs(service, drive, told, clock):
    discover(service)
    build = "azureml-logs/20_image_build_log.txt"
    service.answer("GET", f"{run_path('train')}/details", details(service, "train", build))
    service.answer("GET", f"/train/{build}", Answer(blob=b"Step 1\n"))
    follower = Follower(TRAIN, told.tell, stream_logs=True, now=clock)

    def prepared():
        yield from looks(follower, clock, *[glance("train", "Preparing")] * 2)
        assert service.asked == []
        yield from looks(follower, clock, glance("train", "Preparing"))

    drive(prepared())
    assert told[-1] == "Step 1"


def test_an_answer_in_an_unknown_shape_ends_no_wait(service, drive, told, clock):
    discover(service)
    service.answer("GET", f"{run_path('train')}/details", Answer(body={"logFiles": ["user_logs/std_log.txt"]}))
    service.answer("GET", f"{run_path('train')}/children", Answer(body={"value": ["run"]}))
    follower = Follower(TRAIN, told.tell, stream_logs=True, now=clock)
    drive(looks(follower, clock, *[glance("train", status, job_type="Sweep") for status in ("Running", "Completed")]))
    assert [line.partition(" cannot")[0] for line in told] == [
        "train is Running",
        "WARNING: what runs below of train",
        "WARNING: the log of train",
        "train is Completed",
        "DEBUG: what runs below of train",
        "DEBUG: the log of train",
    ]


def test_a_follower_of_a_running_job_is_small():
    tracemalloc.start()
    try:
        followers = [Follower(TRAIN, print) for _ in range(1000)]
        for follower in followers:
            assert not list(follower.look(Glance("Running", run={"runType": "azureml.scriptrun"})))
        assert tracemalloc.get_traced_memory()[0] / len(followers) < 500
    finally:
        tracemalloc.stop()
