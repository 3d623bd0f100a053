"""Sidecars beside files that become DAGs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.dags import azml_dag, azml_dags
from airflow_provider_azml.exceptions import SpecError
from tests.airflow.running import run

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:serverless}
jobs:
  prep: {type: command, command: 'true', environment: 'azureml:env:1'}
  train: {type: command, command: 'true', environment: 'azureml:env:1'}
"""
SCHEDULE = "name: nightly\ntrigger: {type: cron, expression: '0 3 * * *'}\ncreate_job: ./pipeline.yml\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    return tmp_path


def test_a_sidecar_is_no_aml_file(folder: Path) -> None:
    (folder / "pipeline.airflow.yml").write_text("# type: pipeline\ntask_overrides: {prep: {retries: 1}}\n")
    (folder / ".airflow.yml").write_text("type: pipeline\n")
    dags = azml_dags(folder)
    assert (set(dags), dags["pipeline"].tags) == ({"pipeline"}, {"azml-broken"})
    assert ".airflow.yml:1:1: type: unknown key" in str(dags["pipeline"].doc_md)


def test_a_sidecar_without_a_file_is_told(folder: Path) -> None:
    (folder / "pipelines.airflow.yml").write_text("task_overrides: {prep: {retries: 1}}\n")
    with pytest.warns(UserWarning, match=r"pipelines\.airflow\.yml: there is no AML file beside it"):
        assert set(azml_dags(folder)) == {"pipeline"}
    with pytest.raises(SpecError, match="there is no AML file beside it"):
        azml_dags(folder, strict=True)


def test_a_sidecar_that_cannot_be_read_is_not_passed_over(folder: Path) -> None:
    (folder / "pipeline.airflow.yml").symlink_to(folder / "gone.yml")
    with pytest.raises(SpecError, match=r"pipeline\.airflow\.yml: there is no such file"):
        azml_dag(folder / "pipeline.yml")
    (folder / ".airflow.yml").mkdir()
    with pytest.raises(SpecError, match=r"/\.airflow\.yml: cannot be read: it is a folder"):
        azml_dag(folder / "pipeline.yml")


@pytest.mark.parametrize(
    "text",
    [
        "dag: {schedule: '@daily', catchup: true}",
        "dag: {schedule: '@continuous', max_active_runs: 2}",
        "dag: {fail_fast: true}\ntask_overrides: {train: {trigger_rule: all_done}}",
    ],
)
def test_what_airflow_refuses_is_told_of_the_sidecar(folder: Path, text: str) -> None:
    (folder / "other.yml").write_text(PIPELINE)
    (folder / "pipeline.airflow.yml").write_text(text)
    dags = azml_dags(folder)
    assert (dags["other"].tags, dags["pipeline"].tags) == (set(), {"azml-broken"})
    assert "pipeline.airflow.yml: Airflow refuses the DAG that comes of this: " in str(dags["pipeline"].doc_md)


def test_a_pipeline_as_tasks(folder: Path) -> None:
    (folder / "pipeline.airflow.yml").write_text("task_overrides: {train: {retries: 4}}\nafter: {train: prep}\n")
    dag = azml_dag(folder / "pipeline.yml", task_overrides={"kind:command": {"pool": "a"}})
    train = dag.get_task("train")
    assert (train.retries, train.pool, train.upstream_task_ids) == (4, "a", {"prep"})


def test_settings_hold_in_a_run(folder: Path, azml_connection: str) -> None:
    environment = "{image: local, conda_file: {name: bare, dependencies: [python=3.11]}}"
    lines = {
        "train": f"test -e {folder}/prepared",
        "prep": f"if test -e {folder}/tried; then touch {folder}/prepared; else touch {folder}/tried; exit 1; fi",
    }
    nodes = [
        f"  {name}: {{type: command, command: '{line}', environment: {environment}}}\n" for name, line in lines.items()
    ]
    (folder / "pipeline.yml").write_text(PIPELINE[: PIPELINE.index("  prep")] + "".join(nodes))
    (folder / ".airflow.yml").write_text("task_overrides: {'*': {poll_seconds: 0.2, azml_conn_id: nowhere}}\n")
    (folder / "pipeline.airflow.yml").write_text(
        f"task_overrides: {{'*': {{azml_conn_id: \"{{{{ '{azml_connection}' }}}}\"}}, prep: {{retries: 1}}}}\n"
        "after: {train: prep}\n"
    )
    finished = run(azml_dag(folder / "pipeline.yml"))
    assert finished.states == {"prep": "success", "train": "success"}
    assert (finished.tries("prep"), finished.tries("train")) == (2, 1)


def test_the_job_of_a_job_file(folder: Path) -> None:
    (folder / "train.yml").write_text(
        "type: command\ncommand: 'true'\nenvironment: azureml:env:1\ncompute: azureml:cpu\n"
    )
    (folder / "train.airflow.yml").write_text(
        "dag: {schedule: '@daily', tags: [a], default_args: {retries: 2}}\n"
        "task_overrides: {kind:command: {pool: azml}}\n"
    )
    dag = azml_dag(folder / "train.yml", tags=["b"], task_overrides={"job": {"poll_seconds": 5}})
    job: Any = dag.get_task("job")
    assert (dag.schedule, dag.tags) == ("@daily", {"a", "b"})
    assert (job.retries, job.pool, job.poll_seconds) == (2, "azml", 5)


def test_the_job_of_a_schedule(folder: Path) -> None:
    (folder / "nightly.yml").write_text(SCHEDULE)
    (folder / ".airflow.yml").write_text("task_overrides: {'*': {pool: a, queue: a, owner: a, stream_logs: false}}\n")
    (folder / "pipeline.airflow.yml").write_text(
        "dag: {tags: [not of the schedule]}\n"
        "task_overrides: {kind:pipeline: {pool: b, queue: b}, train: {retries: 9}}\n"
    )
    (folder / "nightly.airflow.yml").write_text(
        "dag: {max_active_runs: 1}\ntask_overrides: {job: {pool: c}, takeover: {retries: 3}}\n"
    )
    dag = azml_dags(folder, takeover="check")["nightly"]
    job: Any = dag.get_task("job")
    assert (job.pool, job.queue, job.owner, job.retries, job.stream_logs) == ("c", "b", "a", 0, False)
    assert (dag.max_active_runs, dag.tags) == (1, set())
    takeover = dag.get_task("takeover")
    assert (takeover.pool, takeover.queue, takeover.retries) == ("a", "a", 3)


def test_the_nodes_of_a_schedule(folder: Path) -> None:
    (folder / "nightly.yml").write_text(SCHEDULE)
    (folder / "pipeline.airflow.yml").write_text(
        "task_overrides: {train: {retries: 9, pool: a}}\nafter: {train: prep}\n"
    )
    (folder / "nightly.airflow.yml").write_text("task_overrides: {train: {pool: b}, takeover: {pool: c}}\n")
    dag = azml_dag(folder / "nightly.yml", render="tasks", takeover="check")
    prep, train, takeover = (dag.get_task(name) for name in ("prep", "train", "takeover"))
    assert (train.retries, train.pool, train.upstream_task_ids) == (9, "b", {"prep"})
    assert (takeover.pool, takeover.downstream_task_ids, prep.pool) == ("c", {"prep"}, "default_pool")
    (folder / "nightly.airflow.yml").write_text("task_overrides: {traim: {pool: b}}\n")
    with pytest.raises(SpecError, match=r"task_overrides\.traim: there is no such node; did you mean 'train'\?"):
        azml_dag(folder / "nightly.yml", render="tasks")


LOOP = """\
type: pipeline
settings: {default_compute: azureml:serverless}
jobs:
  prep: {type: command, command: 'true', environment: 'azureml:env:1'}
  each: {type: parallel_for, body: "${{parent.jobs.one}}", items: [{word: a}, {word: b}]}
  one: {type: command, component: one.yml}
  end: {type: command, command: 'true', environment: 'azureml:env:1'}
"""
ONE = """\
type: command
name: one
command: echo ${{inputs.word}}
environment: azureml:env:1
inputs: {word: {type: string}}
"""


@pytest.mark.filterwarnings("ignore:.*private preview")
def test_the_order_of_loops(folder: Path) -> None:
    (folder / "one.yml").write_text(ONE)
    (folder / "pipeline.yml").write_text(LOOP)
    dag = azml_dag(folder / "pipeline.yml", after={"each": "prep", "end": "each"})
    assert dag.get_task("each.items").upstream_task_ids == {"prep"}
    assert dag.get_task("end").upstream_task_ids == {"each.outputs"}
    with pytest.raises(SpecError, match="circle, of which each runs before the next: each -> one -> each"):
        azml_dag(folder / "pipeline.yml", after={"one": "each"})


@pytest.mark.parametrize(("render", "own"), [("job", ["job"]), ("watch", ["azml_submit", "azml_job"])])
def test_tasks_that_are_no_nodes(folder: Path, render: Any, own: list[str]) -> None:
    (folder / "pipeline.airflow.yml").write_text(
        "task_overrides: {'*': {owner: a}, kind:pipeline: {pool: a}, train: {retries: 1}}\n"
    )
    dag = azml_dag(folder / "pipeline.yml", render=render, task_overrides={name: {"queue": "b"} for name in own})
    assert all((task.owner, task.pool, task.queue) == ("a", "a", "b") for task in map(dag.get_task, own))
    assert [dag.get_task("train").retries] == [1] if render == "watch" else not dag.has_task("train")
    with pytest.raises(SpecError, match=r"after\.train: cannot be had: Azure ML runs all"):
        azml_dag(folder / "pipeline.yml", render=render, after={"train": ["prep"]})


def test_the_tasks_of_a_schedule_of_changes(folder: Path) -> None:
    (folder / "pipeline.yml").write_text(PIPELINE + "inputs: {rows: {type: uri_file, path: azureml:rows:1}}\n")
    (folder / "incoming.yml").write_text(
        "Schedule: {datastore_name: blobs, path_on_datastore: incoming, data_path_parameter_name: rows}\n"
    )
    (folder / "incoming.airflow.yml").write_text("task_overrides: {'*': {pool: a, stream_logs: false}}\n")
    dag = azml_dag(folder / "incoming.yml", job="pipeline.yml")
    changes, job = dag.get_task("changes"), dag.get_task("job")
    assert (changes.pool, job.pool, job.partial_kwargs["stream_logs"]) == ("a", "a", False)


def test_what_an_operator_does_not_take_may_not_be_said_of_its_task_alone(folder: Path) -> None:
    (folder / "nightly.yml").write_text(SCHEDULE)
    (folder / "nightly.airflow.yml").write_text("task_overrides: {takeover: {stream_logs: false}}\n")
    with pytest.raises(SpecError) as caught:
        azml_dag(folder / "nightly.yml", takeover="check")
    assert str(caught.value).endswith(
        "nightly.airflow.yml:1:29: task_overrides.takeover.stream_logs: is nothing that AzmlTakeOverScheduleOperator "
        "takes, which runs this node"
    )


def test_the_order_of_nodes_is_not_to_be_had_where_they_are_one_job(folder: Path) -> None:
    (folder / "nightly.yml").write_text(SCHEDULE)
    (folder / "pipeline.airflow.yml").write_text("after: {train: [prep]}\n")
    with pytest.raises(SpecError, match=r"pipeline\.airflow\.yml:1:9: after\.train: cannot be had: Azure ML runs all"):
        azml_dag(folder / "nightly.yml")


def test_what_is_wrong_with_a_file_and_beside_it_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "both.yml").write_text(
        "type: pipeline\nsettings: {default_compute: azureml:serverless}\n"
        "jobs: {a: {type: command, command: echo, environment: azureml:e:1, code: ./nowhere}}\n"
    )
    (tmp_path / "both.airflow.yml").write_text('task_overrides:\n  "*": {retris: 2}\n')
    with pytest.raises(SpecError) as caught:
        azml_dag(tmp_path / "both.yml")
    assert {problem.file.rpartition("/")[2] for problem in caught.value.problems} == {"both.airflow.yml", "both.yml"}
