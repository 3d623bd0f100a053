"""Jobs: when they run, what becomes of their status, and how they are cancelled. How one runs is in ``command_job``."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.capacity import Capacity
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.command_job import JOB_PACKAGES, CommandJob, JobFailure
from airflow_provider_azml.emulator.job_files import JobFiles
from airflow_provider_azml.emulator.job_outputs import record_outputs
from airflow_provider_azml.emulator.job_variables import identity_variables
from airflow_provider_azml.emulator.locations import Locations
from airflow_provider_azml.emulator.processes import end_leftover
from airflow_provider_azml.emulator.python_environments import EnvironmentBuildError, PythonEnvironments, curated
from airflow_provider_azml.emulator.runs import Runs
from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

log = logging.getLogger(__name__)
_PROCESSES = "job_processes"
_MOST_AT_ONCE = max(2, os.cpu_count() or 1)
_STOPPED = JobFailure("SystemError", "The emulator was stopped while the job was active; submit it again.")


class JobRunner:
    """Runs the jobs of an emulator.

    Source: the descriptions of ``JobStatus`` in the 2024-04-01 OpenAPI file.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._folder = emulator.home / "jobs"
        self._environments = PythonEnvironments(emulator.home / "envs")
        self._capacity = Capacity(_MOST_AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._preparing: set[asyncio.Task[None]] = set()
        self._cancel_requested: set[str] = set()

    def submit(self, job_id: str) -> None:
        """Start a job that the store holds; it runs in the background, and its status says how far it is."""
        job = self._job(job_id)
        self._clear(job_id, job["name"])
        self._runs(job_id).begin(job)
        task = asyncio.create_task(self._run(job_id))
        self._tasks[job_id.lower()] = task
        task.add_done_callback(lambda done: self._forget(job_id, done))

    def cancel(self, job_id: str) -> None:
        """End a job and everything that it started; nothing happens to one that has ended."""
        task = self._tasks.get(job_id.lower())
        if task is None or task.done() or job_id.lower() in self._cancel_requested:
            return
        self._report(job_id, {"status": "CancelRequested"})
        self._cancel_requested.add(job_id.lower())
        task.cancel()

    async def ended(self, job_id: str) -> None:
        """Wait until a job is not active."""
        if task := self._tasks.get(job_id.lower()):
            await asyncio.wait({task})

    def compute_changed(self) -> None:
        """Let jobs run for which a compute has room by now."""
        self._capacity.admit()

    def prepare(self, environment_id: str) -> None:
        """Make the Python of an environment in the background, so that its first job starts sooner."""
        environment = self._emulator.store.get(environment_id)
        if environment is not None:
            task = asyncio.create_task(self._prepare(environment))
            self._preparing.add(task)
            task.add_done_callback(self._preparing.discard)

    def recover(self) -> None:
        """At the start: jobs that were active when an emulator ended without notice failed; their processes end."""
        store, row = self._emulator.store, RESOURCES["job"]
        for process in store.records(_PROCESSES):
            end_leftover(process["pid"], process["born"])
        kind = f"/workspaces/{row.segment}".lower()
        for job in store.below("/subscriptions"):
            if job["type"].lower().endswith(kind) and job["properties"].get("status") not in row.terminal:
                self._abandon(job)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)

    async def close(self) -> None:
        """End what runs."""
        tasks = [*self._tasks.values(), *self._preparing]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _abandon(self, job: Json) -> None:
        runs = self._runs(job["id"])
        if runs.get(job["name"]) is None:
            runs.begin(job)
        self._end(job["id"], _STOPPED)

    async def _prepare(self, environment: Json) -> None:
        try:
            await self._environments.ready(environment, JOB_PACKAGES)
        except EnvironmentBuildError as error:
            # the job that uses it says so where its user looks
            log.info("environment %s cannot be made: %s", environment["id"], error)

    async def _run(self, job_id: str) -> None:
        failure: JobFailure | None = None
        try:
            await self._execute(job_id)
        except JobFailure as error:
            failure = error
        except asyncio.CancelledError:
            failure = _STOPPED
        except BaseException:
            self._end(job_id, JobFailure("SystemError", "The emulator itself broke; its log has the reason."))
            raise
        self._end(job_id, self._cancellation(job_id) or failure)

    def _cancellation(self, job_id: str) -> JobFailure | None:
        if job_id.lower() not in self._cancel_requested:
            return None
        return JobFailure("UserError", "The job was canceled on request.", status="Canceled")

    async def _execute(self, job_id: str) -> None:
        job = self._job(job_id)
        kind = job["properties"].get("jobType")
        if kind != "Command":
            raise JobFailure("UserError", f"The emulator does not run jobs of type {kind}.")
        environment = self._environment(job)
        async with self._room(job_id, job):
            await self._command_job(job_id, job, environment).run()

    def _command_job(self, job_id: str, job: Json, environment: Json) -> CommandJob:
        emulator, workspace = self._emulator, arm_ids.parse(job_id).workspace
        run = self._runs(job_id).get(job["name"])
        assert run is not None
        locations = Locations(emulator.store, workspace)
        return CommandJob(
            job=job,
            environment=environment,
            variables=identity_variables(emulator, workspace, run),
            files=JobFiles(self._folder / run["runUuid"], emulator.blobs, locations, job),
            artifacts=locations.of_artifacts(job["name"]),
            blobs=emulator.blobs,
            environments=self._environments,
            report=lambda fields: self._report(job_id, fields),
            remember=lambda pid, born: emulator.store.put_record(
                _PROCESSES, job_id.lower(), {"pid": pid, "born": born}
            ),
        )

    @asynccontextmanager
    async def _room(self, job_id: str, job: Json) -> AsyncIterator[None]:
        """Wait until the job's compute has room for it."""
        compute_id = str(job["properties"].get("computeId") or "")
        nodes = int((job["properties"].get("resources") or {}).get("instanceCount") or 1)
        most = self._nodes_of(compute_id)
        if nodes > most > 0:
            raise JobFailure("UserError", f"The job asks for {nodes} nodes, and {compute_id} has at most {most}.")
        self._report(job_id, {"status": "Queued"})
        async with self._capacity.held(compute_id.lower(), nodes, lambda: self._nodes_of(compute_id)):
            yield

    def _nodes_of(self, compute_id: str) -> int:
        if not compute_id or compute_id.lower().endswith("/computes/serverless"):
            return _MOST_AT_ONCE
        compute = self._emulator.store.get(compute_id)
        if compute is None:
            raise JobFailure("UserError", f"The compute {compute_id} does not exist.")
        scale = (compute["properties"].get("properties") or {}).get("scaleSettings") or {}
        return int(scale.get("maxNodeCount", 1))

    def _environment(self, job: Json) -> Json:
        environment_id = str(job["properties"].get("environmentId") or "")
        environment = self._emulator.store.get(environment_id) if environment_id.startswith("/") else None
        environment = environment or curated(environment_id)
        if environment is None:
            raise JobFailure(
                "UserError",
                f"The environment {environment_id!r} does not exist. Of the service's own environments the emulator "
                "has those for scikit-learn; otherwise register one with a conda file.",
            )
        return environment

    def _report(self, job_id: str, fields: Json) -> None:
        if job_id.lower() in self._cancel_requested:
            fields = {name: value for name, value in fields.items() if name != "status"}
        self._runs(job_id).change(arm_ids.parse(job_id).name, fields)

    def _end(self, job_id: str, failure: JobFailure | None) -> None:
        workspace, name = arm_ids.parse(job_id).workspace, arm_ids.parse(job_id).name
        fields: Json = {"status": "Completed", "endTimeUtc": timestamp()}
        if failure is not None:
            error = {"code": failure.code, "message": failure.message, "messageParameters": {}, "details": []}
            fields |= {"status": failure.status, "error": {"error": error, "time": timestamp()}}
        job = self._emulator.store.get(job_id)
        if job is not None:
            fields["outputs"] = record_outputs(self._emulator.store, workspace, job, completed=failure is None)
        self._runs(job_id).change(name, fields)
        self._emulator.store.delete_record(_PROCESSES, job_id.lower())

    def _forget(self, job_id: str, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            # before its first step: whatever is cancelled later ends by itself
            self._end(job_id, self._cancellation(job_id) or _STOPPED)
        del self._tasks[job_id.lower()]
        self._cancel_requested.discard(job_id.lower())
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("job %s broke the emulator", job_id, exc_info=error)

    def _clear(self, job_id: str, name: str) -> None:
        """Drop the artifacts of a deleted job of the same name."""
        blobs = self._emulator.blobs
        place = Locations(self._emulator.store, arm_ids.parse(job_id).workspace).of_artifacts(name)
        for blob in blobs.names(place.container, f"{place.path}/"):
            blobs.remove(place.container, blob)

    def _job(self, job_id: str) -> Json:
        job = self._emulator.store.get(job_id)
        assert job is not None
        return job

    def _runs(self, job_id: str) -> Runs:
        return Runs(self._emulator.store, arm_ids.parse(job_id).workspace)
