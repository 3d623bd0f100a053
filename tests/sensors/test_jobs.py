"""Sensors of jobs in a DAG, in every way to wait."""

from __future__ import annotations

import itertools
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import NotFound, RunFailed, SpecError, WaitTimeout
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowSensorTimeout
from airflow_provider_azml.sensors import AzmlJobSensor
from tests.airflow.running import run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.airflow.running import Finished
    from tests.sensors.conftest import Workspace

WAYS: Mapping[str, Mapping[str, Any]] = {
    "poking": {"deferrable": False},
    "rescheduled": {"deferrable": False, "mode": "reschedule"},
    "deferred": {"deferrable": True},
}
EVERY_WAY = pytest.mark.parametrize("way", WAYS)
_numbers = itertools.count()


def unique(name: str) -> str:
    return f"{name}-{next(_numbers)}"


def waiting(way: str, **sensors: Mapping[str, Any]) -> Finished:
    """Run a DAG of sensors, by task id."""
    defaults = {"retries": 2, "poll_seconds": 0.3, **WAYS[way]}
    with DAG("waiting_for_jobs", schedule=None) as dag:
        for task_id, arguments in sensors.items():
            AzmlJobSensor(task_id=task_id, **{**defaults, **arguments})
    return run(dag)


@EVERY_WAY
def test_ends_of_jobs(workspace: Workspace, way: str) -> None:
    slow = workspace.submit(unique("slow"), 600)
    good = workspace.submit(unique("good"), 2)
    reason = json.dumps({"code": "UserError", "message": "no flowers"})
    bad = workspace.submit(unique("bad"), 0.1, **{"simulate.status": "Failed", "simulate.error": reason})
    finished = waiting(
        way,
        good={"job_name": good},
        bad={"job_name": bad},
        skipped={"job_name": bad, "soft_fail": True},
        missing={"job_name": "nobodys-job"},
        late={"job_name": slow, "timeout": 1},
        late_and_skipped={"job_name": slow, "timeout_seconds": 1, "soft_fail": True},
    )
    assert finished.states == {
        "good": "success",
        "bad": "failed",
        "skipped": "skipped",
        "missing": "failed",
        "late": "failed",
        "late_and_skipped": "skipped",
    }
    assert {finished.tries(task_id) for task_id in finished.states} == {1}  # what is seen is seen again
    result = finished.value("good")
    assert (result["name"], result["status"], result["metrics"]) == (good, "Completed", {})
    assert finished.value("good", "status") == "Completed"
    assert finished.value("good", "azml_studio_url") == result["studio_url"]
    (failed,) = finished.errors["bad"]
    assert isinstance(failed, AirflowFailException)
    assert isinstance(failed.__cause__, RunFailed)
    assert "no flowers" in str(failed)
    assert bad in str(failed)
    (missing,) = finished.errors["missing"]
    assert isinstance(missing.__cause__, NotFound)
    assert "nobodys-job" in str(missing)
    (late,) = finished.errors["late"]
    assert isinstance(late, AirflowSensorTimeout)
    assert way != "deferred" or isinstance(late.__cause__, WaitTimeout)
    assert workspace.hook.get("job", slow)["properties"]["status"] == "Running"  # a sensor cancels nothing


@EVERY_WAY
def test_why_a_sensor_is_skipped_is_told(
    workspace: Workspace, way: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    reason = json.dumps({"code": "UserError", "message": "no flowers"})
    bad = workspace.submit(unique("bad"), 0.1, **{"simulate.status": "Failed", "simulate.error": reason})
    assert waiting(way, it={"job_name": bad, "soft_fail": True}).states == {"it": "skipped"}
    assert f"job '{bad}' ended as Failed (UserError: no flowers)" in capsys.readouterr().out + caplog.text


@pytest.mark.parametrize("way", ["poking", "deferred"])
def test_a_job_need_not_exist_yet(workspace: Workspace, way: str) -> None:
    name = unique("tonight")
    finished = waiting(way, it={"job_name": name, "wait_until_exists": True, "timeout": 0.5, "soft_fail": True})
    assert finished.states == {"it": "skipped"}
    workspace.submit(name, 0.1)
    finished = waiting(way, it={"job_name": name, "wait_until_exists": True})
    assert finished.value("it")["name"] == name


def test_a_dag_says_which_argument_of_its_sensor_is_no_number() -> None:
    for arguments, said in (
        ({"poll_seconds": "abc"}, "poll_seconds: is 'abc'; it must be a number of seconds"),
        ({"timeout_seconds": "{{ params.patience }}"}, "timeout_seconds: is '{{ params.patience }}'; it must be"),
        ({"poll_seconds": -1}, "poll_seconds: is -1;"),
    ):
        with pytest.raises(SpecError, match=re.escape(said)):
            AzmlJobSensor(task_id="it", job_name="a", **arguments)
    sensor = AzmlJobSensor(task_id="it", job_name="a", poll_seconds="7", timeout=timedelta(hours=1))
    assert (sensor.poke_interval, sensor.poll_seconds, sensor.timeout) == (7, 7, 3600)


BAD: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "slash": ({"job_name": "a/b"}, "job_name: is 'a/b'; it must be a name"),
    "nothing": ({"job_name": ""}, "job_name: is ''"),
    "none": ({"job_name": "{{ none }}"}, "job_name: is 'None'"),
    "spin": ({"poll_seconds": 0}, "poll_seconds: is 0.0; it must be a number of seconds, more than 0"),
    "unsure": ({"wait_until_exists": "maybe"}, "wait_until_exists: is 'maybe'; it must be True or False"),
    "impatient": ({"tolerate_errors_seconds": -1}, "tolerate_errors_seconds: is -1"),
}


@pytest.mark.parametrize("way", ["poking", "deferred"])
def test_bad_arguments_are_named(workspace: Workspace, way: str) -> None:
    finished = waiting(way, **{task_id: {"job_name": "a", **arguments} for task_id, (arguments, _) in BAD.items()})
    for task_id, (_, said) in BAD.items():
        (error,) = finished.errors[task_id]
        assert isinstance(error, AirflowFailException)
        assert isinstance(error.__cause__, SpecError)
        assert said in str(error)
