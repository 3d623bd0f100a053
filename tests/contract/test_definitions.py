"""What the emulator holds bodies against, and that what Microsoft's client sends passes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.arm.body_checks import checked_body
from airflow_provider_azml.emulator.arm.definitions import operations, request_problems, response_problems, shape
from tests.contract import condense, shared_sources
from tests.contract.shared_sources import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.emulator.arm.definitions import Operation

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="there is no ../shared")
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/workspace"
COMMAND = {"jobType": "Command", "command": "true", "environmentId": "azureml:e:1"}


def put(kind: str) -> Operation:
    return operations()[shape(f"{WORKSPACE}/{kind}/name")]["PUT"]


@pytest.mark.shared
@needs_shared
def test_they_are_what_the_openapi_files_say() -> None:
    made = condense.written(condense.Condensation().facts())
    assert condense.TARGET.read_text(encoding="utf-8") == made, "run python -m tests.contract.condense"


@pytest.mark.shared
@needs_shared
def test_what_azure_ai_ml_sends_for_files_passes() -> None:
    count = 0
    for path, body in _sent_for_files():
        assert request_problems(operations()[shape(path)]["PUT"], body) == [], path
        count += 1
    assert count >= 400


@pytest.mark.shared
@needs_shared
def test_what_azure_ai_ml_was_recorded_sending_passes() -> None:
    sent = [
        (method, path, body)
        for method, path, body in shared_sources.recorded_bodies()
        if "/microsoft.machinelearningservices/" in path.lower()
    ]
    assert len(sent) > 20
    for method, path, body in sent:
        checked_body(method, path, body)


@pytest.mark.parametrize(
    ("kind", "properties", "problems"),
    [
        ("jobs", COMMAND, []),
        ("jobs", {"jobType": "Command"}, ["properties.command", "properties.environmentId"]),
        ("jobs", {**COMMAND, "command": ""}, ["properties.command"]),
        ("jobs", {**COMMAND, "command": None}, ["properties.command"]),
        ("jobs", {**COMMAND, "jobType": "Parade"}, ["properties.jobType"]),
        ("jobs", {**COMMAND, "jobType": 5}, ["properties.jobType"]),
        ("jobs", {**COMMAND, "queueSettings": {"jobTier": 5}}, ["properties.queueSettings.jobTier"]),
        ("jobs", {**COMMAND, "inputs": {"x": {"jobInputType": "literal"}}}, ["properties.inputs.x.value"]),
        ("jobs", {**COMMAND, "inputs": {"x": {"jobInputType": "folder"}}}, ["properties.inputs.x.jobInputType"]),
        ("jobs", {**COMMAND, "inputs": {"x": None}, "outputs": None}, []),
        ("jobs", {**COMMAND, "inputs": ["x"]}, ["properties.inputs"]),
        ("jobs", {**COMMAND, "isArchived": "yes"}, ["properties.isArchived"]),
        ("jobs", {**COMMAND, "resources": {"instanceCount": 1.5}}, ["properties.resources.instanceCount"]),
        ("jobs", {**COMMAND, "resources": {"instanceCount": 2}, "tags": {"cuda": 11.7, "gpu": True}}, []),
        ("jobs", {**COMMAND, "resources": {"instanceCount": True}}, ["properties.resources.instanceCount"]),
        ("jobs", {**COMMAND, "status": "of an older answer", "unheardOf": 1}, []),
        ("jobs", {"jobType": "pipeline", "jobs": {"a": {"type": "any"}}, "settings": {"x": 1}}, []),
        ("jobs", {"jobType": "FineTuning", "fineTuningDetails": {"taskType": "ChatCompletion"}}, []),
        ("computes", {"computeType": "AmlCompute", "properties": {"vmPriority": "lowpriority"}}, []),
        (
            "schedules",
            {"trigger": {"triggerType": "Recurrence", "frequency": "Decade", "interval": 1}, "action": {}},
            ["properties.action.actionType", "properties.trigger.frequency"],
        ),
    ],
)
def test_all_problems_of_a_body_are_found(kind: str, properties: dict[str, Any], problems: list[str]) -> None:
    found = request_problems(put(kind), {"location": "local", "properties": properties})
    assert sorted(problem.path for problem in found) == problems


def test_words_are_spelt_as_the_service_spells_them() -> None:
    sweep = {
        "jobType": "sweep",
        "samplingAlgorithm": {"samplingAlgorithmType": "random", "rule": "SOBOL"},
        "objective": {"goal": "maximize", "primaryMetric": "maximize"},
        "searchSpace": {"x": ["choice", [["random"]]]},
        "trial": {"command": "sweep", "environmentId": "azureml:e:1"},
    }
    spelt = checked_body("PUT", f"{WORKSPACE}/jobs/name", {"properties": sweep})["properties"]
    assert spelt["jobType"] == "Sweep"
    assert spelt["samplingAlgorithm"] == {"samplingAlgorithmType": "Random", "rule": "Sobol"}
    assert spelt["objective"] == {"goal": "Maximize", "primaryMetric": "maximize"}
    assert (spelt["searchSpace"], spelt["trial"]) == (sweep["searchSpace"], sweep["trial"])


def test_an_answer_must_have_what_is_required_of_it() -> None:
    answer = {"properties": {**COMMAND, "services": {"Studio": None}}}
    assert response_problems(put("jobs"), 200, answer) == []
    lacking = {"properties": {**COMMAND, "environmentId": None}}
    assert [problem.path for problem in response_problems(put("jobs"), 201, lacking)] == ["properties.environmentId"]
    assert [problem.path for problem in response_problems(put("jobs"), 200, None)] == [""]
    assert "204" in response_problems(put("jobs"), 204, None)[0].reason


def test_secrets_are_required_of_requests_alone() -> None:
    credentials = {"credentialsType": "AccountKey"}
    store = {"datastoreType": "AzureBlob", "credentials": credentials}
    assert response_problems(put("datastores"), 200, {"properties": store}) == []
    found = request_problems(put("datastores"), {"properties": store})
    assert [problem.path for problem in found] == ["properties.credentials.secrets"]


def _sent_for_files() -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and body of what azure-ai-ml PUT for each file that it accepted."""
    for file in ("corpus", "edge"):
        for line in (SHARED / "oracle" / "cases" / f"{file}.jsonl").read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            if case["ok"]:
                yield case["rest_path"], _with_ids(case["normal"])


def _with_ids(value: Any) -> Any:
    """A body in the normal form of the oracle, with ids again where that has the assets themselves."""
    if isinstance(value, dict):
        if any(name.startswith("$") and name != "$schema" for name in value):
            return "an id"
        return {name: _with_ids(one) for name, one in value.items()}
    return [_with_ids(one) for one in value] if isinstance(value, list) else value
