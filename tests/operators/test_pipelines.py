"""Pipelines as tasks: their steps really run, and the next task registers what they made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.sdk import DAG

from airflow_provider_azml.operators import (
    AzmlRegisterModelOperator,
    AzmlRunJobAgainOperator,
    AzmlSubmitPipelineOperator,
)
from tests.airflow.running import run
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

ENVIRONMENT = {"image": "local", "conda_file": {"name": "bare", "dependencies": ["python=3.11"]}}
FOLDER = {"type": "uri_folder"}


def pipeline(train: str = "cat ${{inputs.data}}/day.txt > ${{outputs.model}}/model.txt") -> dict[str, Any]:
    """A pipeline of two steps, in the keys of its file."""
    prepare = {
        "type": "command",
        "command": "echo ${{inputs.day}} > ${{outputs.data}}/day.txt",
        "environment": ENVIRONMENT,
        "inputs": {"day": "${{parent.inputs.day}}"},
        "outputs": {"data": FOLDER},
    }
    fit = {
        "type": "command",
        "command": train,
        "environment": ENVIRONMENT,
        "inputs": {"data": "${{parent.jobs.prepare.outputs.data}}"},
        "outputs": {"model": "${{parent.outputs.model}}"},
    }
    return {
        "inputs": {"day": "{{ ds }}"},
        "outputs": {"model": FOLDER},
        "settings": {"default_compute": "azureml:serverless"},
        "jobs": {"prepare": prepare, "fit": fit},
    }


@pytest.mark.parametrize(("deferrable", "as_file"), [(False, False), (True, True)])
def test_what_a_pipeline_makes_is_registered(
    deferrable: bool,
    as_file: bool,
    azml_connection: str,
    azml_emulator: RunningEmulator,
    tmp_path: Path,
) -> None:
    given = pipeline()
    if as_file:
        (tmp_path / "pipeline.yml").write_text(yaml.safe_dump({"type": "pipeline", **given}))
        given = {"file": str(tmp_path / "pipeline.yml")}
    arguments = {"azml_conn_id": azml_connection, "deferrable": deferrable, "poll_seconds": 0.2}
    with DAG("training", schedule=None, default_args=arguments) as dag:
        train = AzmlSubmitPipelineOperator(task_id="train", **given)
        path = "{{ ti.xcom_pull(task_ids='train')['outputs']['model'] }}"
        register = AzmlRegisterModelOperator(task_id="register", name="made", path=path, type="custom_model")
        train >> register
    finished = run(dag)
    assert finished.errors == {}

    told = finished.value("train")
    workspace = Workspace(azml_emulator)
    steps = workspace.history(f"runs/{told['name']}/children")["value"]
    assert [(step["displayName"], step["status"]) for step in steps] == [("prepare", "Completed"), ("fit", "Completed")]
    day = f"{finished.dag_run.logical_date:%Y-%m-%d}\n"
    model = f"azureml:made:{finished.value('register')['version']}"
    assert workspace.run_and_read("cat ${{inputs.x}}/model.txt", model) == day


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_pipeline_whose_step_fails_says_which_and_why(deferrable: bool, azml_connection: str) -> None:
    arguments = {"azml_conn_id": azml_connection, "deferrable": deferrable, "poll_seconds": 0.2}
    with DAG("training", schedule=None, default_args=arguments) as dag:
        AzmlSubmitPipelineOperator(task_id="train", **pipeline("echo the reason; exit 4"))
    (error,) = run(dag).errors["train"]
    assert "fit" in str(error)
    assert "exited with status code 4" in str(error)
    assert "the reason" in str(error)


def test_a_pipeline_that_ran_runs_again_with_other_inputs(azml_connection: str, azml_emulator: RunningEmulator) -> None:
    workspace = Workspace(azml_emulator).ensure()
    arguments = {"azml_conn_id": azml_connection, "poll_seconds": 0.2}
    with DAG("pipelines_again", schedule=None) as dag:
        first = AzmlSubmitPipelineOperator(task_id="first", **pipeline(), **arguments)
        again = AzmlRunJobAgainOperator(
            task_id="again", job=first.output["name"], inputs={"day": "2030-01-01"}, display_name="again", **arguments
        )
        unknown = AzmlRunJobAgainOperator(task_id="unknown", job="never-ran", trigger_rule="all_done", **arguments)
        first >> again >> unknown
    finished = run(dag)
    told = finished.value("again")
    assert told["name"] != finished.value("first")["name"]
    job = workspace.get("job", told["name"])["properties"]
    assert (job["displayName"], job["sourceJobId"]) == ("again", finished.value("first")["name"])
    model = {"jobInputType": "uri_folder", "uri": told["outputs"]["model"]}
    done = workspace.run("cat ${{inputs.model}}/model.txt", inputs={"model": model})
    assert "2030-01-01" in workspace.log(done)
    assert finished.states == {"first": "success", "again": "success", "unknown": "failed"}
    assert "there is no pipeline job of that name" in str(finished.errors["unknown"][0])
