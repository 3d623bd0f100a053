"""Pipeline files as one job beside a task for each node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.dags import azml_dag
from airflow_provider_azml.exceptions import SpecError
from tests.airflow.running import run, run_cleared
from tests.airflow.versions import DagSerialization
from tests.operators.test_watched_pipelines import FOLDER, SETTINGS, copying, fails_in_pipeline, written

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import DAG

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

INNER = {
    "type": "pipeline",
    "inputs": {"x": FOLDER},
    "outputs": {"y": FOLDER},
    "jobs": {
        "one": {**copying("one", "zero"), "inputs": {"i0": "${{parent.inputs.x}}"}},
        "two": {**copying("two", "one"), "outputs": {"o": "${{parent.outputs.y}}"}},
    },
}
GROUP = {"type": "pipeline", "component": "inner.yml", "inputs": {"x": "${{parent.jobs.zero.outputs.o}}"}}
AFTER = {**copying("after", "group"), "inputs": {"i0": "${{parent.jobs.group.outputs.y}}"}}


def dag_of(folder: Path, jobs: dict[str, Any], **given: Any) -> DAG:
    """The DAG of a pipeline file that is watched."""
    (folder / "inner.yml").write_text(yaml.safe_dump(INNER))
    (folder / "pipeline.yml").write_text(yaml.safe_dump({"type": "pipeline", "settings": SETTINGS, "jobs": jobs}))
    return azml_dag(folder / "pipeline.yml", render="watch", default_args={"poll_seconds": 0.2}, **given)


def test_all_nodes_come_after_the_submission_in_the_order_of_the_file(tmp_path: Path) -> None:
    dag = dag_of(tmp_path, {"zero": copying("zero"), "group": GROUP, "after": AFTER, "alone": copying("alone")})
    assert {task.task_id: task.upstream_task_ids for task in dag.tasks} == {
        "azml_submit": set(),
        "azml_job": {"azml_submit"},
        "zero": {"azml_submit"},
        "group.one": {"zero"},
        "group.two": {"group.one"},
        "after": {"group.two"},
        "alone": {"azml_submit"},
    }
    assert DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag)).task_ids == dag.task_ids


@pytest.mark.parametrize("name", ["azml_submit", "azml_job"])
def test_no_node_may_be_called_as_a_task_beside_the_nodes(name: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=rf"pipeline\.yml:\d+:.*{name}.* is there already"):
        dag_of(tmp_path, {name: copying("a")})


def test_a_watched_file_ends_with_what_its_nodes_have_made(
    tmp_path: Path, azml_connection: str, azml_emulator: RunningEmulator
) -> None:
    jobs = {"zero": copying("zero"), "group": GROUP, "after": AFTER}
    jobs["zero"]["command"] = f"{fails_in_pipeline()} && {jobs['zero']['command']}"
    dag = dag_of(tmp_path, jobs)
    first = run(dag)
    assert (first.state, first.states["zero"], first.states["azml_job"]) == ("failed", "failed", "success")
    assert (first.states["group.one"], first.states["after"]) == ("upstream_failed", "upstream_failed")
    second = run_cleared(dag, first, "zero", "group.one", "group.two", "after")
    assert second.errors == {}
    assert second.state == "success"
    assert written(azml_emulator, second.value("after")["outputs"]["o"]) == ["zero", "one", "two", "after"]
