"""What the control plane and run history are told of a job, whoever runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.history.runs import Runs
from airflow_provider_azml.emulator.jobs.outputs import record_outputs
from airflow_provider_azml.emulator.storage.locations import Locations
from airflow_provider_azml.exceptions import AzmlError
from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json


class JobFailure(AzmlError):
    """A job ends badly.

    Args:
        code: The service's error code.
        message: What happened.
        status: The status that the job ends in.
        more: What else the error says: fields of ``RootError``, e.g. ``details`` and ``innerError``.

    Source: ``RunHistoryErrorResponse`` and ``RootError`` of azure-ai-ml's run history client.
    """

    def __init__(self, code: str, message: str, status: str = "Failed", more: Json | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.more = more or {}

    def shown(self) -> Json:
        """The ``error`` of the job's run."""
        blank: Json = {"messageParameters": {}, "details": []}
        return {
            "error": {**blank, **self.more, "code": self.code, "message": self.message},
            "environment": "local",
            "location": "local",
            "time": timestamp(),
        }


STOPPED = JobFailure("SystemError", "The emulator was stopped while the job was active; submit it again.")
BROKEN = JobFailure("SystemError", "The emulator itself broke; its log has the reason.")
CANCELED = JobFailure("UserError", "The job was canceled on request.", status="Canceled")
LOST = JobFailure(
    "SystemError",
    "The node that the job ran on was lost: no heartbeat has come from it. Submit the job again.",
    status="NotResponding",
)
PREEMPTED = {
    "source": "Compute",
    "message": "PreemptionError: Nodes of this job got pre-empted. The job was queued again and starts anew.",
}
"""The warning in the run of a job whose nodes were taken away (after Azure/MLOpsPython issue 346)."""


class JobRecords:
    """The documents and runs of jobs.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def job(self, job_id: str) -> Json:
        """The document of a job that is there."""
        job = self._emulator.store.get(job_id)
        assert job is not None
        return job

    def runs(self, job_id: str) -> Runs:
        """The runs of a job's workspace."""
        return Runs(self._emulator.store, arm_ids.parse(job_id).workspace)

    def begin(self, job: Json, fields: Json | None = None) -> Json:
        """The run of a new job, in place of what a deleted one of its name has left.

        Args:
            job: Its document.
            fields: What else is known of the run, in run history's words.
        """
        place = Locations(self._emulator.store, arm_ids.parse(job["id"]).workspace).of_artifacts(job["name"])
        for blob in self._emulator.blobs.names(place.container, f"{place.path}/"):
            self._emulator.blobs.remove(place.container, blob)
        return self.runs(job["id"]).begin(job, fields)

    def report(self, job_id: str, fields: Json) -> None:
        """Change a job's run, and what the job shares with it.

        Args:
            job_id: The job.
            fields: Field, in run history's words -> value.
        """
        self.runs(job_id).change(arm_ids.parse(job_id).name, fields)
        if fields.get("status") == "Running" and (job := self._emulator.store.get(job_id)) is not None:
            self._emulator.faults.job_runs(job, self._emulator.jobs)

    def end(self, job_id: str, failure: JobFailure | None, *, registers: bool = True) -> None:
        """Say that a job has ended; nothing happens when it is gone.

        Args:
            job_id: The job.
            failure: Why it did not complete.
            registers: Whether outputs that are to be assets become some.
        """
        ended: Json = {"status": "Completed", "endTimeUtc": timestamp(), "queueingInfo": None}
        if failure is not None:
            ended |= {"status": failure.status, "error": failure.shown()}
        job = self._emulator.store.get(job_id)
        if job is not None:
            completed = failure is None and registers
            workspace = arm_ids.parse(job_id).workspace
            ended["outputs"] = record_outputs(self._emulator.store, workspace, job, completed=completed)
        self.report(job_id, ended)

    def active(self) -> Iterator[Json]:
        """The jobs that have not ended."""
        row = RESOURCES["job"]
        kind = f"/workspaces/{row.segment}".lower()
        for job in self._emulator.store.below("/subscriptions", row.segment):
            if job["type"].lower().endswith(kind) and job["properties"].get("status") not in row.terminal:
                yield job

    def abandon(self, jobs: Iterable[Json]) -> None:
        """At the start: jobs that were active when an emulator ended, and that nobody takes up again, have failed."""
        for job in jobs:
            if self.runs(job["id"]).get(job["name"]) is None:
                self.begin(job)
            self.end(job["id"], STOPPED)
