"""Deployments that an emulator makes, followed from the build of their image to the first answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.deployment_failures import OF_MEMORY
from airflow_provider_azml.rest.deployments import failure, restarts
from airflow_provider_azml.rest.following import Follower
from airflow_provider_azml.rest.waiting import Glance, Ticket, settle
from tests.emulator.execution import Workspace
from tests.rest.jobs import Clock, Told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.waiting import Outcome

SCORE = """
import json, os, time

def init():
    time.sleep(float(os.environ.get("INIT_SECONDS", "0")))
    if "RAISE" in os.environ:
        raise RuntimeError("no such weights")
    if "KILL" in os.environ:
        os.kill(os.getpid(), 9)

def run(raw):
    return json.loads(raw)
"""
FAULTS = """
rules:
- {fault: slow_step, path: deployments/phased, method: image_build, seconds: 4}
- {fault: slow_step, path: deployments/phased, method: model_download, seconds: 1}
- {fault: slow_step, path: deployments/phased, method: image_pull, seconds: 1}
- {fault: slow_step, path: deployments/phased, method: container_start, seconds: 1}
- {fault: out_of_memory, path: deployments/forgetful}
"""
SEEN = [
    "phased: building the image of environment phased:1",
    "phased: the image is built",
    "phased: model and code are downloaded",
    "phased: the container image is pulled",
    "phased: the container is up",
]
BRIEF = {"phased: the instance is set up", "phased: pulling the container image", "phased: starting the container"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("phases")
    faults = folder / "faults.yml"
    faults.write_text(FAULTS)
    with running_emulator(folder / "home", "--create-workspace", "--faults", str(faults)) as it:
        found = Workspace(it)
        found.put("online_endpoint", "flowers", location="local", properties={"authMode": "Key"})
        yield found


@pytest.fixture
def hook(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> AzmlHook:
    for name, value in workspace.emulator.environment.items():
        monkeypatch.setenv(name, value)
    return AzmlHook("azml_default")


def deploy(workspace: Workspace, name: str, environment: str | None = None, **properties: Any) -> str:
    """Begin to make a deployment."""
    body = {
        "endpointComputeType": "Managed",
        "environmentId": environment or workspace.shared_environment(),
        "codeConfiguration": {"codeId": workspace.code({"score.py": SCORE}), "scoringScript": "score.py"},
        "instanceType": "Standard_DS3_v2",
        **properties,
    }
    arm_id = workspace.id.child("online_deployment", "flowers", name)
    workspace.call("PUT", arm_id, json={"location": "local", "properties": body})
    return arm_id


def followed(arm_id: str, told: Told) -> Flow[Outcome]:
    return settle(Ticket(arm_id), poll_seconds=0.1, follow=Follower(arm_id, told.tell).look)


def both_ways(hook: AzmlHook, arm_id: str) -> tuple[list[Outcome], list[Told]]:
    """Follow a deployment as a worker does and as the triggerer does, at the same time."""
    tolds = [Told(), Told()]

    async def asynchronous() -> Outcome:
        own = AzmlHook("azml_default")
        try:
            return await own.arun(followed(arm_id, tolds[1]))
        finally:
            await own.aclose()

    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(asyncio.run, asynchronous())
        return [hook.run(followed(arm_id, tolds[0])), later.result()], tolds


def test_every_phase_is_told_once(workspace: Workspace, hook: AzmlHook) -> None:
    conda = "dependencies: [python=3.11, pip, {pip: [isodate==0.7.2]}]"
    image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"
    environment = workspace.put("environment", "phased", "1", properties={"image": image, "condaFile": conda})
    hook.run(flows.get(str(workspace.id)))  # what that imports may take longer than a phase
    arm_id = deploy(workspace, "phased", environment)
    outcomes, tolds = both_ways(hook, arm_id)
    for outcome, told in zip(outcomes, tolds, strict=True):
        assert outcome.succeeded, outcome
        assert [line for line in told if line in SEEN] == SEEN
        brief = [line for line in told if line in BRIEF]
        assert len(brief) == len(set(brief)) > 0
        assert [line for line in told if line.startswith("WARNING")] == []
        logged = [line for line in told if line.startswith("phased: the build is logged in ImageLogs/")]
        assert len(logged) == 1
        build = [line for line in told if line.startswith("phased: image build: ")]
        assert "Building the image of phased:1" in build[0]
        assert "The image is built" in build[-1]


def test_a_probe_that_ends_a_container_is_told_from_the_model(workspace: Workspace, hook: AzmlHook) -> None:
    probe = {"initialDelay": "PT0.3S", "period": "PT0.3S", "failureThreshold": 3}
    variables = {"INIT_SECONDS": "60"}
    outcomes, tolds = both_ways(hook, deploy(workspace, "late", livenessProbe=probe, environmentVariables=variables))
    ended = (
        "the liveness probe, not the model, ended the container: it did not answer within 1.2 s "
        "(initial_delay 0.3 s, then 3 x period 0.3 s)"
    )
    for outcome, told in zip(outcomes, tolds, strict=True):
        assert outcome.status == "Failed"
        assert any("WARNING: late: LivenessProbeFailed: Liveness probe failed" in line for line in told)
        assert any(f"WARNING: late: {ended}" in line for line in told)
    for known in (outcomes[0], replace(outcomes[0], body={})):  # the second is what a trigger hands over
        found = hook.run(failure(known, lines=5))
        assert found.code == "ResourceNotReady"
        assert ended in str(found)
    (restart,) = hook.run(restarts(outcomes[0].arm_id))
    assert restart.startswith(ended)


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("RAISE", "the scoring script failed when it was loaded: RuntimeError: no such weights"),
        ("KILL", OF_MEMORY),
    ],
)
def test_why_a_container_does_not_start(workspace: Workspace, hook: AzmlHook, variable: str, told: str) -> None:
    probe = {"initialDelay": "PT4S", "period": "PT1S", "failureThreshold": 1}
    name = variable.lower()
    arm_id = deploy(workspace, name, livenessProbe=probe, environmentVariables={variable: "1"})
    outcome = hook.run(followed(arm_id, Told()))
    found = hook.run(failure(outcome, lines=5))
    assert found.code == "ResourceNotReady"
    assert str(found.explanation).startswith(told)
    assert len(found.log_tail) == 5


def test_that_a_worker_was_killed_for_want_of_memory_is_told(workspace: Workspace, hook: AzmlHook) -> None:
    arm_id = deploy(workspace, "forgetful")
    assert hook.run(followed(arm_id, Told())).succeeded
    deadline = time.monotonic() + 120
    while not (told := hook.run(restarts(arm_id))):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert told == [OF_MEMORY]


def test_of_a_deployment_that_is_up_what_happens_from_now_on_is_told(workspace: Workspace, hook: AzmlHook) -> None:
    probe = {"period": "PT0.2S", "failureThreshold": 5, "timeout": "PT0.2S"}
    mark = uuid.uuid4().hex
    arm_id = deploy(workspace, "lasting", livenessProbe=probe, environmentVariables={"MARK": mark})
    assert hook.run(followed(arm_id, Told())).succeeded
    told, clock = Told(), Clock()
    follower, up = Follower(arm_id, told.tell, now=clock), Glance("Succeeded", body=hook.run(flows.get(arm_id)))
    hook.run(follower.look(up))
    assert told == ["lasting is Succeeded"]
    os.killpg(_server_of(mark), signal.SIGSTOP)
    ended = "the liveness probe, not the model, ended the container: it did not answer within 11 s"
    deadline = time.monotonic() + 120
    while not any(ended in line for line in told):
        assert time.monotonic() < deadline, told
        clock.now += 61
        hook.run(follower.look(up))
        time.sleep(0.1)
    assert "lasting: the instance is set up" not in told
    assert any("WARNING: lasting: LivenessProbeFailed: Liveness probe failed: it did not answer" in one for one in told)


def _server_of(mark: str) -> int:
    """The process that leads those of a deployment with a mark among its environment variables."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("MARK") == mark and os.getpgid(process.pid) == process.pid:
                return process.pid
    raise AssertionError("the deployment is served by nobody")


def test_the_log_of_a_failed_build_is_shown(workspace: Workspace, hook: AzmlHook) -> None:
    properties = {"image": "some/image", "build": {"contextUri": "azureml://datastores/workspaceblobstore/paths/x"}}
    environment = workspace.put("environment", "unbuilt", "1", properties=properties)
    outcome = hook.run(followed(deploy(workspace, "unbuilt", environment), Told()))
    found = hook.run(failure(outcome, lines=5))
    assert (found.code, found.log_of, found.explanation) == (
        "ImageBuildFailure",
        "its image's build",
        "the image of the environment could not be built; its build log says why. Pin the packages of the environment",
    )
    assert "Building the image of unbuilt:1" in found.log_tail[0]


def test_what_cannot_be_downloaded_is_shown(workspace: Workspace, hook: AzmlHook) -> None:
    folder = workspace.data({"gone.txt": "1"}, "models-of-test/gone")
    model = workspace.put("model", "gone", "1", properties={"modelType": "custom_model", "modelUri": folder})
    workspace.remove("models-of-test/gone/gone.txt")
    told = Told()
    outcome = hook.run(followed(deploy(workspace, "gone", model=model), told))
    assert any("WARNING: gone: DownloadFailed: Model download failed" in line for line in told)
    assert any("WARNING: gone: storage initializer: " in line and "there is nothing at" in line for line in told)
    found = hook.run(failure(outcome, lines=5))
    assert (found.code, found.log_of) == ("BadArgument", "its storage initializer")
    assert str(found.explanation).startswith("model or code could not be fetched")
