# ruff: noqa: F811 (the arguments of tests are fixtures that are imported)
"""How pipelines end: failures, cancels, an emulator that stops, and what runs before and after all others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.emulator.execution import Workspace
from tests.emulator.pipelines import FOLDER, client, command, pipelines  # noqa: F401 (fixtures)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.pipelines import Pipelines

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]


def test_a_node_that_fails_ends_the_pipeline(pipelines: Pipelines) -> None:
    workspace = pipelines.workspace
    nodes = {
        "bad": command("echo the reason; exit 3", outputs={"o": FOLDER}),
        "beside": command("sleep 60"),
        "after": command("true", {"i": "${{parent.jobs.bad.outputs.o}}"}),
    }
    name = pipelines.submit(nodes)
    error = workspace.error(name)
    assert (error["code"], error["referenceCode"]) == ("UserError", "PipelineHasStepJobFailed")
    assert "Failed nodes: /bad." in error["message"]
    assert pipelines.statuses(name) == {"bad": "Failed", "beside": "Canceled"}
    failed = pipelines.children(name)["bad"]
    assert "exited with status code 3" in failed["error"]["error"]["message"]
    assert pipelines.log(name, "bad") == "the reason\n"


def test_a_pipeline_may_go_on_after_a_failure(pipelines: Pipelines) -> None:
    nodes = {
        "bad": command("exit 3", outputs={"o": FOLDER}),
        "after_bad": command("true", {"i": "${{parent.jobs.bad.outputs.o}}"}),
        "good": command("sleep 0.5; echo x > ${{outputs.o}}/x", outputs={"o": FOLDER}),
        "after_good": command("cat ${{inputs.i}}/x", {"i": "${{parent.jobs.good.outputs.o}}"}),
    }
    name = pipelines.submit(nodes, {"continue_on_step_failure": True})
    assert "Failed nodes: /bad." in pipelines.workspace.error(name)["message"]
    assert pipelines.statuses(name) == {"bad": "Failed", "good": "Completed", "after_good": "Completed"}
    assert pipelines.log(name, "after_good") == "x\n"


def test_a_cancel_reaches_all_nodes(pipelines: Pipelines) -> None:
    inner = pipelines.component(type="pipeline", jobs={"deep": command("sleep 60")})
    name = pipelines.submit({"inner": {"type": "pipeline", "component": inner}, "beside": command("sleep 60")})
    while "Running" not in pipelines.statuses(name).get("beside", ""):
        time.sleep(0.05)
    pipelines.client.jobs.begin_cancel(name).result()
    assert pipelines.workspace.status(name) == "Canceled"
    assert pipelines.statuses(name) == {"inner": "Canceled", "beside": "Canceled"}
    assert pipelines.statuses(pipelines.children(name)["inner"]["runId"]) == {"deep": "Canceled"}


@pytest.mark.parametrize(
    ("line", "how", "end"), [("true", "", "Completed"), ("exit 3", "", "Failed"), ("sleep 60", "cancel", "Canceled")]
)
def test_nodes_run_before_and_after_all_others(pipelines: Pipelines, line: str, how: str, end: str) -> None:
    workspace = pipelines.workspace
    nodes = {"last": command("true"), "work": command(line), "first": command("sleep 0.3")}
    name = pipelines.submit(nodes, {"on_init": "first", "on_finalize": "last"})
    while how and pipelines.statuses(name).get("work") != "Running":
        time.sleep(0.05)
    if how:
        workspace.call("POST", workspace.id.child("job", name) + "/cancel")
    workspace.until(name, [end])
    runs = pipelines.children(name)
    assert [*runs] == ["first", "work", "last"]
    assert {key: run["status"] for key, run in runs.items()} == {"first": "Completed", "work": end, "last": "Completed"}
    assert runs["first"]["endTimeUtc"] <= runs["work"]["startTimeUtc"]
    assert runs["work"]["endTimeUtc"] <= runs["last"]["startTimeUtc"]


def test_a_node_that_is_canceled_fails_the_pipeline(pipelines: Pipelines) -> None:
    name = pipelines.submit({"only": command("sleep 60")})
    while not pipelines.children(name):
        time.sleep(0.05)
    workspace, child = pipelines.workspace, pipelines.children(name)["only"]["runId"]
    workspace.call("POST", workspace.id.child("job", child) + "/cancel")
    assert "Failed nodes: /only." in workspace.error(name)["message"]


def test_a_pipeline_that_an_emulator_leaves_behind_has_failed_with_its_nodes(tmp_path: Path) -> None:
    spec = {"type": "command", "command": "sleep 60"}
    with running_emulator(tmp_path, "--create-workspace") as emulator:
        workspace = Workspace(emulator)
        spec["environment"] = f"azureml:{workspace.shared_environment()}"
        component = workspace.put("component", "sleeper", "1", properties={"componentSpec": spec})
        properties = {"jobType": "Pipeline", "jobs": {"sleep": {"type": "command", "componentId": component}}}
        workspace.call("PUT", workspace.id.child("job", "left"), json={"properties": properties})
        while not (children := workspace.history("runs/left/children")["value"]):
            time.sleep(0.05)
    with running_emulator(tmp_path) as emulator:
        for job in ("left", children[0]["runId"]):
            error = Workspace(emulator).details(job)["error"]["error"]
            assert error["message"].startswith("The emulator was stopped")
