"""Jobs of the types that the emulator does not run: what is sent, and what a task tells of their end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.operators import (
    AzmlSubmitAutoMLOperator,
    AzmlSubmitPipelineOperator,
    AzmlSubmitSparkJobOperator,
    AzmlSubmitSweepOperator,
)
from tests.airflow.running import run
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from pathlib import Path

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


COMPONENT = """
type: command
name: day_of
inputs: {day: {type: string}}
command: python day.py --day ${{inputs.day}} --today {{ ds }}
environment: azureml:bare:1
"""


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
    told = {
        "jobType": "Sweep",
        "objective": {"goal": "Maximize", "primaryMetric": "accuracy"},
        "outputs": {"model": {"jobOutputType": "mlflow_model"}, "report": {}},
        "properties": {"best_child_run_id": "tune_3", "score": "0.93"},
        "tags": {"tune_3": '{"lr": 0.05}'},
    }
    finished = submitted(service, AzmlSubmitSweepOperator, "tune", told, deferrable=deferrable, **SWEEP)
    assert finished.errors == {}
    result = finished.value("it")
    assert (result["name"], result["status"]) == ("tune", "Completed")
    assert result["best_trial"] == {
        "name": "tune_3",
        "parameters": {"lr": 0.05},
        "primary_metric": "accuracy",
        "metric": 0.93,
        "outputs": {
            "default": "azureml://jobs/tune_3/outputs/artifacts/paths/",
            "model": "azureml://jobs/tune_3/outputs/model/paths/",
            "report": "azureml://jobs/tune_3/outputs/report/paths/",
        },
        "model_output": "azureml://jobs/tune_3/outputs/model/paths/",
    }
    assert result["metrics"] == {}  # there is no MLflow here, which is a warning and no more
    ((_, body),) = service.puts()
    assert body["properties"]["jobType"] == "Sweep"
    assert body["properties"]["experimentName"] == "searching"
    assert body["properties"]["trial"]["command"] == TRIAL["command"]
    assert body["properties"]["properties"]["airflow.task_id"] == "it"


def test_an_automl_job_tells_its_best_trial(service: SignedIn) -> None:
    told = {"taskDetails": {"primaryMetric": "accuracy"}, "tags": {"automl_best_child_run_id": "found_7"}}
    finished = submitted(service, AzmlSubmitAutoMLOperator, "found", told, **AUTOML)
    assert finished.errors == {}
    assert finished.value("it")["best_trial"] == {
        "name": "found_7",
        "parameters": {},
        "primary_metric": "accuracy",
        "metric": None,  # there is no MLflow here, which is a warning and no more
        "outputs": {"default": "azureml://jobs/found_7/outputs/artifacts/paths/"},
        "model_output": "azureml://jobs/found_7/outputs/artifacts/outputs/mlflow-model/",
    }
    ((_, body),) = service.puts()
    assert body["properties"]["taskDetails"]["taskType"] == "Classification"


@pytest.mark.parametrize("as_file", [False, True])
def test_component_files_of_a_pipeline_are_rendered_too(as_file: bool, service: SignedIn, tmp_path: Path) -> None:
    (tmp_path / "component.yml").write_text(COMPONENT)
    component = "component.yml" if as_file else str(tmp_path / "component.yml")
    pipeline = {
        "inputs": {"day": "never"},
        "settings": {"default_compute": "azureml:cpu"},
        "jobs": {"one": {"type": "command", "component": component, "inputs": {"day": "${{parent.inputs.day}}"}}},
    }
    (tmp_path / "pipeline.yml").write_text(json.dumps({"type": "pipeline", **pipeline}))
    given: dict[str, Any] = {"file": str(tmp_path / "pipeline.yml")} if as_file else pipeline
    given["inputs"] = {"day": "{{ ds }}"}
    service.holds({f"{WS}/computes/cpu": {"id": f"{WS}/computes/cpu"}})
    finished = submitted(service, AzmlSubmitPipelineOperator, "daily", {}, **given)
    assert finished.errors == {}
    (_, component_body), (_, job_body) = service.puts()
    day = f"{finished.dag_run.logical_date:%Y-%m-%d}"
    spec = component_body["properties"]["componentSpec"]
    assert spec["command"] == f"python day.py --day ${{{{inputs.day}}}} --today {day}"
    assert job_body["properties"]["inputs"]["day"]["value"] == day
    assert list(job_body["properties"]["jobs"]) == ["one"]


def test_a_mistake_in_a_component_file_is_told_with_its_place_in_that_file(service: SignedIn, tmp_path: Path) -> None:
    (tmp_path / "component.yml").write_text(COMPONENT.replace("command: python", "comand: python"))
    pipeline = {"jobs": {"one": {"type": "command", "component": str(tmp_path / "component.yml")}}}
    with DAG("searching", schedule=None) as dag:
        AzmlSubmitPipelineOperator(task_id="it", **pipeline)
    text = str(run(dag).errors["it"][0])
    assert f"{tmp_path}/component.yml:5:1: comand: unknown key" in text
    assert service.asked == []


def test_a_spark_job_is_sent(service: SignedIn) -> None:
    spark = {
        "code": "https://flowers.test/code",
        "entry": {"file": "main.py"},
        "args": "--day {{ ds }} ${{inputs.n}}",
        "inputs": {"n": 1},
        "conf": {
            "spark.driver.cores": 1,
            "spark.driver.memory": "2g",
            "spark.executor.cores": 2,
            "spark.executor.memory": "2g",
            "spark.executor.instances": 2,
        },
        "resources": {"instance_type": "standard_e4s_v3", "runtime_version": "3.4"},
        "identity": {"type": "managed"},
    }
    finished = submitted(service, AzmlSubmitSparkJobOperator, "wrangle", {}, **spark)
    assert finished.errors == {}
    (_, body) = service.puts()[-1]
    assert body["properties"]["resources"] == {"instanceType": "standard_e4s_v3", "runtimeVersion": "3.4"}
    assert body["properties"]["args"] == f"--day {finished.dag_run.logical_date:%Y-%m-%d} ${{{{inputs.n}}}}"
