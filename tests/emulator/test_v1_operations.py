"""Every operation of the retired generation that the 2019-09-30 files describe is answered, whatever is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace
from tests.emulator.v1_requests import EXPERIMENT, V1

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

SPECIFICATIONS = Path(__file__).parents[3] / "shared" / "specs" / "dataplane-2019-09-30"
AREAS = ("artifact", "datastore", "execution", "hyperdrive", "runHistory")
NOT_HERE = {
    # containers of others' storage, which the emulator cannot read
    "POST /artifact/v2.0/{W}/artifacts/{origin}/{container}/batch/ingest/containersas",
    # nothing there says what is to become of a run's artifacts that have no content yet
    "POST /history/v1.0/{W}/experiments/{experimentName}/runs/{runId}/artifacts/batch/metadata",
}
OF_ALL = "DELETE /datastore/v1.0/{W}/datastores"
"""Other tests want theirs."""
HOSTILE: tuple[Any, ...] = (
    {},
    {"values": [1], "runs": [1], "events": [1], "tags": 1, "paths": 1, "artifactIds": 1, "name": 1, "filter": 1},
    {"values": [{"name": "a", "value": [{"data": 1}], "columns": 1}], "top": "x", "tags": [1], "name": ["x"]},
    {"Configuration": 1, "SnapshotId": 1, "azureStorageSection": 1, "dataStoreType": "AzureBlob", "orderBy": 1},
    {"cells": [1], "schema": 1, "name": "a", "createdUtc": 1, "origin": 1, "data": 1, "archive": 1, "properties": 1},
    {"name": "a", "cells": [{"a": 1}], "schema": {"properties": [1]}, "continuationToken": "x", "dataPath": 1},
)


SCOPE = (
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspaceName}"
)
OF_AZUREML_CORE = (
    ("POST", "/metric/v2.0{W}/runs/{runId}/batch"),
    ("POST", "/metric/v2.0{W}/runs/{runId}/list"),
    ("POST", "/metric/v2.0{W}/runs/{runId}/full"),
    ("POST", "/content/v2.0{W}/snapshots/getblob"),
    ("POST", "/content/v2.0{W}/snapshots/00000000-0000-0000-0000-000000000001"),
    ("POST", "/history/v1.0{W}/experimentids/{experimentId}/tags:delete"),
    ("GET", "/history/v1.0{W}/experiments"),
    ("POST", "/pipelines/v1.0{W}/PipelineRuns/PipelineSubmit/none"),
    ("PUT", "/pipelines/v1.0{W}/Pipelines/none/status"),
    ("POST", "/pipelines/v1.0{W}/Schedules/Create"),
    ("GET", "/pipelines/v1.0{W}/Schedules"),
)
"""What the files do not describe, and azureml-core asks all the same."""


def operations() -> Iterator[tuple[str, str]]:
    for area in AREAS:
        file = SPECIFICATIONS / f"{area}.json"
        for path, methods in (json.loads(file.read_text())["paths"] if file.exists() else {}).items():
            yield from (
                (method.upper(), path) for method in methods if method in ("get", "post", "put", "patch", "delete")
            )
    yield from ((method, path.replace("{W}", SCOPE)) for method, path in OF_AZUREML_CORE)


@pytest.fixture(scope="module")
def v1(azml_emulator: RunningEmulator) -> V1:
    found = V1(Workspace(azml_emulator).ensure())
    found.call("history/v1.0", f"experiments/{EXPERIMENT}", "POST")
    return found


@pytest.mark.shared
@pytest.mark.skipif(not SPECIFICATIONS.exists(), reason="the OpenAPI files are not here")
def test_each_operation_is_answered_whatever_is_sent(v1: V1) -> None:
    unknown, broken = [], []
    for method, path in operations():
        short = f"{method} {path.replace(SCOPE, '/{W}')}"
        url = path.replace(SCOPE, str(v1.workspace.id)).replace("/{armScope}", f"{v1.workspace.id}/experiments/e")
        for name, value in (("experimentName", EXPERIMENT), ("runId", "r"), ("origin", "ExperimentRun"), ("name", "n")):
            url = url.replace(f"{{{name}}}", value)
        for body in HOSTILE if short != OF_ALL else ():
            answered = v1.workspace.call(method, url.replace("{", "").replace("}", ""), json=body, ok=False)
            if answered.status_code >= 500 and "startlocalrun" not in url:
                broken.append((short, body))
            elif answered.status_code == 404 and "has nothing at" in answered.text and short not in unknown:
                unknown.append(short)
    assert broken == []
    assert set(unknown) == NOT_HERE
