"""Which sensors the scheduler starts in the triggerer, and with what."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, Asset, task, task_group

from airflow_provider_azml.sensors import (
    AzmlComputeSensor,
    AzmlJobSensor,
    AzmlModelVersionSensor,
    AzmlWaitForServiceHealthySensor,
)
from airflow_provider_azml.sensors.starting import GRACE_SECONDS, TRIGGER
from tests.sensors.triggerer import RENDERS, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

renders = pytest.mark.skipif(not RENDERS, reason="this Airflow renders no templates in the triggerer")


class OwnSensor(AzmlJobSensor):
    """A user's, which may do anything."""


def sensor(kind: type[AzmlJobSensor] = AzmlJobSensor, **arguments: Any) -> AzmlJobSensor:
    return kind(**{"task_id": "it", "job_name": "{{ ds }}", "deferrable": True, **arguments})


def trigger_kwargs(found: AzmlJobSensor) -> dict[str, Any]:
    kwargs = found.start_trigger_args.trigger_kwargs
    assert json.loads(json.dumps(kwargs)) == kwargs
    return kwargs


@renders
@pytest.mark.parametrize(
    "waits",
    [
        AzmlJobSensor(task_id="job", job_name="a", deferrable=True),
        AzmlComputeSensor(task_id="compute", compute_name="a", deferrable=True),
        AzmlModelVersionSensor(task_id="model", name="a", deferrable=True),
    ],
    ids=lambda waits: waits.task_id,
)
def test_deferrable_ones_are_started_there(waits):
    from airflow_provider_azml.triggers.sensing import AzmlSensorTrigger

    assert waits.start_from_trigger
    how = waits.start_trigger_args
    assert how.trigger_cls == TRIGGER == f"{AzmlSensorTrigger.__module__}.{AzmlSensorTrigger.__name__}"
    assert how.next_method == "resume"
    assert how.timeout.total_seconds() == waits.timeout + GRACE_SECONDS
    trigger = AzmlSensorTrigger(**how.trigger_kwargs)
    assert trigger.serialize() == (TRIGGER, how.trigger_kwargs)


def test_before_airflow_renders_there_none_are():
    assert sensor().start_from_trigger is RENDERS


NEED_A_WORKER: Mapping[str, Mapping[str, Any]] = {
    "not deferrable": {"deferrable": False},
    "as the user says": {"start_from_trigger": False},
    "a pool": {"pool": "narrow"},
    "a limit": {"max_active_tis_per_dag": 1},
    "a limit per run": {"max_active_tis_per_dagrun": 1},
    "a callback at the start": {"on_execute_callback": print},
    "a hook at the start": {"pre_execute": print},
    "inlets": {"inlets": [Asset("a")]},
    "a file beside the DAG file": {"config_path": "."},
    "a bad argument": {"poll_seconds": 0},
    "an object": {"job_name": object()},
    "a subclass": {"kind": OwnSensor},
}


@pytest.mark.parametrize("why", NEED_A_WORKER)
def test_some_need_a_worker_to_begin(why):
    assert not sensor(**NEED_A_WORKER[why]).start_from_trigger


@renders
@pytest.mark.parametrize(
    "arguments",
    [{"outlets": [Asset("a")]}, {"on_success_callback": print}, {"post_execute": print}],
    ids=lambda arguments: next(iter(arguments)),
)
def test_some_need_a_worker_to_end(arguments):
    assert trigger_kwargs(sensor(**arguments))["push"] is None


@renders
@pytest.mark.parametrize(
    ("setting", "value"), [("AIRFLOW__TRIGGERER__QUEUES_ENABLED", "True"), ("AIRFLOW__CORE__XCOM_BACKEND", "own.Xcoms")]
)
def test_some_deployments_need_workers(setting, value, monkeypatch):
    assert trigger_kwargs(sensor())["push"] == "keys"
    monkeypatch.setenv(setting, value)
    needs = sensor()
    assert not needs.start_from_trigger or trigger_kwargs(needs)["push"] is None


@renders
def test_arguments_travel_with_their_templates():
    with DAG("starting", schedule=None):
        named = task(lambda: None, task_id="named")()
        waits = AzmlModelVersionSensor(
            task_id="it",
            name=named["name"],
            tags={"day": "{{ ds }}", "team": named["team"]},
            workspace="{{ params.workspace }}",
            poll_seconds=3,
            timeout=60,
            execution_timeout=timedelta(seconds=30),
            tolerate_errors_seconds=5,
            do_xcom_push=False,
            deferrable=True,
        )
    pull = "{{{{ task_instance.xcom_pull(task_ids='named', dag_id='starting', key='{}') }}}}"
    assert trigger_kwargs(waits) == {
        "kind": "model",
        "names": {"name": pull.format("name"), "version": None},
        "goal": "version",
        "wanted": {"newer_than": None, "tags": {"day": "{{ ds }}", "team": pull.format("team")}, "stage": None},
        "azml_conn_id": "azml_default",
        "subscription_id": None,
        "resource_group": None,
        "workspace": "{{ params.workspace }}",
        "poll_seconds": 3,
        "timeout_seconds": 60,
        "execution_timeout_seconds": 30,
        "grace_seconds": GRACE_SECONDS,
        "tolerate_errors_seconds": 5,
        "stream_logs": False,
        "push": "nothing",
    }


def test_mapped_ones_need_a_worker():
    with DAG("starting", schedule=None) as dag:
        AzmlJobSensor.partial(task_id="mapped", deferrable=True).expand(job_name=["a", "b"])

        @task_group
        def group(name: str) -> None:
            sensor(task_id="inside", job_name=name)
            sensor(task_id="constant", job_name="a")

        group.expand(name=["a", "b"])
        sensor(task_id="single")
    _, scheduled = stored(dag)
    starts = {task_id: scheduled.get_task(task_id).start_from_trigger for task_id in dag.task_ids}
    assert starts == {"mapped": False, "group.inside": False, "group.constant": False, "single": RENDERS}


def test_what_is_made_of_a_result_needs_a_worker():
    with DAG("starting", schedule=None):
        names = task(lambda: ["a"], task_id="named")()
        assert not sensor(job_name=names.map(str)).start_from_trigger


def test_others_are_left_alone():
    healthy = AzmlWaitForServiceHealthySensor(task_id="it", endpoint_name="a", deferrable=True)
    assert not healthy.start_from_trigger
