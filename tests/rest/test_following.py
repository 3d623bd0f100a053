from __future__ import annotations

import pytest

from airflow_provider_azml.rest.following import Follower
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
