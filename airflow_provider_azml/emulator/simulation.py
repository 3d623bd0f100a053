"""Jobs that run nothing and only take time, for trying out what waits for thousands of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm_errors import bad_request
from airflow_provider_azml.emulator.capacity import Capacity, Place, Use
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.command_job import STD_LOG
from airflow_provider_azml.emulator.compute_nodes import nodes_of, nodes_wanted, queueing_info, too_many_nodes
from airflow_provider_azml.emulator.job_records import CANCELED, JobFailure, JobRecords
from airflow_provider_azml.emulator.locations import Locations
from airflow_provider_azml.emulator.simulation_plan import Plan, PlanError, line, plan_of
from airflow_provider_azml.emulator.timeline import Timeline
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.locations import Location
    from airflow_provider_azml.rest.flows import Json

MARK = "azml.simulated"
_PREPARING_SECONDS = 0.2
_CANCELING_SECONDS = 0.1


@dataclass(eq=False)
class _Job:
    """A simulated job that has not ended."""

    id: str
    plan: Plan
    compute_id: str
    place: Place | None = None
    log: Location | None = None
    canceling: bool = False
    ended: asyncio.Future[None] | None = None


class Simulation:
    """The jobs of an emulator that runs none.

    What a job will do is known when it is submitted, so that one timer does for all of them.

    Source: the descriptions of ``JobStatus`` in the 2024-04-01 OpenAPI file.

    Args:
        emulator: The emulator.
        seconds: How long a job is Running that does not say otherwise.
    """

    def __init__(self, emulator: Emulator, seconds: float) -> None:
        self._emulator = emulator
        self._seconds = seconds
        self._records = JobRecords(emulator)
        self._capacity = Capacity()
        self._timeline = Timeline(emulator.database)
        self._jobs: dict[str, _Job] = {}

    def accept(self, name: str, properties: Json) -> Json:
        """The properties with which a new job is stored: they say that it is simulated.

        Raises:
            ArmError: What they say about the simulation cannot be.
        """
        try:
            plan_of(properties["properties"], self._seconds)
        except PlanError as error:
            raise bad_request(f"Job '{name}' cannot be simulated: {error}.", code="ValidationError") from error
        return {**properties, "status": "Queued", "properties": {**properties["properties"], MARK: "true"}}

    def submit(self, job: Json) -> None:
        """Start a job that the store holds; its status says how far it is."""
        properties = job["properties"]
        self._records.begin(job)
        one = _Job(job["id"], plan_of(properties["properties"], self._seconds), str(properties.get("computeId") or ""))
        self._jobs[one.id.lower()] = one
        if self._is_cluster(one.compute_id):
            self._queue(one, job)
        else:
            self._leave_queue(one)

    def cancel(self, job_id: str) -> None:
        """Cancel a job; nothing happens to one that has ended."""
        job = self._jobs.get(job_id.lower())
        if job is None or job.canceling:
            return
        job.canceling = True
        self._records.report(job.id, {"status": "CancelRequested"})
        self._timeline.at(self._timeline.now() + _CANCELING_SECONDS, partial(self._end, job, CANCELED))

    async def ended(self, job_id: str) -> None:
        """Wait until a job is not active."""
        if job := self._jobs.get(job_id.lower()):
            job.ended = job.ended or asyncio.get_running_loop().create_future()
            await asyncio.shield(job.ended)

    def compute_changed(self) -> None:
        """Let jobs run for which a compute has room by now."""
        self._capacity.admit()

    def use_of(self, compute_id: str) -> Use:
        """How many nodes of a compute are in use."""
        return self._capacity.use(compute_id.lower())

    def prepare(self, environment_id: str) -> None:
        """Nothing: what runs nothing needs no Python."""

    def recover(self) -> None:
        """At the start: jobs that were active when an emulator ended have failed."""
        self._records.abandon()

    async def close(self) -> None:
        """Leave the jobs as they are."""
        self._timeline.close()

    def _is_cluster(self, compute_id: str) -> bool:
        compute = self._emulator.store.get(compute_id) if compute_id else None
        return compute is not None and compute["properties"]["computeType"] == "AmlCompute"

    def _queue(self, job: _Job, document: Json) -> None:
        most, nodes = nodes_of(self._emulator.store, job.compute_id) or 0, nodes_wanted(document)
        if nodes > most:
            self._timeline.at(self._timeline.now(), partial(self._end, job, too_many_nodes(document, most)))
            return
        limit = partial(self._nodes_of, job.compute_id)
        job.place = self._capacity.ask(job.compute_id.lower(), nodes, limit)
        if job.place.granted.done():
            self._leave_queue(job)
            return
        self._records.report(job.id, {"queueingInfo": queueing_info(job.compute_id, nodes)})
        job.place.granted.add_done_callback(partial(self._granted, job))

    def _granted(self, job: _Job, granted: asyncio.Future[None]) -> None:
        if granted.cancelled() or self._jobs.get(job.id.lower()) is not job:
            return
        if error := granted.exception():
            self._end(job, error if isinstance(error, JobFailure) else JobFailure("SystemError", str(error)))
            return
        self._records.report(job.id, {"queueingInfo": None})
        self._leave_queue(job)

    def _nodes_of(self, compute_id: str) -> int:
        return nodes_of(self._emulator.store, compute_id) or 0

    def _leave_queue(self, job: _Job) -> None:
        self._then(job, self._timeline.now() + job.plan.queue_seconds, self._prepare)

    def _prepare(self, job: _Job, moment: float) -> None:
        self._records.report(job.id, {"status": "Preparing"})
        self._then(job, moment + _PREPARING_SECONDS, self._run)

    def _run(self, job: _Job, moment: float) -> None:
        if job.place is not None:
            job.place.ready = True
        self._records.report(job.id, {"status": "Running", "startTimeUtc": timestamp()})
        self._write_log(job, moment)
        self._then(job, moment + job.plan.seconds, self._finish)

    def _finish(self, job: _Job, _moment: float) -> None:
        self._end(job, job.plan.failure)

    def _then(self, job: _Job, moment: float, step: Callable[[_Job, float], None]) -> None:
        """Take a job's next step at a moment, unless it is canceled before.

        A step that comes late does not put off those after it.
        """

        def act() -> None:
            if not job.canceling:
                step(job, moment)

        self._timeline.at(moment, act)

    def _end(self, job: _Job, failure: JobFailure | None) -> None:
        if self._jobs.pop(job.id.lower(), None) is None:
            return
        if job.log is not None:
            self._emulator.blobs.stop_growing(job.log.container, job.log.path)
        self._records.end(job.id, failure, registers=False)
        if job.place is not None:
            self._capacity.leave(job.place)
        if job.ended is not None:
            job.ended.set_result(None)

    def _write_log(self, job: _Job, begun: float) -> None:
        """Let a log grow; its lines are written when somebody looks, however many jobs have one."""
        if not job.plan.lines:
            return
        target = arm_ids.parse(job.id)
        job.log = Locations(self._emulator.store, target.workspace).of_artifacts(target.name).below(STD_LOG)
        written = 0

        def more() -> bytes:
            nonlocal written
            due = job.plan.lines_after(self._timeline.now() - begun)
            lines = [line(number, target.name) for number in range(written + 1, due + 1)]
            written = due
            return b"".join(lines)

        self._emulator.blobs.grow(job.log.container, job.log.path, more)
