"""Pipelines: one job whose nodes run as jobs of their own, each as soon as it has what it takes from others."""

from __future__ import annotations

import asyncio
import uuid
from functools import partial
from typing import TYPE_CHECKING, Protocol

from airflow_provider_azml.emulator.arm.asset_versions import component_version
from airflow_provider_azml.emulator.arm.errors import ArmError, bad_request
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.jobs.records import JobFailure, JobRecords
from airflow_provider_azml.emulator.jobs.services import services_of
from airflow_provider_azml.emulator.pipelines.decisions import IF_ELSE, Decisions, values_of
from airflow_provider_azml.emulator.pipelines.graph import ENDS, check, order_of
from airflow_provider_azml.emulator.pipelines.log import PipelineLog
from airflow_provider_azml.emulator.pipelines.nodes import PipelineError, component_spec, is_on, nodes_of
from airflow_provider_azml.emulator.pipelines.runs import (
    STEP_RUN,
    datastore_of,
    run_properties,
    step_failed,
    step_properties,
    step_tags,
)
from airflow_provider_azml.emulator.pipelines.step_jobs import job_of
from airflow_provider_azml.emulator.pipelines.step_reuse import EarlierSteps
from airflow_provider_azml.emulator.pipelines.values import Scope, with_defaults
from airflow_provider_azml.emulator.storage.locations import Locations, output_uri
from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.spec import bindings

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.pipelines.nodes import Find, Node
    from airflow_provider_azml.rest.flows import Json

_ENDS = JobFailure("UserError", "The job was canceled because its pipeline ends.", status="Canceled")


class StepRunner(Protocol):
    """What runs the nodes of pipelines."""

    def accept(self, name: str, properties: Json) -> Json:
        """The properties with which a new job is stored."""

    def submit(self, job: Json, run: Json | None = None) -> None:
        """Start a job that the store holds."""

    def cancel(self, job_id: str, why: JobFailure) -> None:
        """Cancel a job; nothing happens to one that has ended."""

    async def ended(self, job_id: str) -> None:
        """Wait until a job is not active."""


def accepted(name: str, properties: Json, find: Find) -> Json:
    """The properties with which a new pipeline job is stored.

    Args:
        name: The pipeline.
        properties: Its ``properties``, as they were sent.
        find: Finds components.

    Raises:
        ArmError: It asks for something that cannot be.
    """
    try:
        check(properties, find)
        inputs = with_defaults(properties["inputs"], component_spec(properties, find).get("inputs") or {}, "it")
    except PipelineError as error:
        target = f"properties.{error.target}" if error.target else "properties"
        raise bad_request(f"Pipeline '{name}': {error}.", code="ValidationError", target=target) from error
    noted = run_properties(inputs, properties.get("settings") or {})
    return {**properties, "inputs": inputs, "properties": {**noted, **properties["properties"]}}


class Pipeline:
    """A pipeline that runs.

    A node that fails, or is canceled, fails the pipeline: at once, with those that run beside it, or with
    ``continue_on_step_failure`` once all have ended that do not wait for it. The node that ``on_finalize`` names runs
    after all others, also when the pipeline has failed or is canceled.

    Sources: ``PipelineJob`` of the 2024-04-01 OpenAPI file;
    https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-pipeline (settings);
    ``set_pipeline_settings`` of azure-ai-ml 1.35.2 (``on_init``, ``on_finalize``).

    Args:
        emulator: The emulator.
        job: The pipeline job.
        runner: Runs its nodes.
    """

    def __init__(self, emulator: Emulator, job: Json, runner: StepRunner) -> None:
        self._emulator = emulator
        self._runner = runner
        self._id = str(job["id"])
        self._name = str(job["name"])
        self._properties: Json = job["properties"]
        self._workspace = arm_ids.parse(self._id).workspace
        self._records = JobRecords(emulator)
        compute = self._properties.get("computeId")
        own: Json = self._properties.get("settings") or {}
        self._settings: Json = {**own, "default_compute": own.get("default_compute") or compute}
        self._log = PipelineLog(emulator.blobs, Locations(emulator.store, self._workspace).of_artifacts(self._name))
        self._nodes = nodes_of(self._properties, partial(component_version, emulator.store))
        first, last = (str(self._settings.get(name) or "") for name in ENDS)
        self._last = self._nodes.get(last)
        self._order = order_of({key: node for key, node in self._nodes.items() if key != last}, first)
        self._scope = Scope(self._properties["inputs"], self._properties["outputs"] or {}, datastore_of(self._settings))
        self._decisions = Decisions(self._nodes, self._scope)
        self._earlier = EarlierSteps(emulator, self._workspace)
        self._reuse_keys: dict[str, str] = {}
        self._running: dict[asyncio.Task[None], str] = {}
        self._jobs: dict[str, str] = {}
        self._failed: list[str] = []

    async def run(self) -> None:
        """Run it to its end.

        Raises:
            JobFailure: It did not complete.
            asyncio.CancelledError: It was cancelled; its nodes have ended.
        """
        self._records.report(self._id, {"status": "Running", "startTimeUtc": timestamp()})
        stops = False
        try:
            await self._go()
        except asyncio.CancelledError:
            # unless it was asked for, it is the emulator that stops
            stops = self._records.job(self._id)["properties"]["status"] != "CancelRequested"
            raise
        finally:
            await self._stop()
            if self._last and not stops:
                await self._finalize(self._last)
        if self._failed:
            raise step_failed(self._failed)

    async def _go(self) -> None:
        await self._start_ready()
        while self._running and not self._doomed():
            done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            for key in [self._running.pop(task) for task in done]:
                self._note_end(key)
            await self._start_ready()

    async def _finalize(self, node: Node) -> None:
        """Run the node that is to run after all others, however they have ended."""
        node_id = uuid.uuid4().hex[:8]
        try:
            self._log.submitting({self._start(node, node_id): node_id})
            if self._running:
                await asyncio.wait(self._running)
                self._running.clear()
                self._note_end(node.key)
        finally:
            await self._stop()

    def _doomed(self) -> bool:
        return bool(self._failed) and not is_on(self._settings.get("continue_on_step_failure"))

    async def _start_ready(self) -> None:
        """Start the nodes for which all that they wait for has completed."""
        while not self._doomed() and self._order.is_active() and (ready := self._order.get_ready()):
            started = {}
            for key in ready:
                if self._is_done_with(self._nodes[key]):
                    continue
                node_id = uuid.uuid4().hex[:8]
                started[self._start(self._nodes[key], node_id)] = node_id
                # clients go on while a pipeline starts many nodes
                await asyncio.sleep(0)
            if started:
                self._log.submitting(started)

    def _is_done_with(self, node: Node) -> bool:
        """Whether a node has no job: it decides, or was decided against."""
        try:
            if self._decisions.leaves_out(node):
                self._log.left_out(node.key)
            elif node.kind == IF_ELSE:
                self._log.decided(node.key, holds=self._decisions.decide(node))
            else:
                return False
        except PipelineError as error:
            raise JobFailure("UserError", f"The job '{node.key}' cannot decide: {error}") from error
        self._order.done(node.key)
        return True

    def _start(self, node: Node, node_id: str) -> str:
        """Start a node, or use again what was done before; the name of its job."""
        name = str(uuid.uuid4())
        job_id = self._jobs[node.key] = self._workspace.child("job", name)
        run: Json = {"runType": STEP_RUN}
        try:
            properties = self._runner.accept(name, self._job_of(node, node_id, name))
        except (PipelineError, ArmError) as error:
            said = error.message if isinstance(error, ArmError) else str(error)
            raise JobFailure("UserError", f"The job '{node.key}' cannot be submitted: {said}") from error
        key = self._earlier.key_of(node, properties, self._settings)
        original = self._earlier.find(key) if key else None
        if original:
            self._log.reused(name, original["name"])
            self._take(node.key, self._earlier.reuse(name, properties, original, run))
            return name
        if key:
            self._reuse_keys[node.key] = key
        self._runner.submit(self._emulator.store.put(job_id, {"properties": properties}, listed=False), run)
        self._running[asyncio.create_task(self._runner.ended(job_id))] = node.key
        return name

    def _job_of(self, node: Node, node_id: str, name: str) -> Json:
        root = self._properties["properties"].get("azureml.rootpipelinerunid") or self._name
        given, job = node.given, job_of(node, self._scope, self._settings)
        return {
            **job,
            "computeId": self._compute(job["computeId"]),
            "experimentName": self._properties.get("experimentName"),
            "isArchived": False,
            "parentJobName": self._name,
            "services": services_of(self._emulator, str(self._workspace), name),
            "status": "NotStarted",
            "tags": {**(given.get("tags") or {}), **step_tags(node_id, self._name)},
            "properties": {
                **(given.get("properties") or {}),
                **step_properties(node.key, node_id, self._name),
                "azureml.moduleid": node.component_id,
                "azureml.rootpipelinerunid": root,
            },
        }

    def _compute(self, reference: str | None) -> str | None:
        """The id of a compute, which an input of the pipeline may give by its name."""
        by_name = reference and "/" not in reference
        return self._workspace.child("compute", str(reference).removeprefix("azureml:")) if by_name else reference

    def _note_end(self, key: str) -> None:
        """Take note that a node has ended: those that wait for it may start, or never will."""
        job = self._emulator.store.get(self._jobs[key])
        name = arm_ids.parse(self._jobs[key]).name
        status = job["properties"]["status"] if job else "deleted"
        if job is None or status != "Completed":
            self._failed.append(key)
            self._log.failed(name, key, status)
            return
        if key in self._reuse_keys:
            self._earlier.remember(self._reuse_keys[key], name)
        self._take(key, job)

    def _take(self, key: str, job: Json) -> None:
        """Let others have what a node has made."""
        self._log.completed(arm_ids.parse(self._jobs[key]).name)
        made = {
            output: {**(entry or {}), "uri": output_uri(job["name"], output, entry or {})}
            for output, entry in (job["properties"].get("outputs") or {}).items()
            if output != "default"
        }
        step = self._scope.steps[key] = {**job["properties"], "outputs": made}
        noted = (self._records.runs(job["id"]).get(job["name"]) or {}).get("properties") or {}
        self._scope.values[key] = values_of(self._emulator, self._workspace, self._nodes[key], step, noted)
        if self._nodes[key] is not self._last:
            self._order.done(key)
        outputs: dict[str, Json | None] = self._nodes[key].given.get("outputs") or {}
        for output, given in outputs.items():
            bound = next(bindings.found(str((given or {}).get("value") or "")), None)
            if bound and output in made:
                self._emulator.store.update(self._id, partial(_point_output, bound.name, made[output]))

    async def _stop(self) -> None:
        """End the nodes that run, and wait until they have."""
        if not self._running:
            return
        self._log.canceling(len(self._running))
        for key in self._running.values():
            self._runner.cancel(self._jobs[key], _ENDS)
        await asyncio.wait(self._running)
        self._running.clear()


def _point_output(name: str, made: Json, document: Json) -> None:
    outputs: dict[str, Json | None] = document["properties"].get("outputs") or {}
    outputs[name] = {"jobOutputType": made.get("jobOutputType"), **(outputs.get(name) or {}), "uri": made["uri"]}
    document["properties"]["outputs"] = outputs
