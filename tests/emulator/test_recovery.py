"""An emulator that ended without notice, and one that is told to end: nothing is left running, nothing is stuck."""

from __future__ import annotations

import os
import resource
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.emulator.database import Database
from airflow_provider_azml.emulator.launcher import STOP_SECONDS, EmulatorProcess, with_lasting_cache
from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
from airflow_provider_azml.emulator.store import Store
from tests.emulator.execution import Workspace
from tests.emulator.simulated import submit
from tests.emulator.test_serving import SCORE, deploy, make_endpoint, score

if TYPE_CHECKING:
    from collections.abc import Iterator


class Home:
    """A home whose emulator can be started, stopped and killed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: EmulatorProcess | None = None

    def start(self, *options: str) -> Workspace:
        log = self.home / "emulator.log"
        self.process = EmulatorProcess(self.home, log, with_lasting_cache(os.environ), options)
        while not self.process.ready():
            time.sleep(0.05)
        return Workspace(RunningEmulator(self.home, self.process.exports(), log)).ensure()

    def kill(self) -> None:
        assert self.process is not None
        os.kill(int((self.home / "emulator.lock").read_text()), signal.SIGKILL)
        self.process.stop()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    yield made
    made.stop()


def test_what_an_emulator_left_behind_is_ended_and_jobs_have_failed(home: Home, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    workspace = home.start()
    job = workspace.submit(f"echo $$ > {pid_file}; exec sleep 600")
    workspace.until(job, ["Running"])
    _until(lambda: pid_file.exists() and pid_file.read_text().strip() != "")
    model = workspace.put(
        "model", "factor", "1",
        properties={"modelType": "custom_model", "modelUri": workspace.data({"factor.txt": "3"}, "m/weights")},
    )  # fmt: skip
    make_endpoint(workspace, "endpoint")
    deploy(workspace, "endpoint", "blue", SCORE, model)
    server = score(workspace, "endpoint", {"pid": 1}, deployment="blue").json()["pid"]
    home.kill()
    assert _alive(int(pid_file.read_text()))
    assert _alive(server)

    workspace = home.start()
    with closing(Database(home.home / "emulator.db")) as database:
        # by now their ids may be those of other processes
        assert Store(database).records("job_processes") == []
    assert workspace.status(job) == "Failed"
    assert "was stopped while the job was active" in workspace.details(job)["error"]["error"]["message"]
    _until(lambda: not _alive(int(pid_file.read_text())) and not _alive(server))
    # what was served is served again, by whoever asks first
    assert score(workspace, "endpoint", {"data": [1]}, deployment="blue").json()["answer"] == [3.0]


def test_a_kill_between_two_writes_leaves_nothing_on_its_way(home: Home) -> None:
    workspace = home.start()
    completed = workspace.run("true")
    instance = workspace.put(
        "compute",
        "instance",
        location="local",
        properties={"computeType": "ComputeInstance", "properties": {"vmSize": "Standard_DS3_v2"}},
    )
    home.kill()
    with closing(Database(home.home / "emulator.db")) as database:
        store = Store(database)
        job = store.get(workspace.id.child("job", completed)) or {}
        store.put(workspace.id.child("job", "begun"), {"properties": {**job["properties"], "status": "NotStarted"}})
        store.update(instance, lambda document: document["properties"]["properties"].update(state="Starting"))
        store.update(str(workspace.id), lambda document: document["properties"].update(provisioningState="Updating"))
    for left in ("jobs/some/exe", "deployments/one/two/code"):
        (home.home / left).mkdir(parents=True)

    workspace = home.start()
    assert workspace.status(completed) == "Completed"
    assert workspace.status("begun") == "Failed"
    assert "was stopped" in workspace.details("begun")["error"]["error"]["message"]
    assert workspace.get("compute", "instance")["properties"]["properties"]["state"] == "Stopped"
    assert workspace.call("GET", str(workspace.id)).json()["properties"]["provisioningState"] == "Failed"
    assert not (home.home / "jobs" / "some").exists()
    assert not (home.home / "deployments" / "one" / "two").exists()


def test_an_emulator_that_is_told_to_end_ends_what_it_runs(home: Home, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    workspace = home.start()
    job = workspace.submit(f"echo $$ > {pid_file}; exec sleep 600")
    workspace.until(job, ["Running"])
    _until(lambda: pid_file.exists() and pid_file.read_text().strip() != "")
    started = time.monotonic()
    home.stop()
    assert time.monotonic() - started < STOP_SECONDS  # then it would have been killed
    assert not _alive(int(pid_file.read_text()))
    assert home.start().status(job) == "Failed"


def test_simulated_jobs_go_on(home: Home) -> None:
    workspace = home.start("--simulate", "600")
    long, ended = submit(workspace, simulate={"log_lines": 600}), submit(workspace, simulate={"seconds": 4})
    waiting = submit(workspace, simulate={"queue_seconds": 600})
    canceled, sweep = submit(workspace), submit(workspace, "Sweep")
    for job in (long, ended, canceled, sweep):
        workspace.until(job, ["Running"])
    began = workspace.details(long)["startTimeUtc"]
    home.kill()
    time.sleep(4)  # one would have ended meanwhile

    workspace = home.start("--simulate", "600")
    assert workspace.until(ended) == "Completed"
    assert [workspace.status(job) for job in (long, waiting, sweep)] == ["Running", "Queued", "Failed"]
    assert workspace.details(long)["startTimeUtc"] == began
    lines = workspace.log(long).splitlines()
    assert lines
    assert len(lines) == len(set(lines))
    workspace.call("POST", workspace.id.child("job", canceled) + "/cancel")
    assert workspace.until(canceled, ["Canceled"]) == "Canceled"
    home.kill()
    assert home.start().status(long) == "Failed"


def test_a_disk_that_takes_no_more_fails_the_job(home: Home) -> None:
    workspace = home.start()
    pid = int((home.home / "emulator.lock").read_text())
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (8 * 2**20, most))
    job = workspace.submit("head -c 30000000 /dev/zero; sleep 600")
    error = workspace.error(job)
    assert error["code"] == "SystemError"
    assert "File too large" in error["message"]
    workspace.run("true")


def _until(holds: object, seconds: float = 120) -> None:
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
