"""What a sweep job asks for, checked."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import durations
from airflow_provider_azml.emulator.sweeps.early_termination import Policy, PolicyError, policy
from airflow_provider_azml.emulator.sweeps.sampling import sampler
from airflow_provider_azml.emulator.sweeps.search_space import SearchSpaceError, Space, space_of
from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.sweeps.sampling import Sampler
    from airflow_provider_azml.rest.flows import Json

_MOST_TRIALS = 1000
_REQUIRED = (
    ("objective", "goal"),
    ("objective", "primaryMetric"),
    ("samplingAlgorithm", "samplingAlgorithmType"),
    ("searchSpace",),
    ("trial", "command"),
    ("trial", "environmentId"),
)
_GOALS = ("maximize", "minimize")


class SweepError(AzmlError):
    """A sweep job asks for something that cannot be; the message names the property.

    Args:
        message: What is wrong.
        target: Path of the property below ``properties``.
    """

    def __init__(self, message: str, target: str) -> None:
        super().__init__(message)
        self.target = target


@dataclass(frozen=True)
class SweepSettings:
    """What a sweep job asks for.

    Args:
        space: What is searched.
        algorithm: How, as ``samplingAlgorithm`` has it.
        metric: Name of the metric that says how good a trial is.
        maximizes: Whether more of it is better.
        most: How many trials there are at most.
        concurrent: How many of them run at once at most.
        timeout_seconds: How long the sweep may take; ``None`` for as long as it likes.
        policy: When trials are ended early; ``None`` for never.

    Sources: ``SweepJob`` of the 2024-04-01 OpenAPI file, whose goals azure-ai-ml sends in small letters; defaults and
    bounds: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-sweep and how-to-tune-hyperparameters.
    """

    space: Space
    algorithm: Json
    metric: str
    maximizes: bool
    most: int
    concurrent: int
    timeout_seconds: float | None
    policy: Policy | None

    def run_properties(self) -> Json:
        """What the service notes in the properties of the sweep's run."""
        size = self.space.size
        return {
            **run_properties(self.metric, _GOALS[not self.maximizes]),
            **({} if size is None else {"space_size": str(size)}),
        }

    def sampler(self) -> Sampler:
        """What says which combination is next."""
        return sampler(self.algorithm, self.space)

    def score(self, value: float) -> float:
        """A value of the metric as something of which more is better; ``nan`` is worse than anything."""
        if math.isnan(value):
            return -math.inf
        return value if self.maximizes else -value


def run_properties(metric: str, goal: str) -> Json:
    """What the service notes in the properties of any sweep's run.

    Args:
        metric: Name of the primary metric.
        goal: ``maximize`` or ``minimize``.

    Source: printed details of HyperDrive runs of azureml-train-core 1.51.
    """
    return {
        "azureml.runsource": "hyperdrive",
        "platform": "AML",
        "primary_metric_config": json.dumps({"name": metric, "goal": goal}, separators=(",", ":")),
        "resume_from": "null",
        "runTemplate": "HyperDrive",
    }


def settings_of(properties: Json) -> SweepSettings:
    """What the ``properties`` of a sweep job ask for.

    Raises:
        SweepError: Something is missing or cannot be.
    """
    for path in _REQUIRED:
        _check_there(properties, path)
    objective = properties["objective"]
    goal = str(objective["goal"]).lower()
    if goal not in _GOALS:
        raise SweepError(f"objective.goal '{objective['goal']}' is none of Maximize, Minimize.", "objective.goal")
    limits = properties.get("limits") or {}
    most = _count(limits, "maxTotalTrials", _MOST_TRIALS)
    _seconds(limits, "trialTimeout")
    settings = SweepSettings(
        space=_space(properties["searchSpace"]),
        algorithm=properties["samplingAlgorithm"],
        metric=str(objective["primaryMetric"]),
        maximizes=goal == _GOALS[0],
        most=most,
        concurrent=_count(limits, "maxConcurrentTrials", most),
        timeout_seconds=_seconds(limits, "timeout"),
        policy=_policy(properties),
    )
    try:
        settings.sampler()
    except SearchSpaceError as error:
        raise SweepError(f"{error}.", "samplingAlgorithm") from error
    return settings


def _check_there(properties: Json, path: tuple[str, ...]) -> None:
    value: object = properties
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if value in (None, "", {}):
        name = ".".join(path)
        raise SweepError(f"The request body lacks the required field 'properties.{name}'.", name)


def _space(search_space: object) -> Space:
    try:
        return space_of(search_space)
    except SearchSpaceError as error:
        raise SweepError(f"{error}.", "searchSpace") from error


def _policy(properties: Json) -> Policy | None:
    try:
        return policy(properties.get("earlyTermination"))
    except PolicyError as error:
        raise SweepError(f"{error}.", "earlyTermination") from error


def _count(limits: Json, name: str, default: int) -> int:
    count = limits.get(name)
    if count is None:
        return default
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= _MOST_TRIALS:
        raise SweepError(f"limits.{name} must be an integer from 1 to {_MOST_TRIALS}, not {count!r}.", f"limits.{name}")
    return count


def _seconds(limits: Json, name: str) -> float | None:
    try:
        return durations.seconds(limits.get(name) or "PT0S") or None
    except ValueError as error:
        raise SweepError(f"limits.{name}: {error}.", f"limits.{name}") from error
