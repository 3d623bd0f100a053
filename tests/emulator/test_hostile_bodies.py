"""Bodies that are JSON, or nearly, and that nobody should send: refused, never kept, never an error of ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.request_json import parsed
from tests.emulator.arm_requests import fresh, refused
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

DEEP = b'{"a":' * 20_000 + b"1" + b"}" * 20_000
BARELY_DEEP = b'{"a":' * 101 + b"1" + b"}" * 101
UNKEEPABLE = [
    (b'{"properties": {"description": "\\ud800"}}', "half of a character"),
    (b'{"properties": {"description": "\xed\xa0\x80"}}', "half of a character"),
    (b'{"properties": {"description": NaN}}', "NaN is not JSON"),
    (b'{"properties": {"description": -Infinity}}', "-Infinity is not JSON"),
    (b'{"properties": {"description": 1e999}}', "the number 1e999 is too large"),
    (b'{"properties": {"description": 9223372036854775808}}', "the number 9223372036854775808 is too large"),
    (b'{"properties": {"description": ' + b"9" * 5000 + b"}}", "the number 9999999999... is too large"),
    (DEEP, "nested deeper than 100 levels"),
    (BARELY_DEEP, "nested deeper than 100 levels"),
]


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


@pytest.mark.parametrize(("raw", "why"), UNKEEPABLE)
def test_what_cannot_be_answered_again_is_not_kept(workspace: Workspace, raw: bytes, why: str) -> None:
    name, kind = fresh("hostile"), {"Content-Type": "application/json"}
    path = workspace.id.child("environment", name, "1")
    response = workspace.call("PUT", path, data=raw, headers=kind, ok=False)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "InvalidRequestContent")
    assert why in response.json()["error"]["message"]
    assert workspace.call("POST", f"/history/v1.0{workspace.id}/rundata", data=raw, ok=False).status_code == 400
    listed = workspace.call("GET", workspace.id.child("environment")).json()["value"]
    assert name not in [one["name"] for one in listed]


@pytest.mark.parametrize("text", ['{"a": "\\ud83d\\ude00 é"}', '{"a": -9223372036854775808, "b": 1e308}', "[]"])
def test_what_can_be_kept_is_read_as_it_is(text: str) -> None:
    assert parsed(text.encode()) == json.loads(text)


def test_a_number_where_a_text_belongs_becomes_one(workspace: Workspace) -> None:
    path = workspace.put("environment", fresh("env"), "1", properties={"image": "i", "tags": {"lr": 0.5, "n": 3}})
    assert workspace.call("GET", path).json()["properties"]["tags"] == {"lr": "0.5", "n": "3"}
    job = workspace.submit("true", experimentName=10**18, computeId=None)
    assert workspace.get("job", job)["properties"]["experimentName"] == str(10**18)


SPEC: dict[str, Any] = {"type": "command", "command": "true", "environment": "azureml:x:1"}


@pytest.mark.parametrize(
    ("node", "spec", "said"),
    [
        ({}, {"outputs": {"model": "uri_folder"}}, "its outputs.model must be a mapping"),
        ({}, {"inputs": ["data"]}, "its inputs must be a mapping"),
        ({"outputs": {"model": "x"}}, {}, "in its job 'a', outputs.model must be a mapping"),
        ({"inputs": {"data": ["x"]}}, {}, "in its job 'a', inputs.data must be a mapping"),
        ({"inputs": 1.5}, {}, "in its job 'a', inputs must be a mapping"),
        ({"outputs": {"m": {"job_output_type": {}}}}, {}, "in its job 'a', outputs.m.job_output_type must be a text"),
        ({"environment_variables": "A=1"}, {}, "in its job 'a', environment_variables must be a mapping"),
        ({"search_space": [{}], "type": "sweep", "trial": "x"}, {}, "must be a mapping"),
    ],
)
def test_nodes_of_another_shape_are_refused(
    workspace: Workspace, node: dict[str, Any], spec: dict[str, Any], said: str
) -> None:
    component = workspace.put("component", fresh("c"), "1", properties={"componentSpec": {**SPEC, **spec}})
    jobs = {"a": {"type": "command", "componentId": component, **node}}
    path = workspace.id.child("job", fresh("pipeline"))
    response = workspace.call("PUT", path, json={"properties": {"jobType": "Pipeline", "jobs": jobs}}, ok=False)
    assert response.status_code == 400
    assert said in response.json()["error"]["message"]


def test_a_node_that_runs_what_is_no_component_is_refused(workspace: Workspace) -> None:
    environment = workspace.shared_environment()
    jobs = {"a": {"type": "command", "componentId": environment}}
    path = workspace.id.child("job", fresh("pipeline"))
    response = workspace.call("PUT", path, json={"properties": {"jobType": "Pipeline", "jobs": jobs}}, ok=False)
    assert response.status_code == 400
    assert f"'{environment}' is no component" in response.json()["error"]["message"]


@pytest.mark.parametrize("field", ["inputs", "outputs"])
def test_jobs_without_a_definition_are_looked_at_too(workspace: Workspace, field: str) -> None:
    for ports in ("x", {"model": "x"}, {"model": {"uri": {}}}):
        path, body = workspace.id.child("job", fresh("j")), {"properties": {"jobType": "FineTuning", field: ports}}
        assert refused(workspace, "PUT", path, body) == (400, "ValidationError")


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("runs/create", {"experiment_id": "{experiment}", "tags": ["x"]}),
        ("runs/create", {"experiment_id": "{experiment}", "tags": [{"value": "x"}]}),
        ("runs/create", {"experiment_id": "{experiment}", "start_time": "yesterday"}),
        ("runs/log-batch", {"run_id": "{run}", "metrics": 3}),
        ("runs/log-batch", {"run_id": "{run}", "metrics": [3]}),
        ("runs/search", {"experiment_ids": "all"}),
        ("logged-models", {"experiment_id": "{experiment}", "tags": {"a": "b"}}),
    ],
)
def test_mlflow_s_arguments_are_what_they_must_be(workspace: Workspace, call: str, arguments: dict[str, Any]) -> None:
    place = f"/mlflow/v2.0{workspace.id}/api/2.0/mlflow"
    experiment = workspace.call("POST", f"{place}/experiments/create", json={"name": fresh("e")}).json()[
        "experiment_id"
    ]
    made = workspace.call("POST", f"{place}/runs/create", json={"experiment_id": experiment}).json()
    known = {"{experiment}": experiment, "{run}": made["run"]["info"]["run_id"]}
    given = {name: known.get(value, value) if isinstance(value, str) else value for name, value in arguments.items()}
    response = workspace.call("POST", f"{place}/{call}", json=given, ok=False)
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/data/v1.0{w}/dataversion/batchGetResolvedUris", {"values": [["x"]]}),
        ("POST", "/data/v1.0{w}/dataversion/batchGetResolvedUris", {"values": 1.5}),
        ("POST", "/history/v1.0{w}/batchrundata", {"requests": ["x"]}),
        ("POST", "/history/v1.0{w}/batchrundata", {"requests": {"a": "x"}}),
        ("PATCH", "/history/v1.0{w}/runs/{run}", {"tags": ["x"]}),
        ("GET", "/history/v1.0{w}/runs/{run}/children?$top=99999999999999999999", None),
    ],
)
def test_run_history_refuses_other_shapes(workspace: Workspace, method: str, path: str, body: object) -> None:
    run = workspace.submit("true")
    place = path.format(w=workspace.id, run=run)
    response = workspace.call(method, place, json=body, ok=False)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "UserError")
