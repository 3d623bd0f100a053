"""What the UI shows of pipelines for people to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.dags import azml_dag
from airflow_provider_azml.dags.documentation import documented_group
from airflow_provider_azml.spec.pipeline_plans import plan_pipeline
from airflow_provider_azml.spec.source import read
from tests.airflow.versions import DagSerialization

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import DAG

PIPELINE = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
display_name: Churn
description: |
  Finds out who leaves.

  Read more in README.md
tags: {owner: risk, team: churn, nightly: ""}
settings: {default_compute: azureml:serverless}
inputs:
  rate: 0.1
  raw: {type: uri_file, path: azureml:raw:1}
outputs:
  model: {type: mlflow_model, name: churn, version: "3"}
jobs:
  prep:
    type: command
    display_name: Clean up
    command: cp ${{inputs.raw}} ${{outputs.clean}}/x
    environment: azureml:bare:1
    inputs: {raw: "${{parent.inputs.raw}}", mask: "a|`b`"}
    outputs: {clean: {type: uri_folder, name: clean}, rest: {type: uri_file, path: azureml://datastores/d/paths/rest}}
  learn:
    type: pipeline
    display_name: Learning
    component: parts/learn.yml
    inputs: {data: "${{parent.jobs.prep.outputs.clean}}"}
    outputs: {model: "${{parent.outputs.model}}"}
  report:
    type: command
    component: azureml:reporter:4
    inputs: {model: "${{parent.jobs.learn.outputs.model}}"}
"""
LEARN = """\
type: pipeline
description: |
  Learns in two steps.
  The second is the best.
inputs: {data: {type: uri_folder}}
outputs: {model: {type: mlflow_model}}
jobs:
  train:
    type: command
    component: train.yml
    inputs: {data: "${{parent.inputs.data}}", rate: 0.5}
    outputs: {model: "${{parent.outputs.model}}"}
"""
TRAIN = """\
name: train
version: 3
type: command
description: Trains a model.
tags: {owner: science}
inputs:
  data:
    type: uri_folder
    description: |
      What to learn |
      and from where
  rate: {type: number, default: 0.01, min: 0}
  shuffle: {type: boolean, default: true}
  note: {type: string, optional: true}
outputs: {model: {type: mlflow_model, description: The best}}
command: echo ${{inputs.data}} ${{inputs.rate}} ${{inputs.shuffle}} $[[${{inputs.note}}]] ${{outputs.model}}
environment: azureml:bare:1
"""
OF_DAG = """\
Finds out who leaves.

Read more in README.md

The pipeline `pipeline.yml` of Azure ML.

| Input | Type | Default |
| --- | --- | --- |
| `rate` | number | `0.1` |
| `raw` | uri_file | `azureml:raw:1` |

| Output | Type | Asset |
| --- | --- | --- |
| `model` | mlflow_model | `churn`, version `3` |
"""
OF_TASKS = {
    "prep": r"""
The command node `prep` of `pipeline.yml`, line 16.

| Input | Type | Value |
| --- | --- | --- |
| `raw` | uri_file | input `raw` of the pipeline |
| `mask` | string | `` a\|`b` `` |

| Output | Type | Asset | Path |
| --- | --- | --- | --- |
| `clean` | uri_folder | `clean` |  |
| `rest` | uri_file |  | `azureml://datastores/d/paths/rest` |
""",
    "learn.train": r"""
Trains a model.

The command node `learn.train` of `parts/learn.yml`, line 8; it runs the component `train:3` of `parts/train.yml`.

| Input | Type | Value | Default | Description |
| --- | --- | --- | --- | --- |
| `data` | uri_folder | input `data` of `learn` |  | What to learn \| and from where |
| `rate` | number | `0.5` | `0.01` |  |
| `shuffle` | boolean |  | `true` |  |
| `note` | string, optional |  |  |  |

| Output | Type | Asset | Description |
| --- | --- | --- | --- |
| `model` | mlflow_model | `churn`, version `3` | The best |
""",
    "report": """
The command node `report` of `pipeline.yml`, line 29; it runs the component `azureml:reporter:4`.

| Input | Type | Value |
| --- | --- | --- |
| `model` | mlflow_model | output `model` of `learn` |
""",
}


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/learn.yml").write_text(LEARN)
    (tmp_path / "parts/train.yml").write_text(TRAIN)
    return tmp_path / "pipeline.yml"


def texts(dag: DAG) -> dict[str, str | None]:
    return {task.task_id: task.doc_md for task in dag.tasks if task.doc_md}


def test_a_dag_says_what_its_file_says(pipeline: Path) -> None:
    dag = azml_dag(pipeline, schedule=None)
    assert dag.doc_md == OF_DAG
    assert (dag.description, dag.dag_display_name) == ("Finds out who leaves.\n\nRead more in README.md\n", "Churn")
    assert dag.tags == {"nightly", "owner:risk", "team:churn"}


def test_a_task_says_what_its_node_takes_and_makes_and_where_that_is_written(pipeline: Path) -> None:
    dag = azml_dag(pipeline, schedule=None)
    assert texts(dag) == {task: text.lstrip("\n") for task, text in OF_TASKS.items()}
    assert {task.task_id: task.task_display_name for task in dag.tasks} == {
        "prep": "Clean up",
        "learn.train": "learn.train",
        "report": "report",
    }
    assert texts(azml_dag(pipeline, render="watch", schedule=None)).items() >= texts(dag).items()


def test_a_group_says_what_its_pipeline_component_says(pipeline: Path) -> None:
    group = azml_dag(pipeline, schedule=None).task_group.children["learn"]
    assert (group.tooltip, group.group_display_name) == ("Learns in two steps.", "Learning")  # type: ignore[union-attr]
    node = plan_pipeline(read(pipeline)).nodes["learn"]
    text = documented_group(node, pipeline).get("doc_md")
    assert text == getattr(group, "doc_md", None)  # from Airflow 3.3 on
    where = "The pipeline node `learn` of `pipeline.yml`, line 23; it runs the component of `parts/learn.yml`."
    assert text is None or (where in text and "| `data` | uri_folder | output `clean` of `prep` |" in text)


def test_who_owns_a_task_is_what_is_said_nearest_to_it(pipeline: Path) -> None:
    def owners(**given: Any) -> dict[str, str]:
        return {task.task_id: task.owner for task in azml_dag(pipeline, schedule=None, **given).tasks}

    assert owners() == {"prep": "risk", "learn.train": "science", "report": "risk"}
    assert owners(default_args={"owner": "us"}) == {"prep": "us", "learn.train": "science", "report": "us"}
    assert owners(task_overrides={"*": {"owner": "them"}}) == dict.fromkeys(owners(), "them")


def test_what_a_dag_is_given_counts_and_tags_are_added(pipeline: Path) -> None:
    dag = azml_dag(
        pipeline,
        schedule=None,
        doc_md="Ours.",
        description="D",
        dag_display_name="N",
        tags=["x"],
        default_args={"retries": 7},
    )
    assert (dag.doc_md, dag.description, dag.dag_display_name) == ("Ours.", "D", "N")
    assert dag.tags == {"nightly", "owner:risk", "team:churn", "x"}
    assert {(task.retries, task.owner) for task in dag.tasks if task.task_id != "learn.train"} == {(7, "risk")}


def test_it_is_the_same_wherever_and_whenever_it_is_parsed(pipeline: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in ("pipeline.yml", "parts"):
        (elsewhere / file).symlink_to(tmp_path / file)
    one, other = azml_dag(pipeline, schedule=None), azml_dag(elsewhere / "pipeline.yml", schedule=None)
    assert (one.doc_md, texts(one)) == (other.doc_md, texts(other))
    kept = DagSerialization.from_dict(DagSerialization.to_dict(one))
    assert kept.doc_md == one.doc_md
    assert {task.task_id: task.doc_md for task in kept.tasks} == texts(one)


@pytest.mark.parametrize("name", ["Churn of {{ ds }}", "{% if x %}a{% endif %}", "${{parent.inputs.rate}}"])
def test_a_name_that_a_task_would_render_is_not_shown(pipeline: Path, name: str) -> None:
    text = PIPELINE.replace("display_name: Churn", f'display_name: "{name}"').replace("Clean up", f'"{name}"')
    pipeline.write_text(text.replace("team: churn", f'team: "{name}"').replace("owner: risk", f'owner: "{name}"'))
    dag = azml_dag(pipeline, schedule=None)
    assert (dag.dag_display_name, dag.get_task("prep").task_display_name) == ("pipeline", "prep")
    assert (dag.tags, dag.get_task("prep").owner) == ({"nightly"}, "airflow")


def test_a_node_that_decides_says_by_what(tmp_path: Path) -> None:
    job = "{type: command, command: ls, environment: azureml:e:1, compute: azureml:c}"
    (tmp_path / "choice.yml").write_text(f"""\
type: pipeline
inputs: {{large: true}}
jobs:
  decide:
    type: if_else
    condition: ${{{{parent.inputs.large}}}}
    true_block: ${{{{parent.jobs.more}}}}
    false_block: ${{{{parent.jobs.less}}}}
  more: {job}
  less: {job}
""")
    assert (
        azml_dag(tmp_path / "choice.yml", schedule=None).get_task("decide").doc_md
        == """\
The if_else node `decide` of `choice.yml`, line 4.

| Decision | Value |
| --- | --- |
| `condition` | input `large` of the pipeline |
| `true_block` | `more` |
| `false_block` | `less` |
"""
    )


def test_a_file_that_says_nothing_makes_a_short_text(tmp_path: Path) -> None:
    (tmp_path / "bare.yml").write_text(
        "type: pipeline\njobs:\n  a: {type: command, command: ls, environment: azureml:e:1, compute: azureml:c}\n"
    )
    dag = azml_dag(tmp_path / "bare.yml", schedule=None)
    assert dag.doc_md == "The pipeline `bare.yml` of Azure ML.\n"
    assert dag.get_task("a").doc_md == "The command node `a` of `bare.yml`, line 3.\n"
    assert (dag.tags, dag.description) == (set(), None)
