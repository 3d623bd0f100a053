"""Which nodes of a pipeline run is chosen when its DAG is triggered; the nodes really run."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.dags import azml_dag
from tests.airflow.running import Finished, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

ENVIRONMENT = {"image": "local", "conda_file": {"name": "bare", "dependencies": ["python=3.11"]}}
FOLDER = {"type": "uri_folder"}
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.timezone.utc)
TOLD = re.compile(r"(reused from job|reused: left out|ran because|left out;|ran, although).*")


def node(line: str, **fields: Any) -> dict[str, Any]:
    return {"type": "command", "environment": ENVIRONMENT, "command": line, "outputs": {"o": FOLDER}, **fields}


def pipeline(word: str, lr: float) -> dict[str, Any]:
    """Three nodes in a row, and one that shares nothing with them; a word of the test's own is in what they run."""
    copy = f"cat ${{{{inputs.i}}}}/x > ${{{{outputs.o}}}}/x && echo {word} ${{{{inputs.lr}}}}"
    jobs = {
        "prep": node(f"echo {word} > ${{{{outputs.o}}}}/x"),
        "train": node(copy, inputs={"i": "${{parent.jobs.prep.outputs.o}}", "lr": "${{parent.inputs.lr}}"}),
        "score": node(copy, inputs={"i": "${{parent.jobs.train.outputs.o}}", "lr": 1}),
        "alone": node(f"echo {word} alone"),
    }
    settings = {"default_compute": "azureml:serverless"}
    return {"type": "pipeline", "inputs": {"lr": lr}, "settings": settings, "jobs": jobs}


@pytest.fixture
def go(azml_emulator: RunningEmulator, azml_connection: str, tmp_path: Path, request: Any) -> Callable[..., Finished]:
    """Run the DAG of a file, each run a day after the one before."""
    file = tmp_path / "pipeline.yml"
    days = iter(range(100))

    def running(lr: float = 0.5, **params: Any) -> Finished:
        file.write_text(yaml.safe_dump(pipeline(request.node.name, lr)))
        dag = azml_dag(
            file,
            dag_id=request.node.name,
            schedule=None,
            default_args={"azml_conn_id": azml_connection, "poll_seconds": 0.2, "deferrable": False},
        )
        date = NOW + dt.timedelta(days=next(days))
        return run(dag, run_after=date, logical_date=date, run_conf=params)

    return running


def told(captured: str) -> list[str]:
    """What the log says of why nodes ran, in their order."""
    found = (TOLD.search(line.partition(" [airflow")[0].rstrip()) for line in captured.splitlines())
    return [line[0] for line in found if line]


def test_nodes_that_are_left_out_have_the_results_of_the_last_good_run(go, capsys):
    first = go()
    assert set(first.states.values()) == {"success"}
    assert len([line for line in told(capsys.readouterr().out) if line.startswith("ran because it is the first")]) == 4
    second = go(azml_only=["train"], lr=0.25)
    assert second.states == {"prep": "success", "train": "success", "score": "skipped", "alone": "skipped"}
    prep, train = (first.value(task) for task in ("prep", "train"))
    assert second.value("prep") == {**prep, "from_run": first.dag_run.run_id}
    assert told(capsys.readouterr().out) == [
        f"reused: left out; outputs of job {prep['name']} of run {first.dag_run.run_id}",
        f"ran because input lr changed from 0.5 to 0.25 (compared with job {train['name']})",
    ]
    third = go(azml_skip=["prep", "train", "alone"])
    score = first.value("score")
    assert third.states == {"prep": "success", "train": "success", "score": "success", "alone": "skipped"}
    assert third.value("train")["from_run"] == second.dag_run.run_id
    assert told(capsys.readouterr().out)[-1].startswith("ran because input i changed from ")
    assert third.value("score")["outputs"] != score["outputs"]


def test_azure_ml_uses_nodes_again_unless_a_run_forces_them(go, capsys):
    first = go()
    capsys.readouterr()
    again = go(azml_force_rerun=["train+"])
    told_of = told(capsys.readouterr().out)
    assert sorted(told_of) == sorted([
        f"reused from job {first.value('prep')['child']}",
        f"reused from job {first.value('alone')['child']}",
        *["ran because force_rerun asks for it"] * 2,
    ])
    assert again.value("prep")["reused_from"] == first.value("prep")["child"]
    assert again.value("prep")["outputs"] == first.value("prep")["outputs"]
    assert again.value("train")["reused_from"] is None


def test_what_is_needed_and_was_never_made_is_an_error(go):
    finished = go(azml_only=["score"])
    assert finished.states == {
        "prep": "success",
        "train": "failed",
        "score": "upstream_failed",
        "alone": "skipped",
    }
    assert "no earlier run of DAG" in str(finished.errors["train"][0])


def test_a_selector_of_no_node_fails_every_task_before_anything_is_sent(go):
    finished = go(azml_only=["+trai"])
    assert finished.states["prep"] == finished.states["alone"] == "failed"
    assert "azml_only: 'trai' is no node of the pipeline; did you mean 'train'?" in str(finished.errors["prep"][0])
