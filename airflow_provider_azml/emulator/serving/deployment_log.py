"""What a deployment logs: the steps of its making, what its server writes, and what was downloaded for it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.emulator.clock import timestamp

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.rest.flows import Json

Step = Literal["SystemSetup", "UserContainerImagePull", "ModelDownload", "UserContainerStart"]
_STEPS: tuple[Step, ...] = ("SystemSetup", "UserContainerImagePull", "ModelDownload", "UserContainerStart")
_MOST_EVENTS = 200
_MOST_BYTES = 1 << 20  # of a server that has run for weeks


class DeploymentLog:
    """The log of one deployment; it outlives the emulator, and begins anew with each try to deploy.

    Sources: logs from the service (example of ``Get-AzMLWorkspaceOnlineDeploymentLog`` in Az.MachineLearningServices,
    Azure/azureml-examples#3444, MicrosoftLearning/mslearn-azure-ml#100); names of events:
    https://learn.microsoft.com/azure/machine-learning/how-to-monitor-online-endpoints; of what the storage initializer
    writes there is none, so its words are the emulator's.

    Args:
        folder: Holds its files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._progress_file = folder / "progress.json"
        self._downloads = folder / "storage-initializer.log"
        self.server = folder / "server.log"

    def begin(self) -> None:
        """Forget what is in it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.server.write_bytes(b"")
        self._downloads.write_bytes(b"")
        self._write({"status": dict.fromkeys(_STEPS, "Waiting"), "events": []})

    def start(self, step: Step, event: str, message: str) -> None:
        """A step of the making begins."""
        self._step(step, "InProgress", event, message)

    def succeed(self, step: Step, event: str, message: str) -> None:
        """A step has succeeded."""
        self._step(step, "Succeeded", event, message)

    def done(self, step: Step) -> None:
        """A step has succeeded, of which no event tells."""
        progress = self._read()
        progress["status"][step] = "Succeeded"
        self._write(progress)

    def warn(self, step: Step, event: str, message: str) -> None:
        """A step did not work, so far."""
        self._step(step, "InProgress", event, message, kind="Warning")

    def downloaded(self, line: str) -> None:
        """Something was fetched for the server, or could not be."""
        with self._downloads.open("a") as file:
            file.write(f"{timestamp()} {line}\n")

    def tail(self, lines: int) -> str:
        """The last lines that the server wrote; empty when there is none."""
        return _tail(self.server, lines)

    def of_storage(self, lines: int) -> str:
        """The last lines of the storage initializer."""
        return _tail(self._downloads, lines)

    def of_server(self, lines: int) -> str:
        """What is known of the making of the server, and the last lines that it wrote; empty before any try."""
        progress = self._read()
        if not progress["status"]:
            return ""
        parts = (
            "Instance status:",
            *(f"{step}: {state}" for step, state in progress["status"].items()),
            "",
            "Container events:",
            *progress["events"],
            "",
            "Container logs:",
        )
        return "\n".join(parts) + "\n" + self.tail(lines)

    def remove(self) -> None:
        """Delete it, with the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _step(self, step: Step, state: str, event: str, message: str, *, kind: str = "Normal") -> None:
        progress = self._read()
        progress["status"][step] = state
        progress["events"].append(
            f"Kind: Pod, Name: {event}, Type: {kind}, Time: {timestamp()}, Message: {message}",
        )
        del progress["events"][:-_MOST_EVENTS]
        self._write(progress)

    def _read(self) -> Json:
        if not self._progress_file.exists():
            return {"status": {}, "events": []}
        progress: Json = json.loads(self._progress_file.read_text())
        return progress

    def _write(self, progress: Json) -> None:
        self._progress_file.write_text(json.dumps(progress))


def _tail(file: Path, lines: int) -> str:
    found: list[str] = []
    if lines and file.exists():
        with file.open("rb") as source:
            source.seek(max(0, file.stat().st_size - _MOST_BYTES))
            found = source.read().decode(errors="replace").splitlines()[-lines:]
    return "".join(f"{line}\n" for line in found)
