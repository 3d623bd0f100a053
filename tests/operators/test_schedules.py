"""Schedules are created, switched and deleted; what is so already is left alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, chain

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import (
    AzmlDeleteScheduleOperator,
    AzmlDisableScheduleOperator,
    AzmlEnableScheduleOperator,
)
from tests.airflow.running import run
from tests.operators import schedules_that_fire

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

NAME = "nightly"
SCHEDULE = {
    "name": NAME,
    "trigger": {"type": "cron", "expression": "0 3 * * *", "time_zone": "UTC"},
    "create_job": "azureml:train_of_yesterday",
}


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore")  # azure-ai-ml warns about itself
@pytest.mark.parametrize("deferrable", [False, True])
def test_a_schedule_from_creation_to_deletion(
    deferrable: bool, azml_connection: str, azml_emulator: RunningEmulator
) -> None:
    from airflow_provider_azml.operators import AzmlCreateScheduleOperator

    with DAG("schedules", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
        chain(
            AzmlCreateScheduleOperator(task_id="create", spec=SCHEDULE, description="{{ ti.task_id }}d"),
            AzmlDisableScheduleOperator(task_id="disable", name=NAME, deferrable=deferrable),
            AzmlDisableScheduleOperator(task_id="disable_again", name=NAME, deferrable=deferrable),
            AzmlEnableScheduleOperator(task_id="enable", name=NAME),
        )
    finished = run(dag)
    assert finished.errors == {}
    states = [finished.value(task)["is_enabled"] for task in ("create", "disable", "disable_again", "enable")]
    assert states == [True, False, False, True]
    seen: Any = read_by_microsofts_client(azml_emulator)
    assert (seen.is_enabled, seen.description, seen.trigger.expression) == (True, "created", "0 3 * * *")
    with DAG("schedules", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
        chain(
            AzmlDeleteScheduleOperator(task_id="delete", name=NAME, deferrable=deferrable),
            AzmlDeleteScheduleOperator(task_id="delete_again", name=NAME),
        )
    finished = run(dag)
    assert finished.errors == {}
    assert finished.value("delete") == finished.value("delete_again")
    assert finished.value("delete")["status"] == "Deleted"
    assert NAME not in {left["name"] for left in AzmlHook(azml_connection).list("schedule")}


def test_a_schedule_fires_on_the_service_until_it_is_disabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_azml.operators import AzmlCreateScheduleOperator

    with running_emulator(tmp_path, *schedules_that_fire.OPTIONS) as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        schedules_that_fire.move(emulator)
        with DAG("schedules", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
            AzmlCreateScheduleOperator(task_id="create", file=str(schedules_that_fire.file(tmp_path, NAME)))
        assert run(dag).errors == {}
        day = schedules_that_fire.move(emulator)
        (job,) = schedules_that_fire.fired(emulator, NAME, 1)
        assert job["properties"]["displayName"] == f"{NAME}-{day - timedelta(days=1):%Y%m%d}T030000Z"
        with DAG("schedules", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
            AzmlDisableScheduleOperator(task_id="disable", name=NAME)
        assert run(dag).errors == {}
        schedules_that_fire.move(emulator, days=3)
        assert len(schedules_that_fire.fired(emulator, NAME, 1)) == 1
        with DAG("schedules", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
            AzmlEnableScheduleOperator(task_id="enable", name=NAME)
        assert run(dag).errors == {}
        schedules_that_fire.move(emulator)
        schedules_that_fire.fired(emulator, NAME, 2)  # what was due meanwhile does not fire later


def test_a_schedule_that_is_not_there_cannot_be_enabled(azml_connection: str) -> None:
    with DAG("schedules", schedule=None) as dag:
        AzmlEnableScheduleOperator(task_id="it", name="nowhere", retries=2)
    finished = run(dag)
    assert "schedules/nowhere" in str(finished.errors["it"][0])
    assert finished.tries("it") == 1


def read_by_microsofts_client(emulator: RunningEmulator) -> object:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    where = (emulator.subscription_id, emulator.resource_group, emulator.workspace)
    return MLClient(DefaultAzureCredential(), *where, enable_telemetry=False).schedules.get(NAME)
