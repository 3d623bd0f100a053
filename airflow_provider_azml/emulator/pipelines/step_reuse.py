"""Steps of earlier pipelines whose results are used again, so that the same is not done twice."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.jobs.records import JobRecords
from airflow_provider_azml.emulator.pipelines.nodes import is_on
from airflow_provider_azml.emulator.storage.locations import output_uri

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.pipelines.nodes import Node
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

_KINDS = ("command", "parallel")
_DECISIVE = (
    *("jobType", "command", "codeId", "environmentId", "environmentVariables", "distribution", "resources"),
    *("inputs", "outputs"),
)


class EarlierSteps:
    """The steps of a workspace that have completed, by what they did.

    A step is used again when component, code, environment, inputs, outputs and run settings are the same, and the
    component does not say that it is not deterministic. With ``force_rerun`` a pipeline neither uses steps again nor
    offers its own. Sweeps always run.

    Sources: https://learn.microsoft.com/azure/machine-learning/how-to-debug-pipeline-reuse-issues (the rules; that a
    reused step shows status, outputs, logs and metrics of the original); ``azureml.isreused`` and
    ``azureml.reusedrunid``, which azure-ai-ml 1.35.2 reads; ``StepRun`` of azureml-pipeline-core and run summaries in
    Azure/azureml-examples for the other properties.

    Args:
        emulator: The emulator.
        workspace: The workspace.
    """

    def __init__(self, emulator: Emulator, workspace: WorkspaceId) -> None:
        self._emulator = emulator
        self._workspace = workspace
        self._collection = f"reusable_steps:{str(workspace).lower()}/steps"

    def key_of(self, node: Node, properties: Json, settings: Json) -> str | None:
        """What the same step would have in common with this one; ``None`` when it is to run in any case.

        Args:
            node: The node.
            properties: ``properties`` of its job.
            settings: Settings of its pipeline.
        """
        deterministic = is_on(node.spec.get("is_deterministic", True))
        if node.kind not in _KINDS or not deterministic or is_on(settings.get("force_rerun")):
            return None
        decisive = {name: properties.get(name) for name in _DECISIVE}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    def find(self, key: str) -> Json | None:
        """The job that was such a step and has completed, if it is still there."""
        found = self._emulator.store.record(self._collection, key)
        job = self._emulator.store.get(self._workspace.child("job", found["job"])) if found else None
        return job if job and job["properties"]["status"] == "Completed" else None

    def remember(self, key: str, name: str) -> None:
        """Note a step that has completed."""
        self._emulator.store.put_record(self._collection, key, {"job": name})

    def reuse(self, name: str, properties: Json, original: Json, run: Json) -> Json:
        """Make the job of a step that does not run: it has all that the original has.

        Args:
            name: Its name.
            properties: Its ``properties``, if it ran.
            original: The job that it would repeat.
            run: What is known of its run, in run history's words.
        """
        records = JobRecords(self._emulator)
        job_id = self._workspace.child("job", name)
        outputs: dict[str, Json | None] = original["properties"].get("outputs") or {}
        changed = {
            "outputs": {
                output: {**(entry or {}), "uri": output_uri(original["name"], output, entry or {})}
                for output, entry in outputs.items()
                if output != "default"
            },
            "properties": {**properties["properties"], **_reused(original)},
        }
        document = self._emulator.store.put(job_id, {"properties": {**properties, **changed}}, listed=False)
        earlier = records.runs(job_id).get(original["name"])
        assert earlier is not None
        kept = {field: earlier[field] for field in ("dataContainerId", "metrics", "params", "runUuid")}
        own = {"parentRunId": properties["parentJobName"], "startTimeUtc": timestamp()}
        records.runs(job_id).begin(document, {**own, **run, **kept})
        records.end(job_id, None, registers=False)
        return records.job(job_id)


def _reused(original: Json) -> Json:
    """What a reused step says of its original."""
    known = original["properties"]["properties"]
    pipeline = known["azureml.pipelinerunid"]
    return {
        "azureml.isreused": "true",
        "azureml.reusedrunid": original["name"],
        "azureml.reusednodeid": known["azureml.nodeid"],
        "azureml.reusedpipeline": pipeline,
        "azureml.reusedpipelinerunid": pipeline,
        "azureml.rootpipelinerunid": known["azureml.rootpipelinerunid"],
    }
