"""Published pipelines of the retired generation: submitted by their ids, and by schedules on them."""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.emulator.execution import Workspace
from tests.emulator.v1_requests import PIPELINES, V1, publish

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

HOURLY = {"Frequency": "Hour", "Interval": 1, "StartTime": "2030-01-01T00:00:00"}


@pytest.fixture(scope="module")
def v1(azml_emulator: RunningEmulator) -> V1:
    return V1(Workspace(azml_emulator).ensure(), "v1-pipelines")


@pytest.fixture(scope="module")
def pipeline(v1: V1) -> dict[str, Any]:
    """A pipeline that says a word, as it is published."""
    name = f"talk-{uuid.uuid4().hex[:8]}"
    return publish(v1, name)


def call(v1: V1, path: str, method: str = "GET", **options: Any) -> Any:
    return v1.call(PIPELINES, path, method, **options).json()


def said(v1: V1, run_id: str) -> str:
    """What the one step of a run has said."""
    assert v1.ended(run_id)["status"] == "Completed"
    children = v1.call("history/v1.0", f"experiments/{v1.experiment}/runs/{run_id}/children").json()["value"]
    return v1.log_of(children[0]["runId"]).strip()


def test_a_pipeline_is_submitted_at_the_place_that_it_names(v1: V1, pipeline: dict[str, Any]) -> None:
    assert (pipeline["EntityStatus"], pipeline["ParameterAssignments"], pipeline["TotalRunSteps"]) == (
        "Active",
        {"word": "hi"},
        1,
    )
    assert call(v1, f"Pipelines/{pipeline['Id']}") == pipeline
    path = pipeline["Url"].removeprefix(v1.workspace.emulator.https_url)
    body = {"ExperimentName": v1.experiment, "ParameterAssignments": {"word": "hello"}, "tags": {"a": "b"}}
    run = v1.workspace.call("POST", path, json=body).json()
    assert said(v1, run["Id"]) == "hello"
    run = call(v1, f"PipelineRuns/{run['Id']}")
    assert (run["Status"]["StatusCode"], run["ParameterAssignments"]["word"]) == ("Finished", "hello")
    assert (run["PipelineId"], run["RunHistoryExperimentName"]) == (pipeline["Id"], v1.experiment)
    assert v1.run_of(run["Id"])["tags"] == {"a": "b"}
    assert run["Id"] in [one["Id"] for one in call(v1, f"PipelineRuns/Pipeline/{pipeline['Id']}")]


@pytest.mark.parametrize("where", ["Experiments/PublishedPipelineSubmit", "PipelineRuns/TemplateSubmit"])
def test_older_places_take_submissions_in_small_letters(v1: V1, pipeline: dict[str, Any], where: str) -> None:
    run = call(v1, f"{where}/{pipeline['Id']}", "POST", json={"experimentName": v1.experiment})
    assert said(v1, run["Id"]) == "hi"


def test_paths_on_datastores_are_inputs(v1: V1, pipeline: dict[str, Any]) -> None:
    path = {"data": {"DataStoreName": "workspaceblobstore", "RelativePath": "some/where"}}
    body = {"ExperimentName": v1.experiment, "DataPathAssignments": path}
    run = call(v1, f"PipelineRuns/PipelineSubmit/{pipeline['Id']}", "POST", json=body)
    inputs = v1.workspace.get("job", run["Id"])["properties"]["inputs"]
    assert inputs["data"]["uri"].endswith("datastores/workspaceblobstore/paths/some/where")
    v1.ended(run["Id"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"ParameterAssignments": {"word": "@utcNow()"}}, "'ParameterAssignments.word' is an expression"),
        ({"DataSetDefinitionValueAssignments": {"d": {}}}, "no datasets of v1"),
        ({"ParameterAssignments": "word"}, "'ParameterAssignments' must be an object"),
    ],
)
def test_submissions_that_cannot_be_are_refused(
    v1: V1, pipeline: dict[str, Any], body: dict[str, Any], words: str
) -> None:
    path = f"PipelineRuns/PipelineSubmit/{pipeline['Id']}"
    refused = v1.call(PIPELINES, path, "POST", ok=False, json=body)
    assert (refused.status_code, words in refused.json()["error"]["message"]) == (400, True)


def test_a_disabled_pipeline_is_not_listed_and_not_submitted(v1: V1) -> None:
    pipeline = publish(v1, f"off-{uuid.uuid4().hex[:8]}")
    path = f"Pipelines/{pipeline['Id']}"
    v1.call(PIPELINES, f"{path}/status", "PUT", json="2")
    assert call(v1, path)["EntityStatus"] == "Disabled"
    assert pipeline["Id"] not in [one["Id"] for one in call(v1, "Pipelines")]
    assert pipeline["Id"] in [one["Id"] for one in call(v1, "Pipelines", params={"activeOnly": "false"})]
    submit = f"PipelineRuns/PipelineSubmit/{pipeline['Id']}"
    assert v1.call(PIPELINES, submit, "POST", ok=False, json={}).status_code == 400
    v1.call(PIPELINES, f"{path}/status", "PUT", json="Active")
    assert call(v1, path)["EntityStatus"] == "Active"
    assert v1.call(PIPELINES, f"{path}/status", "PUT", ok=False, json="7").status_code == 400
    assert v1.call(PIPELINES, f"Pipelines/{uuid.uuid4()}", ok=False).status_code == 404


def test_a_run_is_canceled(v1: V1, pipeline: dict[str, Any]) -> None:
    body = {"ExperimentName": v1.experiment, "ParameterAssignments": {"word": "w; sleep 600"}}
    run = call(v1, f"PipelineRuns/PipelineSubmit/{pipeline['Id']}", "POST", json=body)
    call(v1, f"PipelineRuns/{run['Id']}/Execution", "DELETE")
    assert v1.ended(run["Id"])["status"] in ("Canceled", "Completed")


def moved(v1: V1, seconds: float) -> datetime:
    """What the emulator's clock shows after it has been moved ahead."""
    emulator = v1.workspace.emulator
    url, body = f"{emulator.url}/emulator/clock", {"advance_seconds": seconds}
    shown = requests.put(url, json=body, headers=emulator.headers, timeout=30).json()["now"]
    return datetime.fromisoformat(shown.replace("Z", "+00:00"))


def schedule(v1: V1, pipeline: dict[str, Any], recurrence: object, **more: object) -> dict[str, Any]:
    info = {"ExperimentName": v1.experiment, "ParameterAssignments": {"word": "due"}}
    body = {"Name": "s", "PipelineId": pipeline["Id"], "PipelineSubmissionInfo": info, "ScheduleType": "0"}
    made: dict[str, Any] = call(v1, "Schedules/Create", "POST", json={**body, "Recurrence": recurrence, **more})
    return made


def off(v1: V1, made: dict[str, Any]) -> None:
    call(v1, f"Schedules/{made['Id']}", "PUT", json={**made, "EntityStatus": "2"})


def test_a_schedule_without_a_start_fires_at_once(v1: V1, pipeline: dict[str, Any]) -> None:
    made = schedule(v1, pipeline, {"Frequency": "3", "Interval": 1})
    assert (made["EntityStatus"], made["ProvisioningStatus"]) == ("Active", "Completed")
    runs = call(v1, f"PipelineRuns/Schedule/{made['Id']}")
    assert [run["ScheduleId"] for run in runs] == [made["Id"]]
    assert said(v1, runs[0]["Id"]) == "due"
    assert call(v1, f"PipelineRuns/Schedule/{made['Id']}/Last")["Id"] == runs[0]["Id"]
    off(v1, made)


def test_schedules_are_listed_disabled_and_changed(v1: V1, pipeline: dict[str, Any]) -> None:
    made = schedule(v1, pipeline, HOURLY)
    assert call(v1, f"Schedules/{made['Id']}") == made
    assert made["Id"] in [one["Id"] for one in call(v1, f"Schedules/Pipeline/{pipeline['Id']}")]
    assert call(v1, f"PipelineRuns/Schedule/{made['Id']}/Last") is None
    off(v1, made)
    assert call(v1, f"Schedules/{made['Id']}")["EntityStatus"] == "Disabled"
    assert made["Id"] not in [one["Id"] for one in call(v1, "Schedules")]
    assert made["Id"] in [one["Id"] for one in call(v1, "Schedules", params={"activeOnly": "false"})]
    today = v1.workspace.call("GET", v1.workspace.id.child("schedule"), params={"listViewType": "All"}).json()["value"]
    assert made["Id"] not in [one["name"] for one in today]
    assert v1.call(PIPELINES, f"Schedules/{uuid.uuid4()}", ok=False).status_code == 404


def test_a_schedule_fires_when_the_clock_says_so(v1: V1, pipeline: dict[str, Any]) -> None:
    now = moved(v1, 0)
    start = (now + timedelta(days=1)).replace(hour=10, minute=30, second=0, microsecond=0)
    # a start that is one of the schedule's own times is left out
    pattern = {"Hours": [10], "Minutes": [30]}
    recurrence = {"Frequency": "Day", "Interval": 1, "StartTime": f"{start:%Y-%m-%dT%H:%M:%S}", "Schedule": pattern}
    made = schedule(v1, pipeline, recurrence)
    moved(v1, (start - now).total_seconds() + 60)
    time.sleep(0.3)
    assert call(v1, f"PipelineRuns/Schedule/{made['Id']}") == []
    moved(v1, 24 * 3600)
    while not (runs := call(v1, f"PipelineRuns/Schedule/{made['Id']}")):
        time.sleep(0.05)
    assert said(v1, runs[0]["Id"]) == "due"
    off(v1, made)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"ScheduleType": "DataStore"}, 400),
        ({"PipelineId": "none"}, 404),
        ({"Recurrence": {"Frequency": "Second"}}, 400),
        ({"Recurrence": {**HOURLY, "StartTime": "soon"}}, 400),
        ({"Recurrence": {**HOURLY, "TimeZone": "Nowhere"}}, 400),
    ],
)
def test_schedules_that_cannot_be_are_refused(
    v1: V1, pipeline: dict[str, Any], changed: dict[str, Any], status: int
) -> None:
    body = {"Name": "s", "PipelineId": pipeline["Id"], "ScheduleType": "0", "Recurrence": HOURLY, **changed}
    assert v1.call(PIPELINES, "Schedules/Create", "POST", ok=False, json=body).status_code == status
