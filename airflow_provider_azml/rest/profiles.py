"""Profiles of models: what measured latencies and utilisation amount to, in the words of ``az ml model profile``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.rest.flows import Json

_PERCENTILES = {
    "latencyPercentile50InMs": 50.0,
    "latencyPercentile90InMs": 90.0,
    "latencyPercentile95InMs": 95.0,
    "latencyPercentile99InMs": 99.0,
    "latencyPercentile999InMs": 99.9,
}
_TENTHS = 10
_MILLISECONDS = 1000


@dataclass(frozen=True)
class Load:
    """Requests that were sent to a model beside and after each other.

    Args:
        latencies: How long each one took that was answered with success, in seconds.
        failures: How many others there were.
        seconds: How long all of them took together.
    """

    latencies: Sequence[float]
    failures: int
    seconds: float

    def profile(self) -> Json:
        """Counts, rates and latencies, the latter in milliseconds; without a success there are none.

        Source: the fields of ``ModelProfile`` of azureml-core 1.61.

        Example:
            >>> Load([0.01, 0.03], 0, 0.04).profile()["latencyPercentile99InMs"]
            30.0
        """
        successes = len(self.latencies)
        total = successes + self.failures
        counts: Json = {
            "totalQueries": total,
            "successQueries": successes,
            "successRate": round(100 * successes / total, 2) if total else 0.0,
            "measuredQueriesPerSecond": round(total / self.seconds, 2) if self.seconds else 0.0,
        }
        if not successes:
            return counts
        mean = sum(self.latencies) / successes
        told = {name: _milliseconds(percentile(self.latencies, share)) for name, share in _PERCENTILES.items()}
        return {**counts, "averageLatencyInMs": _milliseconds(mean), **told}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of some values that so many per cent of them do not exceed (nearest rank).

    Args:
        values: At least one.
        share: Per cent, above 0 and up to 100.

    Example:
        >>> percentile([4.0, 1.0, 3.0, 2.0], 50)
        2.0
    """
    return sorted(values)[math.ceil(share / 100 * len(values)) - 1]


def utilized(cores: float | None, memory_gb: float | None) -> Json:
    """What was used at most, and what is recommended for it; without what could not be measured.

    A recommendation is what was used, in whole tenths above it: deployments are sized in tenths of cores and gigabytes.

    Args:
        cores: Cores that were busy, at most.
        memory_gb: Memory that was held, at most, in GB.

    Source: ``maxUtilizedCpu``, ``recommendedCpu`` and their like of ``ModelProfile`` of azureml-core 1.61.

    Example:
        >>> utilized(0.42, None)
        {'maxUtilizedCpu': 0.42, 'recommendedCpu': 0.5}
    """
    told: Json = {}
    if cores is not None:
        told |= {"maxUtilizedCpu": round(cores, 3), "recommendedCpu": _tenths(cores)}
    if memory_gb is not None:
        told |= {"maxUtilizedMemoryInGB": round(memory_gb, 3), "recommendedMemoryInGB": _tenths(memory_gb)}
    return told


def _tenths(value: float) -> float:
    return max(1, math.ceil(round(value * _TENTHS, 6))) / _TENTHS


def _milliseconds(seconds: float) -> float:
    return round(seconds * _MILLISECONDS, 3)
