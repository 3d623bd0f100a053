"""Acts that make something: after a lost answer, or a try that died in the midst, nothing is made twice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlApplyOperator, AzmlCreateComputeOperator, AzmlDeployModelOperator
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.spec.needs import Asset, put_version
from airflow_provider_azml.spec.source import from_mapping
from airflow_provider_azml.spec.target import SUBMISSION, Target
from airflow_provider_azml.spec.workspaces import create
from tests.airflow.running import run
from tests.rest.conftest import CountingCredential
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_azml.rest.flows import Flow
    from tests.airflow.running import Finished
    from tests.operators.conftest import SignedIn

WORKSPACE = WorkspaceId("s", "rg", "ws")
CONFLICT = Answer(409, {"error": {"code": "Conflict", "message": "not now"}})
LOST = Answer(503)
MISSING = Answer(404, {"error": {"code": "ResourceNotFound", "message": "there is none"}})
COMPUTE = f"{WS}/computes/cpu-cluster"
ENDPOINT = f"{WS}/onlineEndpoints/iris"
DEPLOYMENT = f"{ENDPOINT}/deployments/blue"
HELD = {WS: {"location": "westeurope"}, f"{WS}/models/iris/versions/1": {"name": "1", "properties": {}}}
BLUE = {
    "name": "blue",
    "endpoint_name": "iris",
    "model": "azureml:iris:1",
    "instance_type": "Standard_DS3_v2",
    "instance_count": 1,
}


def state(word: str, **more: Any) -> Answer:
    return Answer(body={"name": "it", "location": "westeurope", "properties": {"provisioningState": word}, **more})


def as_put(service: SignedIn, word: str = "Succeeded") -> Answer:
    """What was PUT last, as it is shown."""
    return state(word, tags=service.puts()[-1][1]["tags"])


@pytest.fixture
def drive(service: SignedIn) -> Iterator[Callable[[Flow[Any]], Any]]:
    with Client(service.cloud, TokenCache(CountingCredential()), ca_bundle=service.ca_bundle) as client:
        yield client.run


def in_a_dag(operator: type[Any], **arguments: Any) -> Finished:
    with DAG("once", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
        operator(task_id="it", **arguments)
    return run(dag)


@pytest.mark.parametrize("kind", ["model", "data", "component"])
def test_a_version_whose_answer_was_lost_is_found_by_its_tag(
    kind: str, service: SignedIn, drive: Callable[[Flow[Any]], Any]
) -> None:
    asset = WORKSPACE.child(kind, "iris")
    versions = f"{asset}/versions"
    mine = {"id": f"{versions}/8", "name": "8", "properties": {"tags": {SUBMISSION: "seed"}}}
    service.answer("GET", versions, Answer(body={"value": []}), Answer(body={"value": [mine]}))
    service.answer("GET", asset, Answer(body={"properties": {"latestVersion": "7", "nextVersion": "8"}}))
    service.answer("PUT", f"{versions}/8", LOST, CONFLICT)
    target = Target(WORKSPACE, service.cloud, "seed")
    ticket = drive(put_version(target, kind, "iris", None, {"properties": {"tags": {"of": "a"}}}))
    assert ticket.arm_id == mine["id"]
    bodies = service.puts()
    assert {path for path, _ in bodies} == {f"{versions}/8"}
    assert all(body["properties"]["tags"] == {"of": "a", SUBMISSION: "seed"} for _, body in bodies)


def test_a_version_that_another_took_in_the_meantime_is_left_to_it(
    service: SignedIn, drive: Callable[[Flow[Any]], Any]
) -> None:
    asset = WORKSPACE.child("model", "iris")
    others = {"name": "8", "properties": {"tags": {SUBMISSION: "another"}}}
    service.answer("GET", f"{asset}/versions", Answer(body={"value": []}), Answer(body={"value": [others]}))
    shown = [{"properties": {"latestVersion": str(latest), "nextVersion": str(latest + 1)}} for latest in (7, 8)]
    service.answer("GET", asset, *(Answer(body=each) for each in shown))
    service.answer("PUT", f"{asset}/versions/8", CONFLICT)
    ticket = drive(put_version(Target(WORKSPACE, service.cloud, "seed"), "model", "iris", None, {"properties": {}}))
    assert ticket.arm_id == f"{asset}/versions/9"


@pytest.mark.parametrize("kind", ["model", "environment"])
def test_what_a_deployment_brings_along_is_made_once(kind: str, azml_connection: str) -> None:
    """A model or environment with a name and without a version, in the deployment's own file."""
    hook = AzmlHook(azml_connection)
    name = f"{kind}-{time.time_ns()}"
    uri = "azureml://datastores/workspaceblobstore/paths/LocalUpload"
    made = hook.apply({"name": f"data-{time.time_ns()}", "path": __file__, "type": "uri_file"}, kind="data")
    uri = made["properties"]["dataUri"]
    properties = {"modelUri": uri, "modelType": "custom_model"} if kind == "model" else {"image": "local"}
    asset = Asset(kind, name, None, {"properties": properties})
    for seed in ("one", "one", "two"):
        target = Target(hook.workspace_id, hook.cloud, seed)
        hook.run(asset.meet(target, asset.body))
    assert len(hook.list(kind, name=name)) == (2 if kind == "model" else 1)
    hook.close()


@pytest.mark.parametrize("deferrable", [False, True])
def test_what_is_being_changed_is_waited_for_and_sent_then(deferrable: bool, service: SignedIn) -> None:
    """As a try finds it whose forerunner died in the midst of the same."""
    service.answer("PUT", COMPUTE, CONFLICT, state("Succeeded"))
    service.answer("GET", COMPUTE, state("Creating"), state("Creating"), state("Succeeded"))
    service.holds({WS: {"location": "westeurope"}})
    cluster = {"name": "cpu-cluster", "type": "amlcompute", "size": "Standard_DS3_v2"}
    finished = in_a_dag(AzmlCreateComputeOperator, deferrable=deferrable, **cluster)
    assert finished.errors == {}
    assert finished.value("it")["status"] == "Succeeded"
    assert [path for path, _ in service.puts()] == [COMPUTE, COMPUTE]


def test_what_is_refused_while_nothing_is_being_done_is_an_error(service: SignedIn) -> None:
    service.answer("PUT", COMPUTE, CONFLICT)
    service.answer("GET", COMPUTE, state("Succeeded"))
    service.holds({WS: {"location": "westeurope"}})
    cluster = {"name": "cpu-cluster", "type": "amlcompute", "size": "Standard_DS3_v2"}
    (error,) = in_a_dag(AzmlCreateComputeOperator, retries=2, **cluster).errors["it"]
    assert isinstance(error, AirflowFailException)
    assert len(service.puts()) == 1


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("operator", [AzmlApplyOperator, AzmlDeployModelOperator])
def test_a_deployment_waits_for_its_endpoint(operator: type[Any], deferrable: bool, service: SignedIn) -> None:
    """Source: "Cannot create a deployment in endpoint ... because it is in Updating provisioning state"."""
    looks = iter(["Updating", "Updating", "Succeeded"])
    service.holds(HELD)
    service.when("PUT", DEPLOYMENT, lambda: CONFLICT if len(service.puts()) == 1 else state("Succeeded"))
    service.when("GET", DEPLOYMENT, lambda: MISSING if len(service.puts()) < 2 else as_put(service))
    service.when("GET", ENDPOINT, lambda: state(next(looks, "Succeeded") if service.puts() else "Succeeded"))
    more = {"kind": "online_deployment"} if operator is AzmlApplyOperator else {"traffic": None}
    finished = in_a_dag(operator, spec=BLUE, deferrable=deferrable, **more)
    assert finished.errors == {}
    assert [path for path, _ in service.puts()] == [DEPLOYMENT, DEPLOYMENT]


def test_traffic_is_changed_once_the_endpoint_is_ready_for_it(service: SignedIn) -> None:
    """As when another task changes it too: each starts from what the other has left."""

    def sent(path: str) -> list[Any]:
        return [body for name, body in service.puts() if name == path]

    looks = iter(["Updating", "Updating"])

    def endpoint() -> Answer:
        traffic = {"blue": 100} if len(sent(ENDPOINT)) > 1 else {"green": 100}
        word = next(looks, "Succeeded") if sent(ENDPOINT) else "Succeeded"
        tags = sent(ENDPOINT)[-1]["tags"] if len(sent(ENDPOINT)) > 1 else {}
        properties = {"provisioningState": word, "traffic": traffic}
        return Answer(body={"name": "iris", "location": "westeurope", "tags": tags, "properties": properties})

    def deployment() -> Answer:
        deployed = sent(DEPLOYMENT)
        return state("Succeeded", name="blue", tags=deployed[-1]["tags"]) if deployed else MISSING

    service.holds(HELD)
    service.when("GET", ENDPOINT, endpoint)
    service.when("GET", DEPLOYMENT, deployment)
    service.answer("PUT", ENDPOINT, CONFLICT, state("Succeeded"))
    finished = in_a_dag(AzmlDeployModelOperator, spec=BLUE)
    assert finished.errors == {}
    assert finished.value("it")["traffic"] == {"blue": 100}
    assert (len(sent(DEPLOYMENT)), len(sent(ENDPOINT))) == (1, 2)


def test_a_deployment_whose_answer_was_lost_is_followed(service: SignedIn) -> None:
    looks = iter(["Creating", "Creating", "Succeeded"])

    def deployment() -> Answer:
        return as_put(service, next(looks, "Succeeded")) if service.puts() else MISSING

    service.holds(HELD)
    service.answer("PUT", DEPLOYMENT, LOST, CONFLICT)
    service.answer("GET", ENDPOINT, state("Succeeded"))
    service.when("GET", DEPLOYMENT, deployment)
    finished = in_a_dag(AzmlDeployModelOperator, spec=BLUE, traffic=None)
    assert finished.errors == {}
    assert finished.value("it")["status"] == "Succeeded"
    assert [path for path, _ in service.puts()] == [DEPLOYMENT, DEPLOYMENT]  # the same one, sent again by azure-core


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("operator", [AzmlApplyOperator, AzmlDeployModelOperator])
def test_a_deployment_that_failed_when_it_was_made_is_made_anew(
    operator: type[Any], deferrable: bool, service: SignedIn
) -> None:
    """Source: "Specified deployment [...] failed during initial provisioning", as users of the service show it."""
    reason = "Specified deployment [blue] failed during initial provisioning and is in an unrecoverable state."
    detail = {"code": "InferencingClientCallFailed", "message": f"{reason} Delete and re-create."}
    refused = {"error": {"code": "BadRequest", "message": "The request is invalid.", "details": [detail]}}
    service.holds(HELD)
    service.answer("PUT", DEPLOYMENT, Answer(400, refused), state("Succeeded"))
    service.answer("DELETE", DEPLOYMENT, Answer(202, headers={"Location": f"{service.url}/deleting"}))
    service.answer("GET", "/deleting", Answer(202), Answer(204))
    service.answer("GET", ENDPOINT, state("Succeeded"))
    service.when("GET", DEPLOYMENT, lambda: MISSING if len(service.puts()) < 2 else as_put(service))
    more = {"kind": "online_deployment"} if operator is AzmlApplyOperator else {"traffic": None}
    finished = in_a_dag(operator, spec=BLUE, deferrable=deferrable, **more)
    assert finished.errors == {}
    assert finished.value("it")["status"] == "Succeeded"
    assert [path for path, _ in service.puts()] == [DEPLOYMENT, DEPLOYMENT]


def test_a_workspace_whose_answer_was_lost_is_followed(service: SignedIn, drive: Callable[[Flow[Any]], Any]) -> None:
    source = from_mapping({"name": "ws", "location": "westeurope"})
    target = Target(WORKSPACE, service.cloud, "seed")
    service.answer("GET", WS, MISSING)
    first = drive(create(source, target))
    ((deployment, _),) = service.puts()
    service.answer("PUT", deployment, LOST, CONFLICT)
    service.answer("GET", deployment, MISSING, Answer(body={"properties": {"provisioningState": "Running"}}))
    assert first.arm_id == WS
    assert drive(create(source, target)).arm_id == deployment
