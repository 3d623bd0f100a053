from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest.node_jobs import NodeJob, described, node_job, run_of
from tests.emulator.pipelines import FOLDER, Pipelines, client, command, pipelines  # noqa: F401 (fixtures)
from tests.rest.jobs import WORKSPACE, discover, run_path
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from tests.rest.scripted_service import ScriptedService

STEP = "azureml.StepRun"
RUNDATA = f"/history/v1.0{WORKSPACE}/rundata"
DATA = f"/data/v1.0{WORKSPACE}/dataversion/batchGetResolvedUris"
MODELS = f"/modelregistry/v1.0{WORKSPACE}/models/batchGetResolvedUris"
LONG = "azureml://subscriptions/s/resourcegroups/rg/workspaces/ws/datastores/blobs/paths"


def step(job: str, shown: str, component: str = "", **fields: Any) -> dict[str, Any]:
    properties = {"azureml.moduleName": component, **fields.pop("properties", {})}
    return {"runId": job, "displayName": shown, "runType": STEP, "properties": properties, **fields}


def asset(name: str, version: str = "1", family: str = "data") -> str:
    return f"azureml://locations/westeurope/workspaces/2f0c/{family}/{name}/versions/{version}"


@pytest.mark.parametrize(
    ("runs", "asked", "expected"),
    [
        ([step("1", "prep", "prep_data"), step("2", "train", "prep")], {}, "1"),
        ([step("1", "Prepare it", "prep"), step("2", "train", "train")], {}, "1"),
        ([step("1", "Prepare it", "x"), step("2", "train", "y")], {"display_name": "Prepare it"}, "1"),
        ([step("1", "Do it", "prep"), step("2", "Do it", "train")], {"display_name": "Do it"}, "1"),
        ([step("1", "Do it", "x"), step("2", "Do it", "x")], {"display_name": "Do it"}, None),
        ([step("1", "sleepy_fish", "x")], {}, None),
        ([step("1", "sleepy_fish", "x")], {"alone": True}, "1"),
        ([step("1", "sleepy_fish", "x"), {"runId": "of_mlflow"}], {"alone": True}, "1"),
        ([], {"alone": True}, None),
    ],
)
def test_a_run_is_found_by_what_its_node_is_called(runs, asked, expected):
    found = run_of(runs, "prep", **asked)
    assert (found and found["runId"]) == expected


def test_outputs_are_where_the_service_says(service: ScriptedService, drive):
    discover(service)
    outputs = {
        "default": {"assetId": asset("artifacts"), "type": "uri_folder"},
        "table": {"assetId": asset("azureml_2f0c_output_data_table"), "type": "uri_folder"},
        "named": {"assetId": asset("iris", "7"), "type": "mltable"},
        "model": {"assetId": asset("classifier", "3", "models"), "type": "MLFlowModel"},
    }
    places = {"table": "azureml/2f0c/table/", "other": "azureml/${{name}}/other/"}
    definition = {
        "outputData": {
            name: {"outputLocation": {"uri": {"path": f"azureml://datastores/blobs/paths/{path}"}}}
            for name, path in places.items()
        }
    }
    body = {"runMetadata": {"outputs": outputs}, "runDefinition": definition}
    service.answer("POST", RUNDATA, Answer(body=body))
    data = {outputs["table"]["assetId"]: {"uri": f"{LONG}/t/"}, outputs["named"]["assetId"]: {"uri": f"{LONG}/n/"}}
    service.answer("POST", DATA, Answer(body={"values": data}))
    service.answer("POST", MODELS, Answer(body={"values": {outputs["model"]["assetId"]: {"path": f"{LONG}/m"}}}))
    told = drive(described(WORKSPACE, step("2f0c", "train", status="Completed")))
    assert told == NodeJob(
        "2f0c",
        "Completed",
        None,
        {
            "table": f"{LONG}/t/",
            "named": f"{LONG}/n/",
            "model": f"{LONG}/m",
            "other": "azureml://datastores/blobs/paths/azureml/2f0c/other/",
        },
        {"named": ("iris", "7"), "model": ("classifier", "3")},
    )
    asked = json.loads(next(asking.body for asking in service.asked if asking.path == DATA))
    assert asked == {"values": [outputs["table"]["assetId"], outputs["named"]["assetId"]]}


def test_what_a_reused_job_has_made_is_asked_of_the_one_that_it_reuses(service: ScriptedService, drive):
    discover(service)
    service.answer(
        "POST", RUNDATA, Answer(body={"runMetadata": {"outputs": {"o": {"assetId": asset("x"), "type": ""}}}})
    )
    service.answer("POST", DATA, Answer(body={"values": {asset("x"): {"uri": f"{LONG}/x/"}}}))
    noted = {"azureml.isreused": "true", "azureml.reusedrunid": "older"}
    told = drive(described(WORKSPACE, step("2f0c", "train", status="Completed", properties=noted)))
    assert (told.reused_from, dict(told.outputs)) == ("older", {"o": f"{LONG}/x/"})
    assert [json.loads(asked.body)["runId"] for asked in service.asked if asked.path == RUNDATA] == ["older"]


def test_a_reused_job_may_be_gone(service: ScriptedService, drive):
    discover(service)
    made = {"runMetadata": {"outputs": {"o": {"assetId": asset("x"), "type": "uri_folder"}}}}
    service.answer("POST", RUNDATA, Answer(404, {}), Answer(body=made))
    service.answer("POST", DATA, Answer(body={"values": {asset("x"): {"uri": f"{LONG}/x/"}}}))
    noted = {"azureml.isreused": "true", "azureml.reusedrunid": "older"}
    told = drive(described(WORKSPACE, step("2f0c", "train", status="Completed", properties=noted)))
    assert dict(told.outputs) == {"o": f"{LONG}/x/"}


def test_what_a_sweep_has_made_its_best_trial_has(service: ScriptedService, drive):
    discover(service)
    made = {"runMetadata": {"outputs": {"o": {"assetId": asset("x"), "type": "uri_folder"}}}}
    service.answer("POST", RUNDATA, Answer(body={"runMetadata": {}}), Answer(body=made))
    service.answer("POST", DATA, Answer(body={"values": {asset("x"): {"uri": f"{LONG}/x/"}}}))
    run = step("sweep", "tune", status="Completed", properties={"best_child_run_id": "sweep_3"})
    assert dict(drive(described(WORKSPACE, run)).outputs) == {"o": f"{LONG}/x/"}
    assert [json.loads(asked.body)["runId"] for asked in service.asked if asked.path == RUNDATA] == ["sweep", "sweep_3"]


def test_a_job_that_runs_has_no_outputs_yet(service: ScriptedService, drive):
    discover(service)
    children = {"value": [step("2f0c", "train", status="Running")]}
    service.answer("GET", f"{run_path('pipeline')}/children", Answer(body=children))
    assert drive(node_job(WORKSPACE, "pipeline", "train")) == NodeJob("2f0c", "Running")
    assert drive(node_job(WORKSPACE, "pipeline", "score")) is None


def test_a_job_that_is_gone_is_an_error(service: ScriptedService, drive):
    discover(service)
    service.answer("POST", RUNDATA, Answer(404, {}))
    with pytest.raises(NotFound):
        drive(described(WORKSPACE, step("2f0c", "train", status="Completed")))


def test_a_node_of_the_emulator_is_reused_with_what_it_has_made(
    pipelines: Pipelines,  # noqa: F811 (the fixture)
    monkeypatch: pytest.MonkeyPatch,
):
    workspace = pipelines.workspace
    for name, value in workspace.emulator.environment.items():
        monkeypatch.setenv(name, value)
    jobs = {
        "prep": command(
            "echo made > ${{outputs.o}}/x",
            outputs={"o": FOLDER, "named": {**FOLDER, "name": "prepared"}},
            display_name="Prepare",
        )
    }
    hook = AzmlHook("azml_default")
    first, second = (pipelines.run(jobs, {"force_rerun": False}) for _ in range(2))
    made, again = (
        hook.run(node_job(workspace.id, pipeline, "prep", display_name="Prepare")) for pipeline in (first, second)
    )
    assert (made.reused_from, again.reused_from) == (None, made.name)
    assert made.outputs == again.outputs
    assert made.outputs["o"].endswith(f"/datastores/workspaceblobstore/paths/azureml/{made.name}/o/")
    assert made.assets == again.assets == {"named": ("prepared", made.assets["named"][1])}
