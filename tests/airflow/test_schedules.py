"""Schedule files on a whole Airflow: their DAGs fire when the files say, and on what is added and changed."""

from __future__ import annotations

import os
import re
import signal
import time
from base64 import b85decode
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.hooks.azml import AzmlHook
from tests.airflow.stack import Stack
from tests.airflow.submitted_jobs import jobs_of
from tests.triggers.test_datastore import LIST, Folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from tests.airflow.rest_api import DagRun

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]

DAGS = Path(__file__).with_name("scheduled")
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
    # a triggerer that is gone is found to be so after a while
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}
SECONDS = 600
MINUTE = timedelta(minutes=1)
KEEPS = find_spec("airflow.triggers.shared_stream") is not None
"""Whether Airflow keeps what was told of: from 3.3 on."""
FOLDER = "incoming"
BERLIN = "W. Europe Standard Time"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An Airflow with the DAGs of the schedule files, beside an emulator whose jobs only take time."""
    home = tmp_path_factory.mktemp("schedules")
    with (
        running_emulator(home / "emulator", "--simulate", "1", "--create-workspace") as emulator,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        with Folder(AzmlHook(), FOLDER).container as container:
            container.upload_blob(f"{FOLDER}/old.csv", "1")
        with Stack(home / "airflow", DAGS, SETTINGS) as running:
            running.api.wait_until_parsed("every_minute", seconds=SECONDS)
            yield running


def wait_for(found: Callable[[], Any]) -> Any:
    """Wait until there is something, and answer it."""
    deadline = time.monotonic() + SECONDS
    while not (value := found()):
        assert time.monotonic() < deadline, f"nothing after {SECONDS} s"
        time.sleep(1)
    return value


# -- what was added and changed ---------------------------------------------------------------------------------------


def paths_told(stack: Stack) -> list[str]:
    """The names of the blobs that Airflow's events tell of, once for each version of a blob."""
    events = stack.api.call("GET", "assets/events", params={"limit": 100})["asset_events"]
    blobs = [blob for event in events for blob in event["extra"]["payload"]["blobs"]]
    return sorted(PurePath(blob["path"]).name for blob in blobs)


def paths_taken() -> list[str]:
    """The names of the blobs that jobs were submitted for, once for each job."""
    jobs = [job["properties"] for job in AzmlHook().list("job")]
    taken = [job for job in jobs if job["properties"].get("airflow.dag_id") == "changes"]
    return sorted(PurePath(job["inputs"]["data"]["uri"]).name for job in taken)


def wait_until_taken(*names: str) -> None:
    """Wait until there are jobs for these blobs, and no others."""
    deadline = time.monotonic() + SECONDS
    while (taken := paths_taken()) != [*names]:
        assert time.monotonic() < deadline, taken
        time.sleep(1)


def looks() -> int:
    """How often somebody has listed blobs."""
    url = f"{os.environ['AZML_EMULATOR_URL']}/emulator/requests"
    headers = {"Authorization": f"Bearer {os.environ['AZML_EMULATOR_TOKEN']}"}
    return int(requests.get(url, headers=headers, timeout=30).json()["by_operation"].get(LIST, 0))


def kept(stack: Stack) -> int:
    """How many blobs Airflow keeps as told of, or as there from the start: four bytes for each."""
    (asset,) = stack.api.call("GET", "assets")["assets"]
    entries = stack.api.call("GET", f"assets/{asset['id']}/state-store")["asset_state_store"]
    return sum(len(b85decode(entry["value"]["told"])) for entry in entries) // 4


def wait_until_kept(stack: Stack, blobs: int) -> None:
    """Wait until it is kept what so many blobs are; where nothing is kept, until somebody has looked at them."""
    if KEEPS:
        wait_for(lambda: kept(stack) == blobs)
        return
    before = looks()
    wait_for(lambda: looks() >= before + 3)  # one may be of a triggerer that was killed; who looks again, has looked


def changes_are_taken_through_a_restart_of_the_triggerer(stack: Stack) -> None:
    folder = Folder(AzmlHook(), FOLDER)
    with folder.container:
        wait_until_kept(stack, 1)
        folder.put("added.csv", "changed.csv")
        wait_until_taken("added.csv", "changed.csv")
        wait_until_kept(stack, 3)

        folder.put("late.csv")
        stack.end("triggerer", signal.SIGKILL)
        folder.put("missed.csv")
        folder.put("changed.csv", content="2")
        stack.start("triggerer")
        if not KEEPS:
            wait_until_kept(stack, 4)
            folder.put("late.csv", "missed.csv")
            folder.put("changed.csv", content="3")
        told = ["added.csv", "changed.csv", "changed.csv", "late.csv", "missed.csv"]
        wait_until_taken(*told)
    assert paths_told(stack) == told
    assert {run.wait(seconds=SECONDS) for run in stack.api.runs("changes")} == {"success"}


@pytest.fixture(scope="module")
def changes(stack: Stack) -> Iterator[Future[None]]:
    """How it goes with what is added and changed, beside all else."""
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(changes_are_taken_through_a_restart_of_the_triggerer, stack)


# -- the tests --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("changes")
def test_people_read_when_a_dag_fires(stack: Stack) -> None:
    told = {dag["dag_id"]: dag for dag in stack.api.call("GET", "dags")["dags"]}
    biweekly = told["biweekly"]
    assert biweekly["timetable_summary"] == f"every 2 weeks on Monday at 09:30, {BERLIN}"
    assert biweekly["timetable_description"].startswith("Fires every 2 weeks on Monday at 09:30")
    assert told["every_minute"]["timetable_summary"] == "every minute, UTC"
    assert told["monthly"]["timetable_summary"] == "0 9 1 * *, Europe/Berlin"
    printed = stack.command("dags", "next-execution", "biweekly", "--num-executions", "2")
    first, second = map(datetime.fromisoformat, re.findall(r"^\S+T\S+\+00:00$", printed, re.MULTILINE))
    assert first == datetime.fromisoformat(biweekly["next_dagrun_run_after"])
    assert abs(second - first - timedelta(weeks=2)) <= timedelta(hours=1)  # clocks may be moved in between


def test_every_minute_is_on_the_minute(stack: Stack) -> None:
    def two() -> Any:
        """The first that follow each other; a scheduler that looks too late leaves a minute out, as it should."""
        ended = [run for run in reversed(stack.api.runs("every_minute")) if run.state not in {"queued", "running"}]
        return next((both for both in pairwise(ended) if due_of(both[1]) - due_of(both[0]) == MINUTE), None)

    def due_of(run: DagRun) -> datetime:
        return datetime.fromisoformat(run.fields()["run_after"])

    runs = wait_for(two)
    fields = [run.fields() for run in runs]
    assert [(told["run_type"], told["state"]) for told in fields] == [("scheduled", "success")] * 2
    due = [due_of(run) for run in runs]
    assert [(moment.second, moment.microsecond) for moment in due] == [(0, 0)] * 2
    for moment, told in zip(due, fields, strict=True):  # not only when the next one is due
        assert timedelta(0) <= datetime.fromisoformat(told["start_date"]) - moment < MINUTE
    names = [[job.name for job in jobs_of(run, "job")] for run in runs]
    assert [len(submitted) for submitted in names] == [1, 1]
    shown = [AzmlHook().get("job", submitted[0])["properties"]["displayName"] for submitted in names]
    assert shown == [f"every_minute-{moment:%Y%m%dT%H%M}00Z" for moment in due]


def test_a_file_that_does_not_change_makes_no_new_version(stack: Stack) -> None:
    def parsed() -> Any:
        return {dag["dag_id"]: dag["last_parsed_time"] for dag in stack.api.call("GET", "dags")["dags"]}

    for _ in range(2):
        before = parsed()
        wait_for(lambda: all(before[dag_id] != moment for dag_id, moment in parsed().items()))  # noqa: B023
    versions = {dag_id: stack.api.call("GET", f"dags/{dag_id}/dagVersions")["total_entries"] for dag_id in parsed()}
    assert set(versions.values()) == {1}, versions


def test_changes_are_taken_through_a_restart_of_the_triggerer(changes: Future[None]) -> None:
    changes.result()
