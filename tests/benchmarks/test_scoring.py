"""Scoring many records beside a plain loop of aiohttp; ``python -m tests.benchmarks.scoring`` measures the full size."""

from __future__ import annotations

from tests.benchmarks.scoring import measured, peak_megabytes


def test_it_costs_little_more_than_a_plain_loop_does():
    """The full size holds it to a tenth; here the few requests before and after count as well, and other work beside."""
    figures = measured(records=4000, batch_size=1, concurrency=16, rounds=3)
    assert figures["processor seconds, operator beside plain loop"] < 1.6, figures


def test_memory_does_not_grow_with_the_records():
    few, many = (peak_megabytes(records, batch_size=50, concurrency=8) for records in (4000, 40_000))
    assert many - few < 15
