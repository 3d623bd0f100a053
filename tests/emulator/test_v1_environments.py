"""The environment service: environments of the retired generation are those of Resource Manager."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace
from tests.emulator.v1_requests import V1, compute, configuration

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

CONDA = {"name": "e", "dependencies": ["python=3.11", "pip"]}


@pytest.fixture(scope="module")
def v1(azml_emulator: RunningEmulator) -> V1:
    return V1(Workspace(azml_emulator).ensure(), "v1-environments")


@pytest.fixture
def name() -> str:
    return f"v1-{uuid.uuid4().hex[:8]}"


def call(v1: V1, path: str, method: str = "GET", *, ok: bool = True, **options: Any) -> Any:
    return v1.call("environment/v1.0", f"environments/{path}", method, ok=ok, **options).json()


def definition(name: str, **python: object) -> dict[str, Any]:
    return {"Name": name, "python": {"condaDependencies": CONDA, **python}, "Docker": {"BaseImage": "img"}}


def test_an_environment_is_registered_once_per_definition(v1: V1, name: str) -> None:
    first = call(v1, name, "PUT", json=definition(name))
    assert (first["name"], first["version"], first["docker"], first["python"]["condaDependencies"]) == (
        name,
        "1",
        {"BaseImage": "img"},
        CONDA,
    )
    assert call(v1, name, "PUT", json=definition(name))["version"] == "1"
    other = {**definition(name), "EnvironmentVariables": {"A": "B"}}
    assert call(v1, name, "PUT", json=other)["version"] == "2"
    assert call(v1, name)["environmentVariables"] == {"A": "B"}
    assert call(v1, f"{name}/labels/Latest")["version"] == "2"
    assert call(v1, f"{name}/versions/1") == first
    assert [one["version"] for one in call(v1, "")["value"] if one["name"] == name] == ["2"]


def test_environments_are_the_same_to_both_generations(v1: V1, name: str) -> None:
    call(v1, f"{name}/versions/7", "PUT", json=definition(name))
    today = v1.workspace.get("environment", name, "7")["properties"]
    assert (today["image"], "python=3.11" in today["condaFile"], today["isAnonymous"]) == ("img", True, False)
    refused = v1.call("environment/v1.0", f"environments/{name}/versions/7", "PUT", ok=False, json={"Name": name})
    assert refused.status_code == 409
    v1.workspace.put("environment", name, "8", properties={"image": "other"})
    shown = call(v1, name)
    assert (shown["version"], shown["docker"]["baseImage"]) == ("8", "other")
    assert (shown["python"]["userManagedDependencies"], shown["python"]["condaDependencies"]) == (True, None)


def test_a_run_uses_a_registered_environment(v1: V1, name: str) -> None:
    call(v1, f"{name}/versions/1", "PUT", json=definition(name))
    environment = {**definition(name), "Name": name, "Version": "1"}
    given = configuration(compute(v1.workspace), Environment=environment)
    run = v1.run({"Configuration": given}, {"train.py": "print('in it')"})
    job = v1.workspace.get("job", run["runId"])["properties"]
    assert job["environmentId"].endswith(f"/environments/{name}/versions/1")
    assert v1.log_of(run["runId"]) == "in it\n"


def test_curated_environments_have_stand_ins(v1: V1) -> None:
    found = call(v1, "AzureML-sklearn-1.0-ubuntu20.04-py38-cpu")
    assert "scikit-learn=1.0" in found["python"]["condaDependencies"]["dependencies"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("none", None, 404),
        ("none/versions/1", None, 404),
        ("none/labels/best", None, 404),
        ("AzureML-mine", {"python": {}}, 400),
        ("MicrosoftMine", {"python": {}}, 400),
        ("mine", {"docker": {"baseDockerfile": "FROM x"}}, 400),
        ("mine", {"python": {"condaDependenciesFile": "conda.yml"}}, 400),
        ("mine", {"python": 1}, 400),
    ],
)
def test_what_cannot_be_is_refused(v1: V1, path: str, body: object, status: int) -> None:
    method = "GET" if body is None else "PUT"
    assert v1.call("environment/v1.0", f"environments/{path}", method, ok=False, json=body).status_code == status
