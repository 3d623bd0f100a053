from __future__ import annotations

import math
import time

import pytest

from airflow_provider_azml.rest import pace


@pytest.mark.parametrize(
    ("poll_seconds", "waited_seconds", "retry_after", "about"),
    [(15, 0, 0, 15), (15, 3600, 0, 36), (15, 1e6, 0, 120), (300, 1e6, 0, 300), (0, 0, 0, 0.05), (15, -100, 0, 15)],
)
def test_a_pause_is_what_was_asked_for_and_longer_for_what_lasts(poll_seconds, waited_seconds, retry_after, about):
    pauses = [pace.pause_seconds(poll_seconds, waited_seconds, retry_after) for _ in range(200)]
    assert min(pauses) >= 0.9 * about
    assert max(pauses) <= about
    assert max(pauses) - min(pauses) > 0.05 * about  # they do not all come at one instant


def test_no_pause_is_shorter_than_the_service_asks_for():
    assert pace.pause_seconds(15, 0, 60) == 60


@pytest.mark.parametrize(
    ("asked", "taken"),
    [(30, 30), (0, 15), (-1, 15), (math.nan, 15), (-math.inf, 15), (math.inf, 86400), (1e9, 86400), (1e-9, 0.05)],
)
def test_an_absurd_pause_is_taken_for_one_that_neither_spins_nor_hangs(asked, taken):
    assert pace.sane(asked) == taken


def test_whoever_has_few_requests_left_holds_back():
    assert pace.ease_seconds(math.inf) == pace.ease_seconds(249) == 0
    assert 0 < pace.ease_seconds(40) < pace.ease_seconds(0) <= 2


def test_a_clock_goes_on_whatever_is_done_to_the_machines(monkeypatch):
    right = time.time
    clock = pace.steady_clock()
    monkeypatch.setattr(time, "time", lambda: right() + 86400)
    assert abs(clock() - right()) < 1
