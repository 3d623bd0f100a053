"""Sensors that the scheduler starts in the triggerer, as the triggerer runs them."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, Param, task
from airflow.triggers.base import TaskSuccessEvent

from airflow_provider_azml.exceptions import NotFound, RunFailed, WaitTimeout
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowSensorTimeout
from airflow_provider_azml.sensors import AzmlComputeSensor, AzmlJobSensor, AzmlModelVersionSensor
from tests.sensors.triggerer import RENDERS, Supervisor, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sensors.conftest import Workspace
    from tests.sensors.triggerer import Fired

pytestmark = pytest.mark.skipif(not RENDERS, reason="this Airflow renders no templates in the triggerer")
_numbers = itertools.count()


def unique(name: str) -> str:
    return f"sensed-{name}-{next(_numbers)}"


def sense(*, job_name: Any = "nobodys", then: Any = None, **arguments: Any) -> Fired:
    """Start one sensor of a job; ``then`` are arguments of :func:`start`."""
    with DAG("sensing", schedule=None, params={"prefix": Param("of-params", type="string")}) as dag:
        AzmlJobSensor(task_id="it", job_name=job_name, deferrable=True, poll_seconds=0.2, **arguments)
    return start(dag, "it", **(then or {}))


def payload(fired: Fired) -> dict[str, Any]:
    """Of the one event that goes to a worker, through the JSON that Airflow stores."""
    (event,) = fired.events
    assert type(event).__name__ == "TriggerEvent"
    return json.loads(json.dumps(event.payload))


@pytest.fixture
def job(workspace: Workspace) -> str:
    return workspace.submit(unique("good"), 0.1)


class Instance:
    """The task instance that a worker goes on with."""

    def __init__(self) -> None:
        self.pushed: dict[str, object] = {}

    def xcom_push(self, key: str, value: object) -> None:
        self.pushed[key] = value


def resumed(fired: Fired, **arguments: Any) -> object:
    """What a worker makes of the event."""
    sensor = AzmlJobSensor(task_id="it", job_name="rendered", deferrable=True, **arguments)
    return sensor.resume_execution("resume", {"event": payload(fired)}, {"ti": Instance()})


def test_a_good_end_ends_the_task(workspace: Workspace, job: str) -> None:
    fired = sense(job_name=job)
    (event,) = fired.events
    assert isinstance(event, TaskSuccessEvent)
    result = fired.xcoms["return_value"]
    assert (result["name"], result["status"]) == (job, "Completed")
    assert fired.xcoms["azml_studio_url"] == result["studio_url"]
    assert {key: fired.xcoms[key] for key in result} == result
    assert fired.context == {}  # which would be the whole DAG, once for each that waits


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        ({"multiple_outputs": False}, {"azml_studio_url", "return_value"}),
        ({"do_xcom_push": False}, {"azml_studio_url"}),
    ],
)
def test_xcoms_are_left_as_the_task_says(workspace: Workspace, job: str, arguments: Any, keys: set[str]) -> None:
    fired = sense(job_name=job, **arguments)
    assert isinstance(fired.events[0], TaskSuccessEvent)
    assert set(fired.xcoms) == keys


def test_a_worker_ends_what_only_a_worker_can(workspace: Workspace, job: str) -> None:
    fired = sense(job_name=job, on_success_callback=print)
    result = resumed(fired)
    assert result["name"] == job
    assert set(fired.xcoms) == {"azml_studio_url"}


def test_a_worker_ends_it_where_airflow_takes_no_xcoms(workspace: Workspace, job: str) -> None:
    fired = sense(job_name=job, then={"supervisor": Supervisor(refuses=True)})
    assert resumed(fired)["name"] == job


TEMPLATES = {
    "{{ dag_run.conf['job'] }}": "of-conf",
    "{{ params.prefix }}-{{ ds_nodash }}": "of-params-20260131",
    "{{ run_id }}-{{ ti.try_number }}": "manual-1",
    "{{ ti.xcom_pull('named')['name'] }}": "of-xcom",
    "{{ task_instance.xcom_pull(task_ids=['named'], key='return_value')[0].name }}": "of-xcom",
    "{{ macros.ds_add(ds, 1) }}": "2026-02-01",
}


@pytest.mark.parametrize(("template", "rendered"), TEMPLATES.items())
def test_templates_are_rendered_there(workspace: Workspace, template: str, rendered: str) -> None:
    with DAG("sensing", schedule=None, params={"prefix": Param("of-params", type="string")}) as dag:
        task(lambda: None, task_id="named")()
        AzmlJobSensor(task_id="it", job_name=template, deferrable=True, tolerate_errors_seconds=0)
    fired = start(dag, "it", Supervisor({"named": {"name": "of-xcom"}}), conf={"job": "of-conf"})
    with pytest.raises(AirflowFailException, match=f"job '{rendered}' was last seen never") as missing:
        resumed(fired)
    assert isinstance(missing.value.__cause__, NotFound)
    assert fired.xcoms["azml_studio_url"].partition("?")[0].endswith(f"/runs/{rendered}")


def test_results_of_tasks_are_rendered_there(workspace: Workspace) -> None:
    with DAG("sensing", schedule=None) as dag:
        named = task(lambda: None, task_id="named")()
        AzmlModelVersionSensor(
            task_id="it", name=named["model"], tags={"by": named["team"]}, deferrable=True, timeout=0.1
        )
    values = {"named": "of-xcom"}
    fired = start(dag, "it", Supervisor(values))
    assert payload(fired)["fields"]["name"] == "of-xcom"
    assert dag.get_task("it").upstream_task_ids == {"named"}


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ ti.xcom_pull('mapped') }}", "task 'mapped' is mapped"),
        ("{{ ti.xcom_pull('group.inside') }}", "task 'group.inside' is mapped"),
        ("{{ ti.xcom_pull('named', dag_id='other') }}", "of DAG 'other'"),
        ("{{ ti.xcom_pull('nobody') }}", "nobody"),
        ("{{ prev_start_date_success }}", "'prev_start_date_success' is undefined"),
        ("{{ conn.azml_default.host }}", "'conn' is undefined"),
        ("{{ ti.log_url }}", "log_url"),
        ("{{ ds | unknown }}", "No filter named 'unknown'"),
        ("{{ dag_run.conf['missing'] }}", "missing"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ '' }}", "job_name: is ''"),
    ],
)
def test_what_cannot_be_rendered_there_begins_in_a_worker(workspace: Workspace, template: str, reason: str) -> None:
    from airflow.sdk import task_group

    with DAG("sensing", schedule=None) as dag:
        task(lambda: None, task_id="named")()
        task(lambda x: x, task_id="mapped").expand(x=[1])

        @task_group
        def group(x: int) -> None:
            task(lambda x: x, task_id="inside")(x)

        group.expand(x=[1])
        AzmlJobSensor(task_id="it", job_name=template, deferrable=True)
    assert reason in payload(start(dag, "it"))["begin"]


def test_a_worker_begins_what_could_not(workspace: Workspace, job: str) -> None:
    assert sense(job_name=job).events  # which is to say that it has ended
    fired = sense(job_name="{{ nonsense }}")
    sensor = AzmlJobSensor(task_id="it", job_name=job, deferrable=True)
    result = sensor.resume_execution("resume", {"event": payload(fired)}, {"ti": Instance()})
    assert result["name"] == job


def test_without_its_dag_it_begins_in_a_worker(workspace: Workspace, job: str) -> None:
    fired = sense(job_name=job, then={"plain": True})
    assert "not rendered" in payload(fired)["begin"]


def test_a_connection_that_is_not_there_is_a_workers_to_tell(workspace: Workspace, job: str) -> None:
    assert "'nowhere'" in payload(sense(job_name=job, azml_conn_id="nowhere"))["begin"]


def test_a_bad_end_goes_to_a_worker(workspace: Workspace) -> None:
    bad = workspace.submit(unique("bad"), 0.1, **{"simulate.status": "Failed"})
    fired = sense(job_name=bad)
    with pytest.raises(AirflowFailException, match=bad) as failed:
        resumed(fired)
    assert isinstance(failed.value.__cause__, RunFailed)


def test_a_bad_end_can_be_a_skip(workspace: Workspace) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    bad = workspace.submit(unique("bad"), 0.1, **{"simulate.status": "Canceled"})
    with pytest.raises(AirflowSkipException):
        resumed(sense(job_name=bad), soft_fail=True)


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [
        ({"timeout": 100}, "timeout_seconds"),
        ({"timeout": 1000, "execution_timeout": timedelta(seconds=100)}, "execution_timeout"),
    ],
)
def test_deadlines_count_from_when_the_scheduler_started_it(workspace: Workspace, arguments: Any, limit: str) -> None:
    slow = workspace.submit(unique("slow"), 600)
    workspace.until(slow, "Running")
    before_a_restart = datetime.now(timezone.utc) - timedelta(seconds=101)
    fired = sense(job_name=slow, then={"began": before_a_restart}, **arguments)
    with pytest.raises(AirflowSensorTimeout, match=limit) as late:
        resumed(fired)
    assert isinstance(late.value.__cause__, WaitTimeout)
    assert late.value.__cause__.last_status == "Running"
    assert payload(fired)["began"] == pytest.approx(before_a_restart.timestamp(), abs=1)
    assert workspace.hook.get("job", slow)["properties"]["status"] == "Running"


def test_computes_and_models_are_waited_for_there(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text("a model")
    workspace.hook.apply({"name": "cpu", "type": "amlcompute", "size": "Standard_DS3_v2"}, kind="compute")
    workspace.register("sensed", str(tmp_path), tags={"by": "us"})
    with DAG("sensing", schedule=None) as dag:
        AzmlComputeSensor(task_id="compute", compute_name="cpu", state="{{ 'Steady' }}", deferrable=True)
        AzmlModelVersionSensor(task_id="model", name="sensed", newer_than="", tags={"by": "us"}, deferrable=True)
    compute = start(dag, "compute").xcoms["return_value"]
    assert (compute["name"], compute["state"], compute["nodes"]) == ("cpu", "Steady", 0)
    model = start(dag, "model").xcoms["return_value"]
    assert (model["name"], model["version"]) == ("sensed", "1")
    assert model["path"]
    assert model["id"].endswith("/models/sensed/versions/1")
