"""Which trials of a sweep are ended early, and which is the best."""

from __future__ import annotations

import math
from typing import Any

import pytest

from airflow_provider_azml.emulator.sweeps.early_termination import PolicyError, policy
from airflow_provider_azml.emulator.sweeps.settings import settings_of
from airflow_provider_azml.emulator.sweeps.standings import Best, Standings

BANDIT = {"policyType": "Bandit", "evaluationInterval": 1, "delayEvaluation": 0, "slackAmount": 0.0, "slackFactor": 0.0}
MEDIAN = {"policyType": "MedianStopping", "evaluationInterval": 1, "delayEvaluation": 0}
TRUNCATION = {"policyType": "TruncationSelection", "evaluationInterval": 1, "truncationPercentage": 20}


def standings(document: dict[str, Any] | None, logged: dict[str, list[float]], goal: str = "maximize") -> Standings:
    """A sweep with a policy whose trials have logged something."""
    properties = {
        "objective": {"goal": goal, "primaryMetric": "auc"},
        "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
        "searchSpace": {"lr": ["uniform", [0, 1]]},
        "trial": {"command": "true", "environmentId": "azureml:any:1"},
        "earlyTermination": document,
    }
    found = Standings(settings_of(properties))
    for trial, values in logged.items():
        found.enter(trial, {"lr": 0.1})
        found.note(trial, values)
    return found


def poor(document: dict[str, Any] | None, logged: dict[str, list[float]], goal: str = "maximize") -> dict[str, int]:
    """Trial -> interval at which it is ended."""
    sweep = standings(document, logged, goal)
    return {trial: interval for trial in logged if (interval := sweep.poor_at(trial)) is not None}


@pytest.mark.parametrize(
    ("slack", "goal", "best", "spared", "ended"),
    [
        ({"slackFactor": 0.2}, "maximize", 0.8, 0.67, 0.66),  # 0.8 / 1.2, as the documentation computes it
        ({"slackAmount": 0.2}, "maximize", 0.8, 0.601, 0.599),
        ({"slackFactor": 0.2}, "minimize", 0.5, 0.59, 0.61),
        ({"slackAmount": 0.2}, "minimize", 0.5, 0.69, 0.71),
        ({"slackFactor": 0.2}, "maximize", -1.0, -1.19, -1.21),
        ({}, "maximize", 0.8, 0.8, 0.79),
    ],
)
def test_bandit_ends_what_is_outside_the_slack(
    slack: dict[str, float], goal: str, best: float, spared: float, ended: float
) -> None:
    logged = {"best": [best], "spared": [spared], "ended": [ended]}
    assert poor({**BANDIT, **slack}, logged, goal) == {"ended": 1}


def test_a_trial_is_judged_by_its_best_and_by_nothing_later_than_itself() -> None:
    bandit = {**BANDIT, "slackFactor": 0.1}
    assert poor(bandit, {"old": [0.5, 0.7, 0.9], "young": [0.5]}) == {}
    assert poor(bandit, {"old": [0.5, 0.7, 0.9], "young": [0.5, 0.5]}) == {"young": 2}
    assert poor(bandit, {"a": [0.8], "b": [0.8, 0.1]}) == {}


def test_interval_and_delay_say_when_a_trial_is_judged() -> None:
    logged = {"good": [0.9] * 9, "bad": [0.1] * 9}
    for interval, delay, first in ((1, 0, 1), (0, 0, 1), (2, 0, 2), (1, 5, 5), (2, 5, 6), (3, 3, 3), (10, 0, None)):
        document = {**BANDIT, "slackFactor": 0.1, "evaluationInterval": interval, "delayEvaluation": delay}
        assert poor(document, logged).get("bad") == first, (interval, delay)


def test_median_stopping_compares_the_best_with_running_averages() -> None:
    # averages over intervals 1 to 2: 0.8, 0.6, 0.2; their median is 0.6
    logged = {"a": [0.8, 0.8], "b": [0.5, 0.7], "c": [0.3, 0.1]}
    assert poor({**MEDIAN, "evaluationInterval": 2}, logged) == {"c": 2}
    logged = {"a": [0.8, 0.8], "b": [0.5, 0.7], "c": [0.65, 0.0]}
    assert poor({**MEDIAN, "evaluationInterval": 2}, logged) == {}
    assert poor(MEDIAN, {"only": [0.5, 0.1]}) == {}
    assert poor(MEDIAN, {"a": [0.1], "b": [0.2], "c": [0.3]}, "minimize") == {"c": 1}


def test_truncation_ends_a_share_of_those_that_have_come_as_far() -> None:
    ten = {f"t{number}": [number / 10] for number in range(10)}
    assert poor(TRUNCATION, ten) == {"t0": 1, "t1": 1}
    assert poor(TRUNCATION, ten, "minimize") == {"t8": 1, "t9": 1}
    four = dict(list(ten.items())[:4])
    assert poor(TRUNCATION, four) == {}  # 20 % of four is less than one
    assert poor({**TRUNCATION, "truncationPercentage": 50}, four) == {"t0": 1, "t1": 1}
    ahead = {"slow": [0.1], "far": [0.1, 0.9], "further": [0.1, 0.8, 0.9]}
    assert poor({**TRUNCATION, "truncationPercentage": 50, "delayEvaluation": 2}, ahead) == {"further": 2}


def test_each_interval_is_judged_once() -> None:
    sweep = standings({**BANDIT, "slackFactor": 0.1}, {"bad": [0.1]})
    assert sweep.poor_at("bad") is None
    sweep.enter("good", {"lr": 0.2})
    sweep.note("good", [0.9])
    assert sweep.poor_at("bad") is None
    sweep.note("bad", [0.1, 0.1])
    assert sweep.poor_at("bad") == 2


def test_without_a_policy_none_is_ended() -> None:
    assert poor(None, {"a": [0.9], "b": [0.0]}) == {}


def test_nan_is_worse_than_any_number() -> None:
    bandit = {**BANDIT, "slackFactor": 0.1}
    assert poor(bandit, {"a": [0.1], "b": [math.nan]}) == {"b": 1}
    assert poor(bandit, {"a": [math.nan], "b": [math.nan]}) == {}
    assert standings(None, {"a": [math.nan], "b": [0.2]}).best() == Best("b", 0.2)
    assert standings(None, {"a": [math.nan], "b": []}).best() is None


@pytest.mark.parametrize(("goal", "best"), [("Maximize", Best("b", 0.9)), ("minimize", Best("a", 0.2))])
def test_the_best_trial_is_the_first_with_the_best_value_that_any_has_logged(goal: str, best: Best) -> None:
    logged = {"a": [0.2, 0.5], "b": [0.9, 0.3], "c": [0.2, 0.9]}
    assert standings(None, logged, goal).best() == best


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"policyType": "Halving"}, "'Halving' is none of Bandit, MedianStopping, TruncationSelection"),
        ({**TRUNCATION, "truncationPercentage": 0}, "truncationPercentage must be from 1 to 99, not 0"),
        ({**TRUNCATION, "truncationPercentage": 100}, "not 100"),
        ({**BANDIT, "slackFactor": -1}, "slackFactor must be a number that is not negative, not -1"),
        ({**BANDIT, "evaluationInterval": "2"}, "evaluationInterval must be a number"),
    ],
)
def test_a_policy_that_is_none_is_refused(document: dict[str, Any], reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        policy(document)
