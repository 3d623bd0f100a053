"""The sensor for web services of v1; shapes are those of ``modelManagement.json`` of 2019-09-30."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowSensorTimeout
from airflow_provider_azml.sensors import AzmlWaitForServiceHealthySensor
from tests.airflow.running import run
from tests.operators.conftest import SignedIn, service
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from tests.airflow.running import Finished

__all__ = ["service"]
SERVICE = f"/modelmanagement/v1.0{WS}/services/iris"
NO_ROOM = {
    "code": "KubernetesError",
    "message": "Kubernetes Deployment Error",
    "details": [{"code": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient cpu."}],
}


def states(service: SignedIn, *words: str, error: object = None) -> None:
    service.holds({WS: {"properties": {"discoveryUrl": f"{service.url}/discovery"}}})
    service.answer("GET", "/discovery", Answer(body={"api": service.url}))
    shown = [{"name": "iris", "state": word, "error": error, "scoringUri": "http://iris/score"} for word in words]
    service.answer("GET", SERVICE, *(Answer(body=body) for body in shown))
    service.answer("GET", f"{SERVICE}/logs", Answer(body={"content": "loading\nno such file: model.pkl\n"}))


def waited(**arguments: Any) -> Finished:
    with DAG("healthy", schedule=None) as dag:
        AzmlWaitForServiceHealthySensor(task_id="it", service_name="iris", poll_seconds=0.05, **arguments)
    return run(dag)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_service_is_waited_for_until_it_is_healthy(deferrable: bool, service: SignedIn) -> None:
    states(service, "Transitioning", "Unhealthy", "Unschedulable", "Healthy")
    finished = waited(deferrable=deferrable)
    assert finished.errors == {}
    told = finished.value("it")
    assert (told["name"], told["status"], told["scoring_uri"]) == ("iris", "Healthy", "http://iris/score")
    assert told["id"] == f"{WS}/onlineEndpoints/iris"


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_service_that_failed_ends_it_at_once_with_reason_and_log(deferrable: bool, service: SignedIn) -> None:
    states(service, "Failed", error={"code": "ContainerCrashed", "message": "the container crashed"})
    (error,) = waited(deferrable=deferrable, retries=2).errors["it"]
    assert isinstance(error, AirflowFailException)
    assert "web service 'iris' ended as Failed (ContainerCrashed: the container crashed)" in str(error)
    assert "no such file: model.pkl" in str(error)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_service_without_a_place_fails_in_time(deferrable: bool, service: SignedIn) -> None:
    states(service, "Unschedulable", error=NO_ROOM)
    (error,) = waited(deferrable=deferrable, unschedulable_seconds="0.3").errors["it"]
    assert "web service 'iris' ended as Unschedulable" in str(error)
    assert "0/3 nodes are available: 3 Insufficient cpu. It has stayed so for 0.3 s." in str(error)


def test_a_service_without_a_place_is_waited_for_as_long_as_anything(service: SignedIn) -> None:
    states(service, "Unschedulable", error=NO_ROOM)
    (error,) = waited(deferrable=False, timeout_seconds=0.3).errors["it"]
    assert isinstance(error, AirflowSensorTimeout)


def test_a_service_that_is_not_there_is_an_error_at_once(service: SignedIn) -> None:
    states(service, "Healthy")
    missing = {"code": "ServiceNotFound", "statusCode": 404, "message": "There is no service iris"}
    service.when("GET", SERVICE, lambda: Answer(404, missing))
    (error,) = waited(deferrable=False, retries=2).errors["it"]
    assert isinstance(error, AirflowFailException)
    assert "There is no service iris" in str(error)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "service_name"),
        ({"endpoint_name": "a", "service_name": "b"}, "service_name"),
        ({"service_name": "b", "deployment_names": ["blue"]}, "deployment_names"),
        ({"endpoint_name": "a", "unschedulable_seconds": 5}, "unschedulable_seconds"),
        ({"service_name": "b", "unschedulable_seconds": "soon"}, "unschedulable_seconds"),
        ({"service_name": "b", "unschedulable_seconds": 5, "mode": "reschedule", "deferrable": False}, "reschedule"),
    ],
)
def test_what_is_not_one_thing_is_refused_by_name(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(SpecError, match=named):
        AzmlWaitForServiceHealthySensor(task_id="it", **arguments).check_arguments()
