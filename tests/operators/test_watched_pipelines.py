"""Pipelines as one job beside a task for each node: what becomes of a node becomes of its task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.operators import AzmlSubmitPipelineOperator
from airflow_provider_azml.operators.watched_pipelines import (
    AzmlWatchPipelineNodeOperator,
    AzmlWatchPipelineOperator,
    tag_of,
)
from airflow_provider_azml.spec.pipeline_plans import plan_pipeline
from airflow_provider_azml.spec.source import from_mapping
from tests.airflow.running import run, run_cleared
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

ENVIRONMENT = {"image": "local", "conda_file": {"name": "bare", "dependencies": ["python=3.11"]}}
FOLDER = {"type": "uri_folder"}
SETTINGS = {"default_compute": "azureml:serverless", "force_rerun": True}
IN_PIPELINE = "{{ ti.task_id == 'azml_submit' }}"
"""Whether a node runs in the pipeline's own job, and not alone; for the shell of a node."""


def command(line: str, *takes: str, **fields: Any) -> dict[str, Any]:
    """A node that writes ``o``, and may take what others write."""
    inputs = {f"i{number}": f"${{{{parent.jobs.{node}.outputs.o}}}}" for number, node in enumerate(takes)}
    return {
        "type": "command",
        "command": line,
        "environment": ENVIRONMENT,
        "outputs": {"o": FOLDER},
        **({"inputs": inputs} if inputs else {}),
        **fields,
    }


def copying(name: str, *takes: str, first: str = "true") -> dict[str, Any]:
    """A node that writes its name, after what it takes."""
    read = " ".join(f"${{{{inputs.i{number}}}}}/*" for number, _ in enumerate(takes))
    return command(f"{first} && (cat {read or '/dev/null'}; echo {name}) > ${{{{outputs.o}}}}/{name}.txt", *takes)


def fails_in_pipeline(how: str = "exit 4") -> str:
    """Shell code that fails unless the node runs alone."""
    return f"(if [ {IN_PIPELINE} = True ]; then echo broken; {how}; fi)"


def watched(jobs: Mapping[str, Any], *, deferrable: bool = False, retries: int = 0) -> DAG:
    """The DAG of a pipeline that is watched."""
    spec = {"type": "pipeline", "settings": SETTINGS, "jobs": dict(jobs)}
    plan = plan_pipeline(from_mapping(spec))
    arguments = {"deferrable": deferrable, "poll_seconds": 0.2, "retries": retries}
    with DAG("watching", schedule=None, default_args=arguments) as dag:
        submit = AzmlSubmitPipelineOperator(task_id="azml_submit", spec=spec, wait=False)
        given: dict[str, Any] = {"spec": spec, "submitted_by": "azml_submit"}
        submit >> AzmlWatchPipelineOperator(task_id="azml_job", **given)
        for node in plan.leaves.values():
            taken = {".".join(before): ".".join(before) for before in node.upstream}
            watching = AzmlWatchPipelineNodeOperator(task_id=node.dotted, node=node.dotted, results_of=taken, **given)
            watching.set_upstream(submit)
        for before, after in plan.edges:
            dag.get_task(".".join(before)).set_downstream(dag.get_task(".".join(after)))
    return dag


def written(emulator: RunningEmulator, uri: str) -> list[str]:
    """The words that a node has written."""
    workspace = Workspace(emulator)
    given = {"x": {"jobInputType": "uri_folder", "uri": uri}}
    return workspace.log(workspace.run("cat ${{inputs.x}}/*", inputs=given)).split()


@pytest.fixture
def workspace(azml_connection: str, azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator)


def test_each_node_has_the_state_log_link_and_result_of_its_job(
    workspace: Workspace, azml_emulator: RunningEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = {"a": copying("a", first="echo a tells"), "b": copying("b", "a"), "c": copying("c", "a", "b")}
    finished = run(watched(jobs, deferrable=True))
    assert finished.errors == {}
    assert finished.states == dict.fromkeys(["azml_submit", "azml_job", "a", "b", "c"], "success")
    job = finished.value("azml_submit")["name"]
    assert finished.value("azml_job")["status"] == "Completed"
    assert "a tells" in capsys.readouterr().out
    children = {run["displayName"]: run for run in workspace.history(f"runs/{job}/children")["value"]}
    for node, child in children.items():
        told = finished.value(node)
        assert (told["name"], told["node"], told["child"], told["status"]) == (job, node, child["runId"], "Completed")
        assert child["runId"] in finished.value(node, "azml_studio_url")
        assert child["tags"]["airflow.task_id"] == node
    assert written(azml_emulator, finished.value("c")["outputs"]["o"]) == ["a", "a", "b", "c"]


def test_a_node_that_failed_is_run_alone_by_its_retry_and_so_is_what_takes_from_it(
    workspace: Workspace, azml_emulator: RunningEmulator
) -> None:
    jobs = {"a": copying("a"), "b": copying("b", "a", first=fails_in_pipeline()), "c": copying("c", "b")}
    finished = run(watched(jobs, retries=1))
    job = finished.value("azml_submit")["name"]
    (error,) = finished.errors["b"]
    assert "exited with status code 4" in str(error)
    assert "broken" in str(error)
    assert finished.states == dict.fromkeys(["azml_submit", "azml_job", "a", "b", "c"], "success")
    assert finished.value("azml_job")["status"] == "Failed"
    assert (finished.tries("a"), finished.tries("b"), finished.tries("c")) == (1, 2, 1)
    alone = {node: finished.value(node)["name"] for node in jobs}
    assert alone["a"] == job
    assert len({*alone.values()}) == 3
    assert written(azml_emulator, finished.value("c")["outputs"]["o"]) == ["a", "b", "c"]


def test_a_cleared_node_runs_alone_and_a_cleared_group_anew(workspace: Workspace) -> None:
    dag = watched({"a": copying("a"), "b": copying("b", "a")})
    first = run(dag)
    job, child = first.value("azml_submit")["name"], first.value("b")["child"]
    second = run_cleared(dag, first, "b")
    alone = second.value("b")
    assert (second.value("a")["name"], second.value("azml_submit")["name"]) == (job, job)
    assert alone["name"] != job
    assert alone["child"] != child
    third = run_cleared(dag, second, *dag.task_ids)
    assert third.errors == {}
    (anew,) = {third.value(task)["name"] for task in dag.task_ids}
    assert anew not in (job, alone["name"])


@pytest.mark.parametrize(("ends", "state"), [("true", "skipped"), ("exit 4", "failed")])
def test_a_node_that_the_pipeline_ended_without_does_not_hang(ends: str, state: str, workspace: Workspace) -> None:
    there, not_there = {"a": copying("a", first=ends)}, {"x": copying("x")}
    spec = {"type": "pipeline", "settings": SETTINGS}
    with DAG("without", schedule=None, default_args={"poll_seconds": 0.2, "deferrable": True}) as dag:
        submit = AzmlSubmitPipelineOperator(task_id="azml_submit", spec={**spec, "jobs": there}, wait=False)
        watch = {"spec": {**spec, "jobs": {**there, **not_there}}, "submitted_by": "azml_submit"}
        submit >> AzmlWatchPipelineNodeOperator(task_id="x", node="x", **watch)
    first = run(dag)
    assert first.states["x"] == state
    assert ("never ran" in str(first.errors.get("x", ""))) == (state == "failed")
    second = run_cleared(dag, first, "x")
    assert second.errors == {}
    assert second.value("x")["name"] != second.value("azml_submit")["name"]


def test_a_node_that_never_ran_runs_once_the_one_before_it_has_run_alone(workspace: Workspace) -> None:
    jobs = {"a": copying("a", first=fails_in_pipeline())}
    with DAG("order", schedule=None, default_args={"poll_seconds": 0.2}) as dag:
        spec = {"type": "pipeline", "settings": SETTINGS}
        submit = AzmlSubmitPipelineOperator(task_id="azml_submit", spec={**spec, "jobs": jobs}, wait=False)
        given: dict[str, Any] = {"spec": {**spec, "jobs": {**jobs, "x": copying("x")}}, "submitted_by": "azml_submit"}
        before = AzmlWatchPipelineNodeOperator(task_id="a", node="a", retries=1, **given)
        submit >> before >> AzmlWatchPipelineNodeOperator(task_id="x", node="x", **given)
    finished = run(dag)
    assert finished.states == {"azml_submit": "success", "a": "success", "x": "success"}
    assert len({finished.value(name)["name"] for name in finished.states}) == 3


def test_nodes_of_a_pipeline_that_was_canceled_are_not_run_by_retries(workspace: Workspace) -> None:
    dag = watched({"a": copying("a", first="sleep 30")}, deferrable=True, retries=1)
    whole, node = dag.get_task("azml_job"), dag.get_task("a")
    whole.timeout_seconds = 0.5
    node.trigger_rule = "all_done"
    whole.set_downstream(node)
    finished = run(dag)
    assert (finished.states["a"], finished.states["azml_job"]) == ("failed", "failed")
    assert (finished.tries("a"), finished.tries("azml_job")) == (1, 2)
    assert "To run the node alone, clear this task" in str(finished.errors["a"][0])
    assert "and was cancelled" in str(finished.errors["azml_job"][0])
    assert "clear the task 'azml_submit'" in str(finished.errors["azml_job"][1])


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_end_of_a_nodes_task_is_no_end_of_the_pipeline(deferrable: bool, workspace: Workspace) -> None:
    dag = watched({"a": copying("a", first=f"if [ {IN_PIPELINE} = True ]; then sleep 60; fi")}, deferrable=deferrable)
    whole, node = dag.get_task("azml_job"), dag.get_task("a")
    whole.timeout_seconds = node.timeout_seconds = 0.3
    whole.trigger_rule = "all_done"
    whole.set_upstream(node)
    finished = run(dag)
    assert "timeout_seconds ran out, and goes on" in str(finished.errors["a"][0])
    assert "timeout_seconds ran out, and was cancelled" in str(finished.errors["azml_job"][0])
    node.timeout_seconds = None
    assert run_cleared(dag, finished, "a").errors == {}


def test_without_a_job_there_is_nothing_to_show(azml_connection: str) -> None:
    dag = watched({"a": copying("a")})
    for name in ("a", "azml_job"):
        dag.get_task(name).submitted_by = "another"
    finished = run(dag)
    for name in ("a", "azml_job"):
        assert "task 'another' tells of no pipeline job; clear it" in str(finished.errors[name][0])


def test_the_note_that_a_node_never_ran_is_no_longer_than_tags_may_be() -> None:
    short, long, longer = (tag_of(f"group.{'x' * length}") for length in (50, 200, 201))
    assert short == f"airflow.never_ran.group.{'x' * 50}"
    assert len(long) == len(longer) == 100
    assert long != longer
