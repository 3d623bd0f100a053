"""Simulated jobs as tests see them: how to submit one, and Microsoft's own client of run history."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from azure.ai.ml._restclient.runhistory import RunHistoryClient
from azure.core.credentials import AccessToken

if TYPE_CHECKING:
    from azure.ai.ml._restclient.runhistory.models import Run

    from tests.emulator.execution import Workspace

AML_AUDIENCE = "https://ml.azure.emu"


class Token:
    """A credential that has what it gives."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(self._workspace._token(AML_AUDIENCE), int(time.time()) + 3000)


class History:
    """azure-ai-ml's generated client of run history, for one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        bundle = workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
        self._client = RunHistoryClient(
            Token(workspace), base_url=workspace.emulator.https_url, connection_verify=bundle
        )
        self._where = (workspace.id.subscription_id, workspace.id.resource_group, workspace.id.name)

    def children(self, job: str, **query: Any) -> list[Run]:
        return [*self._client.runs.get_child(*self._where, job, **query)]

    def batch(self, *jobs: str) -> Any:
        asked = {"requests": {job: {"runId": job, "selectRunMetadata": True} for job in jobs}}
        return self._client.runs.batch_get_run_data(*self._where, body=asked)


LEAST: dict[str, dict[str, Any]] = {
    "AutoML": {
        "taskDetails": {
            "taskType": "Classification",
            "targetColumnName": "y",
            "trainingData": {"jobInputType": "mltable", "uri": "azureml:none@latest"},
        }
    },
    "Command": {"command": "exit 1", "environmentId": "azureml:none@latest"},
    "Spark": {"codeId": "azureml:none@latest", "entry": {"sparkJobEntryType": "SparkJobPythonEntry", "file": "a.py"}},
    "Sweep": {
        "searchSpace": {"lr": ["choice", [[0.1, 0.2]]], "momentum": ["uniform", [0.5, 0.9]]},
        "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
        "objective": {"goal": "Maximize", "primaryMetric": "accuracy"},
        "trial": {"command": "python train.py --lr ${{search_space.lr}}", "environmentId": "azureml:none@latest"},
    },
}
"""What the service requires of a job, by type."""


def submit(workspace: Workspace, kind: str = "Command", *, ok: bool = True, **fields: Any) -> Any:
    """Submit a job; its name, or what was answered when it may be refused.

    ``simulate`` are its properties, without their beginning.
    """
    name = fields.pop("name", f"{kind.lower()}-{uuid.uuid4().hex[:8]}")
    simulate = {f"simulate.{key}": str(value) for key, value in fields.pop("simulate", {}).items()}
    body = {"jobType": kind, "experimentName": "tests", **fields, "properties": simulate}
    body = {**LEAST.get(kind, {}), **body}
    answer = workspace.call("PUT", workspace.id.child("job", name), json={"properties": body}, ok=ok)
    return name if ok else answer


def sweep(workspace: Workspace, *, trials: int = 4, at_once: int = 2, **fields: Any) -> str:
    name: str = submit(
        workspace,
        "Sweep",
        limits={"jobLimitsType": "Sweep", "maxTotalTrials": trials, "maxConcurrentTrials": at_once},
        **fields,
    )
    return name


def node(takes: str = "", **simulate: object) -> dict[str, Any]:
    """A node of a pipeline that takes the output of another."""
    inputs = {"data": {"job_input_type": "uri_folder", "uri": f"${{{{parent.jobs.{takes}.outputs.data}}}}"}}
    return {
        "type": "command",
        "inputs": inputs if takes else {},
        "outputs": {"data": {"job_output_type": "uri_folder"}},
        "properties": {f"simulate.{key}": str(value) for key, value in simulate.items()},
    }
