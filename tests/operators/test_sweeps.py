"""Sweeps as tasks: they really run, and the next task registers the model of the best trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.sdk import DAG

from airflow_provider_azml.operators import AzmlRegisterModelOperator, AzmlSubmitSweepOperator
from tests.airflow.running import run
from tests.emulator.execution import Workspace
from tests.emulator.test_sweeps import TRAIN
from tests.operators.test_jobs import SWEEP, submitted
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.operators.conftest import SignedIn

COMMAND = (
    "python -c 'from train import *\n"
    'log(1 - (lr - 0.3) ** 2); print("tried", lr)\n'
    'pathlib.Path("${{outputs.model}}", "lr.txt").write_text("${{search_space.lr}} ${{inputs.day}}")\''
)


def sweep(folder: Path, command: str = COMMAND) -> dict[str, Any]:
    """A sweep, in the keys of its file."""
    (folder / "src").mkdir()
    (folder / "src/train.py").write_text(TRAIN)
    bare = {"name": "bare", "dependencies": ["python=3.11"]}
    return {
        "trial": {
            "command": command,
            "code": str(folder / "src"),
            "environment": {"image": "local", "conda_file": bare},
        },
        "inputs": {"day": "{{ ds }}"},
        "outputs": {"model": {"type": "custom_model"}},
        "search_space": {"lr": {"type": "choice", "values": [0.1, 0.3, 0.9]}},
        "sampling_algorithm": {"type": "random", "seed": 7},
        "objective": {"goal": "maximize", "primary_metric": "auc"},
        "early_termination": {"type": "median_stopping", "delay_evaluation": 3, "evaluation_interval": 1},
        "limits": {"max_total_trials": 5, "max_concurrent_trials": 2, "timeout": 300, "trial_timeout": 60},
    }


@pytest.mark.parametrize(("deferrable", "as_file"), [(False, False), (True, True)])
def test_the_model_of_the_best_trial_is_registered(
    deferrable: bool,
    as_file: bool,
    azml_connection: str,
    azml_emulator: RunningEmulator,
    tmp_path: Path,
) -> None:
    given = sweep(tmp_path)
    if as_file:
        (tmp_path / "sweep.yml").write_text(yaml.safe_dump({"type": "sweep", **given}))
        given = {"file": str(tmp_path / "sweep.yml"), "limits": {"max_total_trials": 3}}
    arguments = {"azml_conn_id": azml_connection, "deferrable": deferrable, "poll_seconds": 0.2}
    with DAG("tuning", schedule=None, default_args=arguments) as dag:
        tune = AzmlSubmitSweepOperator(task_id="tune", **given)
        path = "{{ ti.xcom_pull(task_ids='tune')['best_trial']['model_output'] }}"
        register = AzmlRegisterModelOperator(task_id="register", name="best", path=path, type="custom_model")
        tune >> register
    finished = run(dag)
    assert finished.errors == {}

    told = finished.value("tune")
    best = told["best_trial"]
    assert best["name"] in [f"{told['name']}_{number}" for number in range(3)]
    assert (best["parameters"], best["primary_metric"], best["metric"]) == ({"lr": 0.3}, "auc", 1)
    assert best["model_output"] == f"azureml://jobs/{best['name']}/outputs/model/paths/"
    assert best["outputs"]["model"] == best["model_output"]
    assert told["outputs"]["model"] == f"azureml://jobs/{told['name']}/outputs/model/paths/"

    workspace = Workspace(azml_emulator)
    written = f"0.3 {finished.dag_run.logical_date:%Y-%m-%d}"
    model = f"azureml:best:{finished.value('register')['version']}"
    assert workspace.run_and_read("cat ${{inputs.x}}/lr.txt", model) == written
    assert workspace.run_and_read("cat ${{inputs.x}}/lr.txt", told["outputs"]["model"]) == written


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_sweep_whose_trials_fail_says_why(deferrable: bool, azml_connection: str, tmp_path: Path) -> None:
    arguments = {"azml_conn_id": azml_connection, "deferrable": deferrable, "poll_seconds": 0.2}
    with DAG("tuning", schedule=None, default_args=arguments) as dag:
        AzmlSubmitSweepOperator(task_id="tune", **sweep(tmp_path, "echo the reason; exit 4"))
    (error,) = run(dag).errors["tune"]
    assert "exited with status code 4" in str(error)
    assert "the reason" in str(error)


def test_what_a_sweep_does_not_say_of_its_best_trial_is_asked_of_the_trial(service: SignedIn) -> None:
    service.answer("GET", "/discovery", Answer(body={"api": service.url}))
    run_of_trial = {"runId": "tune_3", "status": "Completed", "tags": {"hyperparameters": '{"lr": 0.05}'}}
    service.answer("GET", f"/history/v1.0{WS}/runs/tune_3", Answer(body=run_of_trial))
    logged = {"run": {"data": {"metrics": [{"key": "accuracy", "value": 0.9}, {"key": "loss", "value": 2}]}}}
    service.answer("GET", f"/mlflow/v2.0{WS}/api/2.0/mlflow/runs/get", Answer(body=logged))
    told = {
        "jobType": "Sweep",
        "objective": {"goal": "Maximize", "primaryMetric": "accuracy"},
        "properties": {"best_child_run_id": "tune_3"},
    }
    finished = submitted(service, AzmlSubmitSweepOperator, "tune", told, **SWEEP)
    best = finished.value("it")["best_trial"]
    assert (best["parameters"], best["metric"], best["model_output"]) == ({"lr": 0.05}, 0.9, None)
