"""Sweeps: one job that runs many, its trials, and finds the best of them."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Protocol

from airflow_provider_azml.emulator.arm.errors import bad_request
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.jobs.records import JobFailure, JobRecords
from airflow_provider_azml.emulator.jobs.services import services_of
from airflow_provider_azml.emulator.storage.locations import Locations, output_uri
from airflow_provider_azml.emulator.sweeps.log import SweepLog
from airflow_provider_azml.emulator.sweeps.settings import SweepError, settings_of
from airflow_provider_azml.emulator.sweeps.standings import Standings
from airflow_provider_azml.emulator.sweeps.trials import trial_properties
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.sweeps.search_space import Parameters
    from airflow_provider_azml.emulator.sweeps.standings import Best
    from airflow_provider_azml.rest.flows import Json

_SETTLE_SECONDS = 0.05
_POOR = JobFailure("UserError", "The trial was canceled by the sweep's early termination policy.", status="Canceled")
_SWEEP_ENDS = JobFailure("UserError", "The trial was canceled because its sweep ends.", status="Canceled")


class TrialRunner(Protocol):
    """What runs the trials of sweeps."""

    def submit(self, job: Json) -> None:
        """Start a job that the store holds."""

    def cancel(self, job_id: str, why: JobFailure) -> None:
        """Cancel a job; nothing happens to one that has ended."""

    async def ended(self, job_id: str) -> None:
        """Wait until a job is not active."""


def accepted(name: str, properties: Json) -> Json:
    """The properties with which a new sweep is stored.

    Args:
        name: The sweep.
        properties: Its ``properties``, as they were sent.

    Raises:
        ArmError: It asks for something that cannot be.
    """
    try:
        noted = settings_of(properties).run_properties()
    except SweepError as error:
        target = f"properties.{error.target}"
        raise bad_request(f"Sweep '{name}': {error}", code="ValidationError", target=target) from error
    return {**properties, "properties": {**noted, **properties["properties"]}}


class Sweep:
    """A sweep that runs.

    Its trials are command jobs named ``<sweep>_0``, ``<sweep>_1`` and so on. The best is the one that has logged the
    best value of the primary metric, however it ended. A trial that fails is one trial less; the sweep fails when some
    have failed and none has completed.

    Sources: https://learn.microsoft.com/azure/machine-learning/how-to-tune-hyperparameters and reference-yaml-job-sweep
    (limits); ``best_child_run_id``, which azure-ai-ml reads; ``score`` and what is beside it: printed details of
    HyperDrive runs; ``HyperDriveRun`` of azureml-train-core (tags of the sweep hold what its trials try, and the best
    may be one that failed or was canceled); the words of a sweep that fails: swatig007/automlForImages, issue 25.

    Args:
        emulator: The emulator.
        job: The sweep job.
        runner: Runs its trials.
    """

    def __init__(self, emulator: Emulator, job: Json, runner: TrialRunner) -> None:
        self._emulator = emulator
        self._job = job
        self._runner = runner
        self._id = str(job["id"])
        self._workspace = arm_ids.parse(self._id).workspace
        self._records = JobRecords(emulator)
        self._runs = self._records.runs(self._id)
        self._log = SweepLog(emulator.blobs, Locations(emulator.store, self._workspace).of_artifacts(job["name"]))
        self._settings = settings_of(job["properties"])
        self._sampler = self._settings.sampler()
        self._standings = Standings(self._settings)
        self._best: Best | None = None
        self._trials: list[str] = []
        self._running: dict[str, asyncio.Task[None]] = {}
        self._heard_of: set[str] = set()
        self._news = asyncio.Event()
        self._all_generated = False

    async def run(self) -> None:
        """Run it to its end.

        Raises:
            JobFailure: It did not complete.
            asyncio.CancelledError: It was cancelled; its trials have ended.
        """
        self._log.created()
        self._records.report(self._id, {"status": "Running", "startTimeUtc": timestamp()})
        try:
            with self._emulator.metric_news.listening(self._id, self._hear):
                await self._search_in_time()
            failure = self._failure()
        except JobFailure as error:
            failure = error
        finally:
            self._take_outputs()
        self._log.ended(failure.status if failure else "Completed")
        if failure:
            raise failure

    async def _search_in_time(self) -> None:
        seconds = self._settings.timeout_seconds
        try:
            await asyncio.wait_for(self._search(), seconds)
        except asyncio.TimeoutError:
            message = f"The sweep ran for longer than limits.timeout ({seconds:.0f} s) and was canceled."
            raise JobFailure("UserError", message, status="Canceled") from None
        finally:
            await self._stop()

    async def _search(self) -> None:
        await self._fill()
        while self._running:
            await self._news.wait()
            # a script that logs much is read once per moment, not once per value
            await asyncio.sleep(_SETTLE_SECONDS)
            self._news.clear()
            self._take_note()
            await self._fill()

    async def _fill(self) -> None:
        """Start as many trials as may run beside those that do."""
        room = min(self._settings.concurrent - len(self._running), self._settings.most - len(self._trials))
        if room > 0 and not self._all_generated:
            await self._start_some(room)
        if len(self._trials) == self._settings.most and not self._all_generated:
            self._log.reached_most(self._settings.most)
            self._end_generation()

    async def _start_some(self, count: int) -> None:
        self._log.sampling(count)
        before = len(self._trials)
        while len(self._trials) < before + count and not self._all_generated:
            parameters = self._sampler.next(self._standings.tried())
            if parameters is None:
                self._end_generation()
            else:
                self._start(parameters)
                # a thousand at once must not keep clients waiting
                await asyncio.sleep(0)
        self._log.sampled(len(self._trials) - before)

    def _end_generation(self) -> None:
        self._all_generated = True
        self._log.all_generated()

    def _start(self, parameters: Parameters) -> None:
        name = f"{self._job['name']}_{len(self._trials)}"
        job_id = self._workspace.child("job", name)
        if self._emulator.store.get(job_id) is not None:
            message = f"The trial {name} cannot be submitted: there is another job of this name."
            raise JobFailure("UserError", message)
        services = services_of(self._emulator, str(self._workspace), name)
        properties = trial_properties(self._job, name, parameters, services)
        document = self._emulator.store.put(job_id, {"properties": properties}, listed=False)
        self._trials.append(name)
        self._standings.enter(name, parameters)
        self._records.report(self._id, {"tags": {name: json.dumps(parameters)}})
        self._runner.submit(document)
        self._log.scheduled(name)
        self._running[name] = asyncio.create_task(self._watch(name, job_id))

    async def _watch(self, trial: str, job_id: str) -> None:
        await self._runner.ended(job_id)
        del self._running[trial]
        self._hear(trial)

    def _hear(self, run_id: str) -> None:
        self._heard_of.add(run_id)
        self._news.set()

    def _take_note(self) -> None:
        """Read what was logged, judge those who logged it, and say which trial is the best by now."""
        heard_of = [trial for trial in self._trials if trial in self._heard_of]
        self._heard_of.clear()
        for trial in heard_of:
            logged = self._runs.metric_history(trial, self._settings.metric)
            self._standings.note(trial, [float(metric["value"]) for metric in logged])
        for trial in heard_of:
            interval = self._standings.poor_at(trial)
            if interval is not None and trial in self._running:
                self._log.canceling(trial, interval)
                self._runner.cancel(self._workspace.child("job", trial), _POOR)
        self._tell_best()

    def _tell_best(self) -> None:
        best = self._standings.best()
        if best is None or best == self._best:
            return
        self._best = best
        told = {
            "best_child_run_id": best.trial,
            "best_data_container_id": f"dcid.{best.trial}",
            "best_metric_status": "Succeeded",
            "score": str(best.value),
        }
        self._records.report(self._id, {"properties": told})

    async def _stop(self) -> None:
        """End the trials that run, and wait until they have."""
        for trial in self._running:
            self._runner.cancel(self._workspace.child("job", trial), _SWEEP_ENDS)
        if self._running:
            await asyncio.wait(self._running.values())
        self._take_note()

    def _take_outputs(self) -> None:
        """Make the outputs of the best trial those of the sweep."""
        if self._best is not None:
            self._emulator.store.update(self._id, partial(_point_outputs_to, self._best.trial))

    def _failure(self) -> JobFailure | None:
        """Why the sweep fails, once its trials have ended."""
        runs = [run for trial in self._trials if (run := self._runs.get(trial))]
        failed = [run for run in runs if run["status"] in ("Failed", "NotResponding")]
        if not failed or any(run["status"] == "Completed" for run in runs):
            return None
        first = failed[0]
        return JobFailure(
            "UserError",
            "User errors were found in at least one of the child runs. "
            f"No trial completed, and {len(failed)} failed; {first['runId']}: {first['error']['error']['message']}",
        )


def _point_outputs_to(trial: str, document: Json) -> None:
    outputs: dict[str, Json | None] = document["properties"].get("outputs") or {}
    for name, output in outputs.items():
        if name != "default":
            outputs[name] = {**(output or {}), "uri": output_uri(trial, name, output or {})}
