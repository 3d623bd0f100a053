"""Jobs that run nothing and only take time, for trying out what waits for thousands of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.compute_nodes import (
    is_low_priority,
    nodes_of,
    nodes_wanted,
    queueing_info,
    too_many_nodes,
)
from airflow_provider_azml.emulator.arm.errors import bad_request
from airflow_provider_azml.emulator.clock import seconds_since, timestamp
from airflow_provider_azml.emulator.jobs.capacity import Capacity, Place
from airflow_provider_azml.emulator.jobs.records import CANCELED, LOST, PREEMPTED, JobFailure, JobRecords
from airflow_provider_azml.emulator.jobs.services import services_of
from airflow_provider_azml.emulator.pipelines.runs import OF_PIPELINE
from airflow_provider_azml.emulator.simulation.log import SimulatedLog
from airflow_provider_azml.emulator.simulation.pipeline import Pipeline, check_nodes, nodes_of_pipeline
from airflow_provider_azml.emulator.simulation.plan import Plan, PlanError, plan_of
from airflow_provider_azml.emulator.simulation.sweep import Sweep, of_sweep
from airflow_provider_azml.emulator.simulation.timeline import Timeline
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.simulation.children import Child, Children
    from airflow_provider_azml.rest.flows import Json

MARK = "azml.simulated"
_PREPARING_SECONDS = 0.2
_CANCELING_SECONDS = 0.1
_OF_CHILD: Json = {"tags": {}, "properties": {}, "isArchived": False}


@dataclass(eq=False)
class _Job:
    """A simulated job that has not ended.

    Args:
        id: Its id.
        plan: How it goes.
        parent: The job whose child it is.
        metrics: What it logs at its end.
        children: Its own children.
        running: Those of them that have not ended.
        place: Its place on a cluster.
        log: Its log.
        works: Whether it runs.
        began: When it began to run, if an emulator that ended since had it run.
        attempt: How often its nodes were taken away.
        canceling: Whether it takes no further step but its end.
        ended: Done at its end, for those who wait for it.
    """

    id: str
    plan: Plan
    parent: _Job | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    children: Children | None = None
    running: dict[str, _Job] = field(default_factory=dict)
    place: Place | None = None
    log: SimulatedLog | None = None
    works: bool = False
    began: float | None = None
    attempt: int = 0
    canceling: bool = False
    ended: asyncio.Future[None] | None = None

    @property
    def name(self) -> str:
        return self.id.rpartition("/")[2]

    def is_on(self, compute: str) -> bool:
        """Whether it has nodes of a compute."""
        return self.place is not None and self.place.compute == compute and self.place.granted.done()


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
            if properties["jobType"] == "Pipeline":
                check_nodes(nodes_of_pipeline(properties, self._emulator.store.get), self._seconds)
        except PlanError as error:
            raise bad_request(f"Job '{name}' cannot be simulated: {error}.", code="ValidationError") from error
        return _accepted(properties)

    def submit(self, job: Json) -> None:
        """Start a job that the store holds; its status says how far it is."""
        self._records.begin(job)
        self._queue(_Job(job["id"], plan_of(job["properties"]["properties"], self._seconds)), job)

    def cancel(self, job_id: str) -> None:
        """Cancel a job and its children; nothing happens to one that has ended."""
        job = self._jobs.get(job_id.lower())
        if job is None or job.canceling:
            return
        job.canceling = True
        self._records.report(job.id, {"status": "CancelRequested"})
        for child in job.running.values():
            self.cancel(child.id)
        self._timeline.at(self._timeline.now() + _CANCELING_SECONDS, partial(self._end, job, CANCELED))

    def lose_worker(self, job_id: str) -> bool:
        """Let nothing be heard of a job any more, as ``JobRunner.lose_worker`` does; whether it ran."""
        job = self._jobs.get(job_id.lower())
        if job is None or job.canceling or job.children is not None or not job.works:
            return False
        self._end(job, LOST)
        return True

    def preempt(self, compute_id: str) -> list[str]:
        """Take the nodes of a low-priority cluster away, as ``JobRunner.preempt`` does; the jobs that were on them."""
        if not is_low_priority(self._emulator.store.get(compute_id)):
            return []
        there = [job for job in self._jobs.values() if not job.canceling and job.is_on(compute_id.lower())]
        for job in there:
            self._evict(job)
        self._emulator.computes.clusters.evict(compute_id)
        for job in there:
            self._wait_for_nodes(job, self._records.job(job.id), compute_id)
        return [job.id for job in there]

    def _evict(self, job: _Job) -> None:
        assert job.place is not None
        self._capacity.leave(job.place)
        job.place, job.began, job.works = None, None, False
        job.attempt += 1
        if job.log is not None:
            job.log.close()
            job.log = None
        self._records.report(job.id, {"status": "Queued", "startTimeUtc": None, "warnings": [PREEMPTED]})

    async def ended(self, job_id: str) -> None:
        """Wait until a job is not active."""
        if job := self._jobs.get(job_id.lower()):
            job.ended = job.ended or asyncio.get_running_loop().create_future()
            await asyncio.shield(job.ended)

    def compute_changed(self) -> None:
        """Let jobs run for which a compute has room by now."""
        self._capacity.admit()

    def compute_gone(self, compute_id: str, why: str) -> None:
        """End the jobs that run on a compute which is not there any more, or stops, saying why."""
        for job in [job for job in self._jobs.values() if not job.canceling and job.is_on(compute_id.lower())]:
            job.canceling = True
            self._end(job, JobFailure("UserError", why))

    def awaited(self, compute_id: str) -> int:
        """How many more nodes of a compute the jobs want that wait."""
        return self._capacity.awaited(compute_id.lower())

    def prepare(self, environment_id: str) -> None:
        """Nothing: what runs nothing needs no Python."""

    def recover(self) -> None:
        """At the start: jobs that were active when an emulator ended go on as if it had not.

        Not those with children, and these: which of them were still to come, nobody knows any more.
        """
        left: list[tuple[Json, Json]] = []
        abandoned: list[Json] = []
        for job in self._records.active():
            run = self._records.runs(job["id"]).get(job["name"])
            if run is None or not _outlives(job, run):
                abandoned.append(job)
            else:
                left.append((job, run))
        # those that run have their nodes already
        for job, run in sorted(left, key=lambda it: it[1]["startTimeUtc"] or "~"):
            self._take_up(job, run)
        self._records.abandon(abandoned)

    async def close(self) -> None:
        """Leave the jobs as they are."""
        self._timeline.close()

    def _take_up(self, document: Json, run: Json) -> None:
        job = _Job(document["id"], plan_of(document["properties"]["properties"], self._seconds))
        if began := run["startTimeUtc"]:
            job.began = self._timeline.now() - seconds_since(began)
        if run["status"] == "CancelRequested":
            self._jobs[job.id.lower()] = job
            self.cancel(job.id)
        else:
            self._queue(job, document)

    def _queue(self, job: _Job, document: Json) -> None:
        self._jobs[job.id.lower()] = job
        try:
            job.children = self._children_of(document, job.plan)
        except PlanError as error:
            wrong = JobFailure("UserError", f"The job cannot be simulated: {error}.")
            self._timeline.at(self._timeline.now(), partial(self._end, job, wrong))
            return
        compute_id = str(document["properties"].get("computeId") or "")
        if job.children is None and self._is_cluster(compute_id):
            self._wait_for_nodes(job, document, compute_id)
        else:
            self._leave_queue(job)

    def _children_of(self, document: Json, plan: Plan) -> Children | None:
        properties, find = document["properties"], self._emulator.store.get
        if properties["jobType"] == "Sweep":
            return Sweep(document, plan)
        nodes = nodes_of_pipeline(properties, find) if properties["jobType"] == "Pipeline" else {}
        check_nodes(nodes, plan.seconds)
        return Pipeline(document, nodes, plan, find) if nodes else None

    def _is_cluster(self, compute_id: str) -> bool:
        compute = self._emulator.store.get(compute_id) if compute_id else None
        return compute is not None and compute["properties"]["computeType"] == "AmlCompute"

    def _wait_for_nodes(self, job: _Job, document: Json, compute_id: str) -> None:
        nodes, limit = nodes_wanted(document), partial(self._nodes_of, compute_id)
        if nodes > limit():
            self._timeline.at(self._timeline.now(), partial(self._end, job, too_many_nodes(document, limit())))
            return
        job.place = self._capacity.ask(compute_id.lower(), nodes, limit)
        if job.place.granted.done():
            self._have_nodes(job, job.place.granted, waited=False)
            return
        self._records.report(job.id, {"queueingInfo": queueing_info(compute_id, nodes)})
        job.place.granted.add_done_callback(partial(self._have_nodes, job))

    def _nodes_of(self, compute_id: str) -> int:
        return nodes_of(self._emulator.store, compute_id) or 0

    def _have_nodes(self, job: _Job, granted: asyncio.Future[None], *, waited: bool = True) -> None:
        if job.canceling or job.place is None or job.place.granted is not granted:
            return
        if error := granted.exception():
            self._end(job, error if isinstance(error, JobFailure) else JobFailure("SystemError", str(error)))
            return
        up = self._emulator.computes.take(job.id, job.place.compute, job.place.nodes)
        if up.done():
            self._nodes_up(job, up, waited=waited)
            return
        starting = queueing_info(job.place.compute, job.place.nodes, starting=True)
        self._records.report(job.id, {"queueingInfo": starting})
        up.add_done_callback(partial(self._nodes_up, job))

    def _nodes_up(self, job: _Job, up: asyncio.Future[None], *, waited: bool = True) -> None:
        if job.canceling or up.cancelled():
            return
        if waited:
            self._records.report(job.id, {"queueingInfo": None})
        self._leave_queue(job)

    def _leave_queue(self, job: _Job) -> None:
        if job.began is not None:
            self._work(job, job.began)
            return
        self._then(job, self._timeline.now() + job.plan.queue_seconds, self._prepare)

    def _prepare(self, job: _Job, moment: float) -> None:
        self._records.report(job.id, {"status": "Preparing"})
        self._then(job, moment + _PREPARING_SECONDS, self._run)

    def _run(self, job: _Job, moment: float) -> None:
        self._records.report(job.id, {"status": "Running", "startTimeUtc": timestamp()})
        if job.children is not None:
            self._go_on(job)
            return
        self._work(job, moment)

    def _work(self, job: _Job, moment: float) -> None:
        job.works = True
        if job.place is not None:
            self._emulator.computes.runs(job.id, job.place.compute)
        if job.plan.lines:
            job.log = SimulatedLog(self._emulator, job.id, job.plan, lambda: self._timeline.now() - moment)
        self._then(job, moment + job.plan.seconds, self._finish)

    def _finish(self, job: _Job, _moment: float) -> None:
        self._end(job, job.plan.failure)

    def _then(self, job: _Job, moment: float, step: Callable[[_Job, float], None]) -> None:
        """Take a job's next step at a moment, unless it is canceled before.

        A step that comes late does not put off those after it; nor is one taken after the job has lost its nodes.
        """
        attempt = job.attempt

        def act() -> None:
            if not job.canceling and job.attempt == attempt and job.id.lower() in self._jobs:
                step(job, moment)

        self._timeline.at(moment, act)

    def _end(self, job: _Job, failure: JobFailure | None) -> None:
        if self._jobs.pop(job.id.lower(), None) is None:
            return
        if job.log is not None:
            job.log.close()
        logged = job.metrics if failure is None or job.works else {}
        self._log_metrics(job.id, logged)
        self._records.end(job.id, failure, registers=False)
        if job.place is not None:
            self._emulator.computes.leave(job.id, job.place.compute)
            self._capacity.leave(job.place)
        if job.ended is not None:
            job.ended.set_result(None)
        if job.parent is not None:
            self._child_ended(job.parent, job, failure, logged)

    def _log_metrics(self, job_id: str, metrics: Mapping[str, float]) -> None:
        runs, now = self._records.runs(job_id), int(time.time() * 1000)
        for key, value in metrics.items():
            runs.log_metric(job_id.rpartition("/")[2], {"key": key, "value": value, "timestamp": now, "step": 0})

    def _child_ended(self, parent: _Job, child: _Job, failure: JobFailure | None, metrics: Mapping[str, float]) -> None:
        assert parent.children is not None
        del parent.running[child.name]
        if changed := parent.children.ended(child.name, failure, metrics):
            self._records.report(parent.id, changed)
        if not parent.canceling:
            self._go_on(parent)

    def _go_on(self, parent: _Job) -> None:
        """Start the children that may start by now; with the last of them, the parent ends."""
        children = parent.children
        assert children is not None
        if children.doomed():
            for child in parent.running.values():
                self.cancel(child.id)
        for due in children.due():
            self._start_child(parent, due)
        if not parent.running:
            self._end(parent, children.outcome())

    def _start_child(self, parent: _Job, child: Child) -> None:
        workspace = arm_ids.parse(parent.id).workspace
        services = services_of(self._emulator, str(workspace), child.name)
        properties = _accepted({**_OF_CHILD, "parentJobName": parent.name, **child.properties})
        job_id = workspace.child("job", child.name)
        document = self._emulator.store.put(
            job_id, {"properties": {**properties, "services": services, "outputs": {}}}, listed=False
        )
        self._records.begin(document, {"parentRunId": parent.name, **child.run})
        if child.of_parent:
            self._records.report(parent.id, child.of_parent)
        job = parent.running[child.name] = _Job(job_id, child.plan, parent, child.metrics)
        self._queue(job, document)


def _outlives(job: Json, run: Json) -> bool:
    """Whether an active job goes on with the next emulator."""
    properties = job["properties"]
    is_simulated = properties["properties"].get(MARK) == "true"
    return is_simulated and properties["jobType"] not in ("Pipeline", "Sweep") and not run["parentRunId"]


def _accepted(properties: Json) -> Json:
    """The properties of a job as they are stored: queued, and marked."""
    own: Json = {}
    if properties["jobType"] == "Pipeline":
        own = OF_PIPELINE
    elif properties["jobType"] == "Sweep":
        own = of_sweep(properties)
    # what a step of a pipeline says of itself is said with the whole pipeline in mind
    return {**properties, "status": "Queued", "properties": {**own, **properties["properties"], MARK: "true"}}
