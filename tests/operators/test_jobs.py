"""Jobs of the types that the emulator does not run: what is sent, and what a task tells of their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.operators import AzmlSubmitAutoMLOperator, AzmlSubmitSweepOperator
from tests.airflow.running import run
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from tests.airflow.running import Finished
    from tests.operators.conftest import SignedIn

TRIAL = {"command": "python train.py --lr ${{search_space.lr}}", "environment": "azureml:bare:1"}
SWEEP = {
    "trial": TRIAL,
    "search_space": {"lr": {"type": "uniform", "min_value": 0.01, "max_value": 0.1}},
    "objective": {"goal": "maximize", "primary_metric": "accuracy"},
    "limits": {"max_total_trials": 4},
    "compute": "azureml:cpu",
}
AUTOML = {
    "task": "classification",
    "primary_metric": "accuracy",
    "target_column_name": "species",
    "training_data": {"type": "mltable", "path": "azureml:flowers:1"},
    "compute": "azureml:cpu",
}


def submitted(service: SignedIn, operator: type[Any], name: str, body: dict[str, Any], **arguments: Any) -> Finished:
    """A job that is not there, is put, runs, and ends as ``body`` says."""
    job = f"{WS}/jobs/{name}"
    shown = [{"name": name, "id": job, "properties": {"status": status, **body}} for status in ("Running", "Completed")]
    missing = Answer(404, {"error": {"code": "UserError", "message": "no such job"}})
    service.answer("GET", job, missing, *(Answer(body=each) for each in shown))
    service.answer("PUT", job, Answer(201, shown[0]))
    service.holds({WS: {"properties": {"discoveryUrl": f"{service.url}/discovery"}}})
    with DAG("searching", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
        operator(task_id="it", name=name, **arguments)
    return run(dag)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_sweep_tells_its_best_trial(deferrable: bool, service: SignedIn) -> None:
    told = {"properties": {"best_child_run_id": "tune_3"}}
    finished = submitted(service, AzmlSubmitSweepOperator, "tune", told, deferrable=deferrable, **SWEEP)
    assert finished.errors == {}
    result = finished.value("it")
    assert (result["name"], result["status"], result["best_trial"]) == ("tune", "Completed", "tune_3")
    assert result["metrics"] == {}  # there is no MLflow here, which is a warning and no more
    ((_, body),) = service.puts()
    assert body["properties"]["jobType"] == "Sweep"
    assert body["properties"]["experimentName"] == "searching"
    assert body["properties"]["trial"]["command"] == TRIAL["command"]
    assert body["properties"]["properties"]["airflow.task_id"] == "it"


def test_an_automl_job_tells_its_best_trial(service: SignedIn) -> None:
    told = {"tags": {"automl_best_child_run_id": "found_7"}}
    finished = submitted(service, AzmlSubmitAutoMLOperator, "found", told, **AUTOML)
    assert finished.errors == {}
    assert finished.value("it")["best_trial"] == "found_7"
    ((_, body),) = service.puts()
    assert body["properties"]["taskDetails"]["taskType"] == "Classification"
