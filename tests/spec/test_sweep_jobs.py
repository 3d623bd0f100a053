from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, sweep_jobs, sweep_parts
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.source import from_mapping
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

JOB: dict[str, Any] = {
    "type": "sweep",
    "trial": {"command": "train --lr {search_space.lr}", "environment": "azureml:e:1"},
    "objective": {"goal": "Maximize", "primary_metric": "accuracy"},
    "search_space": {"lr": {"type": "uniform", "min_value": 0, "max_value": 1}},
    "limits": {"max_total_trials": 5},
}
DISTRIBUTIONS = [
    ({"type": "Choice", "values": [1, 2.5, "x"]}, ["choice", [[1, 2.5, "x"]]]),
    ({"type": "choice"}, ["choice", [[]]]),
    ({"type": "randint", "upper": "10"}, ["randint", [10]]),
    ({"type": "uniform", "min_value": 0, "max_value": "1e-3"}, ["uniform", [0, 0.001]]),
    ({"type": "LogUniform", "min_value": -6, "max_value": -1}, ["loguniform", [-6, -1]]),
    ({"type": "quniform", "min_value": 0, "max_value": 10, "q": 2}, ["quniform", [0, 10, 2]]),
    ({"type": "normal", "mu": 0, "sigma": 1.5}, ["normal", [0, 1.5]]),
    ({"type": "qlognormal", "mu": 0, "sigma": 1, "q": 1}, ["qlognormal", [0, 1, 1]]),
    (
        {"type": "choice", "values": [{"a": 1, "b": "0.5", "c": "x", "d": {"type": "randint", "upper": 2}}]},
        ["choice", [[{"a": 1, "b": 0.5, "c": "x", "d": ["randint", [2]]}]]],
    ),
]
POLICIES = [
    (
        {"type": "Bandit", "slack_factor": 0.1},
        {"policyType": "Bandit", "delayEvaluation": 0, "evaluationInterval": 0, "slackAmount": 0, "slackFactor": 0.1},
    ),
    (
        {"type": "median_stopping", "delay_evaluation": "3"},
        {"policyType": "MedianStopping", "delayEvaluation": 3, "evaluationInterval": 1},
    ),
    (
        {"type": "truncationSelection", "truncation_percentage": 20, "evaluation_interval": None},
        {"policyType": "TruncationSelection", "delayEvaluation": 0, "truncationPercentage": 20},
    ),
]
PARTS = {
    "trial": (
        {},
        {
            "jobType": "Sweep",
            "trial": {
                "command": "train --lr ${{search_space.lr}}",
                "environmentId": f"{WS}/environments/e/versions/1",
                "environmentVariables": {},
            },
            "objective": {"goal": "maximize", "primaryMetric": "accuracy"},
            "searchSpace": {"lr": ["uniform", [0, 1]]},
            "limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 5},
            "samplingAlgorithm": None,
            "resources": None,
        },
    ),
    "a minute is the least": (
        {"limits": {"max_total_trials": 5, "max_concurrent_trials": 2, "timeout": 30, "trial_timeout": 90}},
        {
            "limits": {
                "jobLimitsType": "Sweep",
                "maxTotalTrials": 5,
                "maxConcurrentTrials": 2,
                "timeout": "PT1M",
                "trialTimeout": "PT1M30S",
            }
        },
    ),
    "0 is no limit": (
        {"limits": {"max_total_trials": 5, "timeout": 0}},
        {"limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 5}},
    ),
    "a word for the algorithm": (
        {"sampling_algorithm": "Grid"},
        {"samplingAlgorithm": {"samplingAlgorithmType": "Grid"}},
    ),
    "the algorithm in full": (
        {"sampling_algorithm": {"type": "random", "rule": "Sobol", "seed": "7", "logbase": "e"}},
        {"samplingAlgorithm": {"samplingAlgorithmType": "Random", "rule": "sobol", "seed": 7, "logbase": "e"}},
    ),
    "resources of the trial are the job's": (
        {"trial": {**JOB["trial"], "resources": {"instance_count": 2}}},
        {"resources": {"instanceCount": 2, "properties": {}}},
    ),
    "but for its own": (
        {"trial": {**JOB["trial"], "resources": {"instance_count": 2}}, "resources": {"instance_count": 3}},
        {"resources": {"instanceCount": 3, "properties": {}}},
    ),
    "inputs and outputs": (
        {"inputs": {"a": 1}, "outputs": {"b": None}},
        {
            "inputs": {"a": {"jobInputType": "literal", "value": "1"}},
            "outputs": {"b": {"jobOutputType": "uri_folder"}},
        },
    ),
}
WRONG = {
    "limits: 'max_total_trials' is missing": {"limits": {}},
    "search_space.l-r: 'l-r' is no name": {"search_space": {"l-r": {"type": "randint", "upper": 1}}},
    "trial.command: ${{search_space.lr}} is not among": {"search_space": {"x": {"type": "randint", "upper": 1}}},
    "trial.command: ${{inputs.x}} is not among": {"trial": {**JOB["trial"], "command": "${{inputs.x}}"}},
    "compute: command jobs alone run on this machine": {"compute": "Local"},
    "search_space.lr.values[0]": {"search_space": {"lr": {"type": "choice", "values": [True]}}},
    "early_termination: 'truncation_percentage' is missing": {"early_termination": {"type": "truncation_selection"}},
    "trial.code: there is no such file or folder": {"trial": {**JOB["trial"], "code": "nowhere"}},
}


@pytest.mark.parametrize(("given", "expected"), DISTRIBUTIONS, ids=str)
def test_distributions(given: dict[str, Any], expected: list[Any]) -> None:
    assert sweep_parts.distribution(given) == expected


@pytest.mark.parametrize(("given", "expected"), POLICIES, ids=str)
def test_policies(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert sweep_parts.early_termination(given) == expected


def test_a_pipeline_has_them_in_the_words_of_the_file() -> None:
    bandit = sweep_parts.early_termination_in_words({"type": "Bandit", "slack_factor": "0.1"})
    assert bandit == {
        "type": "bandit",
        "delay_evaluation": 0,
        "evaluation_interval": 0,
        "slack_amount": 0,
        "slack_factor": 0.1,
    }


@pytest.mark.parametrize("name", PARTS)
def test_sweep_jobs(service: StandIn, name: str, tmp_path: Path) -> None:
    given, expected = PARTS[name]
    source = from_mapping({**JOB, **given}, base_path=tmp_path)
    assert not kinds.check(source)
    sent = service.run(filled(sweep_jobs.properties(source, "sweep-1"), TARGET))
    assert {key: sent.get(key) for key in expected} == expected


@pytest.mark.parametrize("reason", WRONG)
def test_what_is_wrong_with_a_sweep(reason: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        kinds.check(from_mapping({**JOB, **WRONG[reason]}, base_path=tmp_path))
    assert reason in str(caught.value)
