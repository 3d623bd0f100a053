"""Runs, searches, published pipelines and datastores: azureml-core has all of them of the emulator."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.azureml_core.asking import driven
from tests.azureml_core.replaying import replay
from tests.emulator.execution import Workspace
from tests.emulator.v1_requests import V1, compute, publish

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

RECORDED = Path(__file__).parent / "exchanges"
FOUND: dict[str, Any] = {
    "canceled": {"status": "Canceled"},
    "datastores": {"made": ["acc", "c"], "listed": [True, True, False]},
    "environments": {
        "versions": ["1", "1", "2"],
        "dependencies": ["python=3.11", "pip"],
        "listed": True,
        "run": ["Completed", "another"],
    },
    "led": {
        "children": 3,
        "metrics": [0.5, 0.75],
        "statuses": ["Completed", "Failed"],
        "tags": {"x": "y"},
    },
    "pipelines": {
        "status": ["Finished", 1],
        "fired": 1,
        "schedules": ["hourly"],
        "ended": ["Disabled", [10], "Disabled"],
    },
    "runs": {
        "status": "Completed",
        "metrics": {"m": [1.5, 2.5], "l": [1, 2, 3], "row": {"x": 1, "y": 2}, "t": {"x": [1, 2], "y": [0.1, 0.2]}},
        "one_metric": {"m": [1.5, 2.5]},
        "tags": {"a": "b"},
        "property": "q",
        "files": ["outputs/up.txt", "user_logs/std_log.txt"],
        "log": "hello ['--a', '1']\n",
        "listed": [True],
        "experiments": True,
        "failed": ["Failed", True],
        "snapshot": ".zip",
    },
    "searches": {
        "status": "Completed",
        "best": [True, {"acc": 1.0}],
        "tried": [{"--lr": 0.5}, {"--lr": 0.1}],
        "config": 2,
        "canceled": "Canceled",
    },
}


@pytest.fixture(scope="module")
def v1(azml_emulator: RunningEmulator) -> V1:
    return V1(Workspace(azml_emulator).ensure())


def target(v1: V1, scenario: str) -> str:
    """What a scenario is about: a compute, or a pipeline."""
    if scenario != "pipelines":
        return compute(v1.workspace)
    return str(publish(v1, f"talk-{uuid.uuid4()}")["Name"])


@pytest.mark.azureml_core
@pytest.mark.parametrize("scenario", FOUND)
def test_azureml_core_does_it_on_the_emulator(v1: V1, scenario: str, tmp_path: Path) -> None:
    recorded = tmp_path / f"{scenario}.json"
    work = tmp_path / "work"
    work.mkdir()
    found = driven("drive_runs.py", v1.workspace.emulator, work, scenario, target(v1, scenario), str(recorded))
    assert {name: found[name] for name in FOUND[scenario]} == FOUND[scenario]
    assert recorded.exists()


@pytest.mark.parametrize("scenario", FOUND)
def test_what_azureml_core_asked_is_answered_as_it_was(v1: V1, scenario: str) -> None:
    replay(v1.workspace, RECORDED / f"{scenario}.json", target(v1, scenario))
