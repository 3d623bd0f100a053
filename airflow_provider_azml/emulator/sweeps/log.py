"""The log of a sweep: what was sampled, scheduled and ended early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.clock import timestamp

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.storage.blobs import Blobs
    from airflow_provider_azml.emulator.storage.locations import Location

SWEEP_LOG = "azureml-logs/hyperdrive.txt"


class SweepLog:
    """Writes a sweep's log.

    Args:
        blobs: The emulator's storage.
        artifacts: Where the sweep's logs go.

    Source: logs of HyperDrive runs as printed by ``wait_for_completion(show_output=True)`` of azureml-train-core; what
    the service says of early termination was not found, and is in the emulator's own words.
    """

    def __init__(self, blobs: Blobs, artifacts: Location) -> None:
        self._blobs = blobs
        self._place = artifacts.below(SWEEP_LOG)

    def created(self) -> None:
        """The sweep is there."""
        self._write("API", "Experiment created")

    def sampling(self, count: int) -> None:
        """Combinations are about to be sampled."""
        self._write("GENERATOR", f"Trying to sample '{count}' jobs from the hyperparameter space")

    def sampled(self, count: int) -> None:
        """Combinations were sampled."""
        what = "they will soon be submitted to the execution target."
        self._write("GENERATOR", f"Successfully sampled '{count}' jobs, {what}")

    def scheduled(self, trial: str) -> None:
        """A trial was submitted."""
        self._write("SCHEDULER", f"Scheduling job, id='{trial}'")
        self._write("SCHEDULER", f"Successfully scheduled a job. Id='{trial}'")

    def reached_most(self, most: int) -> None:
        """There will be no more trials, because that is how many were asked for."""
        self._write("GENERATOR", f"Max number of jobs '{most}' reached for experiment.")

    def all_generated(self) -> None:
        """There will be no more trials."""
        self._write("GENERATOR", "All jobs generated.")

    def canceling(self, trial: str, interval: int) -> None:
        """The policy ends a trial."""
        self._write("ENFORCER", f"Canceling job '{trial}', which does badly at interval {interval}.")

    def ended(self, status: str) -> None:
        """The sweep ends."""
        self._write("CONTROLLER", f"Changing Run Status from Running to {status}")

    def _write(self, who: str, said: str) -> None:
        line = f"[{timestamp()}][{who}][INFO]{said}\n"
        self._blobs.append(self._place.container, self._place.path, line.encode())
