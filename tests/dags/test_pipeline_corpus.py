"""Every pipeline file that Microsoft's SDK accepts becomes a DAG of its nodes, however it is rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.dags import azml_dag
from tests.dags import pipeline_corpus
from tests.dags.pipeline_corpus import ORACLE, Expected

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import DAG

FILES = sorted(pipeline_corpus.accepted()) if ORACLE.is_dir() else []
OWN = {"azml_submit", "azml_job"}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FILES, reason="there is no ../shared"),
    pytest.mark.filterwarnings("ignore:.*the service refuses it:UserWarning", "ignore:.*not sent.*:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*unknown key.*:UserWarning"),
]


def edges_of(dag: DAG) -> set[tuple[str, str]]:
    return {(task.task_id, other) for task in dag.tasks for other in task.downstream_task_ids}


def named(path: Path) -> str:
    return str(path.relative_to(ORACLE))


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_pipeline_file_becomes_its_nodes_and_edges(file: Path) -> None:
    expected = Expected(file)
    nodes = {".".join(path) for path in expected.nodes}
    edges = {(".".join(before), ".".join(after)) for before, after in expected.edges}
    wanted: dict[str, Any] = {"tasks": (nodes, edges), "watch": (nodes | OWN, edges), "job": ({"job"}, set())}
    for render in ("tasks", "watch", "job"):
        dag = azml_dag(file, render=render, dag_id="corpus")
        found = edges_of(dag)
        if render == "watch":
            roots = {after for before, after in found if before == "azml_submit"}
            assert roots == {"azml_job", *nodes} - {after for _, after in edges}
            found = {edge for edge in found if edge[0] != "azml_submit"}
        if not nodes:
            assert dag.task_ids == ["job"]
            continue
        assert (set(dag.task_ids), found) == wanted[render]
