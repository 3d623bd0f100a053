"""Ids of tasks: full paths of names of nodes, which never change, for runs and their logs are kept under them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.dags import azml_dag
from airflow_provider_azml.dags.ids import of_node, task_ids
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.pipeline_plans import plan_pipeline
from airflow_provider_azml.spec.source import read

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import DAG

JOB = "{type: command, command: ls, environment: azureml:e:1}"
PIPELINE = f"""\
type: pipeline
settings: {{default_compute: azureml:serverless}}
jobs:
  prep: {JOB}
  first_half: {{type: pipeline, component: half.yml}}
  second_half: {{type: pipeline, component: half.yml}}
  train_2: {JOB}
  ready_made: {{type: pipeline, component: azureml:ready:1}}
  _hidden: {JOB}
"""
HALF = f"""\
type: pipeline
jobs:
  prep: {JOB}
  deeper: {{type: pipeline, component: deep.yml}}
"""
DEEP = f"""\
type: pipeline
jobs:
  train: {JOB}
"""
GOLDEN = [
    "prep",
    "first_half.prep",
    "first_half.deeper.train",
    "second_half.prep",
    "second_half.deeper.train",
    "train_2",
    "ready_made",
    "_hidden",
]
"""Not to be changed: the runs of everybody's DAGs would be those of other tasks."""
GROUPS = {"first_half", "first_half.deeper", "second_half", "second_half.deeper"}


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    for name, text in {"pipeline.yml": PIPELINE, "half.yml": HALF, "deep.yml": DEEP}.items():
        (tmp_path / name).write_text(text)
    return tmp_path / "pipeline.yml"


def ids(dag: DAG) -> list[str]:
    return [task.task_id for task in dag.tasks]


@pytest.mark.parametrize(
    ("render", "more"),
    [("tasks", []), ("watch", ["azml_submit", "azml_job"]), (None, [])],
    ids=["tasks", "watch", "default"],
)
def test_they_are_the_paths_of_the_nodes(pipeline: Path, render: Any, more: list[str]) -> None:
    dag = azml_dag(pipeline, schedule=None, **({"render": render} if render else {}))
    assert sorted(ids(dag)) == sorted([*more, *GOLDEN])
    assert {name for name in dag.task_group.get_task_group_dict() if name} == GROUPS


def test_one_job_is_one_task(pipeline: Path) -> None:
    assert ids(azml_dag(pipeline, render="job", schedule=None)) == ["job"]


def test_they_stay_while_the_file_grows_and_is_put_in_another_order(pipeline: Path) -> None:
    head, jobs = PIPELINE.split("jobs:\n", 1)
    first, rest = jobs.split("\n", 1)
    more = f"  zeroth: {JOB}\n"
    pipeline.write_text(f"{head}jobs:\n{more}{rest}{first}\n")
    assert set(ids(azml_dag(pipeline, schedule=None))) == {*GOLDEN, "zeroth"}


def planned(tmp_path: Path, text: str) -> Any:
    (tmp_path / "steps.yml").write_text(textwrap.dedent(text))
    return plan_pipeline(read(tmp_path / "steps.yml"))


def test_names_of_older_files_become_legal(tmp_path: Path) -> None:
    plan = planned(
        tmp_path,
        f"""\
        type: pipeline
        jobs:
          Train the model (v1.2): {JOB}
          grün: {JOB}
        """,
    )
    assert list(task_ids(plan).values()) == ["Train_the_model_v1_2_", "gr_n"]
    assert of_node("") == "_"


def test_two_nodes_of_one_id_are_told_with_the_places_of_both(tmp_path: Path) -> None:
    plan = planned(
        tmp_path,
        f"""\
        type: pipeline
        jobs:
          a b: {JOB}
          fine: {JOB}
          a_b: {JOB}
          group:
            type: pipeline
            component:
              type: pipeline
              jobs:
                x.y: {JOB}
                x_y: {JOB}
        """,
    )
    with pytest.raises(SpecError) as refused:
        task_ids(plan)
    file = tmp_path / "steps.yml"
    problems = refused.value.problems
    assert [(problem.file, problem.line) for problem in problems] == [(str(file), line) for line in (3, 5, 11, 12)]
    outer, _, inner, _ = (problem.reason for problem in problems)
    assert outer == f"'a b' ({file}:3) and 'a_b' ({file}:5) would both be the task 'a_b'; rename one of them"
    assert inner == f"'x.y' ({file}:11) and 'x_y' ({file}:12) would both be the task 'group.x_y'; rename one of them"


def test_a_component_that_two_nodes_run_is_told_of_once_for_each(tmp_path: Path) -> None:
    (tmp_path / "half.yml").write_text(f"type: pipeline\njobs:\n  a b: {JOB}\n  a_b: {JOB}\n")
    plan = planned(
        tmp_path,
        """\
        type: pipeline
        jobs:
          one: {type: pipeline, component: half.yml}
          other: {type: pipeline, component: half.yml}
        """,
    )
    with pytest.raises(SpecError) as refused:
        task_ids(plan, group="outer")
    told = [(problem.line, problem.reason.split("task ")[1]) for problem in refused.value.problems]
    wanted = "'outer.one.a_b'; rename one of them", "'outer.other.a_b'; rename one of them"
    assert sorted(told) == sorted((line, task) for line in (3, 4) for task in wanted)


def test_a_name_twice_in_a_file_is_told(pipeline: Path) -> None:
    pipeline.write_text(PIPELINE + f"  prep: {JOB}\n")
    with pytest.raises(SpecError, match=r"pipeline\.yml:10:.*prep"):
        azml_dag(pipeline, schedule=None)


@pytest.mark.parametrize("name", ["azml_submit", "azml_job"])
def test_a_node_called_like_a_task_beside_the_nodes_is_told(pipeline: Path, name: str) -> None:
    pipeline.write_text(PIPELINE.replace("train_2", name))
    assert name in ids(azml_dag(pipeline, schedule=None))
    with pytest.raises(SpecError) as refused:
        azml_dag(pipeline, render="watch", schedule=None)
    (problem,) = refused.value.problems
    assert (problem.line, problem.path) == (7, f"jobs.{name}")
    assert problem.reason == f"would be the task {name!r}, which is there already; rename it"


def test_ids_that_airflow_does_not_take_are_told(pipeline: Path) -> None:
    pipeline.write_text(PIPELINE.replace("train_2", "t" * 251).replace("first_half", "h" * 201))
    with pytest.raises(SpecError) as refused:
        azml_dag(pipeline, schedule=None)
    assert [(problem.line, problem.reason.partition(";")[0]) for problem in refused.value.problems] == [
        (5, "would be a task group with an id of 201 characters, and Airflow takes 200"),
        (7, "would be a task with an id of 251 characters, and Airflow takes 250"),
    ]
    assert ids(azml_dag(pipeline, render="job", schedule=None)) == ["job"]


def test_a_name_that_only_a_run_knows_is_told(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yml"
    file.write_text(f'type: pipeline\njobs:\n  "train_{{{{ ds }}}}": {JOB}\n', encoding="utf-8")
    with pytest.raises(SpecError, match=r"yml:3:3: .*'train_\{\{ ds \}\}' is a template, and a task has its id before"):
        azml_dag(file)
