"""What measured latencies and utilisation amount to."""

from __future__ import annotations

import pytest

from airflow_provider_azml.rest.profiles import Load, percentile, utilized


@pytest.mark.parametrize(
    ("share", "expected"), [(1, 1.0), (50, 50.0), (50.1, 51.0), (95, 95.0), (99, 99.0), (99.9, 100.0), (100, 100.0)]
)
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], share) == expected


def test_a_percentile_of_one_value_is_that() -> None:
    assert percentile([0.25], 0.1) == percentile([0.25], 100) == 0.25


def test_a_load_is_counted_and_its_latencies_are_in_milliseconds() -> None:
    assert Load([0.01, 0.02, 0.03], failures=1, seconds=0.5).profile() == {
        "totalQueries": 4,
        "successQueries": 3,
        "successRate": 75.0,
        "measuredQueriesPerSecond": 8.0,
        "averageLatencyInMs": 20.0,
        "latencyPercentile50InMs": 20.0,
        "latencyPercentile90InMs": 30.0,
        "latencyPercentile95InMs": 30.0,
        "latencyPercentile99InMs": 30.0,
        "latencyPercentile999InMs": 30.0,
    }


@pytest.mark.parametrize(("failures", "seconds"), [(3, 0.0), (0, 0.0), (2, 1.0)])
def test_a_load_without_a_success_has_no_latencies(failures: int, seconds: float) -> None:
    told = Load([], failures, seconds).profile()
    assert told["totalQueries"] == failures
    assert told["successRate"] == 0.0
    assert not any("Latency" in name for name in told)


@pytest.mark.parametrize(
    ("used", "recommended"), [(0.0, 0.1), (0.04, 0.1), (0.1, 0.1), (0.31, 0.4), (0.7, 0.7), (1.0, 1.0), (2.05, 2.1)]
)
def test_a_size_is_recommended_in_tenths(used: float, recommended: float) -> None:
    assert utilized(used, used) == {
        "maxUtilizedCpu": used,
        "recommendedCpu": recommended,
        "maxUtilizedMemoryInGB": used,
        "recommendedMemoryInGB": recommended,
    }


def test_nothing_is_recommended_of_what_nobody_measured() -> None:
    assert utilized(None, None) == {}
    assert utilized(None, 0.5) == {"maxUtilizedMemoryInGB": 0.5, "recommendedMemoryInGB": 0.5}
