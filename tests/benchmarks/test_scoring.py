"""Scoring many records, in a quick size; ``python -m tests.benchmarks.scoring`` measures the full one."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.scoring import answering, measured, operator_of, write_records

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def own_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the variable of the connection be forgotten after a test."""
    monkeypatch.setenv("AIRFLOW_CONN_AZML_DEFAULT", "")


def test_it_costs_little_more_than_a_plain_loop_does():
    """The full size holds it to a tenth; here the requests before and after count as well, and other work beside."""
    figures = measured(records=4000, batch_size=1, concurrency=16, rounds=5)
    assert figures["processor seconds, operator beside plain loop"] < 1.8, figures


def test_memory_does_not_grow_with_the_records(tmp_path: Path):
    peaks = []
    with answering() as url, operator_of(url, tmp_path) as score:
        for count in (2000, 2000, 20_000):  # the first brings modules along
            write_records(tmp_path / "records.jsonl", count)
            tracemalloc.start()
            score(tmp_path / "records.jsonl", tmp_path / "out.jsonl", batch_size=20, concurrency=4)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[2] - peaks[1] < 4_000_000, peaks  # the records alone would be 10 MB
