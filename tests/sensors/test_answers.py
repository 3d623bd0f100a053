"""The sensor for services, with checks: it waits until what serves answers as it should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowSensorTimeout
from airflow_provider_azml.sensors import AzmlWaitForServiceHealthySensor
from tests.airflow.running import run
from tests.operators.conftest import SignedIn, service
from tests.rest.endpoint_answers import ENDPOINT, GREEN, RIGHT, SCORE, WORKSPACE, WRONG, asked, endpoint, serves, state
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.airflow.running import Finished

__all__ = ["service"]
CHECK: dict[str, Any] = {"name": "smoke", "request": {"data": [[5.1]]}, "expect": {"result[0]": 0}}
BLUE = WORKSPACE.child("online_deployment", "iris", "blue")
LOG = f"{GREEN}/getLogs"
BOTH_WAYS = pytest.mark.parametrize("deferrable", [False, True])
COLD = [Answer(502), WRONG, RIGHT]
"""What a model answers that has to warm up."""


def waited(**arguments: Any) -> Finished:
    with DAG("answers", schedule=None) as dag:
        AzmlWaitForServiceHealthySensor(task_id="it", poll_seconds=0.05, **arguments)
    return run(dag)


def chosen(service: SignedIn) -> list[str | None]:
    """The deployments that were asked by name, request by request."""
    return [one.headers.get("azureml-model-deployment") for one in service.asked if one.path == SCORE]


@pytest.mark.parametrize("mode", ["poke", "reschedule", "deferrable"])
def test_an_endpoint_is_asked_through_its_traffic_until_it_answers(mode: str, service: SignedIn) -> None:
    serves(service, *COLD, states=[state("Creating"), state("Succeeded")], traffic={"green": 100})
    way = {"deferrable": True} if mode == "deferrable" else {"deferrable": False, "mode": mode}
    finished = waited(endpoint_name="iris", checks=[CHECK], **way)
    assert finished.errors == {}
    told = finished.value("it")
    assert (told["status"], told["deployments"]) == ("Succeeded", {"green": "Succeeded"})
    assert told["scoring_uri"] == finished.value("it", "azml_scoring_url") == f"{service.url}{SCORE}"
    assert chosen(service) == [None] * 3


@BOTH_WAYS
def test_named_deployments_are_asked_each_whatever_traffic_they_get(deferrable: bool, service: SignedIn) -> None:
    serves(service, *COLD, traffic={"blue": 100})
    service.answer("GET", BLUE, state("Succeeded"))
    names = ["green", "blue"]
    finished = waited(endpoint_name="iris", deployment_names=names, checks=[CHECK], deferrable=deferrable)
    assert finished.errors == {}
    assert finished.value("it")["deployments"] == {"blue": "Succeeded", "green": "Succeeded"}
    assert chosen(service)[-1] == "green"
    assert set(chosen(service)) == {"blue", "green"}


@BOTH_WAYS
def test_both_are_asked_where_that_is_wanted(deferrable: bool, service: SignedIn) -> None:
    serves(service, traffic={"green": 100})
    arguments = {"deployment_names": ["green"], "checked_through": "both", "compared_with": "blue"}
    compares = {**CHECK, "compare": {"tolerance": 0.1}}
    finished = waited(endpoint_name="iris", checks=[compares], deferrable=deferrable, **arguments)
    assert finished.errors == {}
    assert chosen(service) == ["blue", "green", "blue", None]


@pytest.mark.parametrize(("first", "then"), [("blue", "green"), ("green", "blue")])
@BOTH_WAYS
def test_traffic_may_go_elsewhere_meanwhile(first: str, then: str, deferrable: bool, service: SignedIn) -> None:
    before, after = (endpoint(service, traffic={name: 100}) for name in (first, then))
    service.answer("GET", ENDPOINT, before, before, after)
    for name in (first, then):
        arm_id = WORKSPACE.child("online_deployment", "iris", name)
        service.answer("GET", arm_id, *(state("Creating") for _ in range(3)), state("Succeeded"))
    finished = waited(endpoint_name="iris", deferrable=deferrable)
    assert finished.errors == {}
    assert finished.value("it")["deployments"] == {then: "Succeeded"}


def test_checks_may_stand_in_a_file_with_templates(
    service: SignedIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iris.checks.yml").write_text(
        'checks:\n  - name: smoke\n    request: {"data": [{{ 5 + 1 }}]}\n    expect: ["result[0] == `0`"]\n'
    )
    serves(service, traffic={"green": 100})
    finished = waited(endpoint_name="iris", checks=str(tmp_path / "iris.checks.yml"), deferrable=False)
    assert finished.errors == {}
    assert [one.body for one in service.asked if one.path == SCORE] == [b'{"data": [6]}']


@BOTH_WAYS
def test_a_deployment_that_failed_ends_it_at_once_with_its_log(deferrable: bool, service: SignedIn) -> None:
    serves(service, states=[state("Creating"), state("Failed")], traffic={"green": 100})
    service.answer("POST", LOG, Answer(body={"content": "loading\nno such file: model.pkl\n"}))
    (error,) = waited(endpoint_name="iris", checks=[CHECK], deferrable=deferrable, retries=2).errors["it"]
    assert isinstance(error, AirflowFailException)
    assert "online deployment 'green' ended as Failed" in str(error)
    assert "no such file: model.pkl" in str(error)
    assert chosen(service) == []


@BOTH_WAYS
def test_what_never_answers_as_it_should_ends_when_the_time_is_up(deferrable: bool, service: SignedIn) -> None:
    serves(service, WRONG, traffic={"green": 100})
    (error,) = waited(endpoint_name="iris", checks=[CHECK], deferrable=deferrable, timeout_seconds=2).errors["it"]
    assert isinstance(error, AirflowSensorTimeout)
    if deferrable:  # Airflow itself ends a sensor that pokes
        assert "check 'smoke': expect 'result[0]': is 7, not 0" in str(error)


def test_checks_too_large_for_a_trigger_are_waited_for_in_the_worker(service: SignedIn) -> None:
    serves(service, WRONG, RIGHT, traffic={"green": 100})
    large = {**CHECK, "request": {"data": [1.5] * 10_000}}
    finished = waited(endpoint_name="iris", checks=[large], deferrable=True)
    assert finished.errors == {}
    assert asked(service, "POST", SCORE) == 2


@BOTH_WAYS
def test_a_web_service_of_v1_is_asked_once_it_is_healthy(deferrable: bool, service: SignedIn) -> None:
    path = f"/modelmanagement/v1.0{WS}/services/iris"
    service.holds({WS: {"properties": {"discoveryUrl": f"{service.url}/discovery"}}})
    service.answer("GET", "/discovery", Answer(body={"api": service.url}))
    shown = {"name": "iris", "authEnabled": True, "scoringUri": f"{service.url}{SCORE}"}
    service.answer("GET", path, *(Answer(body={**shown, "state": word}) for word in ("Transitioning", "Healthy")))
    service.answer("POST", f"{path}/listkeys", Answer(body={"primaryKey": "k"}))
    service.answer("POST", SCORE, *COLD)
    finished = waited(service_name="iris", checks=[CHECK], deferrable=deferrable)
    assert finished.errors == {}
    assert finished.value("it")["status"] == "Healthy"
    sent = [one.headers.get("Authorization") for one in service.asked if one.path == SCORE]
    assert sent == ["Bearer k"] * 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"endpoint_name": "a", "checked_through": "both"}, "checked_through"),
        ({"endpoint_name": "a", "compared_with": "blue"}, "compared_with"),
        ({"endpoint_name": "a", "checks": [CHECK], "checked_through": "neither"}, "checked_through"),
        ({"service_name": "a", "checks": [CHECK], "checked_through": "traffic"}, "checked_through"),
        ({"service_name": "a", "checks": [CHECK], "compared_with": "blue"}, "compared_with"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(SpecError, match=named):
        AzmlWaitForServiceHealthySensor(task_id="it", **arguments).check_arguments()


def test_checks_that_cannot_be_are_refused_before_anything_is_asked(service: SignedIn) -> None:
    (error,) = waited(endpoint_name="iris", checks=[{"name": "smoke", "expect": ["["]}], retries=2).errors["it"]
    assert isinstance(error, AirflowFailException)
    assert "request" in str(error)
    assert asked(service, "GET", ENDPOINT) == 0
