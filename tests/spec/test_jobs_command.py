from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import snapshot
from airflow_provider_azml.spec import command_jobs, kinds
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.needs import Asset, Local
from airflow_provider_azml.spec.source import from_mapping
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

JOB: dict[str, Any] = {"command": "echo", "environment": "azureml:e:1"}
ARM_ID = "/subscriptions/s/resourceGroups/r/providers/Microsoft.MachineLearningServices/workspaces/w/codes/c/versions/1"
PARTS = {
    "words in CamelCase": ({"identity": {"type": "AMLToken"}}, {"identity": {"identityType": "AMLToken"}}),
    "a service is ssh by default": (
        {"services": {"a": {"port": 5}}},
        {"services": {"a": {"jobServiceType": "SSH", "port": 5}}},
    ),
    "a service of an unknown type": ({"services": {"a": {"type": "custom"}}}, {"services": {"a": {}}}),
    "what the service said": (
        {
            "id": "x",
            "status": "Completed",
            "creation_context": {"a": 1},
            "services": {"a": {"type": "ssh", "status": "x"}},
        },
        {"services": {"a": {"jobServiceType": "SSH"}}, "id": None, "status": None},
    ),
    "yes for true": (
        {"distribution": {"type": "ray", "include_dashboard": "yes"}},
        {"distribution": {"distributionType": "Ray", "includeDashboard": True}},
    ),
    "code by its id": ({"code": f"azureml:{ARM_ID}"}, {"codeId": ARM_ID}),
}
WRONG = {
    "code: a job takes no code of a registry": {"code": "azureml://registries/r/codes/c/versions/1"},
    "outputs.a: 'name' is a dependency of 'version'": {"outputs": {"a": {"version": 1}}},
    "outputs.a.name: is 'a b'; it must be at most 255 letters": {"outputs": {"a": {"name": "a b"}}},
    "inputs.a.mode": {"inputs": {"a": {"path": "https://x", "type": "custom_model", "mode": "eval_mount"}}},
    "does not go with a model": {
        "inputs": {"a": {"path": "https://x", "type": "mlflow_model", "path_on_compute": "x"}}
    },
    "inputs.a.path": {"inputs": {"a": {"path": ""}}},
    "environment: ": {"environment": "file:nowhere.yml"},
    "environment.yml:1:1: imag: unknown key; did you mean 'image'?": {"environment": "file:environment.yml"},
}


@pytest.mark.parametrize("name", PARTS)
def test_command_jobs(service: StandIn, name: str) -> None:
    given, expected = PARTS[name]
    source = from_mapping({**JOB, **given})
    assert not kinds.check(source, "job")
    sent = service.run(filled(command_jobs.properties(source, "job-1"), TARGET))
    assert {key: sent.get(key) for key in expected} == expected


@pytest.mark.parametrize("reason", WRONG)
def test_what_is_wrong_with_a_command_job(reason: str, tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_text("imag: x\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        kinds.check(from_mapping({**JOB, **WRONG[reason]}, base_path=tmp_path), "job")
    assert reason in str(caught.value)


def test_code_on_the_web_is_named_and_not_fetched(service: StandIn) -> None:
    bodies = [command_jobs.properties(from_mapping({**JOB, "code": "https://x/y"}), "j") for _ in range(2)]
    assert bodies[0]["codeId"] == bodies[1]["codeId"]
    code_id = service.run(filled(bodies[0], TARGET))["codeId"]
    assert code_id.startswith(f"{WS}/codes/")
    assert service.puts() == [
        (code_id, {"properties": {"codeUri": "https://x/y", "isAnonymous": True, "properties": {}}})
    ]


def test_an_environment_in_a_file_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "environments"
    (folder / "context").mkdir(parents=True)
    (folder / "context" / "Dockerfile").write_text("FROM scratch", encoding="utf-8")
    (folder / "e.yml").write_text("name: ignored\nbuild: {path: context}\n", encoding="utf-8")
    source = from_mapping({**JOB, "environment": "file:environments/e.yml"}, base_path=tmp_path)
    assert not kinds.check(source, "job")
    environment = command_jobs.properties(source, "j")["environmentId"]
    assert isinstance(environment, Asset)
    assert environment.name == "CliV2AnonymousEnvironment"
    build = environment.body["properties"]["build"]
    assert build["contextUri"] == Local(snapshot.take(folder / "context"), "url", "/")


def test_file_may_stand_before_a_local_path(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    given = {"inputs": {"a": {"path": "file:a.csv", "type": "uri_file"}}}
    source = from_mapping({**JOB, **given}, base_path=tmp_path)
    assert not kinds.check(source, "job")
    assert command_jobs.properties(source, "j")["inputs"]["a"]["uri"] == Local(snapshot.take(tmp_path / "a.csv"))


def test_a_submitted_job_says_where_it_is_from(
    service: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AZUREML_GIT_BRANCH", raising=False)
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "first"], check=True)
    service.run(kinds.apply(from_mapping({**JOB, "name": "j", "properties": {"mine": "x"}}), "job", TARGET))
    [(path, body)] = service.puts()
    assert path == f"{WS}/jobs/j"
    assert body["properties"]["properties"] == {
        "mine": "x",
        "mlflow.source.git.branch": "first",
        "azureml.git.dirty": "False",
    }
