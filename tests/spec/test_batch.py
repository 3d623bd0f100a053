from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.source import from_mapping
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

LOCATION = {WS: {"location": "westeurope"}}
DEPLOYMENT = {"name": "first", "endpoint_name": "scores", "model": "azureml:m:1", "compute": "azureml:c"}
OF_MODEL = {**DEPLOYMENT, "type": "model"}
OF_PIPELINE = {"name": "first", "endpoint_name": "scores", "type": "pipeline"}
SETTINGS = {
    "output_action": "summary_only",
    "error_threshold": -1,
    "retry_settings": {"max_retries": 3, "timeout": 90},
    "logging_level": "info",
    "mini_batch_size": "10",
    "max_concurrency_per_instance": 2,
    "environment_variables": {"A": 1},
}
SENT_SETTINGS = {
    "outputAction": "SummaryOnly",
    "errorThreshold": -1,
    "retrySettings": {"maxRetries": 3, "timeout": "PT1M30S"},
    "loggingLevel": "info",
    "miniBatchSize": 10,
    "maxConcurrencyPerInstance": 2,
    "environmentVariables": {"A": 1},
}
SENT_MODEL = {
    "model": {"referenceType": "Id", "assetId": f"{WS}/models/m/versions/1"},
    "compute": f"{WS}/computes/c",
}
PIPELINE = """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json
type: pipeline
name: not-used
description: scores
jobs:
  a: {type: command, component: azureml:c:1}
"""


def sent(service: StandIn, given: dict[str, Any], base_path: Path | None = None) -> dict[str, Any]:
    service.holds(LOCATION).run(kinds.apply(from_mapping(given, base_path=base_path), "batch_deployment", TARGET))
    path, body = service.sent[-1]
    assert path == f"PUT {WS}/batchEndpoints/scores/deployments/first"
    assert body["location"] == "westeurope"
    properties: dict[str, Any] = body["properties"]
    return properties


def test_an_endpoint(service: StandIn) -> None:
    given = {"name": "scores", "auth_mode": "AadToken", "defaults": {"deployment_name": "first"}, "tags": {"a": 1}}
    service.holds(LOCATION).run(kinds.apply(from_mapping(given), "batch_endpoint", TARGET))
    assert service.sent[-1] == (
        f"PUT {WS}/batchEndpoints/scores",
        {
            "location": "westeurope",
            "tags": {"a": 1},
            "properties": {"authMode": "aadToken", "defaults": {"deploymentName": "first"}, "properties": {}},
        },
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (DEPLOYMENT, SENT_MODEL),
        ({**DEPLOYMENT, **SETTINGS}, {**SENT_MODEL, **SENT_SETTINGS}),
        ({**OF_MODEL, "settings": SETTINGS}, {**SENT_MODEL, **SENT_SETTINGS}),
        ({**OF_MODEL, "compute": "Local"}, {**SENT_MODEL, "compute": f"{WS}/computes/local"}),
        (
            {**OF_MODEL, "settings": {"mini_batch_size": 1, "instance_count": 2}},
            {**SENT_MODEL, "miniBatchSize": 1, "resources": {"instanceCount": 2, "properties": {}}},
        ),
        (
            {**OF_MODEL, "environment": "azureml:e:2", "description": "d", "properties": {"a": 1}},
            {
                **SENT_MODEL,
                "environmentId": f"{WS}/environments/e/versions/2",
                "description": "d",
                "properties": {"a": 1},
            },
        ),
    ],
)
def test_deployments_of_models(service: StandIn, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert sent(service, given) == expected


def test_a_registered_pipeline(service: StandIn) -> None:
    settings = {"default_compute": "c", "continue_on_step_failure": False}
    assert sent(service, {**OF_PIPELINE, "component": "azureml:p:1", "settings": settings}) == {
        "errorThreshold": -1,
        "maxConcurrencyPerInstance": 1,
        "miniBatchSize": 10,
        "outputFileName": "predictions.csv",
        "deploymentConfiguration": {
            "deploymentConfigurationType": "PipelineComponent",
            "componentId": {"referenceType": "Id", "assetId": f"{WS}/components/p/versions/1"},
            "settings": settings,
        },
    }


def deployed(service: StandIn, given: dict[str, Any], base_path: Path | None = None) -> tuple[str, dict[str, Any]]:
    configuration = sent(service, {**OF_PIPELINE, **given}, base_path)["deploymentConfiguration"]
    arm_id = configuration["componentId"]["assetId"]
    ((_, component),) = [put for put in service.puts() if put[0] == arm_id]
    return arm_id, {**configuration, "spec": component["properties"]["componentSpec"]}


def test_pipelines_in_files_do_not_get_in_each_other_s_way(service: StandIn, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(PIPELINE, encoding="utf-8")
    (tmp_path / "b.yml").write_text(PIPELINE.replace("c:1", "c:2"), encoding="utf-8")
    first, configuration = deployed(service, {"component": "a.yml"}, tmp_path)
    second, _ = deployed(service, {"component": "./b.yml"}, tmp_path)
    assert configuration["description"] == "scores"
    assert f"{WS}/components/azureml_anonymous/versions/" in first
    assert first != second


def test_pipelines_of_jobs_that_ran(service: StandIn) -> None:
    first, configuration = deployed(service, {"job_definition": "azureml:train-1"})
    second, _ = deployed(service, {"job_definition": "azureml:train-2"})
    assert configuration["spec"]["sourceJobId"] == "train-1"
    assert first != second


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({**DEPLOYMENT, "settings": {}}, "settings: unknown key"),
        ({**OF_MODEL, "settings": {}}, "settings: 'mini_batch_size' is missing"),
        ({**OF_MODEL, "mini_batch_size": 1}, "mini_batch_size: unknown key; it belongs under 'settings'"),
        ({**DEPLOYMENT, "component": "azureml:c:1"}, "component: is for pipelines; add type: pipeline"),
        ({**DEPLOYMENT, "output_action": "summary_only", "output_file_name": "x"}, "writes no file"),
        (
            {**OF_MODEL, "resources": {"instance_count": 1}, "settings": {"mini_batch_size": 1, "instance_count": 2}},
            "settings.instance_count: .*not both",
        ),
        ({**OF_PIPELINE, "component": "azureml:c"}, "component: .* lacks a version"),
        ({**OF_PIPELINE, "component": "nowhere.yml"}, "there is no such file"),
        ({**OF_PIPELINE, "component": "file:p.yml"}, "write 'p.yml'"),
        ({**OF_PIPELINE, "job_definition": "train-1"}, "job_definition: .* must be azureml:<name> of a job"),
    ],
)
def test_what_is_wrong(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        kinds.check(from_mapping(given), "batch_deployment")


def test_what_is_wrong_with_an_endpoint() -> None:
    with pytest.raises(SpecError, match="identity: is not for batch endpoints"):
        kinds.check(from_mapping({"name": "scores", "identity": {"type": "system_assigned"}}), "batch_endpoint")
    with pytest.raises(SpecError, match=r"name: .* must be 3 to 32 letters"):
        kinds.check(from_mapping({"name": "ab"}), "batch_endpoint")


@pytest.mark.parametrize(
    ("script", "reason"), [("def init(: pass", "score.py is no Python: line 1"), (None, "cannot be read")]
)
def test_the_scoring_script_is_read_first(tmp_path: Path, script: str | None, reason: str) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "other.py").write_text("", encoding="utf-8")
    if script:
        (tmp_path / "code" / "score.py").write_text(script, encoding="utf-8")
    given = {**OF_MODEL, "code_configuration": {"code": "code", "scoring_script": "score.py"}}
    with pytest.raises(SpecError, match=reason):
        kinds.check(from_mapping(given, base_path=tmp_path), "batch_deployment")


@pytest.mark.parametrize(
    "script",
    ["x = 1" + " + 1" * 50_000, "# -*- coding: latin-1 -*-\nname = 'caf\xe9'\n"],
    ids=["deeper than Python reads", "no UTF-8, and says so"],
)
def test_scoring_scripts_that_are_left_to_the_service(tmp_path: Path, script: str) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").write_text(script, encoding="latin-1")
    given = {**OF_MODEL, "code_configuration": {"code": "code", "scoring_script": "score.py"}}
    assert not kinds.check(from_mapping(given, base_path=tmp_path), "batch_deployment")


def test_a_scoring_script_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "other.py").touch()
    os.mkfifo(tmp_path / "score.py")
    given = {**OF_MODEL, "code_configuration": {"code": "code", "scoring_script": "../score.py"}}
    with pytest.raises(SpecError, match=r"scoring_script: .* cannot be read"):
        kinds.check(from_mapping(given, base_path=tmp_path), "batch_deployment")


def test_a_file_that_is_no_pipeline(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("type: command\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"component: c\.yml is no pipeline component"):
        kinds.check(from_mapping({**OF_PIPELINE, "component": "c.yml"}, base_path=tmp_path), "batch_deployment")


def test_a_deployment_that_deploys_nothing() -> None:
    (warning,) = kinds.check(from_mapping(OF_PIPELINE), "batch_deployment")
    assert "'component' is missing" in warning.reason
