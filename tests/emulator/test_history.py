"""Run history: what clients of the data plane read and change of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


@pytest.fixture(scope="module")
def job(workspace: Workspace) -> str:
    return workspace.run(
        "echo said; mkdir -p outputs/deep; echo a > outputs/a.txt; echo b > outputs/deep/b.txt; "
        "echo m > ${{outputs.m}}/m",
        outputs={"m": {"jobOutputType": "uri_folder"}},
        displayName="shown",
        tags={"k": "v"},
        properties={"p": "q"},
    )


def test_a_run_says_what_the_job_says(workspace: Workspace, job: str) -> None:
    run = workspace.history(f"runs/{job}")
    assert run["runId"] == run["rootRunId"] == job
    assert run["status"] == "Completed"
    assert (run["displayName"], run["tags"], run["properties"]) == ("shown", {"k": "v"}, {"p": "q"})
    assert run["createdUtc"] <= run["startTimeUtc"] <= run["endTimeUtc"]
    assert run == workspace.history(f"experiments/tests/runs/{job}")


def test_details_have_logs_that_open_without_a_token_and_only_for_reading(workspace: Workspace, job: str) -> None:
    details = workspace.details(job)
    url = details["logFiles"]["user_logs/std_log.txt"]
    assert workspace.download(url) == "said\n"
    bundle = workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
    headers = {"x-ms-blob-type": "BlockBlob"}
    assert workspace.session.put(url, data=b"x", headers=headers, verify=bundle, timeout=60).status_code == 403
    assert details["status"] == "Completed"
    assert details["error"] is None
    assert details["warnings"] == []


def test_changes_are_seen_on_both_sides(workspace: Workspace, job: str) -> None:
    change = {
        "displayName": "new",
        "tags": {"more": "1"},
        "properties": {"r": "s"},
        "description": "text",
        "status": "Failed",
    }
    workspace.history(f"experiments/tests/runs/{job}", "PATCH", json=change)
    properties = workspace.get("job", job)["properties"]
    assert properties["displayName"] == "new"
    assert properties["tags"] == {"k": "v", "more": "1"}
    assert properties["properties"] == {"p": "q", "r": "s"}
    assert properties["description"] == "text"
    assert properties["status"] == "Completed"
    workspace.history(f"runs/{job}/tags", "DELETE", json={"tags": ["more"]})
    assert workspace.get("job", job)["properties"]["tags"] == {"k": "v"}


def test_a_hidden_run_is_an_archived_job(workspace: Workspace, job: str) -> None:
    for hidden in (True, False):
        workspace.history(f"experiments/tests/runs/{job}", "PATCH", json={"hidden": hidden})
        assert workspace.get("job", job)["properties"]["isArchived"] is hidden


def test_run_data_leads_to_outputs(workspace: Workspace, job: str) -> None:
    outputs = workspace.history("rundata", "POST", json={"runId": job, "selectRunMetadata": True})["runMetadata"][
        "outputs"
    ]
    assert {name: output["type"] for name, output in outputs.items()} == {"default": "uri_folder", "m": "uri_folder"}
    asset_id = outputs["m"]["assetId"]
    path = f"/data/v1.0{workspace.id}/dataversion/batchGetResolvedUris"
    resolved = workspace.call("POST", path, json={"values": [asset_id]}).json()["values"][asset_id]
    assert resolved["type"] == "uri_folder"
    assert resolved["uri"].endswith(f"/datastores/workspaceblobstore/paths/azureml/{job}/m/")
    assert workspace.run_and_read("cat ${{inputs.x}}/m", resolved["uri"]) == "m\n"


def test_data_of_many_runs(workspace: Workspace, job: str) -> None:
    asked = {"requests": {"one": {"runId": job}, "two": {"runId": "none"}}}
    answer = workspace.history("batchrundata", "POST", json=asked)
    assert answer["successfulResults"]["one"]["runMetadata"]["runId"] == job
    assert answer["failedResults"]["two"]["error"]["code"] == "UserError"


def test_artifacts_are_listed_and_opened(workspace: Workspace, job: str) -> None:
    assert workspace.artifacts(job) == ["outputs/a.txt", "outputs/deep/b.txt", "user_logs/std_log.txt"]
    deep = workspace.history(f"experiments/tests/runs/{job}/artifacts/path?path=outputs/deep/")["value"]
    assert [entry["path"] for entry in deep] == ["outputs/deep/b.txt"]
    assert deep[0]["artifactId"] == f"ExperimentRun/dcid.{job}/outputs/deep/b.txt"
    opened = workspace.history(f"experiments/tests/runs/{job}/artifacts/prefix/contentinfo?path=outputs/")["value"]
    assert [workspace.download(entry["contentUri"]) for entry in opened] == ["a\n", "b\n"]


def test_experiments_are_found_by_name(workspace: Workspace, job: str) -> None:
    experiment = workspace.history("experiments/tests")
    assert experiment["experimentId"] == workspace.history(f"runs/{job}")["experimentId"]
    assert experiment in workspace.history("experiments:query", "POST", json={})["value"]


@pytest.mark.parametrize(
    "path", ["runs/none", "runs/none/details", "experiments/none", "nothing", "experiments/tests/runs/none/children"]
)
def test_what_is_not_there_is_not_found(workspace: Workspace, path: str) -> None:
    answer = workspace.call("GET", f"/history/v1.0{workspace.id}/{path}", ok=False)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"]
    assert answer.json()["correlation"]["request"]


def test_a_workspace_that_is_not_there_is_not_found(workspace: Workspace) -> None:
    answer = workspace.call("GET", f"/history/v1.0{workspace.id}x/runs/none", ok=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "WorkspaceNotFound")
