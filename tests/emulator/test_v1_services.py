"""Web services of the retired generation: they really serve, and their states have causes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.emulator.execution import Workspace
from tests.emulator.model_management import ENVIRONMENT, SCORE, ModelManagement, archive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

CLUSTER = {"computeType": "AKS", "properties": {"agentCount": 1, "agentVmSize": "Standard_D2_v2"}}
FAILING_INIT = "def init():\n    raise RuntimeError('no such weights')\ndef run(raw):\n    return 1\n"


@pytest.fixture(scope="module")
def services(azml_emulator: RunningEmulator) -> ModelManagement:
    return ModelManagement(Workspace(azml_emulator).ensure())


@pytest.fixture(scope="module")
def factor(services: ModelManagement) -> str:
    return services.model("factor-v1", {"factor.txt": "2"})


@pytest.fixture(scope="module")
def service(services: ModelManagement, factor: str) -> str:
    """A service on container instances that keys open."""
    operation = services.deploy(services.request("keyed", [factor], authEnabled=True, kvTags={"area": "tests"}))
    assert operation["state"] == "Succeeded", operation
    return "keyed"


def keys(services: ModelManagement, name: str) -> Any:
    return services.call("POST", f"services/{name}/listkeys").json()


def test_a_service_serves_whom_its_keys_open_it_to(services: ModelManagement, service: str, factor: str) -> None:
    shown = services.service(service)
    assert (shown["state"], shown["computeType"], shown["kvTags"]) == ("Healthy", "ACI", {"area": "tests"})
    assert [model["id"] for model in shown["models"]] == [factor]
    assert shown["containerResourceRequirements"]["cpu"] == 0.1
    opened = keys(services, service)
    for key in (opened["primaryKey"], opened["secondaryKey"]):
        answer = services.score(service, {"data": [1, 2.5]}, key)
        assert answer.json() == {"answer": [2.0, 5.0], "greeting": "hello"}
    assert services.score(service, {"data": [1]}, "wrong").status_code == 401
    assert services.score(service, {"data": [1]}).status_code == 401
    assert services.score(service, {"nothing": 1}, opened["primaryKey"]).status_code == 502
    log = services.get(f"services/{service}/logs", params={"tail": 100})["content"]
    assert "KeyError" in log


def test_a_key_can_be_made_anew(services: ModelManagement, service: str) -> None:
    before = keys(services, service)
    asked = {"keyType": "Primary", "keyValue": None}
    assert (
        services.settle(services.call("POST", f"services/{service}/regenerateKeys", json=asked))["state"] == "Succeeded"
    )
    after = keys(services, service)
    assert after["primaryKey"] != before["primaryKey"]
    assert after["secondaryKey"] == before["secondaryKey"]
    given = {"keyType": 1, "keyValue": "chosen-by-somebody"}
    services.settle(services.call("POST", f"services/{service}/regenerateKeys", json=given))
    assert keys(services, service)["secondaryKey"] == "chosen-by-somebody"
    refused = services.call("POST", f"services/{service}/regenerateKeys", json={"keyType": "Third"}, ok=False)
    assert refused.status_code == 400


def test_a_patch_of_tags_is_done_at_once_and_one_of_more_takes_its_time(services: ModelManagement, factor: str) -> None:
    services.deploy(services.request("changing", [factor]))
    assert services.score("changing", {"data": [1]}).ok
    patch = [
        {"op": "replace", "path": "/kvTags", "value": {"stage": "live"}},
        {"op": "add", "path": "/properties/team", "value": "red"},
    ]
    done = services.call("PATCH", "services/changing", json=patch)
    assert (done.status_code, done.json()["kvTags"], done.json()["properties"]["team"]) == (
        200,
        {"stage": "live"},
        "red",
    )
    closed = [{"op": "replace", "path": "/authEnabled", "value": True}]
    assert services.settle(services.call("PATCH", "services/changing", json=closed))["state"] == "Succeeded"
    assert services.score("changing", {"data": [1]}).status_code == 401
    other = {**services.request("changing-2", [factor], "def init(): ...\ndef run(raw):\n    return 'other'\n")}
    image = [{"op": "replace", "path": "/environmentImageRequest", "value": other["environmentImageRequest"]}]
    services.settle(services.call("PATCH", "services/changing", json=image))
    assert services.score("changing", {}, keys(services, "changing")["primaryKey"]).json() == "other"
    wrong = services.call("PATCH", "services/changing", json=[{"op": "remove", "path": "/nothing"}], ok=False)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "BadRequest")
    given = {"primaryKey": "first-of-mine", "secondaryKey": None}
    again = services.request("changing", [factor], authEnabled=True, keys=given, overwrite=True)
    assert services.deploy(again)["state"] == "Succeeded"
    assert services.score("changing", {"data": [1]}, "first-of-mine").json()["answer"] == [2.0]
    assert services.settle(services.call("DELETE", "services/changing"))["state"] == "Succeeded"
    assert services.call("GET", "services/changing", ok=False).json()["code"] == "ServiceNotFound"
    assert services.call("DELETE", "services/changing").status_code == 204


def test_a_source_directory_and_several_models_lie_as_in_the_image(services: ModelManagement, factor: str) -> None:
    script = (
        "import json, os\n"
        "from helper import WORD\n"
        "def init(): ...\n"
        "def run(raw):\n"
        "    root = os.environ['AZUREML_MODEL_DIR']\n"
        "    found = [os.path.relpath(f'{at}/{one}', root) for at, _, names in os.walk(root) for one in names]\n"
        "    return {'files': sorted(found), 'word': WORD, 'here': sorted(os.listdir('.'))}\n"
    )
    other = services.model("other-v1", {"a.txt": "1", "b/c.txt": "2"})
    request = services.request("several", [factor, other])
    image = request["environmentImageRequest"]
    data = archive({"work/score.py": script, "work/helper.py": "WORD = 'found'\n"})
    image["assets"].append(services.asset("work.tar.gz", data, unpack=True))
    variables = {"AZUREML_ENTRY_SCRIPT": "work/score.py", "AZUREML_SOURCE_DIRECTORY": "work"}
    image["environment"] = {**ENVIRONMENT, "environmentVariables": variables}
    assert services.deploy(request)["state"] == "Succeeded"
    assert services.score("several", {}).json() == {
        "files": ["factor-v1/1/factor.txt", "other-v1/1/other-v1/a.txt", "other-v1/1/other-v1/b/c.txt"],
        "word": "found",
        "here": ["azureml-models", "several.py", "work"],
    }
    refused = services.call("DELETE", f"models/{factor}", ok=False)
    assert (refused.status_code, refused.json()["code"]) == (412, "DeletionRequired")


def test_an_archive_that_leads_out_of_the_image_is_refused(services: ModelManagement) -> None:
    for name, data in (("out.tar.gz", archive({"../out.py": ""})), ("none.tar.gz", b"\x1f\x8b\x08 no archive")):
        request = services.request("leading-out", [], overwrite=True)
        request["environmentImageRequest"]["assets"].append(services.asset(name, data, unpack=True))
        operation = services.deploy(request)
        assert operation["state"] == "Failed"
        assert name in operation["error"]["message"]


def test_a_token_opens_a_service_that_tokens_open(services: ModelManagement, factor: str) -> None:
    services.workspace.put("compute", "opened-aks", location="local", properties=CLUSTER)
    request = services.request("tokens", [factor], computeType="AKS", computeName="opened-aks", aadAuthEnabled=True)
    assert services.deploy(request)["state"] == "Succeeded"
    made = services.call("POST", "services/tokens/token")
    assert made.status_code == 201
    assert made.json()["expiryOn"] > made.json()["refreshAfter"]
    assert services.score("tokens", {"data": [1]}, made.json()["accessToken"]).json()["answer"] == [2.0]
    assert services.score("tokens", {"data": [1]}).status_code == 401
    assert services.call("POST", "services/tokens/listkeys", ok=False).status_code == 400
    shown = services.service("tokens")
    assert shown["deploymentStatus"]["availableReplicas"] == 1
    assert shown["autoScaler"]["autoscaleEnabled"] is True


def test_a_script_that_cannot_start_fails_the_service(services: ModelManagement, factor: str) -> None:
    operation = services.deploy(services.request("crashing", [factor], FAILING_INIT))
    assert operation["state"] == "Failed"
    assert operation["error"]["code"] == "AciDeploymentFailed"
    detail = operation["error"]["details"][0]
    assert detail["code"] == "CrashLoopBackOff"
    assert "no such weights" in detail["message"]
    shown = services.service("crashing")
    assert (shown["state"], shown["scoringUri"], shown["error"]) == ("Failed", None, operation["error"])
    assert "no such weights" in services.get("services/crashing/logs")["content"]


def test_a_service_whose_server_has_died_is_unhealthy(services: ModelManagement, factor: str) -> None:
    services.deploy(services.request("dying", [factor]))
    assert services.score("dying", {"die": True}).status_code == 502
    assert services.until("dying", "Unhealthy")["scoringUri"]
    assert services.score("dying", {"data": [1]}).status_code == 502


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"name": "Bad_Name"}, 400, "Bad_Name"),
        ({"computeType": "IOT"}, 400, "IOT"),
        ({"environmentImageRequest": None, "imageId": "image:1"}, 400, "runs no images"),
        ({"containerResourceRequirements": {"cpu": 0}}, 400, "containerResourceRequirements.cpu"),
        ({"containerResourceRequirements": {"memoryInGB": "1"}}, 400, "containerResourceRequirements.memoryInGB"),
        ({"computeType": "AKS"}, 400, "computeName"),
        ({"computeType": "AKS", "computeName": "nowhere"}, 400, "does not exist"),
        ({"computeType": "AKS", "computeName": "x", "numReplicas": 0}, 400, "numReplicas"),
        ({"computeType": "AKS", "computeName": "x", "namespace": "-no-"}, 400, "namespace"),
        ({"computeType": "AKS", "computeName": "x", "authEnabled": True, "aadAuthEnabled": True}, 400, "tokens"),
        ({"environmentImageRequest": {"modelIds": ["gone:7"]}}, 404, "gone:7"),
        ({"name": "keyed"}, 409, "already exists"),
    ],
)
def test_what_cannot_be_a_service_is_refused(
    services: ModelManagement, service: str, change: dict[str, Any], status: int, reason: str
) -> None:
    request = {"name": "refused", "computeType": "ACI", "environmentImageRequest": {"modelIds": []}, **change}
    refused = services.call("POST", "services", json=request, ok=False)
    assert refused.status_code == status
    document = refused.json()
    assert document["statusCode"] == status
    assert reason in document["message"]
    assert "services/refused" not in services.call("GET", "services").text
    assert service in services.call("GET", "services").text


def test_services_are_listed_as_asked_for(services: ModelManagement, service: str, factor: str) -> None:
    def names(**query: str) -> list[str]:
        return [one["name"] for one in services.get("services", params=query)["value"]]

    assert service in names(tags="area=tests")
    assert names(tags="area=others") == []
    assert service in names(modelId=factor, computeType="ACI")
    assert service not in names(computeType="AKS")
    first = services.get("services", params={"count": "1"})
    assert len(first["value"]) == 1
    path = first["nextLink"].partition(f"{services.prefix}/")[2]
    assert services.get(path)["value"][0]["name"] != first["value"][0]["name"]


def test_what_azureml_core_asks_before_it_sends_is_answered(
    services: ModelManagement, service: str, factor: str
) -> None:
    taken = services.call("POST", f"services/validate/name/{service}", json={}).json()
    assert "already exists" in taken["error"]["message"]
    assert services.call("POST", "services/validate/name/free", json={}).json() == {}
    large = services.request("large", [factor], containerResourceRequirements={"cpu": 5, "memoryInGB": 1})
    assert "'5' CPU" in services.call("POST", "services/validate/resource", json=large).json()["error"]["message"]
    asked = {"type": "Create", "serviceName": "large", "createRequest": {**large, "computeType": "AKS"}}
    assert "computeName" in services.call("POST", "services/validate", json=asked).json()["error"]["message"]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelManagement]:
    """Model management of an emulator whose clock can be moved, and in which things may go wrong."""
    with running_emulator(tmp_path_factory.mktemp("of-services")) as emulator:
        management = ModelManagement(Workspace(emulator).ensure())
        management.model("factor", {"factor.txt": "2"})
        yield management


def on_aks(services: ModelManagement, name: str, cores: float) -> dict[str, Any]:
    resources = {"cpu": cores, "memoryInGB": 1}
    fields = {"computeType": "AKS", "computeName": "small", "authEnabled": False, "numReplicas": 1}
    return services.request(name, ["factor:1"], containerResourceRequirements=resources, **fields)


def test_a_service_without_room_waits_for_it_and_fails_in_the_end(own: ModelManagement) -> None:
    own.workspace.put("compute", "small", location="local", properties=CLUSTER)
    assert own.deploy(on_aks(own, "first", 1.5))["state"] == "Succeeded"
    begun = own.call("POST", "services", json=on_aks(own, "second", 1.5))
    waiting = own.until("second", "Unschedulable")
    assert waiting["error"]["details"] == [
        {"code": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu."}
    ]
    assert waiting["scoringUri"] is None
    assert own.get(f"operations/{waiting['operationId']}")["state"] == "Running"
    own.settle(own.call("DELETE", "services/first"))
    assert own.settle(begun)["state"] == "Succeeded"
    assert "error" not in own.service("second")

    begun = own.call("POST", "services", json=on_aks(own, "third", 0.6))
    own.until("third", "Unschedulable")
    emulator = own.workspace.emulator
    moved = {"advance_seconds": 301}
    requests.put(f"{emulator.url}/emulator/clock", json=moved, headers=emulator.headers, timeout=60).raise_for_status()
    ended = own.settle(begun)
    assert (ended["state"], ended["error"]["code"]) == ("Failed", "KubernetesError")
    assert [detail["code"] for detail in ended["error"]["details"]] == ["Unschedulable", "DeploymentFailed"]
    assert own.service("third")["state"] == "Failed"


def test_a_service_is_served_again_by_the_next_emulator_in_the_home(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        first = ModelManagement(Workspace(emulator).ensure())
        factor = first.model("factor", {"factor.txt": "2"})
        first.deploy(first.request("lasting", [factor]))
        waiting = first.request("waiting", [factor], containerResourceRequirements={"cpu": 9})
        first.call("POST", "services", json=waiting)
        first.until("waiting", "Unschedulable")
    with running_emulator(tmp_path) as emulator:
        second = ModelManagement(Workspace(emulator))
        assert second.service("lasting")["state"] == "Unhealthy"
        second.until("lasting", "Healthy")
        assert second.score("lasting", {"data": [3]}).json()["answer"] == [6.0]
        assert second.service("waiting")["state"] == "Failed"


def test_a_fault_lets_a_service_fail(own: ModelManagement) -> None:
    script = "rules: [{fault: failed_operation, path: services/doomed, code: Doomed, message: as was asked for}]"
    emulator = own.workspace.emulator
    sent = requests.put(f"{emulator.url}/emulator/faults", data=script, headers=emulator.headers, timeout=60)
    assert sent.ok, sent.text
    assert own.deploy(own.request("doomed", ["factor:1"], SCORE))["error"]["code"] == "Doomed"
    assert own.service("doomed")["state"] == "Failed"


def test_a_model_whose_framework_the_service_does_not_know_needs_a_script(
    services: ModelManagement, factor: str
) -> None:
    operation = services.deploy({
        **services.request("scriptless", [factor]),
        "environmentImageRequest": {"modelIds": [factor]},
    })
    assert operation["state"] == "Failed"
    assert "is of framework Custom, which needs a script" in operation["error"]["details"][0]["message"]


def test_a_service_whose_server_is_silent_is_unhealthy_for_that_time(own: ModelManagement) -> None:
    script = "rules: [{fault: silent_server, path: services/silent, seconds: 3, times: 1}]"
    emulator = own.workspace.emulator
    sent = requests.put(f"{emulator.url}/emulator/faults", data=script, headers=emulator.headers, timeout=60)
    assert sent.ok, sent.text
    assert own.deploy(own.request("silent", ["factor:1"]))["state"] == "Succeeded"
    own.until("silent", "Unhealthy")
    own.until("silent", "Healthy")


def test_a_service_that_waits_for_room_can_be_made_smaller_or_deleted(services: ModelManagement, factor: str) -> None:
    large = {"containerResourceRequirements": {"cpu": 9}, "authEnabled": False}
    services.call("POST", "services", json=services.request("large", [factor], **large))
    assert "'9' CPU" in services.until("large", "Unschedulable")["error"]["details"][0]["message"]
    patch = [{"op": "replace", "path": "/containerResourceRequirements/cpu", "value": 1}]
    assert services.settle(services.call("PATCH", "services/large", json=patch))["state"] == "Succeeded"
    assert services.score("large", {"data": [1]}).json()["answer"] == [2.0]
    services.call("POST", "services", json=services.request("larger", [factor], **large))
    services.until("larger", "Unschedulable")
    for name in ("large", "larger"):
        assert services.settle(services.call("DELETE", f"services/{name}"))["state"] == "Succeeded"
        assert services.call("GET", f"services/{name}", ok=False).status_code == 404
