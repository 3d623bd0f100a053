"""Models of the retired generation: registered, listed and changed there, and the same ones as everywhere else."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace
from tests.emulator.model_management import ModelManagement

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator


@pytest.fixture(scope="module")
def management(azml_emulator: RunningEmulator) -> ModelManagement:
    return ModelManagement(Workspace(azml_emulator).ensure())


@pytest.fixture
def name() -> str:
    return f"model-{uuid.uuid4().hex[:8]}"


def artifact(management: ModelManagement, name: str, text: str) -> str:
    """Upload a file as azureml-core does; the prefix that names its folder."""
    container = uuid.uuid4().hex[:8]
    path = f"artifact/v2.0{management.workspace.id}/artifacts/batch/metadata/LocalUpload/{container}"
    made = management.workspace.call("POST", f"/{path}", json={"paths": [{"path": name}]}).json()
    management.workspace.upload(made["artifactContentInformation"][name]["contentUri"], text.encode())
    return f"LocalUpload/{container}/{name.partition('/')[0]}"


def register(management: ModelManagement, name: str, **fields: Any) -> dict[str, Any]:
    """Register a version by an asset, as azureml-core does."""
    prefix = artifact(management, "weights/factor.txt", "2")
    asset = management.call("POST", "assets", json={"name": name, "artifacts": [{"prefix": prefix}]}).json()
    body = {"name": name, "url": f"aml://asset/{asset['id']}", "mimeType": "application/json", **fields}
    return dict(management.call("POST", "models", json=body).json())


def test_a_model_is_registered_and_can_be_seen_everywhere(management: ModelManagement, name: str) -> None:
    fields = {"kvTags": {"area": "mnist"}, "properties": {"p": "1"}, "framework": "Onnx", "frameworkVersion": "1.12"}
    made = register(management, name, description="digits", runId="run-1", experimentName="e", **fields)
    assert (made["id"], made["version"]) == (f"{name}:1", 1)
    assert {**made, **fields} == made
    assert register(management, name)["version"] == 2

    seen = management.workspace.get("model", name, "1")["properties"]
    assert (seen["tags"], seen["properties"], seen["description"]) == ({"area": "mnist"}, {"p": "1"}, "digits")
    assert seen["jobName"] == "run-1"
    assert "/paths/LocalUpload/" in seen["modelUri"]
    asset = management.get(f"assets/{made['url'].removeprefix('aml://asset/')}")
    assert asset["artifacts"][0]["prefix"] in seen["modelUri"]


def test_a_model_of_resource_manager_can_be_seen_here(management: ModelManagement, name: str) -> None:
    management.model(name, {"factor.txt": "2"})
    (shown,) = management.get("models", params={"name": name})["value"]
    assert (shown["id"], shown["framework"], shown["datasets"]) == (f"{name}:1", "Custom", [])
    asset = management.get(f"assets/{shown['url'].removeprefix('aml://asset/')}")
    assert asset["artifacts"] == [{"id": None, "prefix": f"models-of-test/{name}/factor.txt"}]
    path = management.workspace.id.child("model", name, "1")
    body = management.workspace.call("GET", path).json()
    body["properties"]["isArchived"] = True
    management.workspace.call("PUT", path, json=body)
    assert management.get("models", params={"name": name})["value"] == []


def test_models_are_listed_as_asked_for(management: ModelManagement, name: str) -> None:
    for number in range(3):
        register(management, name, kvTags={"number": str(number), "all": ""}, framework="Onnx" if number else None)

    def versions(**query: str) -> list[int]:
        return [one["version"] for one in management.get("models", params={"name": name, **query})["value"]]

    assert versions() == [3, 2, 1]
    assert versions(orderBy="CreatedAtAsc") == [1, 2, 3]
    assert versions(tags="all") == [3, 2, 1]
    assert versions(tags="all,number=1") == [2]
    assert versions(framework="Onnx") == [3, 2]
    assert versions(latestVersionOnly="true") == [3]
    first = management.get("models", params={"name": name, "count": "2"})
    second = management.get(first["nextLink"].partition(f"{management.prefix}/")[2])
    assert [one["version"] for one in first["value"] + second["value"]] == [3, 2, 1]
    assert "nextLink" not in second
    wrong = management.call("GET", "models", params={"orderBy": "Luck"}, ok=False)
    assert (wrong.status_code, wrong.json()["statusCode"]) == (400, 400)


def test_a_patch_changes_a_model(management: ModelManagement, name: str) -> None:
    register(management, name, kvTags={"a": "1"})
    patch = [
        {"op": "replace", "path": "/kvTags", "value": {"b": "2"}},
        {"op": "add", "path": "/properties", "value": {"p": "3"}},
        {"op": "replace", "path": "/description", "value": "better"},
        {"op": "add", "path": "/datasets", "value": [{"name": "training", "id": "d-1"}]},
    ]
    changed = management.call("PATCH", f"models/{name}:1", json=patch).json()
    assert (changed["kvTags"], changed["properties"], changed["description"]) == ({"b": "2"}, {"p": "3"}, "better")
    assert management.get("models", params={"name": name, "datasetId": "d-1"})["value"] == [changed]
    assert management.workspace.get("model", name, "1")["properties"]["tags"] == {"b": "2"}
    for body in ({"op": "replace"}, [{"op": "replace", "path": "kvTags"}], [{"op": "test", "path": "/name"}]):
        assert management.call("PATCH", f"models/{name}:1", json=body, ok=False).status_code == 400


def test_a_model_is_deleted_on_both_sides(management: ModelManagement, name: str) -> None:
    register(management, name)
    assert management.get(f"models/{name}:1/metrics")["deploymentSummary"]["successfulDeployments"] == 0
    assert management.call("DELETE", f"models/{name}:1").status_code == 200
    assert management.call("DELETE", f"models/{name}:1").status_code == 204
    gone = management.call("GET", f"models/{name}:1", ok=False)
    assert (gone.status_code, gone.json()["code"], gone.json()["statusCode"]) == (404, "ModelNotFound", 404)
    path = management.workspace.id.child("model", name, "1")
    assert management.workspace.call("GET", path, ok=False).status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"name": "not a name"}, 400, "not a name"),
        ({"url": None}, 400, "url"),
        ({"url": "aml://asset/gone"}, 404, "gone"),
        ({"url": "aml://artifact/LocalUpload/gone/x"}, 400, "nothing at the url"),
        ({"url": "https://example.com/model"}, 400, "example.com"),
    ],
)
def test_what_cannot_be_a_model_is_refused(
    management: ModelManagement, change: dict[str, Any], status: int, reason: str
) -> None:
    body = {"name": "refused", "url": "aml://asset/x", "mimeType": "application/json", **change}
    refused = management.call("POST", "models", json=body, ok=False)
    assert refused.status_code == status
    assert reason in refused.json()["message"]


def test_assets_are_found_by_what_they_are_of(management: ModelManagement, name: str) -> None:
    made = management.call("POST", "assets", json={"name": name, "runid": "run-7", "artifacts": []}).json()
    assert management.get("assets", params={"runId": "run-7", "name": name})["value"] == [made]
    patch = [{"op": "add", "path": "/kvTags/a", "value": "b"}]
    assert management.call("PATCH", f"assets/{made['id']}", json=patch).json()["kvTags"] == {"a": "b"}
    assert management.call("DELETE", f"assets/{made['id']}").status_code == 200
    assert management.call("GET", f"assets/{made['id']}", ok=False).json()["code"] == "AssetNotFound"
    assert management.call("POST", "assets", json={}, ok=False).status_code == 400
