"""Schedule files on a whole Airflow: their DAGs fire when the files say, and on what is added and changed."""

from __future__ import annotations

import re
import time
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.hooks.azml import AzmlHook
from tests.airflow.postgres import is_installed, postgres
from tests.airflow.stack import Stack
from tests.airflow.submitted_jobs import jobs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.stack, pytest.mark.timeout(420)]

DAGS = Path(__file__).with_name("scheduled")
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
}
SECONDS = 180
MINUTE = timedelta(minutes=1)
PROMPT = timedelta(seconds=20)
"""The scheduler looks every few seconds; the rest is for a machine with much else to do."""
BERLIN = "W. Europe Standard Time"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An Airflow with the DAGs of the schedule files, beside an emulator whose jobs only take time."""
    home = tmp_path_factory.mktemp("schedules")
    with (
        running_emulator(home / "emulator", "--simulate", "1", "--create-workspace") as emulator,
        postgres() if is_installed() else nullcontext({}) as database,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        with Stack(home / "airflow", DAGS, {**database, **SETTINGS}) as running:
            running.api.wait_until_parsed("every_minute", seconds=60)
            yield running


def wait_for(found: Callable[[], Any]) -> Any:
    """Wait until there is something, and answer it."""
    deadline = time.monotonic() + SECONDS
    while not (value := found()):
        assert time.monotonic() < deadline, f"nothing after {SECONDS} s"
        time.sleep(1)
    return value


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
        ended = [run for run in reversed(stack.api.runs("every_minute")) if run.state not in {"queued", "running"}]
        return ended[1:] and ended[:2]

    runs = wait_for(two)
    fields = [run.fields() for run in runs]
    assert [(told["run_type"], told["state"]) for told in fields] == [("scheduled", "success")] * 2
    due = [datetime.fromisoformat(told["run_after"]) for told in fields]
    assert [(moment.second, moment.microsecond) for moment in due] == [(0, 0)] * 2
    assert due[1] - due[0] == MINUTE
    for moment, told in zip(due, fields, strict=True):
        assert timedelta(0) <= datetime.fromisoformat(told["start_date"]) - moment < PROMPT
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
