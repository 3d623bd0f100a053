"""Jobs: when they run, what becomes of their status, and how they are cancelled. How one runs is in ``command_job``."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sqlite3
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.asset_versions import component_version
from airflow_provider_azml.emulator.arm.compute_nodes import (
    is_low_priority,
    nodes_of,
    nodes_wanted,
    queueing_info,
    too_many_nodes,
)
from airflow_provider_azml.emulator.database import AGAIN_SECONDS, is_disk_full
from airflow_provider_azml.emulator.jobs.capacity import Capacity
from airflow_provider_azml.emulator.jobs.command_job import JOB_PACKAGES, CommandJob
from airflow_provider_azml.emulator.jobs.files import JobFiles
from airflow_provider_azml.emulator.jobs.processes import end_leftover, kill_group
from airflow_provider_azml.emulator.jobs.python_environments import EnvironmentBuildError, PythonEnvironments, curated
from airflow_provider_azml.emulator.jobs.records import (
    BROKEN,
    CANCELED,
    LOST,
    PREEMPTED,
    STOPPED,
    JobFailure,
    JobRecords,
)
from airflow_provider_azml.emulator.jobs.stand_ins import SIMULATED, marked, stand_in
from airflow_provider_azml.emulator.jobs.variables import identity_variables
from airflow_provider_azml.emulator.pipelines.pipeline import Pipeline
from airflow_provider_azml.emulator.pipelines.pipeline import accepted as accepted_pipeline
from airflow_provider_azml.emulator.storage.locations import Locations
from airflow_provider_azml.emulator.sweeps.sweep import Sweep, accepted
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.jobs.capacity import Place
    from airflow_provider_azml.rest.flows import Json

log = logging.getLogger(__name__)
_PROCESSES = "job_processes"
_MOST_AT_ONCE = max(2, os.cpu_count() or 1)


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
        self._records = JobRecords(emulator)
        self._capacity = Capacity(_MOST_AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._places: dict[str, Place] = {}
        self._preparing: set[asyncio.Task[None]] = set()
        self._attempts: dict[str, asyncio.Task[None]] = {}
        self._decided: dict[str, JobFailure] = {}
        self._evicted: set[str] = set()
        self._closing = False

    def accept(self, name: str, properties: Json) -> Json:
        """The properties with which a new job is stored.

        Raises:
            ArmError: A sweep or pipeline asks for something that cannot be.
        """
        if properties["jobType"] == "Pipeline":
            return accepted_pipeline(name, properties, partial(component_version, self._emulator.store))
        if properties["jobType"] in SIMULATED:
            return marked(properties)
        return accepted(name, properties) if properties["jobType"] == "Sweep" else properties

    def submit(self, job: Json, run: Json | None = None) -> None:
        """Start a job that the store holds; it runs in the background, and its status says how far it is.

        Args:
            job: The job.
            run: What else is known of its run, in run history's words.
        """
        parent = job["properties"].get("parentJobName")
        self._records.begin(job, {**({"parentRunId": parent} if parent else {}), **(run or {})})
        job_id = str(job["id"])
        task = asyncio.create_task(self._run(job_id))
        self._tasks[job_id.lower()] = task
        task.add_done_callback(lambda done: self._forget(job_id, done))

    def cancel(self, job_id: str, why: JobFailure = CANCELED) -> None:
        """End a job and everything that it started; nothing happens to one that has ended.

        Args:
            job_id: The job.
            why: What it says of its end.
        """
        task = self._tasks.get(job_id.lower())
        if task is None or task.done() or job_id.lower() in self._decided or self._closing:
            return
        self._report(job_id, {"status": "CancelRequested"})
        self._decided[job_id.lower()] = why
        task.cancel()

    def lose_worker(self, job_id: str) -> bool:
        """Kill the processes of a job as the loss of its node would, so that nothing is heard of it any more.

        Source: ``JobStatus`` of the 2024-04-01 OpenAPI file: "if the run isn't updating any information to RunHistory
        then the run goes to NotResponding state".

        Args:
            job_id: The job.

        Returns:
            Whether it had processes; nothing happens to a job that waits, has children instead, or has ended.
        """
        process = self._emulator.store.record(_PROCESSES, job_id.lower())
        if process is None or job_id.lower() in self._decided or job_id.lower() in self._evicted:
            return False
        self._decided[job_id.lower()] = LOST
        kill_group(process["pid"])
        return True

    def preempt(self, compute_id: str) -> list[str]:
        """Take the nodes of a low-priority cluster away: jobs on them are queued again, and start anew.

        Sources: "Using Cheap Low Priority VMs" of hi-ml ("the job interrupted and later re-started"); ``preempted`` of
        Azure Batch's node states ("tasks ... will be rescheduled when another Compute Node becomes available").

        Args:
            compute_id: The cluster.

        Returns:
            The ids of the jobs that were on its nodes; none when it is of another kind or priority.
        """
        if not is_low_priority(self._emulator.store.get(compute_id)):
            return []
        there = self._on(compute_id)
        self._evicted |= {*there}
        self._emulator.computes.clusters.evict(compute_id)
        for job_id in there:
            self._attempts[job_id].cancel()
        return [str(self._records.job(job_id)["id"]) for job_id in there]

    def _on(self, compute_id: str) -> list[str]:
        """The jobs that have nodes of a compute, and do not end already."""
        return [
            job_id
            for job_id, place in self._places.items()
            if place.compute == compute_id.lower() and place.granted.done() and job_id not in self._decided
        ]

    async def ended(self, job_id: str) -> None:
        """Wait until a job is not active."""
        if task := self._tasks.get(job_id.lower()):
            await asyncio.wait({task})

    def compute_changed(self) -> None:
        """Let jobs run for which a compute has room by now."""
        self._capacity.admit()

    def compute_gone(self, compute_id: str, why: str) -> None:
        """End the jobs that run on a compute which is not there any more, or stops.

        Args:
            compute_id: The compute.
            why: What they say of their end.
        """
        for job_id in self._on(compute_id):
            self.cancel(job_id, JobFailure("UserError", why))

    def awaited(self, compute_id: str) -> int:
        """How many more nodes of a compute the jobs want that wait."""
        return self._capacity.awaited(compute_id.lower())

    def prepare(self, environment_id: str) -> None:
        """Make the Python of an environment in the background, so that its first job starts sooner."""
        environment = self._emulator.store.get(environment_id)
        if environment is not None:
            task = asyncio.create_task(self._prepare(environment))
            self._preparing.add(task)
            task.add_done_callback(self._preparing.discard)

    def recover(self) -> None:
        """At the start: jobs that were active when an emulator ended without notice failed; their processes end."""
        for process in self._emulator.store.records(_PROCESSES):
            end_leftover(process["pid"], process["born"])
        self._emulator.store.delete_records(_PROCESSES)
        self._environments.recover()
        self._records.abandon(self._records.active())
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)

    async def close(self) -> None:
        """End what runs."""
        self._closing = True
        tasks = [*self._tasks.values(), *self._preparing]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

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
            failure = STOPPED
        except BaseException:
            await self._tell_end(job_id, BROKEN)
            raise
        await self._tell_end(job_id, self._decided.get(job_id.lower(), failure))

    async def _execute(self, job_id: str) -> None:
        job = self._records.job(job_id)
        kind = job["properties"].get("jobType")
        if kind == "Sweep":
            await Sweep(self._emulator, job, self).run()
            return
        if kind == "Pipeline":
            await Pipeline(self._emulator, job, self).run()
            return
        if kind in SIMULATED:
            stand_in(self._emulator, job)
            return
        if kind != "Command":
            raise JobFailure("UserError", f"The emulator does not run jobs of type {kind}.")
        environment = self._environment(job)
        while await self._was_evicted(job_id, job, environment):
            self._report(job_id, {"status": "Queued", "startTimeUtc": None, "warnings": [PREEMPTED]})

    async def _was_evicted(self, job_id: str, job: Json, environment: Json) -> bool:
        """Run a command job; whether its nodes were taken away before its end."""
        key = job_id.lower()
        attempt = self._attempts[key] = asyncio.create_task(self._attempt(job_id, job, environment))
        try:
            await attempt
        except asyncio.CancelledError:
            # whoever cancels the job, or ends the emulator, means more than one attempt
            if key not in self._evicted or key in self._decided or self._closing:
                raise
            return True
        finally:
            self._evicted.discard(key)
            del self._attempts[key]
        return False

    async def _attempt(self, job_id: str, job: Json, environment: Json) -> None:
        async with self._room(job_id, job):
            await self._command_job(job_id, job, environment).run()

    def _command_job(self, job_id: str, job: Json, environment: Json) -> CommandJob:
        emulator, workspace = self._emulator, arm_ids.parse(job_id).workspace
        run = self._records.runs(job_id).get(job["name"])
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
        """Wait until the job's compute has room for it, and nodes that are up."""
        compute_id = str(job["properties"].get("computeId") or "")
        wanted, most = nodes_wanted(job), nodes_of(self._emulator.store, compute_id)
        if most is not None and wanted > most:
            raise too_many_nodes(job, most)

        def limit() -> int:
            return nodes_of(self._emulator.store, compute_id) or _MOST_AT_ONCE

        # where nodes are nobody's concern, a job takes one place on this machine, however many it asks for
        place = self._capacity.ask(compute_id.lower(), 1 if most is None else wanted, limit)
        self._places[job_id.lower()] = place
        waits = not place.granted.done()
        self._report(job_id, {"status": "Queued", "queueingInfo": queueing_info(compute_id, wanted) if waits else None})
        async with self._capacity.held(place):
            try:
                up = self._emulator.computes.take(job_id, compute_id, wanted)
                if not up.done():
                    waits = True
                    self._report(job_id, {"queueingInfo": queueing_info(compute_id, wanted, starting=True)})
                await up
                if waits:
                    self._report(job_id, {"queueingInfo": None})
                yield
            finally:
                self._emulator.computes.leave(job_id, compute_id)

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
        if fields.get("status") == "Running":
            self._emulator.computes.runs(job_id, self._places[job_id.lower()].compute)
        if job_id.lower() in self._decided or job_id.lower() in self._evicted:
            fields = {name: value for name, value in fields.items() if name != "status"}
        self._records.report(job_id, fields)

    async def _tell_end(self, job_id: str, failure: JobFailure | None) -> None:
        """End a job; on a full disk as soon as there is room to say so, for whoever waits would wait for ever."""
        while True:
            try:
                self._end(job_id, failure)
            except (OSError, sqlite3.OperationalError) as error:
                if not is_disk_full(error):
                    raise
                log.warning("the disk is full: the end of job %s is not known before there is room", job_id)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return

    def _end(self, job_id: str, failure: JobFailure | None) -> None:
        self._places.pop(job_id.lower(), None)
        with self._emulator.database.transaction():
            self._records.end(job_id, failure)
            self._emulator.store.delete_record(_PROCESSES, job_id.lower())

    def _forget(self, job_id: str, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            # before its first step: whatever is cancelled later ends by itself
            self._end(job_id, self._decided.get(job_id.lower(), STOPPED))
        del self._tasks[job_id.lower()]
        self._decided.pop(job_id.lower(), None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("job %s broke the emulator", job_id, exc_info=error)
