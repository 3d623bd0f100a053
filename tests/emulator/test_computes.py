"""Computes over time: nodes of clusters come and go, instances start and stop, jobs lose what they run on."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.emulator.arm_requests import fresh, poll, refused, settled
from tests.emulator.execution import Workspace
from tests.emulator.simulated import submit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NODE_SECONDS = 60
"""Longer than any test takes to look at what is on the way; the clock is moved over it."""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace whose jobs only take time, and whose nodes take some to come and to go."""
    options = ("--simulate", "0.2", "--create-workspace", "--node-seconds", str(NODE_SECONDS))
    with running_emulator(tmp_path_factory.mktemp("slow-nodes"), *options) as emulator:
        yield Workspace(emulator)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with running_emulator(tmp_path_factory.mktemp("real-nodes"), "--create-workspace") as emulator:
        yield Workspace(emulator)


PREEMPTED_SECONDS = 3
"""How long a job runs before its nodes are taken away: long enough to see it run, and for it to do something."""


def cluster(least: int = 0, most: int = 2, idle: str = "PT1H", priority: str = "Dedicated") -> dict[str, Any]:
    scale = {"minNodeCount": least, "maxNodeCount": most, "nodeIdleTimeBeforeScaleDown": idle}
    inner = {"vmSize": "STANDARD_DS3_V2", "vmPriority": priority, "scaleSettings": scale}
    return {"location": "local", "properties": {"computeType": "AmlCompute", "properties": inner}}


def instance(**inner: Any) -> dict[str, Any]:
    return {
        "location": "local",
        "properties": {"computeType": "ComputeInstance", "properties": {"vmSize": "STANDARD_DS3_V2", **inner}},
    }


def inner(workspace: Workspace, compute: str) -> dict[str, Any]:
    found: dict[str, Any] = workspace.call("GET", compute).json()["properties"]["properties"]
    return found


def nodes(workspace: Workspace, compute: str) -> tuple[str, int, int, dict[str, int]]:
    found = inner(workspace, compute)
    counts = {name.removesuffix("NodeCount"): count for name, count in found["nodeStateCounts"].items() if count}
    return found["allocationState"], found["currentNodeCount"], found["targetNodeCount"], counts


def advance(workspace: Workspace, seconds: float) -> None:
    url = f"{workspace.emulator.url}/emulator/clock"
    requests.put(
        url, headers=workspace.emulator.headers, json={"advance_seconds": seconds}, timeout=60
    ).raise_for_status()


def pass_by(workspace: Workspace) -> None:
    """Let the time pass in which nodes and instances come and go."""
    advance(workspace, NODE_SECONDS)


def until(look: Callable[[], object], wanted: object, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while (found := look()) != wanted:
        assert time.monotonic() < deadline, f"{found} is not {wanted}"
        time.sleep(0.02)


class TestClusters:
    def test_nodes_come_for_a_job_stay_idle_and_go(self, slow: Workspace) -> None:
        compute = slow.put("compute", fresh("cpu"), **cluster(idle="PT10M"))
        assert nodes(slow, compute) == ("Steady", 0, 0, {})
        job = submit(slow, computeId=compute, resources={"instanceCount": 2}, simulate={"seconds": 600})
        assert nodes(slow, compute) == ("Resizing", 2, 2, {"preparing": 2})
        assert slow.status(job) == "Queued"
        pass_by(slow)
        slow.until(job, ["Running"])
        assert nodes(slow, compute) == ("Steady", 2, 2, {"running": 2})
        listed = slow.call("POST", f"{compute}/listNodes").json()["nodes"]
        assert [(node["nodeState"], node["runId"]) for node in listed] == [("running", job)] * 2
        assert len({(node["nodeId"], node["privateIpAddress"], node["port"]) for node in listed}) == 2
        slow.call("POST", slow.id.child("job", job) + "/cancel")
        slow.until(job, ["Canceled"])
        until(lambda: nodes(slow, compute), ("Steady", 2, 2, {"idle": 2}))
        steady = inner(slow, compute)["allocationStateTransitionTime"]
        advance(slow, 540)
        assert nodes(slow, compute) == ("Steady", 2, 2, {"idle": 2})
        advance(slow, 60)
        until(lambda: nodes(slow, compute), ("Resizing", 2, 0, {"leaving": 2}))
        pass_by(slow)
        until(lambda: nodes(slow, compute), ("Steady", 0, 0, {}))
        assert inner(slow, compute)["allocationStateTransitionTime"] > steady

    def test_idle_nodes_take_the_next_job(self, slow: Workspace) -> None:
        compute = slow.put("compute", fresh("cpu"), **cluster())
        for _ in range(2):
            job = submit(slow, computeId=compute, simulate={"seconds": 0})
            pass_by(slow)
            slow.until(job, ["Completed"])
        assert nodes(slow, compute) == ("Steady", 1, 1, {"idle": 1})

    def test_a_change_of_scale_takes_effect_and_spares_who_works(self, slow: Workspace) -> None:
        compute = slow.put("compute", fresh("cpu"), **cluster(least=3, most=4))
        pass_by(slow)
        until(lambda: nodes(slow, compute), ("Steady", 3, 3, {"idle": 3}))
        job = submit(slow, computeId=compute, resources={"instanceCount": 2}, simulate={"seconds": 600})
        slow.until(job, ["Running"])
        scale = {"minNodeCount": 0, "maxNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "PT0S"}
        slow.settle(slow.call("PATCH", compute, json={"properties": {"properties": {"scaleSettings": scale}}}))
        pass_by(slow)
        until(lambda: nodes(slow, compute), ("Steady", 2, 2, {"running": 2}))
        slow.call("POST", slow.id.child("job", job) + "/cancel")
        slow.until(job, ["Canceled"])
        pass_by(slow)
        until(lambda: nodes(slow, compute), ("Steady", 0, 0, {}))

    def test_an_idle_time_that_is_no_duration_is_refused(self, slow: Workspace) -> None:
        path = slow.id.child("compute", fresh("cpu"))
        assert refused(slow, "PUT", path, cluster(idle="soon")) == (400, "ValidationError")

    def test_nodes_survive_a_restart(self, slow: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
        home = tmp_path_factory.mktemp("kept")
        with running_emulator(home, "--create-workspace") as emulator:
            workspace = Workspace(emulator)
            compute = workspace.put("compute", "kept", **cluster(least=1, idle="PT10M"))
            listed = workspace.call("POST", f"{compute}/listNodes").json()["nodes"]
        with running_emulator(home) as emulator:
            workspace = Workspace(emulator)
            assert workspace.call("POST", f"{compute}/listNodes").json()["nodes"] == listed
            assert nodes(workspace, compute) == ("Steady", 1, 1, {"idle": 1})

    def test_jobs_of_a_preempted_cluster_start_anew(self, slow: Workspace) -> None:
        compute = slow.put("compute", "cheap-" + fresh("x"), **cluster(priority="LowPriority"))
        preempt(slow, compute)
        job = submit(slow, computeId=compute, simulate={"seconds": PREEMPTED_SECONDS + 2})
        pass_by(slow)
        slow.until(job, ["Running"])
        until(lambda: slow.status(job), "Queued")
        assert nodes(slow, compute)[3] == {"preempted": 1, "preparing": 1}
        assert "pre-empted" in slow.details(job)["warnings"][0]["message"]
        pass_by(slow)
        slow.until(job, ["Running"])
        pass_by(slow)
        until(lambda: nodes(slow, compute), ("Steady", 1, 1, {"running": 1}))
        slow.until(job, ["Completed"])

    def test_a_real_job_of_a_preempted_cluster_runs_again(self, real: Workspace, tmp_path: Path) -> None:
        compute = real.put("compute", "cheap-" + fresh("x"), **cluster(priority="LowPriority", most=1))
        preempt(real, compute)
        runs, go_on = tmp_path / "runs", tmp_path / "go-on"
        job = real.submit(f"echo run >> {runs}; while [ ! -e {go_on} ]; do sleep 0.05; done", computeId=compute)
        until(lambda: runs.exists() and runs.read_text().split(), ["run", "run"])
        go_on.touch()
        real.until(job, ["Completed"])
        assert "pre-empted" in real.details(job)["warnings"][0]["message"]

    def test_a_job_that_loses_its_worker_does_not_respond(self, real: Workspace, tmp_path: Path) -> None:
        let(real, {"fault": "lost_worker", "job": ".", "seconds": 3, "times": 1})
        pid = tmp_path / "pid"
        job = real.submit(f"echo $$ > {pid}; sleep 600")
        real.until(job, ["NotResponding"])
        assert "no heartbeat" in real.details(job)["error"]["error"]["message"]
        assert not Path(f"/proc/{pid.read_text().strip()}").exists()

    def test_who_runs_on_a_compute_that_is_deleted_is_told(self, real: Workspace) -> None:
        compute = real.put("compute", fresh("cpu"), **cluster(most=1))
        jobs = [real.submit("sleep 600", computeId=compute) for _ in range(2)]
        real.until(jobs[0], ["Running"])
        real.settle(real.call("DELETE", compute, params={"underlyingResourceAction": "Delete"}))
        assert "was deleted while the job ran on it" in real.error(jobs[0])["message"]
        assert "does not exist" in real.error(jobs[1])["message"]


def preempt(workspace: Workspace, compute: str) -> None:
    """Let the nodes of a cluster be taken away soon after the next job begins to run there."""
    let(
        workspace,
        {"fault": "preemption", "compute": compute.rpartition("/")[2], "seconds": PREEMPTED_SECONDS, "times": 1},
    )


def let(workspace: Workspace, rule: dict[str, Any]) -> None:
    """Let something go wrong."""
    url = f"{workspace.emulator.url}/emulator/faults"
    requests.put(url, headers=workspace.emulator.headers, json={"rules": [rule]}, timeout=60).raise_for_status()


def made(workspace: Workspace, **body: Any) -> str:
    """An instance that has been made, and runs."""
    path = workspace.id.child("compute", fresh("inst"))
    workspace.call("PUT", path, json=body)
    pass_by(workspace)
    settled(workspace, path)
    return path


class TestInstances:
    def test_an_instance_takes_its_time_to_start_and_stop(self, slow: Workspace) -> None:
        path = slow.id.child("compute", fresh("inst"))
        slow.call("PUT", path, json=instance())
        seen = [inner(slow, path)["state"]]
        pass_by(slow)
        settled(slow, path)
        for action in ("stop", "start", "restart"):
            response = slow.call("POST", f"{path}/{action}")
            found = inner(slow, path)
            seen += [found["state"], found["lastOperation"]["operationStatus"]]
            pass_by(slow)
            assert poll(slow, response) == 204
            found = inner(slow, path)
            last = found["lastOperation"]
            seen += [found["state"], last["operationName"], last["operationStatus"], last["operationTrigger"]]
        assert seen == [
            *("Creating", "Stopping", "InProgress", "Stopped", "Stop", "Succeeded", "User"),
            *("Starting", "InProgress", "Running", "Start", "Succeeded", "User"),
            *("Restarting", "InProgress", "Running", "Restart", "Succeeded", "User"),
        ]

    def test_an_instance_that_nobody_uses_stops(self, slow: Workspace) -> None:
        path = made(slow, **instance(idleTimeBeforeShutdown="PT30M"))
        found = inner(slow, path)
        assert {"Jupyter", "Jupyter Lab"} <= {app["displayName"] for app in found["applications"]}
        assert found["connectivityEndpoints"]["privateIpAddress"]
        advance(slow, 1700)
        assert inner(slow, path)["state"] == "Running"
        advance(slow, 100)
        until(lambda: inner(slow, path)["state"], "Stopping")
        pass_by(slow)
        until(lambda: inner(slow, path)["state"], "Stopped")
        assert inner(slow, path)["lastOperation"]["operationTrigger"] == "IdleShutdown"

    def test_an_instance_starts_and_stops_by_its_schedules(self, slow: Workspace) -> None:
        daily = {"frequency": "Day", "interval": 1, "timeZone": "UTC", "schedule": {"hours": [8], "minutes": [0]}}
        schedules = [
            {"action": "Stop", "triggerType": "Cron", "cron": {"expression": "0 18 * * *", "timeZone": "UTC"}},
            {"action": "Start", "triggerType": "Recurrence", "recurrence": daily},
        ]
        path = made(slow, **instance(schedules={"computeStartStop": schedules}))
        kept = inner(slow, path)["schedules"]["computeStartStop"]
        assert [(one["status"], one["provisioningStatus"]) for one in kept] == [("Enabled", "Completed")] * 2
        url = f"{slow.emulator.url}/emulator/clock"
        now = datetime.fromisoformat(
            requests.get(url, headers=slow.emulator.headers, timeout=60).json()["now"].replace("Z", "+00:00")
        )
        evening = now.replace(hour=18, minute=0, second=0) + timedelta(days=now.hour >= 18)
        advance(slow, (evening - now).total_seconds())
        until(lambda: inner(slow, path)["state"], "Stopping")
        pass_by(slow)
        until(lambda: inner(slow, path)["state"], "Stopped")
        assert inner(slow, path)["lastOperation"]["operationTrigger"] == "Schedule"
        advance(slow, 14 * 3600)
        until(lambda: inner(slow, path)["state"], "Starting")
        pass_by(slow)
        until(lambda: inner(slow, path)["state"], "Running")

    @pytest.mark.parametrize(
        "schedule",
        [
            {"action": "Sing", "triggerType": "Cron", "cron": {"expression": "0 18 * * *"}},
            {"action": "Stop", "triggerType": "Moon"},
            {"action": "Stop", "triggerType": "Cron", "cron": {"expression": "soon"}},
            {"action": "Stop", "triggerType": "Cron", "cron": {"expression": "0 1 * * *", "startTime": "soon"}},
        ],
    )
    def test_a_schedule_that_cannot_be_is_refused(self, slow: Workspace, schedule: dict[str, Any]) -> None:
        path = slow.id.child("compute", fresh("inst"))
        body = instance(schedules={"computeStartStop": [schedule]})
        assert refused(slow, "PUT", path, body) == (400, "ValidationError")

    def test_a_job_waits_for_an_instance_that_is_stopped(self, real: Workspace) -> None:
        path = real.put("compute", fresh("inst"), **instance())
        poll(real, real.call("POST", f"{path}/stop"))
        job = real.submit("sleep 600", computeId=path)
        time.sleep(0.3)
        assert real.status(job) == "Queued"
        poll(real, real.call("POST", f"{path}/start"))
        real.until(job, ["Running"])
        assert inner(real, path)["state"] == "JobRunning"
        real.call("POST", f"{path}/stop")
        assert "was stopped while the job ran on it" in real.error(job)["message"]


HELD = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.{}"
POOL = HELD.format("Synapse/workspaces/syn/bigDataPools/pool")


class TestAttached:
    @pytest.mark.parametrize("kind", ["Kubernetes", "VirtualMachine", "SynapseSpark", "Databricks", "HDInsight"])
    def test_what_is_attached_needs_to_be_somewhere(self, slow: Workspace, kind: str) -> None:
        path = slow.id.child("compute", fresh("held"))
        body = {"location": "local", "properties": {"computeType": kind, "properties": {}}}
        assert refused(slow, "PUT", path, body) == (400, "ValidationError")
        body["properties"]["resourceId"] = "pool"  # type: ignore[index]
        assert refused(slow, "PUT", path, body) == (400, "ValidationError")

    def test_a_machine_tells_its_credentials_by_list_keys_alone(self, slow: Workspace) -> None:
        account = {"username": "me", "password": "hush"}
        properties = {
            "computeType": "VirtualMachine",
            "resourceId": HELD.format("Compute/virtualMachines/vm"),
            "properties": {"sshPort": 22, "address": "10.0.0.9", "administratorAccount": account},
        }
        path = slow.put("compute", fresh("held"), location="local", properties=properties)
        shown = slow.call("GET", path).json()["properties"]
        assert (shown["isAttachedCompute"], shown["properties"]["administratorAccount"]) == (True, {"username": "me"})
        keys = slow.call("POST", f"{path}/listKeys").json()
        assert keys == {"computeType": "VirtualMachine", "administratorAccount": account}
        slow.settle(slow.call("DELETE", path, params={"underlyingResourceAction": "Detach"}))
        assert slow.call("GET", path, ok=False).status_code == 404

    @pytest.mark.parametrize(
        ("kind", "held", "sent", "keys"),
        [
            ("Databricks", "Databricks/workspaces/db", {"databricksAccessToken": "t"}, {"databricksAccessToken"}),
            (
                "AKS",
                "ContainerService/managedClusters/k",
                {},
                {"adminKubeConfig", "userKubeConfig", "imagePullSecretName"},
            ),
        ],
    )
    def test_keys(self, slow: Workspace, kind: str, held: str, sent: dict[str, str], keys: set[str]) -> None:
        properties = {"computeType": kind, "resourceId": HELD.format(held), "properties": sent}
        path = slow.put("compute", fresh("held"), location="local", properties=properties)
        assert "databricksAccessToken" not in slow.call("GET", path).json()["properties"]["properties"]
        assert set(slow.call("POST", f"{path}/listKeys").json()) == {"computeType", *keys}

    def test_what_has_no_keys_says_so(self, slow: Workspace) -> None:
        pool = {"computeType": "SynapseSpark", "resourceId": POOL, "properties": {}}
        path = slow.put("compute", fresh("held"), location="local", properties=pool)
        assert inner(slow, path)["poolName"] == "pool"
        assert refused(slow, "POST", f"{path}/listKeys") == (400, "UserError")
        assert refused(slow, "POST", f"{path}/start") == (400, "UserError")

    def test_a_data_factory_needs_nothing(self, slow: Workspace) -> None:
        path = slow.put("compute", fresh("held"), location="local", properties={"computeType": "DataFactory"})
        assert settled(slow, path)["properties"]["isAttachedCompute"] is False

    def test_a_job_may_ask_for_many_nodes_of_what_is_attached_or_serverless(self, real: Workspace) -> None:
        properties = {"computeType": "Kubernetes", "resourceId": HELD.format("ContainerService/managedClusters/k")}
        held = real.put("compute", fresh("held"), location="local", properties={**properties, "properties": {}})
        assert inner(real, held)["namespace"] == "default"
        for compute in (held, None):
            real.run("true", computeId=compute, resources={"instanceCount": 64})
