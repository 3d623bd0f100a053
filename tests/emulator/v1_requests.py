"""Requests to the data plane of the retired generation, as tests of the emulator send them."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from tests.emulator.execution import Workspace

EXPERIMENT = "v1-tests"
PIPELINES = "pipelines/v1.0"
_TERMINAL = ("Completed", "Failed", "Canceled")


@dataclass
class V1:
    """The retired data plane of a workspace."""

    workspace: Workspace
    experiment: str = EXPERIMENT

    def call(self, area: str, path: str, method: str = "GET", *, ok: bool = True, **options: Any) -> requests.Response:
        """Send a request below ``/<area>/<workspace>``, e.g. of ``execution/v1.0``."""
        return self.workspace.call(method, f"/{area}{self.workspace.id}/{path}", ok=ok, **options)

    def start(
        self, definition: object, files: Mapping[str, str], *, run_id: str | None = None, ok: bool = True
    ) -> requests.Response:
        """Start a run, as ``startrun`` takes it."""
        parts = {
            "runDefinitionFile": ("definition.json", json.dumps(definition)),
            "projectZipFile": ("project.zip", zipped(files)),
        }
        path = f"experiments/{self.experiment}/startrun"
        params = {"runId": run_id} if run_id else {}
        return self.call("execution/v1.0", path, "POST", ok=ok, files=parts, params=params)

    def run(self, definition: object, files: Mapping[str, str]) -> dict[str, Any]:
        """Start a run, wait for its end, and return it."""
        return self.ended(self.start(definition, files).json()["runId"])

    def run_of(self, run_id: str) -> dict[str, Any]:
        """A run, as run history shows it."""
        found: dict[str, Any] = self.call("history/v1.0", f"experiments/{self.experiment}/runs/{run_id}").json()
        return found

    def ended(self, run_id: str) -> dict[str, Any]:
        """Wait for the end of a run, and return it."""
        while (run := self.run_of(run_id))["status"] not in _TERMINAL:
            time.sleep(0.1)
        return run

    def log_of(self, run_id: str, path: str = "user_logs/std_log.txt") -> str:
        """A log file of a run."""
        details = self.call("history/v1.0", f"experiments/{self.experiment}/runs/{run_id}/details").json()
        return self.workspace.download(details["logFiles"][path])


def compute(workspace: Workspace) -> str:
    """A new cluster; its name."""
    name = f"v1-{uuid.uuid4().hex[:8]}c"  # digits alone may not stand at its end
    scale = {"minNodeCount": 0, "maxNodeCount": 2, "nodeIdleTimeBeforeScaleDown": "PT1M"}
    cluster = {"vmSize": "Standard_DS3_v2", "scaleSettings": scale}
    workspace.put("compute", name, location="local", properties={"computeType": "AmlCompute", "properties": cluster})
    return name


def publish(v1: V1, name: str) -> dict[str, Any]:
    """Register a pipeline component that says a word; it, as a published pipeline."""
    workspace = v1.workspace
    inputs = {"word": {"type": "string", "default": "hi"}, "data": {"type": "uri_folder", "optional": True}}
    say = {"command": "echo ${{inputs.word}}", "environment": workspace.shared_environment(), "inputs": {"word": {}}}
    step = {"name": "say", "version": "1", "type": "command", **say, "inputs": {"word": {"type": "string"}}}
    step_id = workspace.put("component", f"say-{name}", "1", properties={"componentSpec": step})
    given = {"word": {"job_input_type": "literal", "value": "${{parent.inputs.word}}"}}
    jobs = {"say": {"type": "command", "componentId": step_id, "inputs": given}}
    whole = {"name": name, "version": "1", "type": "pipeline", "display_name": name, "inputs": inputs, "jobs": jobs}
    workspace.put("component", name, "1", properties={"componentSpec": whole})
    found = [one for one in v1.call(PIPELINES, "Pipelines").json() if one["Name"] == name]
    assert len(found) == 1
    pipeline: dict[str, Any] = found[0]
    return pipeline


def configuration(target: str, **more: object) -> dict[str, Any]:
    """A run configuration that needs no packages, spelled as SDK v1 does; ``more`` goes over it."""
    return {
        "Script": "train.py",
        "Arguments": [],
        "Framework": "Python",
        "Communicator": "None",
        "Target": target,
        "NodeCount": 1,
        "Environment": {"Python": {"UserManagedDependencies": True}, "Docker": {"BaseImage": "mcr/image"}},
        **more,
    }


def zipped(files: Mapping[str, str]) -> bytes:
    """A zip file of some texts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()
