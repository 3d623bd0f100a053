"""Rollouts of models to online endpoints: they really serve, and are really put back."""

from __future__ import annotations

import contextlib
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import NotFound, RunFailed
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlDeployModelOperator, AzmlRegisterModelOperator
from airflow_provider_azml.rest.traffic import CHECK_FAILED
from tests.airflow.running import run
from tests.emulator import doubling_model
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.airflow.running import Finished
    from tests.operators.conftest import SignedIn

SCORE = """\
import json, os, sys

def init():
    if os.environ.get("FAILS"):
        sys.exit("the weights are missing")

def run(raw):
    answered = os.environ["COUNT"] and os.path.exists(os.environ["COUNT"])
    return {"version": os.environ["VERSION"], "answer": 3 if answered else 2 * json.loads(raw)["data"]}
"""
CHECKS = [{"name": "doubles", "request": {"data": 2}, "expect": {"answer": 4}}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "serving").mkdir()
    (tmp_path / "serving" / "score.py").write_text(SCORE)
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11, pip]\n")
    return tmp_path


@pytest.fixture
def hook(azml_connection: str) -> Iterator[AzmlHook]:
    hook = AzmlHook(azml_connection)
    yield hook
    hook.close()


@pytest.fixture
def endpoint(hook: AzmlHook) -> Iterator[str]:
    """The name of an endpoint, which need not be there."""
    name = f"rolled-{uuid.uuid4().hex[:8]}"
    yield name
    with contextlib.suppress(NotFound):
        hook.delete("online_endpoint", name)


def version(name: str, **variables: str) -> dict[str, Any]:
    """A version of the model, as AML's YAML has it."""
    return {
        "code_configuration": {"code": "serving", "scoring_script": "score.py"},
        "environment": {"image": "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu", "conda_file": "conda.yml"},
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
        "environment_variables": {"VERSION": name, "WORKER_COUNT": "1", "COUNT": "", **variables},
        "liveness_probe": {"period": 1, "initial_delay": 1, "timeout": 2, "failure_threshold": 150},
    }


def deployed(endpoint: str, folder: Path, spec: dict[str, Any], *, retries: int = 0, **arguments: Any) -> Finished:
    with DAG("rollouts", schedule=None, default_args={"poll_seconds": 0.2, "retries": retries}) as dag:
        AzmlDeployModelOperator(task_id="it", spec=spec, base_path=str(folder), endpoint_name=endpoint, **arguments)
    return run(dag)


def traffic_of(hook: AzmlHook, endpoint: str) -> dict[str, int]:
    shown = hook.get("online_endpoint", endpoint)["properties"]["traffic"]
    return {name: share for name, share in shown.items() if share}


def deployments_of(hook: AzmlHook, endpoint: str) -> dict[str, str]:
    found = hook.list("online_deployment", parent=endpoint)
    return {each["name"]: each["properties"]["provisioningState"] for each in found}


def test_versions_follow_each_other(
    hook: AzmlHook, endpoint: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first one makes the endpoint; the second takes over step by step, in the triggerer, and the first goes."""
    first = deployed(endpoint, folder, {"name": "iris", **version("1")}, strategy="blue_green", step_seconds=0)
    assert first.errors == {}
    blue = first.value("it")["deployment"]
    assert blue.startswith("iris-")
    assert first.value("it")["traffic"] == {blue: 100}
    assert first.value("it")["traffic_before"] == {}
    second = deployed(
        endpoint,
        folder,
        {"name": "iris", **version("2")},
        strategy="canary",
        steps=(10, 100),
        step_seconds=1,
        checks=CHECKS,
        remove_old=True,
        deferrable=True,
    )
    assert second.errors == {}
    told = capsys.readouterr().out
    assert f"While deferred: {second.value('it')['deployment']}: check" in told
    result = second.value("it")
    assert result["traffic"] == {result["deployment"]: 100}
    assert result["traffic_before"] == {blue: 100}
    assert deployments_of(hook, endpoint) == {result["deployment"]: "Succeeded"}
    assert hook.score(endpoint, {"data": 2}) == {"version": "2", "answer": 4}


def test_an_mlflow_model_is_rolled_out_without_script_and_environment(
    hook: AzmlHook, endpoint: str, tmp_path: Path
) -> None:
    """As a task has registered it; its answers are checked before it gets traffic."""
    doubling_model.written(tmp_path / "doubling")
    expected = {"name": "doubles", "request": {"input_data": [{"x": 4}]}, "expect": ["[0] == `8`"]}
    with DAG("mlflow", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
        registered = AzmlRegisterModelOperator(
            task_id="register",
            name=f"doubling-{endpoint}",
            type="mlflow_model",
            path=str(tmp_path / "doubling"),
        )
        AzmlDeployModelOperator(
            task_id="deploy",
            endpoint_name=endpoint,
            model=registered.output["id"],
            instance_type="Standard_DS3_v2",
            instance_count=1,
            environment_variables={"WORKER_COUNT": "1"},
            liveness_probe={"period": 1, "initial_delay": 1, "timeout": 2, "failure_threshold": 150},
            strategy="blue_green",
            step_seconds=0,
            checks=[expected],
        )
    finished = run(dag)
    assert finished.errors == {}
    result = finished.value("deploy")
    assert result["deployment"].startswith("doubling-")
    assert result["traffic"] == {result["deployment"]: 100}
    shown = hook.get("online_deployment", result["deployment"], parent=endpoint)["properties"]
    assert shown["model"] == finished.value("register")["id"]
    assert shown.get("codeConfiguration") is None
    assert shown.get("environmentId") is None
    assert hook.score(endpoint, {"input_data": {"columns": ["x"], "data": [[1], [2.5]]}}) == [2.0, 5.0]


def test_what_cannot_start_leaves_nothing_behind(hook: AzmlHook, endpoint: str, folder: Path) -> None:
    """Neither the deployment nor the endpoint that was made for it; unless it is to be kept."""
    spec = {"name": "blue", **version("1", FAILS="yes")}
    finished = deployed(endpoint, folder, spec, retries=1, deferrable=True)
    for error in finished.errors["it"]:
        assert isinstance(error, RunFailed)
        assert "the weights are missing" in str(error)
    assert len(finished.errors["it"]) == 2
    with pytest.raises(NotFound):
        hook.get("online_endpoint", endpoint)
    deployed(endpoint, folder, spec, on_failure="keep")
    assert deployments_of(hook, endpoint) == {"blue": "Failed"}
    assert traffic_of(hook, endpoint) == {}


def test_a_version_that_goes_wrong_when_it_has_traffic_is_taken_back(
    hook: AzmlHook, endpoint: str, folder: Path, tmp_path: Path
) -> None:
    """In the triggerer: the first one has all of the traffic again, and the bad one is kept to be looked into."""
    wrong = tmp_path / "wrong"
    assert deployed(endpoint, folder, {"name": "blue", **version("1")}).errors == {}

    over = threading.Event()

    def go_wrong() -> None:
        while not any(name.startswith("iris-") for name in traffic_of(hook, endpoint)):
            if over.wait(0.1):
                return
        wrong.touch()

    thread = threading.Thread(target=go_wrong)
    thread.start()
    finished = deployed(
        endpoint,
        folder,
        {"name": "iris", **version("2", COUNT=str(wrong))},
        retries=2,
        strategy="canary",
        step_seconds=30,
        checks=CHECKS,
        on_failure="keep",
        deferrable=True,
    )
    over.set()
    thread.join()
    (error,) = finished.errors["it"]
    assert isinstance(error, AirflowFailException)
    assert isinstance(error.__cause__, RunFailed)
    assert "is 3, not 4" in str(error)
    assert "The endpoint's traffic is: blue 100 %" in str(error)
    assert traffic_of(hook, endpoint) == {"blue": 100}
    (kept,) = set(deployments_of(hook, endpoint)) - {"blue"}
    assert "is 3, not 4" in hook.get("online_deployment", kept, parent=endpoint)["tags"][CHECK_FAILED]
    assert hook.score(endpoint, {"data": 2}) == {"version": "1", "answer": 4}

    # a version that was there and is no good any more is put in order by deploying in its place
    again = deployed(endpoint, folder, {"name": "blue", **version("3", COUNT=str(wrong))}, checks=CHECKS)
    (refused,) = again.errors["it"]
    assert "nothing to go back to" in str(refused)
    assert traffic_of(hook, endpoint) == {"blue": 100}


def test_what_does_not_exist_is_refused_before_an_endpoint_is_made(hook: AzmlHook, endpoint: str, folder: Path) -> None:
    """An instance type, a version of a model, a payload that is no JSON, a share that nobody takes the rest of."""
    spec = {"name": "blue", **version("1")}
    (folder / "no.json").write_text("{")
    for arguments, reason in (
        ({"instance_type": "Standard_Nothing"}, "Standard_Nothing"),
        ({"model": "azureml:nobody:7"}, "there is no model 'nobody'"),
        ({"checks": [{"request_file": str(folder / "no.json")}]}, "no.json"),
        ({"traffic": 50}, "no other deployment takes the remaining 50 percent"),
    ):
        (error,) = deployed(endpoint, folder, spec, **arguments).errors["it"]
        assert isinstance(error, AirflowFailException)
        assert reason in str(error)
        with pytest.raises(NotFound):
            hook.get("online_endpoint", endpoint)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"strategy": "red_black"}, "strategy: is 'red_black'"),
        ({"strategy": "canary", "steps": (50, 10, 100)}, "steps: are [50, 10, 100]; they must rise, and end with 100"),
        ({"strategy": "canary", "steps": (10, 50)}, "steps: are [10, 50]; they must rise, and end with 100"),
        ({"strategy": "canary", "steps": ()}, "steps: are []; they must rise"),
        ({"strategy": "canary", "steps": (0, 100)}, "steps: is 0; it must be a whole number from 1 to 100"),
        ({"strategy": "canary", "steps": "10,100"}, "steps: is '10,100'; it must be a list of percentages"),
        ({"strategy": "blue_green", "steps": (20, 100)}, "steps: are for strategy 'canary'"),
        ({"strategy": "blue_green", "traffic": 50}, "traffic: is 50; with strategy 'blue_green' steps say it"),
        ({"traffic": 101}, "traffic: is 101"),
        ({"step_seconds": -1}, "step_seconds: is -1"),
        ({"on_failure": "shrug"}, "on_failure: is 'shrug'"),
        ({"remove_old": "perhaps"}, "remove_old: is 'perhaps'"),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments: dict[str, Any], reason: str) -> None:
    operator = AzmlDeployModelOperator(task_id="it", endpoint_name="iris", spec={"name": "blue"}, **arguments)
    with pytest.raises(AirflowFailException) as refused:
        operator.execute({})
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "model", [{"id": f"{WS}/models/iris/versions/3", "status": "Succeeded"}, {"name": "iris", "version": "3"}]
)
def test_a_deployment_in_a_cluster_is_made_of_what_a_task_has_returned(
    service: SignedIn, model: dict[str, str]
) -> None:
    endpoint = f"{WS}/onlineEndpoints/iris"
    body = {"name": "iris", "location": "westeurope", "properties": {"provisioningState": "Succeeded"}}
    service.holds({
        WS: {"location": "westeurope"},
        f"{WS}/models/iris/versions/3": {"name": "3", "properties": {}},
        endpoint: body,
    })

    def deployment() -> Answer:
        if not service.puts():
            return Answer(404, {"error": {"code": "ResourceNotFound", "message": "there is none"}})
        return Answer(body={**service.puts()[-1][1], "name": "blue"})

    with DAG("clusters", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
        task = AzmlDeployModelOperator(
            task_id="it",
            endpoint_name="iris",
            model=model,
            type="kubernetes",
            instance_type="small",
            resources={"limits": {"cpu": "1", "memory": "1Gi"}},
            scale_settings={"type": "target_utilization", "max_instances": 3},
            app_insights_enabled=True,
            name="blue",
            traffic=None,
        )
    assert task.container_resources == {"limits": {"cpu": "1", "memory": "1Gi"}}
    service.when("GET", f"{endpoint}/deployments/blue", deployment)
    assert run(dag).errors == {}
    ((_, sent),) = service.puts()
    properties = sent["properties"]
    assert properties["endpointComputeType"] == "Kubernetes"
    assert str(properties["model"]).endswith("/models/iris/versions/3")
    assert properties["containerResourceRequirements"] == {"containerResourceLimits": {"cpu": "1", "memory": "1Gi"}}
    assert properties["scaleSettings"] == {"scaleType": "TargetUtilization", "maxInstances": 3}
    assert properties["appInsightsEnabled"] is True
