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


def test_a_deployment_whose_name_the_traffic_spells_in_small_letters_is_not_deleted(service: SignedIn) -> None:
    iris = Iris(service, {"blue": 90, "green": 10})
    body = {"name": "Green", "properties": {"provisioningState": "Succeeded"}}
    service.answer("GET", f"{IRIS}/deployments/Green", Answer(body=body))
    with DAG("traffic", schedule=None) as dag:
        AzmlDeleteDeploymentOperator(task_id="remove", endpoint_name="iris", deployment_name="Green")
    (error,) = run(dag).errors["remove"]
    assert "gets 10 % of the traffic" in str(error)
    assert iris.puts == []
    assert not [request for request, _ in service.sent if request.startswith("DELETE")]


@pytest.mark.parametrize(
    ("arguments", "reason", "puts"),
    [
        ({}, "'blue' is the default", []),
        ({"move_traffic_to": "red"}, "'red' is Failed", []),
        ({"move_traffic_to": "green"}, None, ["green"]),
        ({"stop_serving": True}, None, []),
    ],
)
def test_the_default_of_a_batch_endpoint_is_not_deleted_unless_told_so(
    service: SignedIn, arguments: dict[str, Any], reason: str | None, puts: list[str]
) -> None:
    iris = f"{WS}/batchEndpoints/iris"
    identity = {"type": "UserAssigned", "userAssignedIdentities": {"/subscriptions/s/identities/one": {}}}

    def sent(verb: str, path: str) -> list[Any]:
        return [body for request, body in service.sent if request == f"{verb} {path}"]

    def endpoint() -> Answer:
        default = [body["properties"]["defaults"]["deploymentName"] for body in sent("PUT", iris)] or ["blue"]
        properties = {"authMode": "AADToken", "defaults": {"deploymentName": default[-1]}}
        return Answer(body={"name": "iris", "identity": identity, "properties": properties})

    def blue() -> Answer:
        return gone if sent("DELETE", f"{iris}/deployments/blue") else being("blue", "Succeeded")

    def being(name: str, state: str) -> Answer:
        return Answer(body={"name": name, "properties": {"provisioningState": state}})

    gone = Answer(404, {"error": {"code": "ResourceNotFound", "message": "There is none."}})
    service.when("GET", iris, endpoint)
    service.when("PUT", iris, endpoint)
    service.when("GET", f"{iris}/deployments/blue", blue)
    service.answer("DELETE", f"{iris}/deployments/blue", Answer(204))
    service.answer("GET", f"{iris}/deployments/green", being("green", "Succeeded"))
    service.answer("GET", f"{iris}/deployments/red", being("red", "Failed"))
    with DAG("traffic", schedule=None, default_args={"endpoint_name": "iris", "poll_seconds": 0.05}) as dag:
        AzmlDeleteDeploymentOperator(task_id="remove", deployment_name="blue", kind="batch", **arguments)
    errors = run(dag).errors.get("remove", [])
    assert [reason in str(error) for error in errors if reason] == ([True] if reason else [])
    assert len(errors) == bool(reason)
    assert [body["properties"]["defaults"]["deploymentName"] for body in sent("PUT", iris)] == puts
    assert len(sent("DELETE", f"{iris}/deployments/blue")) == (not reason)
    assert all(body["identity"] == identity for body in sent("PUT", iris))
