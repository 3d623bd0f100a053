"""Pipelines: nodes really run, each with what others made for it; azure-ai-ml submits and looks at them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.emulator.execution import Workspace
from tests.emulator.test_execution_sdk import client  # noqa: F401 (a fixture)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]

FOLDER = {"type": "uri_folder"}


def command(line: str, inputs: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A node that runs a command, in the keys of its file."""
    node = {"type": "command", "command": line, "environment": "azureml:shared:1", **fields}
    return {**node, "inputs": inputs} if inputs else node


@dataclass
class Pipelines:
    """A workspace in which azure-ai-ml submits pipelines, written in the keys of their files."""

    workspace: Workspace
    client: MLClient
    folder: Path

    def submit(self, jobs: dict[str, Any], settings: dict[str, Any] | None = None, **fields: Any) -> str:
        """Submit a pipeline; its name."""
        from azure.ai.ml import load_job

        # what other tests have run is not to be used again
        settings = {"default_compute": "azureml:serverless", "force_rerun": True, **(settings or {})}
        body = {"type": "pipeline", "experiment_name": "tests", "settings": settings, "jobs": jobs, **fields}
        file = self.folder / f"{uuid.uuid4().hex[:8]}.yml"
        file.write_text(yaml.safe_dump(body))
        return str(self.client.jobs.create_or_update(load_job(file)).name)

    def run(self, jobs: dict[str, Any], settings: dict[str, Any] | None = None, **fields: Any) -> str:
        """Submit a pipeline and wait until it has completed; its name."""
        name = self.submit(jobs, settings, **fields)
        self.workspace.until(name, ["Completed"])
        return name

    def children(self, name: str) -> dict[str, dict[str, Any]]:
        """The runs of a pipeline's nodes by their names in it."""
        found: Iterable[dict[str, Any]] = self.workspace.history(f"runs/{name}/children")["value"]
        return {run["properties"]["azureml.moduleName"]: run for run in found}

    def statuses(self, name: str) -> dict[str, str]:
        return {key: run["status"] for key, run in self.children(name).items()}

    def log(self, name: str, key: str) -> str:
        """What a node of a pipeline has printed."""
        return self.workspace.log(self.children(name)[key]["runId"])


@pytest.fixture
def pipelines(azml_emulator: RunningEmulator, client: MLClient, tmp_path: Path) -> Pipelines:  # noqa: F811
    workspace = Workspace(azml_emulator)
    workspace.shared_environment()
    return Pipelines(workspace, client, tmp_path)


def test_outputs_of_nodes_are_inputs_of_others(pipelines: Pipelines, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = pipelines.workspace
    name = pipelines.submit(
        {
            "make": command(
                "echo making; echo ${{inputs.words}} > ${{outputs.made}}/words.txt",
                {"words": "${{parent.inputs.greeting}}"},
                outputs={"made": FOLDER},
            ),
            "use": command(
                "tee ${{outputs.copy}}/copy.txt < ${{inputs.made}}/words.txt",
                {"made": "${{parent.jobs.make.outputs.made}}"},
                outputs={"copy": "${{parent.outputs.result}}"},
                display_name="Use what was made",
            ),
        },
        inputs={"greeting": "hello there"},
        outputs={"result": FOLDER},
    )
    pipelines.client.jobs.stream(name)
    streamed = capsys.readouterr().out
    assert "Streaming logs/azureml/executionlogs.txt" in streamed
    assert "Submitting 1 runs, first five are: " in streamed

    assert pipelines.client.jobs.get(name).status == "Completed"
    assert workspace.output(name, "result", "copy.txt") == "hello there\n"
    runs = pipelines.children(name)
    assert [*runs] == ["make", "use"]
    assert f"Completing processing run id {runs['use']['runId']}." in workspace.artifact(
        name, "logs/azureml/executionlogs.txt"
    )
    for key, run in runs.items():
        assert (run["runType"], run["parentRunId"], run["rootRunId"]) == ("azureml.StepRun", name, name)
        assert run["properties"]["azureml.pipelinerunid"] == name
        assert run["tags"]["azureml.nodeid"] == run["properties"]["azureml.nodeid"]
        job = workspace.get("job", run["runId"])["properties"]
        assert (job["jobType"], job["status"]) == ("Command", "Completed")
        assert job["displayName"] == {"make": "make", "use": "Use what was made"}[key]
    assert pipelines.log(name, "make") == "making\n"
    assert pipelines.log(name, "use") == "hello there\n"

    listed = {job.name: job for job in pipelines.client.jobs.list(parent_job_name=name)}
    assert {*listed} == {run["runId"] for run in runs.values()}
    pipeline = workspace.get("job", name)["properties"]
    assert pipeline["properties"]["azureml.parameters"] == '{"greeting":"hello there"}'
    assert pipeline["properties"]["azureml.continue_on_step_failure"] == "False"
    everything = [job["name"] for job in workspace.call("GET", workspace.id.child("job")).json()["value"]]
    assert name in everything
    assert not {*listed} & {*everything}
