"""Fills in what the CLI of azureml-core reads from the HyperDrive configurations of ``hyperdrive.json``.

Run it by a Python that has azureml-core 1.61 and azureml-train-core 1.62:
``python tests/azureml_core/record_hyperdrive.py``.
"""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

from azureml._cli.run import run_commands as cli
from azureml._vendor.ruamel import yaml
from azureml.core import RunConfiguration, ScriptRunConfig
from azureml.train.hyperdrive import HyperDriveConfig, PrimaryMetricGoal
from azureml.train.hyperdrive.exceptions import HyperDriveConfigException

FILE = Path(__file__).with_name("hyperdrive.json")
SAMPLINGS = {
    "RANDOM": cli._get_random_sampling,
    "GRID": cli._get_grid_sampling,
    "BAYESIAN": cli._get_bayesian_sampling,
}
POLICIES = {
    "BANDITPOLICY": cli._get_bandit_policy,
    "MEDIANSTOPPINGPOLICY": cli._get_median_stopping_policy,
    "TRUNCATIONSELECTIONPOLICY": cli._get_truncation_selection_policy,
    "NOTERMINATIONPOLICY": cli._get_no_termination_policy,
}


def read(text: str) -> dict[str, object]:
    """What ``submit_hyperdrive`` of the CLI does with a file, up to the submission."""
    given = yaml.safe_load(text)
    try:
        found = HyperDriveConfig(
            hyperparameter_sampling=SAMPLINGS[given.get("sampling").get("type").upper()](given),
            policy=POLICIES[given.get("policy").get("type", "NOTERMINATIONPOLICY").upper()](given),
            primary_metric_name=given.get("primary_metric_name"),
            primary_metric_goal=PrimaryMetricGoal.from_str(given.get("primary_metric_goal")),
            max_total_runs=given.get("max_total_runs"),
            max_concurrent_runs=given.get("max_concurrent_runs"),
            max_duration_minutes=given.get("max_duration_minutes"),
            run_config=ScriptRunConfig(".", run_config=RunConfiguration(script="train.py")),
        )
    except (HyperDriveConfigException, AttributeError, KeyError, TypeError, ValueError) as refused:
        return {"refused": type(refused).__name__}
    return {
        "generator": found._generator_config,
        "policy": found._policy_config,
        "primary_metric": found._primary_metric_config,
        "max_total_runs": found._max_total_runs,
        "max_concurrent_runs": found._max_concurrent_runs,
        "max_duration_minutes": found._max_duration_minutes,
    }


def main() -> None:
    golden = json.loads(FILE.read_text())
    golden["packages"] = {name: metadata.version(name) for name in ("azureml-core", "azureml-train-core")}
    for case in golden["cases"].values():
        case["read"] = read(case["given"])
    FILE.write_text(json.dumps(golden, indent=2) + "\n")


if __name__ == "__main__":
    main()
