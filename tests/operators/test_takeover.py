"""A DAG takes the place of a schedule of Azure ML: never do both fire."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.dags import azml_dag
from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.exceptions import ScheduleStillFires
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlTakeOverScheduleOperator
from tests.airflow.running import run
from tests.operators import schedules_that_fire
from tests.operators.schedules_that_fire import fired, move
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.airflow.running import Finished
    from tests.operators.conftest import SignedIn

RETIRED = f"/pipelines/v1.0{WS}/Schedules"
ARGUMENTS = {"poll_seconds": 0.1, "retries": 2}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    with running_emulator(tmp_path_factory.mktemp("taken"), *schedules_that_fire.OPTIONS) as it:
        yield it


@pytest.fixture
def hook(emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> AzmlHook:
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    return AzmlHook()


def is_enabled(hook: AzmlHook, name: str) -> bool:
    return bool(hook.get("schedule", name)["properties"]["isEnabled"])


def test_while_the_schedule_fires_nothing_is_submitted(hook: AzmlHook, tmp_path: Path) -> None:
    hook.apply(schedules_that_fire.file(tmp_path, "checked"), kind="schedule")
    finished = run(azml_dag(tmp_path / "schedule.yml", takeover="check", default_args=ARGUMENTS))
    (error,) = finished.errors["takeover"]
    assert isinstance(error, AirflowFailException)
    assert isinstance(error.__cause__, ScheduleStillFires)
    assert "az ml schedule disable --name checked" in str(error)
    assert (finished.tries("takeover"), finished.states["job"]) == (1, "upstream_failed")
    assert is_enabled(hook, "checked")


def test_the_schedule_is_disabled_once_and_the_dag_fires_in_its_place(
    hook: AzmlHook, emulator: RunningEmulator, tmp_path: Path
) -> None:
    move(emulator)  # whatever the time of day is, it does not fire before it is disabled
    hook.apply(schedules_that_fire.file(tmp_path, "taken"), kind="schedule")
    dag = azml_dag(tmp_path / "schedule.yml", takeover="disable", default_args={**ARGUMENTS, "deferrable": True})
    first, second = run(dag), run(dag)
    assert (first.errors, second.errors) == ({}, {})
    told = {"name": "taken", "id": hook.workspace_id.child("schedule", "taken"), "status": "Disabled"}
    assert first.value("takeover") == {**told, "took_over": True}
    assert second.value("takeover") == {**told, "took_over": False}
    assert second.value("job")["status"] == "Completed"
    assert not is_enabled(hook, "taken")
    move(emulator, days=2)
    fired(emulator, "taken", 0, seconds=0)


def test_what_the_service_has_run_for_the_same_time_is_not_run_again(
    hook: AzmlHook, emulator: RunningEmulator, tmp_path: Path
) -> None:
    move(emulator)
    hook.apply(schedules_that_fire.file(tmp_path, "overlapping"), kind="schedule")
    due = move(emulator, days=1) - timedelta(hours=45)
    job = fired(emulator, "overlapping", 2)[0]
    dag = azml_dag(tmp_path / "schedule.yml", takeover="disable", default_args=ARGUMENTS)
    finished = run(dag, run_after=due)
    assert finished.states == {"takeover": "skipped", "job": "skipped"}
    assert job["properties"]["displayName"] == f"overlapping-{due:%Y%m%dT%H%M%SZ}"
    assert not is_enabled(hook, "overlapping")
    assert run(dag, run_after=due + timedelta(days=2)).states == {"takeover": "success", "job": "success"}


def test_a_schedule_that_the_service_does_not_have_is_none_to_take_over(hook: AzmlHook) -> None:
    finished = taken(takeover="disable", name="nowhere")
    assert finished.value("it") == {"name": "nowhere", "id": None, "status": "NotFound", "took_over": False}
    wrong = taken(takeover="delete", name="nowhere")
    assert "takeover: is 'delete'; it must be 'check' or 'disable'" in str(wrong.errors["it"][0])
    assert hook.list("schedule", params={"listViewType": "All"}) is not None


def taken(**given: Any) -> Finished:
    """The operator, run."""
    with DAG("takeover", schedule=None, default_args=ARGUMENTS) as dag:
        AzmlTakeOverScheduleOperator(task_id="it", **given)
    return run(dag)


# -- schedules of CLI v1: shapes of PipelineScheduleEntity, azureml-pipeline-core 1.62.0 ------------------------------


def entity(key: str, name: str, status: str = "Active") -> dict[str, Any]:
    return {"Id": key, "Name": name, "EntityStatus": status, "Recurrence": {"Frequency": "Day", "Interval": 1}}


@pytest.fixture
def retired(service: SignedIn) -> SignedIn:
    service.holds({
        WS: {"properties": {"discoveryUrl": f"{service.url}/discovery"}},
        "/discovery": {"api": service.url},
    })
    return service


def test_a_schedule_of_v1_is_found_by_name_or_id(retired: SignedIn) -> None:
    retired.holds({RETIRED: [entity("1", "Nightly"), entity("2", "other", "Disabled"), entity("3", "Nightly", "2")]})
    for name in ("Nightly", "1"):
        (error,) = taken(name=name, generation="v1").errors["it"]
        assert "az ml pipeline disable-schedule --schedule-id 1" in str(error)
    for name in ("other", "3", "nowhere"):
        assert taken(name=name, generation="v1").value("it")["status"] == "NotFound"


def test_a_schedule_of_v1_is_disabled_and_read_back(retired: SignedIn) -> None:
    one, disabled = entity("1", "Nightly", "0"), entity("1", "Nightly", "Disabled")
    retired.holds({RETIRED: [one]})
    retired.answer("GET", f"{RETIRED}/1", Answer(body=one), Answer(body=disabled))
    retired.answer("PUT", f"{RETIRED}/1", Answer(body=disabled))
    finished = taken(name="Nightly", generation="v1", takeover="disable")
    assert finished.value("it") == {"name": "Nightly", "id": "1", "status": "Disabled", "took_over": True}
    assert [body for line, body in retired.sent if line.startswith("PUT")] == [disabled]
    (sent,) = (asked for asked in retired.asked if asked.method == "PUT")
    assert sent.headers["Content-Type"] == "application/json-patch+json; charset=utf-8"


def test_of_two_schedules_of_v1_with_one_name_neither_is_touched(retired: SignedIn) -> None:
    retired.holds({RETIRED: [entity("1", "Nightly"), entity("2", "Nightly")]})
    finished = taken(name="Nightly", generation="v1", takeover="disable")
    assert "give the id of one: 1, 2" in str(finished.errors["it"][0])
    assert not any(line.startswith("PUT") for line, _ in retired.sent)


@pytest.mark.parametrize(("status", "state"), [(410, "success"), (403, "failed")])
def test_schedules_of_v1_that_cannot_be_listed(retired: SignedIn, status: int, state: str) -> None:
    retired.refuses("GET", RETIRED, status, "Refused")
    assert taken(name="Nightly", generation="v1").states == {"it": state}
