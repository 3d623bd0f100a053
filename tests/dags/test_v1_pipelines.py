"""DAGs of pipelines of CLI v1, run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.dags import azml_dag, azml_dags
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest.control_outputs import text_at
from airflow_provider_azml.rest.node_jobs import node_job
from tests.airflow.running import run
from tests.dags.v1_files import FILES

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

MANY = """\
import pathlib, sys
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for number in range(5):
    (folder / f"{number}.txt").write_text(str(number))
"""
BATCHES = """\
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--plus", type=int)
given, _ = parser.parse_known_args()
def init():
    pass
def run(batch):
    return [str(int(pathlib.Path(file).read_text()) + given.plus) for file in batch]
"""
PARALLEL_RUN_CONFIG = """\
parallel_run_config:
  entry_script: batches.py
  mini_batch_size: 2
  error_threshold: -1
  output_action: append_row
  node_count: 1
  process_count_per_node: 1
  environment:
    docker: {baseImage: local}
    python: {condaDependencies: {name: bare, dependencies: [python=3.11]}}
"""
PARALLEL = """\
pipeline:
  default_compute: serverless
  parameters: {N: {type: int, default: 10}}
  steps:
    make:
      type: PythonScriptStep
      script_name: many.py
      runconfig: plain.runconfig
      arguments: ["output:files"]
      outputs: {files: {destination: files}}
    batch:
      type: ParallelRunStep
      parallel_run_config: batches.yml
      arguments: ["--plus", "parameter:n"]
      parameters: {n: {source: N}}
      inputs: {files: {source: files}}
      outputs: {rows: {destination: rows}}
      allow_reuse: false
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def held(hook: AzmlHook, folder: str, file: str = "out.txt") -> str:
    """What scripts have written to a file of a folder."""
    return hook.run(text_at(hook.workspace_id, hook.cloud, f"{folder.rstrip('/')}/{file}"))


def test_a_pipeline_of_v1_runs_as_tasks_and_as_one_job(
    azml_connection: str, azml_emulator: RunningEmulator, folder: Path
) -> None:
    arguments = {"azml_conn_id": azml_connection, "poll_seconds": 0.2}
    tasks = azml_dag(folder / "pipeline.yml", dag_id="tasks", default_args=arguments)
    assert tasks.get_task("train").upstream_task_ids == {"prep_it"}

    finished = run(tasks, run_conf={"Seed": 9})
    assert finished.state == "success", finished.errors
    hook = AzmlHook(azml_connection)
    assert held(hook, finished.value("train")["outputs"]["done"]) == "two words 9!"

    job = azml_dag(folder / "pipeline.yml", dag_id="job", render="job", default_args=arguments)
    finished = run(job)
    assert finished.state == "success", finished.errors
    trained = hook.run(node_job(hook.workspace_id, finished.value("job")["name"], "train"))
    assert trained
    assert held(hook, trained.outputs["done"]) == "two words 7!"


def test_pipelines_of_v1_in_a_folder_become_dags(folder: Path) -> None:
    (folder / "other.yml").write_text("pipeline: {agent: any}\n")
    dags = azml_dags(folder, strict=True)
    assert {dag_id: sorted(dag.task_ids) for dag_id, dag in dags.items()} == {"pipeline": ["prep_it", "train"]}
    assert dags["pipeline"].params["Word"] == "two words"


def test_the_rows_of_a_parallel_run_step_are_where_v1_put_them(
    azml_connection: str, azml_emulator: RunningEmulator, folder: Path
) -> None:
    files = {"many.py": MANY, "batches.py": BATCHES, "batches.yml": PARALLEL_RUN_CONFIG, "parallel.yml": PARALLEL}
    for name, text in files.items():
        (folder / name).write_text(text)
    arguments = {"azml_conn_id": azml_connection, "poll_seconds": 0.2}
    finished = run(azml_dag(folder / "parallel.yml", default_args=arguments))
    assert finished.state == "success", finished.errors
    rows = held(AzmlHook(azml_connection), finished.value("batch")["outputs"]["rows"], "parallel_run_step.txt")
    assert sorted(rows.split()) == ["10", "11", "12", "13", "14"]
