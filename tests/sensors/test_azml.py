"""Sensors in a DAG, poking and in the triggerer, against the emulator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import NotFound, RunFailed
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowSensorTimeout
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.sensors import AzmlWaitForServiceHealthySensor
from tests.airflow.running import run

if TYPE_CHECKING:
    from tests.airflow.running import Finished

EXAMPLE = Path(__file__).parents[2] / "dags_examples" / "iris"
BOTH_MODES = pytest.mark.parametrize("deferrable", [False, True])


@pytest.fixture
def idle_endpoint(azml_connection) -> str:
    """An endpoint that nothing is deployed to."""
    return AzmlHook(azml_connection).apply({"name": "idle-endpoint", "auth_mode": "key"}, kind="online_endpoint")[
        "name"
    ]


def waiting(**arguments: Any) -> Finished:
    with DAG("waiting", schedule=None) as dag:
        AzmlWaitForServiceHealthySensor(task_id="wait", retries=0, poll_seconds=0.5, **arguments)
    return run(dag)


@BOTH_MODES
def test_an_endpoint_that_nothing_serves_is_no_healthy_service(idle_endpoint, deferrable):
    finished = waiting(endpoint_name=idle_endpoint, deferrable=deferrable)
    (error,) = finished.errors["wait"]
    assert isinstance(error.__cause__ or error, RunFailed)
    assert "no deployment gets traffic" in str(error)
    assert idle_endpoint in str(error)


@BOTH_MODES
def test_an_endpoint_that_does_not_exist_fails_at_once(azml_connection, deferrable):
    finished = waiting(endpoint_name="no-such-endpoint", deferrable=deferrable)
    (error,) = finished.errors["wait"]
    assert isinstance(error, AirflowFailException)
    assert isinstance(error.__cause__, NotFound)
    assert "no-such-endpoint" in str(error)


@BOTH_MODES
def test_a_deployment_that_is_named_must_exist(idle_endpoint, deferrable):
    finished = waiting(endpoint_name=idle_endpoint, deployment_names=["green"], deferrable=deferrable)
    (error,) = finished.errors["wait"]
    assert "green" in str(error)


@BOTH_MODES
def test_a_failure_can_be_a_skip(idle_endpoint, deferrable):
    finished = waiting(endpoint_name=idle_endpoint, deferrable=deferrable, soft_fail=True)
    assert finished.states == {"wait": "skipped"}


@BOTH_MODES
def test_waiting_too_long_is_airflows_own_timeout(idle_endpoint, deferrable, tmp_path):
    (tmp_path / "score.py").write_text("import time\n\ndef init():\n    time.sleep(120)\n\ndef run(data): ...\n")
    deployment = {
        "name": f"slow-{deferrable}".lower(),
        "endpoint_name": idle_endpoint,
        "code_configuration": {"code": str(tmp_path), "scoring_script": "score.py"},
        "environment": {"image": "local", "conda_file": str(EXAMPLE / "serving-conda.yml")},
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
    }
    AzmlHook("azml_default").apply(deployment, kind="online_deployment", wait=False)
    names = [deployment["name"]]
    finished = waiting(endpoint_name=idle_endpoint, deployment_names=names, timeout_seconds=1, deferrable=deferrable)
    (error,) = finished.errors["wait"]
    assert isinstance(error, AirflowSensorTimeout)


@pytest.mark.parametrize(("arguments", "pause"), [({}, 15), ({"poll_seconds": 3}, 3), ({"poke_interval": 7}, 7)])
def test_airflows_word_for_the_pause_and_ours_are_one(arguments, pause):
    sensor = AzmlWaitForServiceHealthySensor(task_id="wait", endpoint_name="iris", **arguments)
    assert (sensor.poke_interval, sensor.poll_seconds) == (pause, pause)
