"""Labels in pipeline files: what they stand for when the DAG is made, and in its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.dags import azml_dag, azml_dags
from airflow_provider_azml.exceptions import ConnectionIncomplete, SpecError
from tests.airflow.running import run
from tests.airflow.versions import DagSerialization
from tests.emulator.execution import Workspace
from tests.operators.test_label_pins import ENVIRONMENT, Numbers

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import DAG

    from airflow_provider_azml.dags.wishes import Render
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

COMPONENT = {
    "name": "look",
    "type": "command",
    "inputs": {"number": {"type": "uri_file"}},
    "outputs": {"seen": {"type": "uri_folder"}},
    "command": "cp ${{inputs.number}} ${{outputs.seen}}/number.txt",
}


@pytest.fixture
def numbers(azml_connection: str, azml_emulator: RunningEmulator) -> Numbers:
    found = Numbers(Workspace(azml_emulator).ensure())
    found.register("1")
    found.workspace.put("environment", found.name, "1", properties={"image": "local", "condaFile": CONDA_FILE})
    return found


CONDA_FILE = yaml.safe_dump(ENVIRONMENT["conda_file"])


def dag_of(folder: Path, numbers: Numbers, **given: Any) -> DAG:
    """The DAG of a file with a label of data, and one of an environment in a component's file."""
    component = {**COMPONENT, "environment": f"azureml:{numbers.name}@latest"}
    (folder / "look.yml").write_text(yaml.safe_dump(component))
    number = {"type": "uri_file", "path": f"azureml:{numbers.name}@latest"}
    file = {
        "type": "pipeline",
        "settings": {"default_compute": "azureml:serverless"},
        "inputs": {"text": "x", **given.pop("inputs", {})},
        "jobs": {
            "first": {"component": "look.yml", "inputs": {"number": number}},
            "second": {
                "component": "look.yml",
                "inputs": {"number": {**number, "mode": "download"}},
            },
        },
    }
    (folder / "pipeline.yml").write_text(yaml.safe_dump(file))
    arguments = {"poll_seconds": 0.2, **given.pop("default_args", {})}
    return azml_dag(folder / "pipeline.yml", default_args=arguments, **given)


@pytest.mark.parametrize("render", ["tasks", "job", "watch"])
def test_labels_looked_up_when_a_dag_is_parsed_are_held_by_its_tasks(
    render: Render, numbers: Numbers, tmp_path: Path
) -> None:
    dag = dag_of(tmp_path, numbers, render=render, labels="parse")
    held = {numbers.label: "1", f"environment {numbers.name}@latest": "1"}
    kept = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    told = {task.task_id: task.labels for task in kept.tasks if hasattr(task, "labels")}
    assert told
    assert all(labels == held for labels in told.values())
    numbers.register("2")
    finished = run(dag)
    assert finished.state == "success"
    results = [finished.value(task_id) for task_id in told]
    assert held in [result.get("labels") for result in results]


def test_labels_are_looked_up_over_the_connection_of_the_tasks(numbers: Numbers, tmp_path: Path) -> None:
    with pytest.raises(ConnectionIncomplete, match="'elsewhere'"):
        dag_of(tmp_path, numbers, labels="parse", default_args={"azml_conn_id": "elsewhere"})


def test_a_schedule_whose_pipeline_is_one_task_holds_labels_too(
    numbers: Numbers, azml_connection: str, tmp_path: Path
) -> None:
    dag_of(tmp_path, numbers)
    schedule = {"name": "nightly", "trigger": {"type": "cron", "expression": "0 3 * * *"}}
    (tmp_path / "nightly.yml").write_text(yaml.safe_dump({**schedule, "create_job": "./pipeline.yml"}))
    dag = azml_dag(tmp_path / "nightly.yml", labels="parse", default_args={"azml_conn_id": azml_connection})
    job: Any = dag.get_task("job")
    assert job.labels == {numbers.label: "1", f"environment {numbers.name}@latest": "1"}


def test_labels_are_looked_up_at_one_of_two_times(numbers: Numbers, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="labels: is 'never'; it must be run or parse"):
        dag_of(tmp_path, numbers, labels="never")


def test_a_label_that_stands_for_nothing_hides_no_other_dag_of_a_folder(
    numbers: Numbers, azml_connection: str, tmp_path: Path
) -> None:
    dag_of(tmp_path, numbers)
    text = (tmp_path / "pipeline.yml").read_text()
    (tmp_path / "other.yml").write_text(text.replace(f"{numbers.name}@", "nowhere@"))
    dags = azml_dags(tmp_path, labels="parse", default_args={"azml_conn_id": azml_connection})
    assert (dags["pipeline"].tags, dags["other"].tags) == (set(), {"azml-broken"})
    assert "other.yml: " in str(dags["other"].doc_md)
    assert "nowhere" in str(dags["other"].doc_md)


def test_an_input_that_a_run_must_give_hides_no_labels(numbers: Numbers, tmp_path: Path) -> None:
    dag = dag_of(tmp_path, numbers, labels="parse", inputs={"wanted": {"type": "uri_file"}})
    assert dag.task_dict["first"].labels == {numbers.label: "1", f"environment {numbers.name}@latest": "1"}
