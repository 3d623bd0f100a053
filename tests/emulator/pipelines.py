"""Pipelines as azure-ai-ml submits them, in the keys of their files."""

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

    def component(self, **body: Any) -> str:
        """Register a component; what a node names it by."""
        from azure.ai.ml import load_component

        file = self.folder / f"component-{uuid.uuid4().hex[:8]}.yml"
        file.write_text(yaml.safe_dump({"name": f"component_{uuid.uuid4().hex[:8]}", "version": "1", **body}))
        made = self.client.components.create_or_update(load_component(file))
        return f"azureml:{made.name}:{made.version}"

    def reader(self) -> str:
        """A component that prints what is in a folder."""
        return self.component(
            type="command",
            environment="azureml:shared:1",
            inputs={"i": FOLDER, "who": {"type": "string", "optional": True}},
            command="cat ${{inputs.i}}/* $[[&& echo ${{inputs.who}}]]",
        )


@pytest.fixture
def pipelines(azml_emulator: RunningEmulator, client: MLClient, tmp_path: Path) -> Pipelines:  # noqa: F811 (the fixture)
    workspace = Workspace(azml_emulator)
    workspace.shared_environment()
    return Pipelines(workspace, client, tmp_path)


def script_folder(folder: Path, text: str) -> Path:
    """A folder with ``train.py``."""
    source = folder / f"src-{uuid.uuid4().hex[:8]}"
    source.mkdir()
    (source / "train.py").write_text(text)
    return source
