"""What comes of features of pipelines together: choices, params, assets, templates, files that change meanwhile."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.sdk import DAG

from airflow_provider_azml.dags import azml_dag, azml_task_group
from tests.airflow.running import Finished, run
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

ENVIRONMENT = {"image": "local", "conda_file": {"name": "bare", "dependencies": ["python=3.11"]}}
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.timezone.utc)


def node(line: str, **fields: Any) -> dict[str, Any]:
    outputs = {"o": {"type": "uri_folder"}}
    return {"type": "command", "environment": ENVIRONMENT, "command": line, "outputs": outputs, **fields}


def pipeline(jobs: dict[str, Any], **inputs: Any) -> dict[str, Any]:
    return {"type": "pipeline", "inputs": inputs, "settings": {"default_compute": "azureml:serverless"}, "jobs": jobs}


@pytest.fixture
def go(azml_emulator: RunningEmulator, azml_connection: str, tmp_path: Path, request: Any) -> Callable[..., Finished]:
    """Run the DAG of a file, each run a day after the one before."""
    days = iter(range(100))

    def running(job: dict[str, Any], *, deferrable: bool = False, render: Any = "tasks", **params: Any) -> Finished:
        file = tmp_path / "pipeline.yml"
        file.write_text(yaml.safe_dump(job, sort_keys=False))
        dag = azml_dag(
            file,
            dag_id="".join(letter if letter.isalnum() else "_" for letter in request.node.name),
            schedule=None,
            render=render,
            default_args={"azml_conn_id": azml_connection, "poll_seconds": 0.2, "deferrable": deferrable},
        )
        date = NOW + dt.timedelta(days=next(days))
        return run(dag, run_after=date, logical_date=date, run_conf=params)

    return running


def events(name: str) -> list[dict[str, Any]]:
    """The extras of the events of an asset, oldest first."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        of_asset = select(AssetEvent).join(AssetModel, AssetEvent.asset_id == AssetModel.id)
        found = session.scalars(of_asset.where(AssetModel.uri == f"azml://data/{name}").order_by(AssetEvent.id))
        return [dict(one.extra) for one in found]


def test_a_node_that_is_left_out_makes_no_event_of_its_assets(go, request):
    name = request.node.name
    prep = node("echo 1 > ${{outputs.o}}/x", outputs={"o": {"type": "uri_folder", "name": name}})
    train = node("cat ${{inputs.i}}/x", inputs={"i": "${{parent.jobs.prep.outputs.o}}"})
    job = pipeline({"prep": prep, "train": train})
    first = go(job)
    assert first.state == "success", first.errors
    assert len(events(name)) == 1
    second = go(job, azml_only=["train"])
    assert second.states == {"prep": "success", "train": "success"}
    assert len(events(name)) == 1


@pytest.mark.parametrize("render", ["tasks", "job"])
@pytest.mark.parametrize("deferrable", [True, False])
def test_a_file_that_changes_while_its_job_runs_does_not_fail_it(go, tmp_path, deferrable, render, capsys):
    later = tmp_path / "later.yml"
    changing = f"cp {later} {tmp_path / 'pipeline.yml'} && echo 1 > ${{{{outputs.o}}}}/x"
    outputs = {"o": {"type": "uri_folder", "name": f"changing-{deferrable}-{render}"}}
    job = pipeline({"train": node(changing, outputs=outputs)}, lr=0.5)
    later.write_text(yaml.safe_dump(pipeline({"fit": node("echo")}, lr="text"), sort_keys=False))
    choices = {"azml_only": ["train"], "azml_force_rerun": ["train"]} if render == "tasks" else {}
    finished = go(job, deferrable=deferrable, render=render, lr=0.25, **choices)
    assert finished.state == "success", finished.errors
    if deferrable:  # a worker that waits may have kept what it read
        assert "The file has changed" in capsys.readouterr().out


def test_what_looks_like_a_template_in_a_param_is_text(azml_emulator, azml_connection, tmp_path, request):
    tell = node("echo ${{inputs.text}}", inputs={"text": "${{parent.inputs.text}}"})
    text = "{{ 7 * 7 }} {% raw %} {# x #} {{ ds }}"
    (tmp_path / "pipeline.yml").write_text(yaml.safe_dump(pipeline({"tell": tell}, text="a")))
    settings = {"azml_conn_id": azml_connection, "poll_seconds": 0.2}
    with DAG(request.node.name, schedule=None, default_args=settings, params={"other": "x"}) as dag:
        azml_task_group(tmp_path / "pipeline.yml", "by_form")
        azml_task_group(tmp_path / "pipeline.yml", "by_template", inputs={"text": "{{ params.other }}"})
    finished = run(dag, run_conf={"text": text, "other": text})
    assert finished.state == "success", finished.errors
    workspace = Workspace(azml_emulator)
    for task in dag.task_ids:
        job = workspace.get("job", finished.value(task)["name"])
        assert text in str(job["properties"]["inputs"])


def test_a_run_chooses_among_the_nodes_of_two_pipelines(azml_emulator, azml_connection, tmp_path, request):
    first = {"prep": node("echo 1 > ${{outputs.o}}/x"), "train": node("echo")}
    second = {"fetch": node("echo 2 > ${{outputs.o}}/x"), "score": node("echo")}
    for name, jobs in (("first", first), ("second", second)):
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(pipeline(jobs)))

    def states(day: int, **params: Any) -> dict[str, str]:
        settings = {"azml_conn_id": azml_connection, "poll_seconds": 0.2}
        with DAG(request.node.name, schedule=None, default_args=settings) as dag:
            azml_task_group(tmp_path / "first.yml") >> azml_task_group(tmp_path / "second.yml")
        assert "There are prep, train, fetch, score." in str(dag.params.get_param("azml_only").description)
        date = NOW + dt.timedelta(days=day)
        finished = run(dag, run_after=date, logical_date=date, run_conf=params)
        assert not finished.errors
        return finished.states

    nodes = ("first.prep", "first.train", "second.fetch", "second.score")
    chosen = states(0, azml_only=["fetch"])
    assert chosen == dict(zip(nodes, ("success", "success", "success", "skipped"), strict=True))
    skipped = states(1, azml_skip=["fetch", "score", "train"])
    assert skipped == dict(zip(nodes, ("success", "success", "skipped", "skipped"), strict=True))
