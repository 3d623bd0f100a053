"""Web services of CLI v1, deployed from its files: they really answer."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import requests
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlDeleteWebserviceOperator, AzmlDeployWebserviceOperator, v1_models
from airflow_provider_azml.operators.masking import secrets_in
from airflow_provider_azml.rest import clouds, snapshot, waiting
from airflow_provider_azml.rest.v1 import models, scoring, services
from tests.airflow.running import run
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.airflow.running import Finished
    from tests.operators.conftest import SignedIn

SCORE = """\
import json, os
from pathlib import Path

def init():
    global found
    root = Path(os.environ.get("AZUREML_MODEL_DIR", Path(__file__).parent))
    found = {str(file.relative_to(root)): file.read_text() for file in sorted(root.rglob("*.txt"))}

def run(raw):
    return {"found": found, "greeting": os.environ.get("GREETING"), "asked": json.loads(raw)}
"""
CONDA = {"dependencies": ["python=3.11", "pip"]}
INFERENCE: dict[str, Any] = {
    "entryScript": "score.py",
    "sourceDirectory": "./working_dir",
    "environment": {
        "name": "my-deploy-env",
        "environmentVariables": {"GREETING": "hello"},
        "python": {"userManagedDependencies": False, "condaDependencies": CONDA},
        "docker": {"enabled": False, "baseImage": None},
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of CLI v1: ``inferenceconfig.json`` with its script, and a model in ``model/factor.txt``."""
    (tmp_path / "working_dir").mkdir()
    (tmp_path / "working_dir" / "score.py").write_text(SCORE)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "factor.txt").write_text("2")
    templated = json.dumps(INFERENCE).replace("hello", "{{ 'hel' ~ 'lo' }}")
    (tmp_path / "inferenceconfig.json").write_text(templated)
    return tmp_path


@pytest.fixture
def hook(azml_connection: str) -> Iterator[AzmlHook]:
    hook = AzmlHook(azml_connection)
    yield hook
    hook.close()


@pytest.fixture
def model(hook: AzmlHook, folder: Path) -> str:
    """A registered model, as v1 names it."""
    source = {"name": f"model-{uuid.uuid4().hex[:8]}", "version": 1, "path": "model/factor.txt", "type": "custom_model"}
    made = hook.apply(source, kind="model", base_path=folder)
    return f"{made['id'].split('/')[-3]}:1"


def deployed(name: str, folder: Path, *, deferrable: bool = False, **arguments: Any) -> Finished:
    with DAG("services", schedule=None, default_args={"poll_seconds": 0.2}) as dag:
        AzmlDeployWebserviceOperator(task_id="it", name=name, base_path=str(folder), deferrable=deferrable, **arguments)
    return run(dag)


def new_name() -> str:
    return f"svc-{uuid.uuid4().hex[:8]}"


def test_a_service_of_aci_answers_at_an_endpoint(
    hook: AzmlHook, folder: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = new_name()
    (folder / "deploymentconfig.json").write_text('{"computeType": "ACI", "authEnabled": true}')
    finished = deployed(
        name,
        folder,
        models=[model],
        inference_config=str(folder / "inferenceconfig.json"),
        deployment_config=str(folder / "deploymentconfig.json"),
        tags={"of": "v1"},
    )
    assert finished.errors == {}
    result = finished.value("it")
    assert (result["name"], result["deployment"], result["traffic"]) == (name, "default", {"default": 100})
    answer = {"found": {"factor.txt": "2"}, "greeting": "hello", "asked": {"data": [1]}}
    assert hook.score(name, {"data": [1]}) == answer
    made = hook.get("online_deployment", "default", parent=name)
    assert made["properties"]["instanceType"] == "Standard_DS1_v2"
    assert made["tags"]["of"] == "v1"
    log = capsys.readouterr().out
    assert "<arguments>: name: note: unique in its Azure region" in log
    assert "earlier try" not in log

    again = deployed(name, folder, models=[model], inference_config=INFERENCE)
    (error,) = again.errors["it"]
    assert isinstance(error, AirflowFailException)
    assert "give overwrite=True" in str(error)

    with DAG("gone", schedule=None, default_args={"poll_seconds": 0.2}) as dag:
        AzmlDeleteWebserviceOperator(task_id="it", name=name)
    assert run(dag).errors == {}
    assert name not in {each["name"] for each in hook.list("online_endpoint")}


def test_a_service_of_this_machine_answers_on_a_port_of_its_own(hook: AzmlHook, folder: Path) -> None:
    """The source directory holds the model."""
    name = new_name()
    (folder / "working_dir" / "factor.txt").write_text("3")
    arguments: dict[str, Any] = {"inference_config": INFERENCE, "deployment_config": {"computeType": "local"}}
    finished = deployed(name, folder, **arguments)
    assert finished.errors == {}
    address = finished.value("it")["scoring_uri"]
    assert address.startswith("http://localhost:")
    answer = requests.post(address, json={"data": [1]}, timeout=30)
    assert answer.json() == {"found": {"factor.txt": "3"}, "greeting": "hello", "asked": {"data": [1]}}
    assert requests.get(address.replace("/score", "/"), timeout=30).ok
    assert requests.get(address, headers={"Host": "elsewhere.test"}, timeout=30).status_code == 403

    port = int(address.split(":")[2].partition("/")[0])
    (error,) = deployed(
        new_name(), folder, **{**arguments, "deployment_config": {"computeType": "local", "port": port}}
    ).errors["it"]
    assert f"Port {port} cannot be had" in str(error)

    there = deployed(name, folder, overwrite=True, inference_config=INFERENCE, deployment_config={"computeType": "aci"})
    assert there.errors == {}
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=30)


def test_several_models_lie_where_v1_had_them(hook: AzmlHook, folder: Path, model: str) -> None:
    name = new_name()
    (folder / "model" / "other.txt").write_text("4")
    source = {"name": f"other-{uuid.uuid4().hex[:8]}", "version": 1, "path": "model/other.txt", "type": "custom_model"}
    other = hook.apply(source, kind="model", base_path=folder)
    cluster = {
        "type": "kubernetes",
        "name": "akscomputetarget",
        "resource_id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c",
        "namespace": "default",
    }
    hook.apply(cluster, kind="compute")
    given = {"deployment_config": {"computeType": "aks", "numReplicas": 1}, "compute_target": "akscomputetarget"}
    finished = deployed(name, folder, models=[model, other["id"]], inference_config=INFERENCE, deferrable=True, **given)
    assert finished.errors == {}
    assert hook.get("online_endpoint", name)["properties"]["compute"].endswith("/computes/akscomputetarget")
    found = {f"{model.replace(':', '/')}/factor.txt": "2", f"{source['name']}/1/other.txt": "4"}
    assert hook.score(name, {})["found"] == found


@pytest.mark.parametrize("generation", ["v2", "v1"])
def test_a_registered_environment_gets_more_packages(generation: str, hook: AzmlHook, folder: Path) -> None:
    """As code of v1 has it: ``Environment.get(workspace, name).clone(...)`` and ``add_pip_package``."""
    name = new_name()
    conda = json.loads(json.dumps(CONDA))
    hook.apply({"name": name, "version": 1, "image": "i", "conda_file": conda}, kind="environment", base_path=folder)
    (folder / "working_dir" / "score.py").write_text("import isodate\n" + SCORE)
    asked = {key: INFERENCE[key] for key in ("entryScript", "sourceDirectory")}
    given = {"inference_config": asked, "environment": name, "pip_packages": ["isodate"], "generation": generation}
    assert deployed(name, folder, **given).errors == {}


def test_a_curated_environment_gets_more_packages(hook: AzmlHook) -> None:
    """Today's are in a registry, without what began their names in v1."""
    made = v1_models.environment_with(hook, "azureml:AzureML-sklearn-1.5@latest", ["isodate"])
    assert isinstance(made, dict)
    assert {"scikit-learn=1.5", "numpy"} < set(made["conda_file"]["dependencies"][:-1])
    assert made["conda_file"]["dependencies"][-1] == {"pip": ["isodate"]}
    with pytest.raises(NotFound):
        v1_models.environment_with(hook, "azureml:not-there@latest", ["isodate"])


def test_the_framework_of_a_model_is_what_v1_was_told(hook: AzmlHook, folder: Path) -> None:
    about = {"framework": "Onnx", "frameworkVersion": "1.3"}
    files = snapshot.take(folder / "model")
    made = hook.run(models.register_files(hook.workspace_id, new_name(), files, about=about))
    assert v1_models.framework_of(hook, made["id"]) == ("Onnx", "1.3")
    made = hook.run(models.register_files(hook.workspace_id, new_name(), files))
    assert v1_models.framework_of(hook, made["id"]) == (None, None)


def test_a_model_of_scikit_learn_needs_no_code(hook: AzmlHook, folder: Path) -> None:
    """Its framework is what it says of itself."""
    name = new_name()
    (folder / "model.pkl").write_bytes(
        b"csklearn.preprocessing\nFunctionTransformer\n(tR."
    )  # made without scikit-learn
    source = {"name": name, "version": 1, "path": "model.pkl", "properties": {"framework": "ScikitLearn"}}
    hook.apply(source, kind="model", base_path=folder)
    finished = deployed(name, folder, models=[f"{name}:1"])
    assert finished.errors == {}
    assert hook.score(name, {"data": [[1.0], [2.0]], "method": "transform"}) == {"transform": [[1.0], [2.0]]}


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_service_of_the_first_generation(
    deferrable: bool, hook: AzmlHook, folder: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = new_name()
    arguments = {
        "models": [model] if deferrable else ["model/factor.txt"],
        "inference_config": str(folder / "inferenceconfig.json"),
        "deployment_config": {"computeType": "ACI", "authEnabled": True, "containerResourceRequirements": {"cpu": 0.5}},
        "generation": "v1",
    }
    finished = deployed(name, folder, deferrable=deferrable, **arguments)
    assert finished.errors == {}
    result = finished.value("it")
    assert (result["status"], result["compute_type"]) == ("Healthy", "ACI")
    answer = {"found": {"factor.txt": "2"}, "greeting": "hello", "asked": {"data": [1]}}
    assert hook.run(scoring.score(hook.workspace_id, name, {"data": [1]})) == answer
    service = hook.run(services.get(hook.workspace_id, name))
    assert service["containerResourceRequirements"]["cpu"] == 0.5
    if deferrable:
        return
    assert [each["name"] for each in service["models"]] == ["factor.txt"]
    (error,) = deployed(name, folder, **arguments).errors["it"]
    assert "give overwrite=True" in str(error)
    with DAG("not_gone", schedule=None, default_args={"poll_seconds": 0.2}) as dag:
        AzmlDeleteWebserviceOperator(task_id="it", name=name)
    assert run(dag).errors == {}
    assert f"There is no endpoint {name}; generation='v1' deletes" in capsys.readouterr().out
    with DAG("gone", schedule=None, default_args={"poll_seconds": 0.2}) as dag:
        AzmlDeleteWebserviceOperator(task_id="it", name=name, generation="v1")
    gone = run(dag)
    assert gone.errors == {}
    assert gone.value("it")["status"] == "Deleted"
    assert hook.run(services.find(hook.workspace_id, name)) is None


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_service_without_a_place_to_run_is_not_waited_for_long(
    deferrable: bool, hook: AzmlHook, folder: Path
) -> None:
    properties = {"agentCount": 1, "agentVmSize": "Standard_D2_v2"}
    resource_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c"
    cluster = {"computeType": "AKS", "resourceId": resource_id, "properties": properties}
    hook.run(waiting.submit(hook.workspace_id.child("compute", "aks"), {"location": "local", "properties": cluster}))
    config = {"computeType": "aks", "numReplicas": 1, "containerResourceRequirements": {"cpu": 16, "memoryInGB": 1}}
    finished = deployed(
        new_name(),
        folder,
        deferrable=deferrable,
        inference_config=INFERENCE,
        deployment_config=config,
        compute_target="aks",
        generation="v1",
        unschedulable_seconds=0.5,
    )
    (error,) = finished.errors["it"]
    assert "Unschedulable" in str(error)
    assert "16" in str(error) or "cpu" in str(error).lower()


class AtModelManagement:
    """Model management of v1 with one model, whose services are there once they are asked for."""

    path = f"/modelmanagement/v1.0{WS}/services"

    def __init__(self, service: SignedIn) -> None:
        self.service, self.kept = service, {}
        about = {"location": "westeurope", "properties": {"discoveryUrl": f"{service.url}/discovery"}}
        model = {"id": f"{WS}/models/mymodel/versions/1", "name": "1", "properties": {}}
        service.holds({WS: about, "/discovery": {"api": service.url}, f"{WS}/models/mymodel/versions/1": model})
        service.when("GET", f"{self.path}/myservice", self.shown)
        operation = {"id": "op", "state": "Succeeded"}
        service.holds({f"{self.path.removesuffix('/services')}/operations/op": operation})

    @property
    def asked(self) -> list[Any]:
        return [body for name, body in self.service.sent if name == f"POST {self.path}"]

    def shown(self) -> Answer:
        body = self.asked[-1] if self.asked else self.kept
        return Answer(body={"state": "Healthy", "operationId": "op", **body}) if body else MISSING


MISSING = Answer(404, {"code": "ServiceNotFound", "statusCode": 404, "message": "there is none"})
OF_V1 = {"name": "myservice", "models": ["mymodel:1"], "model_framework": "Onnx", "generation": "v1"}


def in_a_dag(**arguments: Any) -> Finished:
    with DAG("once", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
        AzmlDeployWebserviceOperator(task_id="it", **arguments)
    return run(dag)


@pytest.mark.parametrize("status", [503, 409])
def test_a_service_whose_answer_was_lost_is_asked_for_once(status: int, service: SignedIn) -> None:
    there = AtModelManagement(service)
    service.answer("POST", there.path, Answer(status, {"code": "Busy", "message": "not now"}))
    finished = in_a_dag(**OF_V1)
    assert finished.errors == {}
    (body,) = there.asked
    assert (body["computeType"], body["environmentImageRequest"]) == ("ACI", {"modelIds": ["mymodel:1"]})
    assert "overwrite" not in body


def test_a_service_of_somebody_else_is_replaced_where_that_is_wanted(service: SignedIn) -> None:
    there = AtModelManagement(service)
    there.kept = {"name": "myservice", "kvTags": {}}
    service.answer("POST", there.path, Answer(202, headers={"Operation-Location": f"{service.url}/operations/op"}))
    (error,) = in_a_dag(**OF_V1).errors["it"]
    assert isinstance(error, AirflowFailException)
    assert there.asked == []
    assert in_a_dag(**OF_V1, overwrite=True).errors == {}
    assert [body["overwrite"] for body in there.asked] == [True]


def test_a_service_that_fails_says_why_and_is_made_anew_by_the_next_try(service: SignedIn) -> None:
    there = AtModelManagement(service)
    looks = iter(["Failed", "Failed", "Failed"])

    def shown() -> Answer:
        answer = there.shown()
        if there.asked:
            error = {"code": "KubernetesDeploymentFailed", "message": "the container has crashed"}
            answer.body["state"] = "Healthy" if len(there.asked) > 1 else next(looks)
            answer.body["error"] = error if len(there.asked) == 1 else None
        return answer

    service.when("GET", f"{there.path}/myservice", shown)
    service.holds({f"{there.path}/myservice/logs": {"content": "one\nno such weights"}})
    service.answer("POST", there.path, Answer(202, headers={"Operation-Location": f"{service.url}/operations/op"}))
    finished = in_a_dag(**OF_V1, retries=1, retry_delay=0.1)
    (error,) = finished.errors["it"]
    assert "KubernetesDeploymentFailed: the container has crashed" in str(error)
    assert "no such weights" in str(error)
    assert finished.value("it")["status"] == "Healthy"
    assert [body.get("overwrite") for body in there.asked] == [None, True]


def test_secrets_of_files_of_v1_are_masked_where_they_are_given_as_mappings() -> None:
    registry = {"address": "mine.azurecr.io", "password": "of the registry"}
    given = [
        {"keys": {"primaryKey": "one", "secondaryKey": "two"}},
        {"environment": {"docker": {"baseImageRegistry": registry}}},
    ]
    assert list(secrets_in(given)) == ["one", "two", "of the registry"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"generation": "v3"}, "generation: is 'v3'; it must be 'v2' or 'v1'"),
        ({"file": "deployment.yml"}, "file: is for files of CLI v2"),
        ({"models": "mymodel:1"}, "models: is 'mymodel:1'; it must be a list"),
        ({"tags": "a=b"}, "tags: is 'a=b'; it must be a mapping"),
        ({"pip_packages": ["a"]}, "pip_packages: counts with environment alone"),
        ({"unschedulable_seconds": -1}, "unschedulable_seconds: is -1; it must be a number of seconds"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(arguments: dict[str, Any], reason: str) -> None:
    operator = AzmlDeployWebserviceOperator(task_id="it", **{"name": "myservice", "models": ["mymodel:1"], **arguments})
    with pytest.raises(AirflowFailException, match=reason):
        operator.execute({})


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"deployment_config": {"computeType": "local"}, "model_framework": "Onnx"}, "Azure has no such machine"),
        ({"deployment_config": {"computeType": "local"}, "generation": "v1"}, "no service of v1 ran"),
        ({"deployment_config": {"computeType": "aksendpoint"}, "generation": "v1"}, "a preview that has ended"),
        ({"models": [], "generation": "v1"}, "models: must be one where inference_config is left out"),
    ],
)
def test_what_cannot_be_deployed_is_refused_before_anything_is_sent(
    arguments: dict[str, Any], reason: str, service: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = AtModelManagement(service)
    monkeypatch.setattr(clouds, "LOOPBACK", ())
    (error,) = in_a_dag(**{"name": "myservice", "models": ["mymodel:1"], **arguments}).errors["it"]
    assert isinstance(error, AirflowFailException)
    assert reason in str(error)
    assert service.puts() == there.asked == []
