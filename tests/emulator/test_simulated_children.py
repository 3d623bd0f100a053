"""Simulated sweeps and pipelines: their children, in run history as Microsoft's client reads it and beside it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.emulator.execution import Workspace
from tests.emulator.simulated import History, node, submit, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 0.2


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with running_emulator(tmp_path_factory.mktemp("children"), "--simulate", str(SECONDS), "--create-workspace") as it:
        yield Workspace(it)


@pytest.fixture
def history(workspace: Workspace) -> History:
    return History(workspace)


def test_a_sweep_has_trials_and_a_best_one(workspace: Workspace, history: History) -> None:
    job = sweep(workspace, trials=5, at_once=2, simulate={"seconds": 1.5})
    workspace.until(job, ["Running"])
    assert [run.run_id for run in history.children(job)] == [f"{job}_0", f"{job}_1"]
    workspace.until(job, ["Completed"])
    trials = history.children(job)
    assert [run.run_id for run in trials] == [f"{job}_{number}" for number in range(5)]
    assert {(run.parent_run_id, run.root_run_id, run.status) for run in trials} == {(job, job, "Completed")}
    values = {run.run_id: metrics(workspace, run.run_id)["accuracy"] for run in trials}
    run = workspace.details(job)
    assert run["runType"] == "hyperdrive"
    assert run["properties"]["best_child_run_id"] == max(values, key=lambda name: values[name])
    assert float(run["properties"]["score"]) == max(values.values())
    assert run["tags"][f"{job}_3"].startswith('{"lr": 0.2, "momentum": 0.')
    trial = workspace.get("job", f"{job}_3")["properties"]
    assert trial["parentJobName"] == job
    assert json.loads(trial["tags"]["hyperparameters"]) == trial["parameters"] == json.loads(run["tags"][f"{job}_3"])


def test_a_trial_that_was_canceled_may_be_the_best(workspace: Workspace) -> None:
    job = sweep(workspace, trials=1, at_once=1, simulate={"seconds": 600})
    trial = f"{job}_0"
    workspace.until(job, ["Running"])
    workspace.until(trial, ["Running"])
    workspace.call("POST", workspace.id.child("job", trial) + "/cancel")
    workspace.until(job, ["Completed"])
    assert workspace.details(job)["properties"]["best_child_run_id"] == trial


def test_a_sweep_in_a_pipeline_searches_the_space_of_its_file(workspace: Workspace, history: History) -> None:
    space = {"lr": {"type": "uniform", "min_value": 5, "max_value": 6}, "kind": {"type": "choice", "values": ["a"]}}
    limits = {"max_total_trials": 2, "max_concurrent_trials": 2}
    objective = {"goal": "maximize", "primary_metric": "auc"}
    jobs = {"search": {"type": "sweep", "search_space": space, "limits": limits, "objective": objective}}
    pipeline = submit(workspace, "Pipeline", jobs=jobs, simulate={"seconds": 0})
    workspace.until(pipeline, ["Completed"])
    (node,) = history.children(pipeline)
    assert workspace.get("job", node.run_id)["properties"]["parentJobName"] == pipeline
    for trial in history.children(node.run_id):
        values = workspace.get("job", trial.run_id)["properties"]["parameters"]
        assert (5 <= values["lr"] <= 6, values["kind"]) == (True, "a")


@pytest.mark.parametrize("kind", ["if_else", "do_while", "parallel_for"])
def test_nodes_that_decide_or_repeat_are_refused(workspace: Workspace, kind: str) -> None:
    response = submit(workspace, "Pipeline", jobs={"loop": {"type": kind}}, ok=False)
    assert response.status_code == 400
    assert f"'loop' is of type '{kind}'" in response.json()["error"]["message"]


def metrics(workspace: Workspace, run: str) -> dict[str, float]:
    found = workspace.call("GET", f"/mlflow/v1.0{workspace.id}/api/2.0/mlflow/runs/get?run_id={run}").json()
    return {metric["key"]: metric["value"] for metric in found["run"]["data"]["metrics"]}


def test_a_sweep_whose_trials_log_something_else_has_no_best(workspace: Workspace, history: History) -> None:
    job = sweep(workspace, trials=2, simulate={"metric": "loss"})
    workspace.until(job, ["Completed"])
    assert [*metrics(workspace, f"{job}_1")] == ["loss"]
    assert "best_child_run_id" not in workspace.details(job)["properties"]
    assert len(history.children(job)) == 2


def test_a_canceled_sweep_takes_its_trials_along(workspace: Workspace, history: History) -> None:
    job = sweep(workspace, simulate={"seconds": 600})
    while len(history.children(job)) < 2:
        time.sleep(0.02)
    workspace.call("POST", workspace.id.child("job", job) + "/cancel")
    assert workspace.until(job) == "Canceled"
    assert [run.status for run in history.children(job)] == ["Canceled", "Canceled"]


def test_children_come_in_pages_filtered_and_in_order(workspace: Workspace, history: History) -> None:
    job = sweep(workspace, trials=5, at_once=5, simulate={"seconds": 0})
    workspace.until(job, ["Completed"])
    names = [f"{job}_{number}" for number in range(5)]
    assert [run.run_id for run in history.children(job, top=2, count=True)] == names[:2]
    pages = [workspace.history(f"runs/{job}/children?$top=2")]
    while link := pages[-1]["nextLink"]:
        pages.append(workspace.call("GET", link.removeprefix(workspace.emulator.https_url)).json())
    assert [[run["runId"] for run in page["value"]] for page in pages] == [names[:2], names[2:4], names[4:]]
    rest = history.children(job, continuationtoken=pages[0]["continuationToken"])
    assert [run.run_id for run in rest] == names[2:]
    others = history.children(job, top=3, filter=f"runId ne '{names[1]}'")
    assert [run.run_id for run in others] == [names[0], *names[2:4]]
    assert history.children(job, filter="(status eq Running)") == []
    assert [run.run_id for run in history.children(job, orderby="runId desc")] == names[::-1]
    refused = workspace.history(f"runs/{job}/children?$filter=startswith(status,'R')", ok=False)
    assert "is not made of comparisons" in refused["error"]["message"]


def test_children_are_jobs_that_no_list_has(workspace: Workspace) -> None:
    job = sweep(workspace, trials=1, simulate={"seconds": 0})
    workspace.until(job, ["Completed"])
    trial = workspace.get("job", f"{job}_0")
    assert trial["properties"]["jobType"] == "Command"
    assert trial["properties"]["status"] == "Completed"
    listed = [one["name"] for one in workspace.call("GET", workspace.id.child("job")).json()["value"]]
    assert job in listed
    assert f"{job}_0" not in listed
    workspace.call("DELETE", workspace.id.child("job", job))
    while workspace.call("GET", workspace.id.child("job", job), ok=False).status_code != 404:
        time.sleep(0.02)
    assert workspace.call("GET", workspace.id.child("job", f"{job}_0"), ok=False).status_code == 404


def test_trials_run_on_the_cluster_of_their_sweep(workspace: Workspace, history: History) -> None:
    properties = {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1}}
    cluster = workspace.put(
        "compute", "single", location="local", properties={"computeType": "AmlCompute", "properties": properties}
    )
    job = sweep(workspace, trials=2, at_once=2, computeId=cluster, simulate={"seconds": 3})
    while len(trials := history.children(job)) < 2:
        time.sleep(0.02)
    assert {run.status for run in trials} & {"Queued"}
    workspace.until(job, ["Completed"])


def test_the_nodes_of_a_pipeline_follow_their_bindings(workspace: Workspace, history: History) -> None:
    nodes = {"score": node("train"), "train": node("prepare"), "prepare": node(seconds=3), "report": node("prepare")}
    job = submit(workspace, "Pipeline", jobs=nodes)
    workspace.until(job, ["Running"])
    assert [run.display_name for run in history.children(job)] == ["prepare"]
    workspace.until(job, ["Completed"])
    steps = {run.display_name: run for run in history.children(job)}
    assert {run.status for run in steps.values()} == {"Completed"}
    assert steps["prepare"].end_time_utc <= steps["train"].created_utc
    assert steps["train"].end_time_utc <= steps["score"].created_utc
    step = steps["train"]
    assert (step.parent_run_id, step.run_type) == (job, "azureml.StepRun")
    assert step.properties["azureml.runsource"] == "azureml.StepRun"
    assert step.properties["azureml.pipelinerunid"] == job
    assert step.properties["azureml.nodeid"] == step.tags["azureml.nodeid"]
    assert workspace.details(job)["runType"] == "azureml.PipelineRun"


def test_a_node_that_fails_fails_the_pipeline_and_ends_the_others(workspace: Workspace, history: History) -> None:
    nodes = {
        "bad": node(seconds=0, status="Failed"),
        "long": node(seconds=600),
        "after": node("bad"),
    }
    job = submit(workspace, "Pipeline", jobs=nodes)
    error = workspace.error(job)
    assert error["code"] == "UserError"
    assert error["message"].startswith("Pipeline has failed child jobs. Failed nodes: /bad")
    assert error["referenceCode"] == "PipelineHasStepJobFailed"
    assert {run.display_name: run.status for run in history.children(job)} == {"bad": "Failed", "long": "Canceled"}


def test_a_pipeline_may_go_on_in_spite_of_a_failure(workspace: Workspace, history: History) -> None:
    nodes = {"bad": node(seconds=0, status="Failed"), "after": node("bad"), "a": node(), "b": node("a")}
    job = submit(workspace, "Pipeline", jobs=nodes, settings={"continue_on_step_failure": True})
    workspace.error(job)
    assert {run.display_name: run.status for run in history.children(job)} == {
        "bad": "Failed",
        "a": "Completed",
        "b": "Completed",
    }


def test_a_canceled_pipeline_takes_its_nodes_along(workspace: Workspace, history: History) -> None:
    inner = {"type": "sweep", "limits": {"max_total_trials": 2}, "objective": {"primary_metric": "x"}}
    job = submit(workspace, "Pipeline", jobs={"tune": inner}, simulate={"seconds": 600})
    while not (nodes := history.children(job)) or len(history.children(nodes[0].run_id)) < 2:
        time.sleep(0.02)
    workspace.call("POST", workspace.id.child("job", job) + "/cancel")
    assert workspace.until(job) == "Canceled"
    assert [run.status for run in history.children(job)] == ["Canceled"]
    assert [run.status for run in history.children(nodes[0].run_id)] == ["Canceled", "Canceled"]


def test_a_component_that_is_a_pipeline_has_nodes_of_its_own(workspace: Workspace, history: History) -> None:
    component = workspace.put(
        "component",
        "inner",
        "1",
        properties={"componentSpec": {"type": "pipeline", "name": "inner", "version": "1", "jobs": {"deep": node()}}},
    )
    job = submit(workspace, "Pipeline", jobs={"outer": {"type": "pipeline", "componentId": component}})
    workspace.until(job, ["Completed"])
    outer = history.children(job)[0]
    assert [run.display_name for run in history.children(outer.run_id)] == ["deep"]


def test_nodes_that_wait_for_each_other_are_refused(workspace: Workspace) -> None:
    answer = submit(workspace, "Pipeline", ok=False, jobs={"a": node("b"), "b": node("a")})
    assert answer.status_code == 400
    assert "its jobs wait for each other: " in answer.json()["error"]["message"]
    answer = submit(workspace, "Pipeline", ok=False, jobs={"a": node(seconds="x")})
    assert "in its job 'a', the property 'simulate.seconds' must be" in answer.json()["error"]["message"]
