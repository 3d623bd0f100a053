"""Following jobs that an emulator simulates, from their submission to their end."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import failures
from airflow_provider_azml.rest.following import Follower
from airflow_provider_azml.rest.queueing import explain_queue
from airflow_provider_azml.rest.waiting import Ticket, settle
from tests.emulator.execution import Workspace
from tests.emulator.simulated import node, submit, sweep
from tests.rest.jobs import Told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.waiting import Outcome

SECONDS = 0.1


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with running_emulator(tmp_path_factory.mktemp("followed"), "--simulate", str(SECONDS), "--create-workspace") as it:
        yield Workspace(it)


@pytest.fixture
def hook(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> AzmlHook:
    for name, value in workspace.emulator.environment.items():
        monkeypatch.setenv(name, value)
    return AzmlHook("azml_default")


@pytest.fixture(params=["blocking", "asynchronous"])
def drive(request: pytest.FixtureRequest, hook: AzmlHook) -> Any:
    async def asynchronous(flow: Flow[Any]) -> Any:
        try:
            return await hook.arun(flow)
        finally:
            await hook.aclose()

    return hook.run if request.param == "blocking" else lambda flow: asyncio.run(asynchronous(flow))


def followed(workspace: Workspace, job: str, told: Told, *, stream_logs: bool = True) -> Flow[Outcome]:
    arm_id = workspace.id.child("job", job)
    return settle(Ticket(arm_id), poll_seconds=0.05, follow=Follower(arm_id, told.tell, stream_logs=stream_logs).look)


def test_the_whole_log_of_a_job_is_told_in_order(workspace: Workspace, drive: Any) -> None:
    told = Told()
    job = submit(workspace, simulate={"seconds": 0.4, "log_lines": 300})
    assert drive(followed(workspace, job, told)).succeeded
    lines = [line for line in told if "simulated line" in line]
    assert [int(line.split()[0]) for line in lines] == list(range(1, 301))
    assert not [line for line in told if line.startswith("WARNING")]


def test_a_sweep_tells_its_trials_and_the_best(workspace: Workspace, drive: Any) -> None:
    told = Told()
    job = sweep(workspace, trials=3, at_once=2, simulate={"log_lines": 2})
    outcome = drive(followed(workspace, job, told))
    best = outcome.body["properties"]["properties"]
    summary = [line for line in told if line.startswith("trials: ")][-1]
    assert summary == f"trials: 3 done, best {float(best['score']):.6g} (trial '{best['best_child_run_id']}')"
    for number in range(3):
        assert len([line for line in told if line.startswith(f"{job}_{number}: ") and "simulated line" in line]) == 2
        assert f"trial '{job}_{number}' is Completed" in told


def test_a_sweep_that_never_logs_its_metric_warns(workspace: Workspace, drive: Any) -> None:
    told = Told()
    job = sweep(workspace, trials=3, at_once=1, simulate={"metric": "loss", "seconds": 1})
    drive(followed(workspace, job, told, stream_logs=False))
    warnings = [line for line in told if line.startswith("WARNING")]
    assert len(warnings) == 1
    assert "never logged the primary metric 'accuracy'" in warnings[0]
    assert "it logged 'loss'" in warnings[0]
    assert told.index(warnings[0]) < told.index(f"trial '{job}_2' is Completed")


def test_a_pipeline_is_explained_by_the_step_that_failed(workspace: Workspace, drive: Any) -> None:
    told = Told()
    said = '{"code": "UserError", "message": "Exit code 3.", "innerError": {"code": "PreemptionError"}}'
    nodes = {"prepare": node(log_lines=2), "train": node("prepare", error=said, log_lines=5), "score": node("train")}
    job = submit(workspace, "Pipeline", jobs=nodes)
    outcome = drive(followed(workspace, job, told))
    assert outcome.status == "Failed"
    assert "step 'prepare' is Completed" in told
    assert "step 'train' is Failed: UserError: Exit code 3." in told
    assert len([line for line in told if line.startswith("train: ") and "simulated line" in line]) == 5
    why = drive(failures.failure(workspace.id, job, lines=2))
    step = next(run for run in workspace.history(f"runs/{job}/children")["value"] if run["status"] == "Failed")
    assert why.message == f"step 'train' (job {step['runId']}) failed: UserError: Exit code 3."
    assert (why.code, why.error_class) == ("UserError", "preemption")
    assert [line.split()[0] for line in why.log_tail] == ["4", "5"]


def test_a_queue_is_explained_by_its_compute(workspace: Workspace, drive: Any) -> None:
    scale = {"minNodeCount": 0, "maxNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "PT120S"}
    cluster = {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2", "scaleSettings": scale}}
    name = f"queue-{uuid.uuid4().hex[:8]}"
    compute = workspace.put("compute", name, location="local", properties=cluster)
    told = Told()
    first = submit(workspace, computeId=compute, simulate={"seconds": 600})
    waiting = submit(workspace, computeId=compute)
    lines = drive(explain_queue(workspace.id.child("job", waiting)))
    assert "The job waits for 1 node(s)" in lines[0]
    assert lines[1].startswith(f"compute {name} is ")
    assert "at most 1" in lines[1]
    workspace.call("POST", workspace.id.child("job", first) + "/cancel")
    assert drive(followed(workspace, waiting, told)).succeeded
