"""Run history of the retired generation: experiments, their runs, metrics, and runs that clients lead themselves."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace
from tests.emulator.v1_requests import V1

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

HISTORY, METRIC = "history/v1.0", "metric/v2.0"
EVENT = "Microsoft.MachineLearning.Run."


@pytest.fixture(scope="module")
def v1(azml_emulator: RunningEmulator) -> V1:
    return V1(Workspace(azml_emulator).ensure(), f"led-{uuid.uuid4().hex[:8]}")


def history(v1: V1, path: str, method: str = "GET", *, ok: bool = True, **options: Any) -> Any:
    return v1.call(HISTORY, path, method, ok=ok, **options).json()


def led(v1: V1, **fields: object) -> str:
    """A run that a client makes; its id."""
    run_id = str(uuid.uuid4())
    history(v1, f"experiments/{v1.experiment}/runs/{run_id}", "PATCH", json={"runId": run_id, **fields})
    return run_id


def tell(v1: V1, run_id: str, name: str, **data: object) -> None:
    event = {"name": f"{EVENT}{name}", "timestamp": "2026-01-02T03:04:05Z", "data": {"RunId": run_id, **data}}
    assert history(v1, f"experiments/{v1.experiment}/runs/{run_id}/events", "POST", json=event) is None


def test_experiments_are_made_listed_changed_and_found(v1: V1) -> None:
    name = f"made-{uuid.uuid4().hex[:8]}"
    made = history(v1, f"experiments/{name}", "POST")
    by_id = f"experimentids/{made['experimentId']}"
    assert history(v1, f"experiments/{name}") == history(v1, by_id) == made
    assert name in [one["name"] for one in history(v1, "experiments")["value"]]
    changed = history(v1, by_id, "PATCH", json={"description": "d", "tags": {"a": "1", "b": "2"}, "archive": True})
    assert (changed["description"], changed["tags"]) == ("d", {"a": "1", "b": "2"})
    assert changed["archivedTime"]
    assert history(v1, by_id, "PATCH", json={"archive": False})["archivedTime"] is None
    assert history(v1, f"{by_id}/tags", "DELETE", json={"tags": ["b"]})["tags"] == {"a": "1"}
    asked = {"filter": f"(name eq {name}) and (Tags/a eq 1)"}
    assert [one["name"] for one in history(v1, "experiments:query", "POST", json=asked)["value"]] == [name]
    assert v1.call(HISTORY, "experimentids/none", ok=False).status_code == 404
    assert v1.call(HISTORY, "experiments/none", ok=False).status_code == 404


def test_the_newest_run_of_an_experiment_is_told(v1: V1) -> None:
    led(v1)
    last = led(v1)
    assert history(v1, f"experiments/{v1.experiment}")["latestCreatedRunId"] == last


def test_a_client_leads_a_run_of_its_own(v1: V1) -> None:
    run_id = led(v1, name="mine", tags={"k": "v"}, status="NotStarted")
    run = v1.run_of(run_id)
    assert (run["displayName"], run["status"], run["tags"]) == ("mine", "NotStarted", {"k": "v"})
    tell(v1, run_id, "Start")
    assert v1.run_of(run_id)["status"] == "Running"
    tell(v1, run_id, "Warning", Source="s", Message="careful")
    tell(v1, run_id, "Error", ErrorResponse={"error": {"code": "UserError", "message": "no"}})
    tell(v1, run_id, "Failed")
    run = v1.run_of(run_id)
    assert (run["status"], run["endTimeUtc"]) == ("Failed", "2026-01-02T03:04:05Z")
    assert run["warnings"] == [{"source": "s", "message": "careful"}]
    assert run["error"]["error"]["message"] == "no"


def test_many_runs_are_made_and_told_of_at_once(v1: V1) -> None:
    parent = led(v1)
    ids = [str(uuid.uuid4()) for _ in range(2)]
    runs = [{"runId": one, "parentRunId": parent, "tags": {"n": str(n)}} for n, one in enumerate(ids)]
    made = history(v1, f"experiments/{v1.experiment}/batch/runs", "PATCH", json={"runs": runs})
    assert (list(made["runs"]), made["errors"]) == (ids, {})
    events = [{"name": f"{EVENT}Completed", "data": {"RunId": one}} for one in (*ids, "none")]
    told = history(v1, f"experiments/{v1.experiment}/batch/events", "POST", json={"events": events})
    assert [error["key"]["data"]["RunId"] for error in told["errors"]] == ["none"]
    children = history(v1, f"experiments/{v1.experiment}/runs/{parent}/children")["value"]
    assert [(child["runId"], child["status"]) for child in children] == [(one, "Completed") for one in ids]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("(Tags/shade eq dark)", ["a"]),
        ("(Tags/shade ne null or Tags/shade eq null)", ["a", "b"]),
        ("(Properties/p eq 1) and (ParentRunId eq null)", ["b"]),
        ("(ParentRunId eq {a})", ["c"]),
        ("RunId eq {a} or RunId eq {c}", ["a", "c"]),
        ("(name eq two words)", ["c"]),
        ("(CreatedUtc ge 2020-01-01)", ["a", "b", "c"]),
    ],
)
def test_runs_are_asked_for_by_what_they_are(v1: V1, given: str, found: list[str]) -> None:
    mine = V1(v1.workspace, f"asked-{uuid.uuid4().hex[:8]}")
    ids = {"a": led(mine, tags={"shade": "dark"}), "b": led(mine, tags={"shade": "light"}, properties={"p": "1"})}
    ids["c"] = led(mine, parentRunId=ids["a"], name="two words")
    body = {"filter": given.format(**ids), "orderBy": "CreatedUtc asc", "top": 2}
    path = f"experiments/{mine.experiment}/runs:query"
    page = history(mine, path, "POST", json=body)
    shown = page["value"]
    if page["continuationToken"]:
        shown += history(mine, path, "POST", json={**body, "continuationToken": page["continuationToken"]})["value"]
    assert [run["runId"] for run in shown] == [ids[name] for name in found]


@pytest.mark.parametrize("wrong", ["status", "(a eq b", "a is b", "a eq", "'a' eq b", "a eq 'b", "(" * 101])
def test_a_filter_that_cannot_be_followed_is_refused(v1: V1, wrong: str) -> None:
    led(v1)
    path = f"experiments/{v1.experiment}/runs:query"
    assert v1.call(HISTORY, path, "POST", ok=False, json={"filter": wrong}).status_code == 400


def test_metrics_are_the_same_to_both_versions_and_to_mlflow(v1: V1) -> None:
    run_id = led(v1)
    series = {
        "name": "loss",
        "columns": {"loss": "double"},
        "properties": {"uxMetricType": "azureml.v1.scalar"},
        "value": [{"metricId": "m1", "createdUtc": "2026-01-02T03:04:05.678Z", "step": 3, "data": {"loss": 0.5}}],
    }
    table = {
        "name": "t",
        "columns": {"x": "int", "y": "string"},
        "properties": {"uxMetricType": "azureml.v1.table"},
        "value": [{"data": {"x": 1, "y": "a"}}, {"data": {"x": 2, "y": "b"}}],
    }
    sent = {"values": [series, table]}
    assert v1.call(METRIC, f"runs/{run_id}/batch", "POST", json=sent).json() == {"errors": []}
    older = {
        "metricId": "m2",
        "metricType": "azureml.v1.scalar",
        "name": "acc",
        "cells": [{"acc": 1}],
        "schema": {"properties": [{"propertyId": "acc", "name": "acc", "type": "int"}]},
    }
    path = f"experiments/{v1.experiment}/runs/{run_id}"
    assert history(v1, f"{path}/metrics", "POST", json=older) is None
    assert history(v1, f"{path}/batch/metrics", "POST", json={"values": [{**older, "metricId": "m3"}]}) is None
    assert v1.call(HISTORY, f"{path}/metricsingest/wait").status_code == 200
    names = v1.call(METRIC, f"runs/{run_id}/list", "POST", json={}).json()["value"]
    assert [name["metricKey"]["name"] for name in names] == ["loss", "acc", "t"]
    full = v1.call(METRIC, f"runs/{run_id}/full", "POST", json={"metricName": "loss"}).json()
    assert (full["value"][0]["data"], full["value"][0]["step"]) == ({"loss": 0.5}, 3)
    assert full["value"][0]["createdUtc"].startswith("2026-01-02T03:04:05.678")
    rows = v1.call(METRIC, f"runs/{run_id}/full", "POST", json={"metricName": "t"}).json()
    assert [row["data"] for row in rows["value"]] == [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}]
    asked = {"filter": f"RunId eq {run_id}"}
    found = history(v1, f"experiments/{v1.experiment}/metrics:query", "POST", json=asked)["value"]
    assert [(one["metricId"], one["cells"]) for one in found[:3]] == [
        ("m1", [{"loss": 0.5}]),
        ("m2", [{"acc": 1}]),
        ("m3", [{"acc": 1}]),
    ]
    assert history(v1, f"experiments/{v1.experiment}/metrics/m2")["name"] == "acc"
    mlflow = f"/mlflow/v2.0{v1.workspace.id}/api/2.0/mlflow/metrics/get-history"
    logged = v1.workspace.call("GET", mlflow, params={"run_id": run_id, "metric_key": "acc"}).json()["metrics"]
    assert [one["value"] for one in logged] == [1.0, 1.0]


def test_what_mlflow_logs_is_a_metric(v1: V1) -> None:
    run_id = led(v1)
    mlflow = f"/mlflow/v2.0{v1.workspace.id}/api/2.0/mlflow/runs/log-metric"
    for value in (0.25, "NaN"):
        body = {"run_id": run_id, "key": "auc", "value": value, "timestamp": 1000, "step": 1}
        v1.workspace.call("POST", mlflow, json=body)
    full = v1.call(METRIC, f"runs/{run_id}/full", "POST", json={"metricName": "auc"}).json()
    assert [row["data"]["auc"] for row in full["value"]] == [0.25, "nan"]
    assert full["properties"] == {"uxMetricType": "azureml.v1.scalar"}
    again = v1.call(METRIC, f"runs/{run_id}/full", "POST", json={"metricName": "auc"}).json()
    assert [row["metricId"] for row in again["value"]] == [row["metricId"] for row in full["value"]]
    assert v1.call(METRIC, f"runs/{run_id}/full", "POST", ok=False, json={"metricName": "x"}).status_code == 404


@pytest.mark.parametrize(
    "wrong", [{"values": "x"}, {"values": [{"value": [{"data": {"a": 1}}]}]}, {"values": [{"name": "a", "value": [1]}]}]
)
def test_metrics_that_are_none_are_refused(v1: V1, wrong: object) -> None:
    assert v1.call(METRIC, f"runs/{led(v1)}/batch", "POST", ok=False, json=wrong).status_code == 400


def test_tags_are_taken_away_by_a_list(v1: V1) -> None:
    run_id = led(v1, tags={"a": "1", "b": "2"})
    path = f"experiments/{v1.experiment}/runs/{run_id}/tags"
    assert history(v1, path, "DELETE", json=["a"])["tags"] == {"b": "2"}


def test_a_run_gets_a_token_that_opens_the_data_plane(v1: V1) -> None:
    run_id = led(v1)
    found = history(v1, f"experiments/{v1.experiment}/runs/{run_id}/token")
    url = f"{v1.workspace.emulator.https_url}/{HISTORY}{v1.workspace.id}/experiments/{v1.experiment}/runs/{run_id}"
    bundle = v1.workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
    headers = {"Authorization": f"Bearer {found['token']}"}
    assert v1.workspace.session.get(url, headers=headers, verify=bundle, timeout=60).json()["runId"] == run_id
    assert found["tokenExpiryTimeUtc"] > v1.run_of(run_id)["createdUtc"]


@pytest.mark.parametrize("what", ["", "/details", "/children"])
def test_a_run_is_in_one_experiment(v1: V1, what: str) -> None:
    run_id = led(v1)
    experiment = history(v1, f"experiments/{v1.experiment}")
    history(v1, f"experimentids/{experiment['experimentId']}/runs/{run_id}{what}")
    for other in (f"experiments/other/runs/{run_id}", f"experimentids/{uuid.uuid4()}/runs/{run_id}"):
        assert v1.call(HISTORY, other + what, ok=False).status_code == 404
