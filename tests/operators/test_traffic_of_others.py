"""Traffic that two change at once, against a service that shows what a test says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import RunFailed, TrafficChanged
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.operators import AzmlDeleteDeploymentOperator, AzmlSetTrafficOperator
from tests.airflow.running import Finished, run
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from tests.operators.conftest import SignedIn

BOTH = pytest.mark.parametrize("deferrable", [False, True])
IRIS = f"{WS}/onlineEndpoints/iris"
OPERATION = "/subscriptions/s/operations/1"


class Iris:
    """An endpoint whose traffic is told by how often it was put."""

    def __init__(self, service: SignedIn, *shown: dict[str, int]) -> None:
        self._service = service
        self._shown = shown
        for name in ("blue", "green"):
            body = {"name": name, "properties": {"provisioningState": "Succeeded"}}
            service.answer("GET", f"{IRIS}/deployments/{name}", Answer(body=body))
        service.when("GET", IRIS, lambda: Answer(body=self._body()))
        operation = {"Azure-AsyncOperation": f"{service.url}{OPERATION}"}
        service.when("PUT", IRIS, lambda: Answer(body=self._body(), headers=operation))

    @property
    def puts(self) -> list[dict[str, int]]:
        return [body["properties"]["traffic"] for request, body in self._service.sent if request == f"PUT {IRIS}"]

    def operation(self, **document: object) -> None:
        self._service.answer("GET", OPERATION, Answer(body=document))

    def _body(self) -> dict[str, Any]:
        traffic = self._shown[min(len(self.puts), len(self._shown) - 1)]
        return {"name": "iris", "location": "here", "properties": {"authMode": "Key", "traffic": traffic}}


def ran(deferrable: bool, **arguments: Any) -> Finished:
    with DAG("traffic", schedule=None) as dag:
        AzmlSetTrafficOperator(
            task_id="switch", endpoint_name="iris", retries=1, poll_seconds=0.05, deferrable=deferrable, **arguments
        )
    return run(dag)


@BOTH
def test_traffic_of_somebody_else_is_read_back_and_left_alone(service: SignedIn, deferrable: bool) -> None:
    iris = Iris(service, {"blue": 100}, {"blue": 20, "green": 80})
    iris.operation(status="Succeeded")
    finished = ran(deferrable, traffic={"blue": 90, "green": 10})
    (error,) = finished.errors["switch"]
    assert isinstance(error, AirflowFailException)
    assert isinstance(error.__cause__, TrafficChanged)
    assert "blue 20 %, green 80 %" in str(error)
    assert "blue 90 %, green 10 %" in str(error)
    assert iris.puts == [{"blue": 90, "green": 10}]


@BOTH
def test_a_change_that_failed_is_tried_again(service: SignedIn, deferrable: bool) -> None:
    iris = Iris(service, {"blue": 100}, {"blue": 100}, {"green": 100})
    failed = {"status": "Failed", "error": {"code": "InternalServerError", "message": "It broke."}}
    service.answer("GET", OPERATION, Answer(body=failed), Answer(body={"status": "Succeeded"}))
    finished = ran(deferrable, traffic={"green": 100})
    (error,) = finished.errors["switch"]
    assert isinstance(error, RunFailed)
    assert "It broke" in str(error)
    assert finished.value("switch")["traffic"] == {"green": 100}
    assert len(iris.puts) == 2


def test_a_deployment_whose_traffic_comes_back_is_not_deleted(service: SignedIn) -> None:
    iris = Iris(service, {"blue": 90, "green": 10}, {"blue": 50, "green": 50})
    iris.operation(status="Succeeded")
    with DAG("traffic", schedule=None) as dag:
        AzmlDeleteDeploymentOperator(
            task_id="remove", endpoint_name="iris", deployment_name="green", move_traffic_to="blue", poll_seconds=0.05
        )
    (error,) = run(dag).errors["remove"]
    assert isinstance(error.__cause__, TrafficChanged)
    assert iris.puts == [{"blue": 100}]
    assert not [request for request, _ in service.sent if request.startswith("DELETE")]
