from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.rest import history
from airflow_provider_azml.rest.awaited_nodes import failed_nodes
from airflow_provider_azml.rest.history import DataPlane
from tests.rest.jobs import WORKSPACE, discover, run_path
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from airflow_provider_azml.rest.awaited_nodes import Nodes
    from tests.rest.scripted_service import ScriptedService

NODES: Nodes = {"prep": (None, {}), "group": ("Training", {"train": (None, {}), "score": (None, {})})}


def step(shown: str, status: str = "Failed", **fields: Any) -> dict[str, Any]:
    return {"runId": f"job-{shown}", "displayName": shown, "status": status, "runType": "azureml.StepRun", **fields}


@pytest.mark.parametrize(
    ("steps", "inner", "expected"),
    [
        ([step("prep")], [], ["prep"]),
        ([step("prep"), step("Training", "Canceled")], [], ["prep"]),
        ([step("Training")], [step("train"), step("score", "Canceled")], ["group.train", "group.score"]),
        ([step("prep", "Completed"), step("Training", "Running")], [], []),
        # what no task tells of
        ([step("prep"), step("another")], [], None),
        ([step("Training")], [step("train", "Completed")], None),
        ([step("Training")], [step("another")], None),
        # what a node's code makes itself is its own affair
        ([step("prep"), {"runId": "of-mlflow", "displayName": "trial", "status": "Failed"}], [], ["prep"]),
    ],
)
def test_a_pipeline_fails_by_its_nodes_or_by_something_else(steps, inner, expected, service: ScriptedService, drive):
    discover(service)
    service.answer("GET", f"{run_path('whole')}/children", Answer(body={"value": steps}))
    service.answer("GET", f"{run_path('job-Training')}/children", Answer(body={"value": inner}))
    assert drive(failed_nodes(DataPlane(WORKSPACE), "whole", NODES)) == expected


def test_tags_are_set_as_azureml_mlflow_does(service: ScriptedService, drive):
    discover(service)
    path = f"/mlflow/v2.0{WORKSPACE}/api/2.0/mlflow/runs/log-batch"
    service.answer("POST", path, Answer(body={}))
    drive(history.set_tags(WORKSPACE, "job-1", {"k": "v", "z": "1"}))
    (asked,) = [asked for asked in service.asked if asked.path == path]
    assert json.loads(asked.body) == {
        "run_id": "job-1",
        "tags": [{"key": "k", "value": "v"}, {"key": "z", "value": "1"}],
    }
