"""Simulated jobs: they take time, say so, and end as they are told to."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests

from airflow_provider_azml.emulator.arm.usages import cores_of
from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.emulator.execution import Workspace
from tests.emulator.simulated import History, submit

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 0.3
SPAN = 3.0  # long enough for requests in between


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with running_emulator(tmp_path_factory.mktemp("simulated"), "--simulate", str(SECONDS), "--create-workspace") as it:
        yield Workspace(it)


def test_jobs_of_any_kind_take_their_time_and_run_nothing(workspace: Workspace) -> None:
    begun = time.monotonic()
    kinds = ("Command", "Spark", "AutoML", "Sweep", "Pipeline", "FineTuning", "Labeling")
    jobs = [submit(workspace, kind) for kind in kinds]
    assert {workspace.get("job", job)["properties"]["properties"]["azml.simulated"] for job in jobs} == {"true"}
    for job in jobs:
        assert workspace.until(job, ["Completed"]) == "Completed"
        assert time.monotonic() - begun >= SECONDS
        run = workspace.details(job)
        assert run["properties"]["azml.simulated"] == "true"
        assert run["startTimeUtc"] < run["endTimeUtc"]
        assert run["error"] is None


def test_a_job_goes_through_all_states_in_order(workspace: Workspace) -> None:
    history, order = History(workspace), ["Queued", "Preparing", "Running", "Completed"]
    # some, since nobody may look while one of them is in a state that is short
    seen: dict[str, list[str]] = {
        submit(workspace, simulate={"queue_seconds": 1 + number / 10}): [] for number in range(10)
    }
    while any(found[-1:] != ["Completed"] for found in seen.values()):
        shown = history.batch(*seen).successful_results
        for job, found in seen.items():
            if (status := shown[job].run_metadata.status) not in found:
                found.append(status)
    assert all(found == [status for status in order if status in found] for found in seen.values())
    assert order in seen.values()


def test_a_job_says_how_long_it_takes(workspace: Workspace) -> None:
    begun = time.monotonic()
    job = submit(workspace, simulate={"seconds": 0, "queue_seconds": SPAN})
    assert workspace.status(job) == "Queued"
    assert workspace.until(job) == "Completed"
    assert time.monotonic() - begun >= SPAN


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled", "NotResponding"])
def test_a_job_says_how_it_ends(workspace: Workspace, status: str) -> None:
    job = submit(workspace, simulate={"seconds": 0, "status": status})
    assert workspace.until(job, [status, "Completed"]) == status


def test_a_failed_job_has_the_error_that_it_asked_for(workspace: Workspace) -> None:
    error = {
        "code": "UserError",
        "message": "Out of memory",
        "details": [{"code": "ExitCode", "message": "137", "details": []}],
        "innerError": {"code": "BadArgument", "innerError": {"code": "TooBig"}},
    }
    job = submit(workspace, simulate={"seconds": 0, "error": json.dumps(error)})
    shown = workspace.error(job)
    assert {name: shown[name] for name in error} == error
    answered = History(workspace).batch(job).successful_results[job].run_metadata.error
    assert answered.error.details[0].message == "137"
    assert answered.error.inner_error.inner_error.code == "TooBig"


@pytest.mark.parametrize(
    ("simulate", "reason"),
    [
        ({"seconds": "soon"}, "'simulate.seconds' must be a number that is not negative, not 'soon'"),
        ({"seconds": -1}, "must be a number that is not negative"),
        ({"second": 1}, "'simulate.second' is none of simulate.seconds, "),
        ({"status": "Done"}, "must be one of Completed, Failed, Canceled, NotResponding, not 'Done'"),
        ({"error": "broken"}, "must be a JSON object"),
        ({"status": "Completed", "error": "{}"}, "is for a job whose 'simulate.status' is Failed"),
        ({"log_lines": 1, "log_bytes_per_second": 1}, "exclude each other"),
    ],
)
def test_what_cannot_be_simulated_is_refused(workspace: Workspace, simulate: dict[str, Any], reason: str) -> None:
    answer = submit(workspace, ok=False, simulate=simulate)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]["message"]


def test_a_job_can_be_canceled(workspace: Workspace) -> None:
    job = submit(workspace, simulate={"seconds": 600})
    workspace.until(job, ["Running"])
    assert workspace.call("POST", workspace.id.child("job", job) + "/cancel").status_code == 202
    assert workspace.status(job) in ("CancelRequested", "Canceled")
    assert workspace.until(job) == "Canceled"
    assert workspace.call("POST", workspace.id.child("job", job) + "/cancel").status_code == 200


def test_a_log_grows_while_a_job_runs_and_is_read_in_ranges(workspace: Workspace) -> None:
    job = submit(workspace, simulate={"seconds": SPAN, "log_lines": 30})
    workspace.until(job, ["Running"])
    url = workspace.details(job)["logFiles"]["user_logs/std_log.txt"]
    text = b""
    more, ended = b"", False
    while more or not ended:
        ended = workspace.status(job) == "Completed"
        text += (more := read(workspace, url, len(text)))
        time.sleep(0.05)
    assert text.decode() == workspace.log(job)
    lines = text.decode().splitlines()
    assert [int(line.split()[0]) for line in lines] == [*range(1, 31)]
    beyond = workspace.session.get(
        url,
        headers={"x-ms-range": f"bytes={len(text)}-"},
        verify=workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
        timeout=60,
    )
    assert (beyond.status_code, beyond.headers["x-ms-error-code"]) == (416, "InvalidRange")
    assert beyond.headers["Content-Range"] == f"bytes */{len(text)}"


def read(workspace: Workspace, url: str, start: int) -> bytes:
    answer = workspace.session.get(
        url,
        headers={"x-ms-range": f"bytes={start}-"},
        verify=workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
        timeout=60,
    )
    assert answer.status_code in (206, 416)
    return answer.content if answer.status_code == 206 else b""


def test_a_log_can_be_asked_for_by_its_speed(workspace: Workspace) -> None:
    job = submit(workspace, simulate={"seconds": 0.5, "log_bytes_per_second": 10_000})
    workspace.until(job, ["Completed"])
    assert len(workspace.log(job)) == 5000


def test_a_job_that_is_gone_is_so_everywhere(workspace: Workspace) -> None:
    job, other = submit(workspace, simulate={"seconds": 0}), submit(workspace)
    workspace.until(job, ["Completed"])
    workspace.call("DELETE", workspace.id.child("job", job))
    while workspace.call("GET", workspace.id.child("job", job), ok=False).status_code != 404:
        time.sleep(0.02)
    answer = History(workspace).batch(job, other)
    assert [*answer.successful_results] == [other]
    gone = answer.failed_results[job]
    assert gone.error.code == "UserError"
    assert job in gone.error.message
    assert gone.correlation["request"]
    assert gone.environment


def test_a_name_can_be_used_again(workspace: Workspace) -> None:
    job = submit(workspace, simulate={"seconds": 0, "log_lines": 3})
    workspace.until(job, ["Completed"])
    workspace.call("DELETE", workspace.id.child("job", job))
    while workspace.call("GET", workspace.id.child("job", job), ok=False).status_code != 404:
        time.sleep(0.02)
    submit(workspace, name=job, simulate={"seconds": 0})
    workspace.until(job, ["Completed"])
    assert workspace.details(job)["logFiles"] == {}


def test_jobs_wait_for_nodes_of_a_cluster_that_they_name(workspace: Workspace) -> None:
    scale = {"minNodeCount": 1, "maxNodeCount": 2, "nodeIdleTimeBeforeScaleDown": "PT60S"}
    properties = {"vmSize": "STANDARD_DS3_V2", "scaleSettings": scale}
    cluster = workspace.put(
        "compute", "pair", location="local", properties={"computeType": "AmlCompute", "properties": properties}
    )
    assert nodes(workspace) == ("Steady", 1, 1, {"idleNodeCount": 1})
    jobs = [submit(workspace, computeId=cluster, simulate={"seconds": seconds}) for seconds in (600, 600, SPAN)]
    workspace.until(jobs[0], ["Running"])
    workspace.until(jobs[1], ["Running"])
    assert nodes(workspace) == ("Steady", 2, 2, {"runningNodeCount": 2})
    assert workspace.status(jobs[2]) == "Queued"
    queued = History(workspace).batch(*jobs).successful_results
    info = queued[jobs[2]].run_metadata.queueing_info
    assert "1 node(s) of pair" in info.message
    assert info.code
    assert info.last_refresh_timestamp
    assert queued[jobs[0]].run_metadata.queueing_info is None
    for job in jobs[:2]:
        workspace.call("POST", workspace.id.child("job", job) + "/cancel")
    workspace.until(jobs[2], ["Running"])
    assert History(workspace).batch(jobs[2]).successful_results[jobs[2]].run_metadata.queueing_info is None
    workspace.until(jobs[2], ["Completed"])
    assert nodes(workspace) == ("Steady", 2, 2, {"idleNodeCount": 2})


def test_a_job_that_waits_for_nodes_can_be_canceled_and_holds_up_nobody(workspace: Workspace) -> None:
    properties = {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1}}
    cluster = workspace.put(
        "compute", "lone", location="local", properties={"computeType": "AmlCompute", "properties": properties}
    )
    first, second, third = (submit(workspace, computeId=cluster, simulate={"seconds": 600}) for _ in range(3))
    for job in (second, first):
        workspace.call("POST", workspace.id.child("job", job) + "/cancel")
        assert workspace.until(job) == "Canceled"
    assert workspace.until(third, ["Running"]) == "Running"


def test_a_job_that_wants_more_nodes_than_there_are_fails(workspace: Workspace) -> None:
    scale = {"minNodeCount": 0, "maxNodeCount": 2}
    properties = {"vmSize": "STANDARD_DS3_V2", "scaleSettings": scale}
    cluster = workspace.put(
        "compute", "twin", location="local", properties={"computeType": "AmlCompute", "properties": properties}
    )
    job = submit(workspace, computeId=cluster, resources={"instanceCount": 3})
    assert "3 nodes" in workspace.error(job)["message"]


def test_usages_count_clusters_and_the_cores_of_their_nodes(workspace: Workspace) -> None:
    properties = {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4}}
    before = used(workspace)
    cluster = workspace.put(
        "compute", "four", location="local", properties={"computeType": "AmlCompute", "properties": properties}
    )
    submit(workspace, computeId=cluster, resources={"instanceCount": 3}, simulate={"seconds": 600})
    clusters, cores = used(workspace)
    assert (clusters - before[0], cores - before[1]) == (1, 12)


def used(workspace: Workspace) -> list[int]:
    path = f"/subscriptions/{workspace.id.subscription_id}/providers/Microsoft.MachineLearningServices/locations/local"
    found = {
        one["name"]["value"]: one["currentValue"] for one in workspace.call("GET", f"{path}/usages").json()["value"]
    }
    return [found["Clusters"], found["Total Cluster Dedicated Regional vCPUs"]]


@pytest.mark.parametrize(
    ("size", "cores"),
    [("STANDARD_DS3_V2", 4), ("Standard_D11_v2", 2), ("Standard_D4s_v3", 4), ("Standard_NC24ads_A100_v4", 24)],
)
def test_the_name_of_a_size_says_how_many_cores_it_has(size: str, cores: int) -> None:
    assert cores_of(size) == cores


def nodes(workspace: Workspace) -> tuple[str, int, int, dict[str, int]]:
    inner = workspace.get("compute", "pair")["properties"]["properties"]
    counts = {name: count for name, count in inner["nodeStateCounts"].items() if count}
    return inner["allocationState"], inner["currentNodeCount"], inner["targetNodeCount"], counts


def cpu_seconds(workspace: Workspace) -> float:
    """What the emulator has cost so far, however busy the machine is."""
    pid = int((workspace.emulator.home / "emulator.lock").read_text())
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


def test_thousands_at_once_are_cheap(workspace: Workspace) -> None:
    count = 300
    begun = cpu_seconds(workspace)
    jobs = [submit(workspace, name=f"many-{number}", simulate={"seconds": 600}) for number in range(count)]
    assert cpu_seconds(workspace) - begun < count * 0.03
    history = History(workspace)
    history.batch(*jobs[:100])
    begun = cpu_seconds(workspace)
    answers = [history.batch(*jobs[start : start + 100]) for start in range(0, count, 100)]
    assert cpu_seconds(workspace) - begun < len(answers) * 0.2
    states = {data.run_metadata.status for answer in answers for data in answer.successful_results.values()}
    assert states <= {"Preparing", "Running"}
    total = requests.get(
        f"{workspace.emulator.url}/emulator/requests", headers=workspace.emulator.headers, timeout=60
    ).json()["by_operation"]
    assert total["POST batchrundata"] >= 4
