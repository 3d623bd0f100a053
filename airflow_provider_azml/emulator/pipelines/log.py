"""The log of a pipeline: which of its nodes were submitted and have ended."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.storage.blobs import Blobs
    from airflow_provider_azml.emulator.storage.locations import Location

PIPELINE_LOG = "logs/azureml/executionlogs.txt"
_MOST_NAMED = 5


class PipelineLog:
    """Writes a pipeline's log.

    Args:
        blobs: The emulator's storage.
        artifacts: Where the pipeline's logs go.

    Source: logs of pipelines as printed when they are streamed, in the documentation of kedro-azureml; what the
    service says of reused and failed nodes was not found, and is in the emulator's own words.
    """

    def __init__(self, blobs: Blobs, artifacts: Location) -> None:
        self._blobs = blobs
        self._place = artifacts.below(PIPELINE_LOG)
        self._write("")

    def submitting(self, runs: dict[str, str]) -> None:
        """Nodes were submitted.

        Args:
            runs: Run -> id of its node.
        """
        named = ",".join(f"{node}:{run}" for run, node in [*runs.items()][:_MOST_NAMED])
        self._line(f"Submitting {len(runs)} runs, first five are: {named}")

    def reused(self, run: str, original: str) -> None:
        """A node need not run."""
        self._line(f"Reusing the results of run id {original} for run id {run}.")

    def completed(self, run: str) -> None:
        """A node has completed."""
        self._line(f"Completing processing run id {run}.")

    def failed(self, run: str, key: str, status: str) -> None:
        """A node has ended otherwise."""
        self._line(f"Run id {run} of the job '{key}' is {status}.")

    def decided(self, key: str, holds: bool) -> None:
        """A condition was looked at."""
        self._line(f"The condition of the job '{key}' is {str(holds).lower()}.")

    def left_out(self, key: str) -> None:
        """A node does not run."""
        self._line(f"The job '{key}' is not run.")

    def canceling(self, count: int) -> None:
        """Nodes are to end because the pipeline does."""
        self._line(f"Canceling {count} runs.")

    def _line(self, said: str) -> None:
        self._write(f"[{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%SZ}] {said}\n")

    def _write(self, text: str) -> None:
        self._blobs.append(self._place.container, self._place.path, text.encode())
