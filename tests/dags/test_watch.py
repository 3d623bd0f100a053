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
        "one": {**copying("one", "zero"), "inputs": {"i0": "${{parent.inputs.x}}"}, "display_name": "The first"},
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


def test_a_node_of_a_watched_file_that_failed_runs_alone_and_ends_the_run_well(
    tmp_path: Path, azml_connection: str, azml_emulator: RunningEmulator
) -> None:
    after = {**AFTER, "command": f"{fails_in_pipeline()} && {AFTER['command']}"}
    dag = dag_of(tmp_path, {"zero": copying("zero"), "group": GROUP, "after": after})
    first = run(dag)
    assert (first.state, first.states["after"], first.states["azml_job"]) == ("failed", "failed", "success")
    job, below = first.value("azml_submit")["name"], ["zero", "group.one", "group.two"]
    assert [first.value(task)["name"] for task in below] == [job] * 3
    assert len({first.value(task)["child"] for task in below}) == 3
    second = run_cleared(dag, first, "after")
    assert second.errors == {}
    assert second.state == "success"
    assert second.value("after")["name"] != job
    assert written(azml_emulator, second.value("after")["outputs"]["o"]) == ["zero", "one", "two", "after"]
