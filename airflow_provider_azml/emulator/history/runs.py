"""Runs and experiments of a workspace: what run history and MLflow know, over what the control plane knows of a job."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

DEFAULT_EXPERIMENT = "Default"
_AT_ONCE = 200
_OF_JOB = {
    "status": "status",
    "displayName": "displayName",
    "description": "description",
    "tags": "tags",
    "properties": "properties",
    "hidden": "isArchived",
}
_RUN_TYPES = {"AutoML": "automl", "Pipeline": "azureml.PipelineRun", "Sweep": "hyperdrive"}


class Runs:
    """The runs of a workspace.

    A run that is a job shares its status, names, tags and properties with the job's document, so that a change through
    run history or MLflow is seen through Resource Manager and the other way round. Everything else is the run's own.

    Args:
        store: The emulator's memory.
        workspace: The workspace.
    """

    def __init__(self, store: Store, workspace: WorkspaceId) -> None:
        self._store = store
        self._workspace = workspace
        self._scope = str(workspace).lower()

    def begin(self, job: Json, fields: Json | None = None) -> Json:
        """The run of a job that was just submitted.

        Args:
            job: The job, as the control plane has it.
            fields: What else is known of the run, in run history's words.
        """
        properties = job["properties"]
        return self.create(
            job["name"],
            experiment=properties.get("experimentName") or DEFAULT_EXPERIMENT,
            fields={
                "ofJob": True,
                "runType": _RUN_TYPES.get(properties["jobType"], "azureml.scriptrun"),
                "target": str(properties.get("computeId") or "").rpartition("/")[2] or "Serverless",
                **(fields or {}),
            },
        )

    def create(self, run_id: str, *, experiment: str, fields: Json) -> Json:
        """A new run.

        Args:
            run_id: Its id.
            experiment: Name of its experiment, which is made if it is not there.
            fields: What else is known of it, in run history's words.
        """
        parent = self._record(str(fields.get("parentRunId") or ""))
        record: Json = {
            "runId": run_id,
            "runUuid": str(uuid.uuid4()),
            "runNumber": self._store.next_number(f"run_numbers:{self._scope}"),
            "rootRunId": parent["rootRunId"] if parent else run_id,
            "parentRunId": None,
            "experimentName": experiment,
            "experimentId": self.experiment(experiment)["experimentId"],
            "dataContainerId": f"dcid.{run_id}",
            "createdUtc": timestamp(),
            "startTimeUtc": None,
            "endTimeUtc": None,
            "error": None,
            "warnings": [],
            "inputs": {},
            "outputs": {},
            "params": {},
            "metrics": {},
            **fields,
        }
        self._store.put_record(self._collection, run_id.lower(), record)
        self._store.put_record(self._of_experiment(record["experimentId"]), run_id.lower(), {"runId": run_id})
        if parent:
            self._store.put_record(self._children(parent), run_id.lower(), {"runId": run_id})
        return record

    def get(self, run_id: str) -> Json | None:
        """A run, or ``None``."""
        record = self._record(run_id)
        return self._with_job(record) if record else None

    def newest(self, experiment_id: str, before: int = 0) -> Iterator[tuple[int, Json]]:
        """The runs of an experiment with the numbers by which they are ordered, newest first.

        Args:
            experiment_id: The experiment.
            before: Begin before this number; 0 to begin with the newest.
        """
        while found := self._store.numbered_records(self._of_experiment(experiment_id), _AT_ONCE, before=before):
            # a job that was deleted may have had the name of one that is in another experiment
            yield from (run for run in self._named(found) if run[1]["experimentId"] == experiment_id)
            before = found[-1][0]

    def children(self, run_id: str) -> list[Json]:
        """The runs whose parent a run is, oldest first."""
        return [run for _, run in self.children_from(run_id)]

    def children_from(self, run_id: str, after: int = 0) -> Iterator[tuple[int, Json]]:
        """The runs whose parent a run is, with the numbers by which they are ordered, oldest first.

        Args:
            run_id: The parent.
            after: Begin after this number.
        """
        parent = self._record(run_id)
        while parent and (found := self._store.numbered_records(self._children(parent), _AT_ONCE, after=after)):
            yield from self._named(found)
            after = found[-1][0]

    def change(self, run_id: str, fields: Json) -> Json | None:
        """Set fields of a run; of tags and properties, those that are given. ``None`` when it is not there.

        Args:
            run_id: The run.
            fields: Field, in run history's words -> value.
        """
        record = self._record(run_id)
        if record is None:
            return None
        job = self._store.update(self._job_id(run_id), lambda document: _merge(document["properties"], fields, _OF_JOB))
        if job is None and record.get("ofJob"):
            return None
        own = {field: field for field in fields if job is None or field not in _OF_JOB}
        if own:
            _merge(record, fields, own)
            self._store.put_record(self._collection, run_id.lower(), record)
        return _shared(record, job)

    def remove_tags(self, run_id: str, names: set[str]) -> None:
        """Take tags from a run, if it is there."""
        run = self.get(run_id)
        if run is None:
            return
        kept = {name: value for name, value in run["tags"].items() if name not in names}
        if self._store.update(self._job_id(run_id), lambda document: document["properties"].update(tags=kept)) is None:
            record = self._record(run_id) or {}
            self._store.put_record(self._collection, run_id.lower(), {**record, "tags": kept})

    def is_job(self, run_id: str) -> bool:
        """Whether a run is a job, whose status its process decides."""
        return self._store.get(self._job_id(run_id)) is not None

    def log_metric(self, run_id: str, metric: Json) -> None:
        """Add a value to a metric of a run.

        Args:
            run_id: A run that is there.
            metric: ``{"key", "value", "timestamp", "step"}``.
        """
        record = self._record(run_id)
        assert record is not None
        self._store.put_record(self._metrics(record), uuid.uuid4().hex, metric)
        latest = record["metrics"].get(metric["key"])
        if latest is None or _moment(metric) >= _moment(latest):
            record["metrics"][metric["key"]] = metric
            self._store.put_record(self._collection, run_id.lower(), record)

    def metric_history(self, run_id: str, key: str) -> list[Json]:
        """All values of a metric of a run, in the order in which they were logged."""
        record = self._record(run_id)
        logged = self._store.records(self._metrics(record)) if record else []
        return [metric for metric in logged if metric["key"] == key]

    def log_metric_row(self, run_id: str, row: Json) -> None:
        """Add a row to a metric of a run that is more than a number.

        Args:
            run_id: A run that is there.
            row: ``{"name", "type", "columns", "data", "metricId", "createdUtc", ...}``, in the metric service's words.
        """
        record = self._record(run_id)
        assert record is not None
        self._store.put_record(self._metric_rows(record), uuid.uuid4().hex, row)

    def metric_rows(self, run_id: str) -> list[Json]:
        """The rows of all metrics of a run that are more than numbers, in the order in which they were logged."""
        record = self._record(run_id)
        return self._store.records(self._metric_rows(record)) if record else []

    def experiment(self, name: str) -> Json:
        """The experiment of a name, made if it is not there."""
        found = self.find_experiment(name=name)
        if found is None:
            found = {"experimentId": str(uuid.uuid4()), "name": name, "createdUtc": timestamp(), "tags": {}}
            self._store.put_record(f"experiments:{self._scope}", name, found)
        return found

    def change_experiment(self, experiment: Json) -> Json:
        """Replace an experiment that is there by what it is to be, and return that."""
        self._store.put_record(f"experiments:{self._scope}", experiment["name"], experiment)
        return experiment

    def find_experiment(self, *, name: str | None = None, experiment_id: str | None = None) -> Json | None:
        """The experiment of a name or id, or ``None``."""
        if name is not None:
            return self._store.record(f"experiments:{self._scope}", name)
        return next((found for found in self.experiments() if found["experimentId"] == experiment_id), None)

    def experiments(self) -> list[Json]:
        """All experiments, oldest first."""
        return self._store.records(f"experiments:{self._scope}")

    @property
    def _collection(self) -> str:
        return f"runs:{self._scope}"

    def _children(self, record: Json) -> str:
        return f"children:{self._scope}/runs/{record['runUuid']}"

    def _of_experiment(self, experiment_id: str) -> str:
        return f"experiment_runs:{self._scope}/experiments/{experiment_id}"

    def _metrics(self, record: Json) -> str:
        # not by name: a job that was deleted may have had the same one
        return f"metrics:{self._scope}/runs/{record['runUuid']}"

    def _metric_rows(self, record: Json) -> str:
        return f"metric_rows:{self._scope}/runs/{record['runUuid']}"

    def _job_id(self, run_id: str) -> str:
        return self._workspace.child("job", run_id)

    def _record(self, run_id: str) -> Json | None:
        return self._store.record(self._collection, run_id.lower()) if run_id else None

    def _named(self, found: Sequence[tuple[int, Json]]) -> Iterator[tuple[int, Json]]:
        """The runs that numbered records name, as ``_with_job`` gives them, read in few requests."""
        names = [(number, str(named["runId"]).lower()) for number, named in found]
        there = self._store.records_named(self._collection, [name for _, name in names])
        records = [(number, there[name]) for number, name in names if name in there]
        ids = {number: self._job_id(record["runId"]).lower() for number, record in records}
        jobs = self._store.some([*ids.values()])
        for number, record in records:
            job = jobs.get(ids[number])
            if job is not None or not record.get("ofJob"):
                yield number, _shared(record, job)

    def _with_job(self, record: Json) -> Json | None:
        """A run with what it shares with its job; ``None`` when it is one of a job that is gone."""
        job = self._store.get(self._job_id(record["runId"]))
        return None if job is None and record.get("ofJob") else _shared(record, job)


def page_of(runs: Iterable[tuple[int, Json]], most: int) -> tuple[list[Json], int | None]:
    """The first runs, and the number of the last of them if there are more.

    Args:
        runs: Runs with the numbers by which they are ordered.
        most: How many at most; 0 for all.
    """
    page: list[Json] = []
    last = 0
    for number, run in runs:
        if most and len(page) == most:
            return page, last
        page.append(run)
        last = number
    return page, None


def enumerated(runs: Sequence[Json], start: int) -> Iterator[tuple[int, Json]]:
    """Runs that were put in an order, with their numbers in it, from the one after ``start`` on."""
    return ((number, runs[number - 1]) for number in range(start + 1, len(runs) + 1))


def _shared(record: Json, job: Json | None) -> Json:
    shared = {field: job["properties"].get(name) for field, name in _OF_JOB.items()} if job else {}
    run = {**record, **shared}
    return {**run, "tags": run.get("tags") or {}, "properties": run.get("properties") or {}}


def _merge(target: Json, fields: Json, names: dict[str, str]) -> None:
    for field, name in names.items():
        if field not in fields:
            continue
        value = fields[field]
        if field in ("tags", "properties") and value is not None:
            value = {**(target.get(name) or {}), **value}
        target[name] = value


def _moment(metric: Json) -> tuple[int, int]:
    return int(metric.get("step") or 0), int(metric.get("timestamp") or 0)
