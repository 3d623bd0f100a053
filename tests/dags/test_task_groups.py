"""Pipelines as parts of other DAGs: beside each other, over and over, and mapped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import DAG, task, task_group

from airflow_provider_azml.dags import azml_dag, azml_task_group
from tests.airflow.running import run
from tests.dags.test_renderings import ENVIRONMENT
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

PIPELINE = f"""\
# {{{{ note() }}}}
type: pipeline
settings: {{default_compute: azureml:serverless}}
inputs: {{day: none}}
jobs:
  prep:
    type: command
    command: echo ${{{{inputs.day}}}} > ${{{{outputs.o}}}}/x
    environment: {json.dumps(ENVIRONMENT)}
    inputs: {{day: "${{{{parent.inputs.day}}}}"}}
    outputs: {{o: {{type: uri_folder}}}}
  show:
    type: pipeline
    component: ./show.yml
    inputs: {{i: "${{{{parent.jobs.prep.outputs.o}}}}"}}
"""
SHOW = f"""\
type: pipeline
name: show
inputs: {{i: {{type: uri_folder}}}}
jobs:
  cat:
    type: command
    command: cat ${{{{inputs.i}}}}/x
    environment: {json.dumps(ENVIRONMENT)}
    inputs: {{i: "${{{{parent.inputs.i}}}}"}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    (tmp_path / "show.yml").write_text(SHOW)
    return tmp_path


def test_a_pipeline_is_mapped_over_what_a_task_tells(
    folder: Path, azml_connection: str, azml_emulator: RunningEmulator
) -> None:
    arguments = {"azml_conn_id": azml_connection, "poll_seconds": 0.2, "deferrable": False}
    noted: list[None] = []
    macros = {"note": lambda: noted.append(None)}
    with DAG("mapped", schedule=None, default_args=arguments, user_defined_macros=macros) as dag:

        @task
        def days() -> list[str]:
            return ["monday", "tuesday"]

        @task_group
        def each(day: str) -> None:
            azml_task_group(folder / "pipeline.yml", "days", inputs={"day": day})

        each.expand(day=days())
    finished = run(dag)
    assert set(finished.states.values()) == {"success"}, finished.errors
    of_cat = [one for one in finished.dag_run.get_task_instances() if one.task_id == "each.days.show.cat"]
    shown = [one.xcom_pull(task_ids=one.task_id, map_indexes=one.map_index)["child"] for one in of_cat]
    assert sorted(Workspace(azml_emulator).log(job).strip() for job in shown) == ["monday", "tuesday"]
    assert len(noted) == 4  # each try reads the file once


def test_which_component_a_node_has_may_be_for_the_run_to_say(folder: Path, azml_connection: str) -> None:
    leaf = SHOW[SHOW.index("    command: ") : SHOW.index("    inputs: {i")].replace("\n    ", "\n").strip()
    component = f"type: command\nname: cat\n{leaf}\ninputs: {{i: {{type: uri_folder}}}}\n"
    (folder / "cat.yml").write_text(component)
    (folder / "pipeline.yml").write_text(
        PIPELINE.replace("# {{ note() }}", "").replace(
            "type: pipeline\n    component: ./show", "type: command\n    component: ./{{ dag.dag_id }}"
        )
    )
    arguments = {"azml_conn_id": azml_connection, "poll_seconds": 0.2, "deferrable": False}
    dag = azml_dag(folder / "pipeline.yml", dag_id="cat", default_args=arguments)
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == {"prep": {"show"}, "show": set()}
    finished = run(dag)
    assert set(finished.states.values()) == {"success"}, finished.errors


def test_a_file_that_has_changed_since_it_was_parsed_is_told(folder: Path, azml_connection: str) -> None:
    file = folder / "pipeline.yml"
    text = PIPELINE.replace("# {{ note() }}", "")
    node = 'type: command\n    component: azureml:c:1\n    inputs: {i: "${{parent.inputs.day}}"}\n'
    file.write_text(text[: text.index("type: pipeline\n    comp")] + node)
    arguments = {"azml_conn_id": azml_connection, "poll_seconds": 0.2, "deferrable": False}
    dag = azml_dag(file, dag_id="changed", default_args=arguments)
    file.write_text(text.replace("  show:", "  tell:"))
    finished = run(dag)
    assert "there is no node 'show'; it has prep, tell.cat" in str(finished.errors["show"])
    file.write_text(text[: text.index("type: pipeline\n    comp")] + node.replace("inputs.day", "jobs.prep.outputs.o"))
    finished = run(dag)
    assert "jobs.show: takes outputs of prep, for which results_of has no task" in str(finished.errors["show"])
