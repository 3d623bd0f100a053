"""The pipeline service: published pipelines are listed, and submitted by their ids."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.routing import Route

from airflow_provider_azml.emulator.arm.errors import ArmError
from airflow_provider_azml.emulator.arm.jobs import start_job
from airflow_provider_azml.emulator.history.data_plane import Call, DataPlaneError, Operation, endpoint, json_value
from airflow_provider_azml.emulator.history.runs import Runs
from airflow_provider_azml.emulator.selections import SCHEDULE
from airflow_provider_azml.emulator.v1.pipeline_schedules import PipelineSchedules
from airflow_provider_azml.emulator.v1.published import ACTIVE, PREFIX, PublishedPipelines, id_of
from airflow_provider_azml.emulator.v1.sections import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_METHODS = ["GET", "POST", "PUT", "DELETE"]
_RUNS = "(?:PipelineRuns|Experiments)"
_SUBMIT = "(?:PipelineSubmit|PublishedPipelineSubmit|TemplateSubmit)"
_PUBLISHED = "(?:Pipelines|PublishedPipelines|Templates)"
_DATA_TYPES = (
    "AnyFile",
    "AzureBlobReference",
    "AzureDataLakeReference",
    "AzureFilesReference",
    "AzureSqlDatabaseReference",
    "AzurePostgresDatabaseReference",
    "AzureDataLakeGen2Reference",
    "AzureMLDataset",
    "AzureMySqlDatabaseReference",
    "DBFSReference",
    "AnyDirectory",
)
_ENDED = ("Completed", "Failed", "Canceled")


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the pipeline service."""
    return [
        Route(f"{PREFIX}{{path:path}}", endpoint(emulator, PREFIX, Pipelines(emulator).operations()), methods=_METHODS)
    ]


class Pipelines:
    """Answers for the pipeline service.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self) -> list[Operation]:
        """What can be asked.

        Sources: ``AMLPipelinesAPI10`` of azureml-pipeline-core 1.62;
        https://learn.microsoft.com/azure/machine-learning/v1/how-to-deploy-pipelines (``ExperimentName``,
        ``ParameterAssignments``, and the ``Id`` in the answer). Pipelines are published with Resource Manager, as
        components: the graphs that azureml-pipeline-core makes of steps are described nowhere.
        """
        schedules = PipelineSchedules(self._emulator)
        return [
            *schedules.operations(),
            Operation("GET", "DataTypes", lambda _: _data_types()),
            Operation("GET", _PUBLISHED, self._list),
            Operation("GET", f"{_PUBLISHED}/(?P<pipeline>[^/]+)", self._get),
            Operation("PUT", f"{_PUBLISHED}/(?P<pipeline>[^/]+)/status", self._set_status, body="raw"),
            Operation("POST", f"{_RUNS}/{_SUBMIT}/(?P<pipeline>[^/]+)", self._submit),
            Operation("GET", f"{_RUNS}/Pipeline/(?P<pipeline>[^/]+)", self._runs_of),
            Operation("GET", f"{_RUNS}/Schedule/(?P<schedule>[^/]+)", self._runs_of_schedule),
            Operation("GET", f"{_RUNS}/Schedule/(?P<schedule>[^/]+)/Last", self._last_of_schedule),
            Operation("GET", f"{_RUNS}/(?P<run>[^/]+)", self._run),
            Operation("DELETE", f"{_RUNS}/(?P<run>[^/]+)/Execution", self._cancel),
        ]

    def _published(self, call: Call) -> PublishedPipelines:
        return PublishedPipelines(self._emulator, call.workspace)

    def _list(self, call: Call) -> list[Json]:
        published = self._published(call)
        shown = [published.shown(version) for version in published.all()]
        active_only = call.request.query_params.get("activeOnly", "true").lower() != "false"
        return [pipeline for pipeline in shown if not active_only or pipeline["EntityStatus"] == ACTIVE]

    def _get(self, call: Call) -> Json:
        published = self._published(call)
        return published.shown(published.get(call.names["pipeline"]))

    async def _set_status(self, call: Call) -> None:
        self._published(call).set_status(call.names["pipeline"], str(await json_value(call.request)))

    def _submit(self, call: Call) -> Json:
        published, submission = self._published(call), Section(call.body)
        version, run_id = published.get(call.names["pipeline"]), str(uuid.uuid4())
        properties = {**published.job(version, submission), "displayName": run_id}
        try:
            start_job(self._emulator, str(call.workspace), run_id, properties)
        except ArmError as error:
            raise DataPlaneError(error.status, "UserError", error.message) from error
        return self._shown(call, run_id)

    def _run(self, call: Call) -> Json:
        return self._shown(call, unquote(call.names["run"]))

    def _cancel(self, call: Call) -> None:
        run = self._shown(call, unquote(call.names["run"]))
        self._emulator.jobs.cancel(call.workspace.child("job", run["Id"]))

    def _runs_of(self, call: Call) -> list[Json]:
        version = self._published(call).get(call.names["pipeline"])
        return [self._shown(call, name) for name in self._named(call, "azureml.pipelineid", id_of(version))]

    def _runs_of_schedule(self, call: Call) -> list[Json]:
        return [self._shown(call, name) for name in self._named(call, SCHEDULE, call.names["schedule"])]

    def _last_of_schedule(self, call: Call) -> Json | None:
        names = [*self._named(call, SCHEDULE, call.names["schedule"])]
        return self._shown(call, names[-1]) if names else None

    def _named(self, call: Call, name: str, value: str) -> Iterator[str]:
        """The jobs that have a property, oldest first."""
        for job in self._emulator.store.children(call.workspace.child("job")):
            if (job["properties"].get("properties") or {}).get(name) == value:
                yield str(job["name"])

    def _shown(self, call: Call, run_id: str) -> Json:
        """A run. Source: ``PipelineRunEntity`` of azureml-pipeline-core 1.62."""
        run = Runs(self._emulator.store, call.workspace).get(run_id)
        job = self._emulator.store.get(call.workspace.child("job", run_id))
        if run is None or job is None or job["properties"]["jobType"] != "Pipeline":
            raise DataPlaneError(404, "UserError", f"The pipeline run {run_id} was not found.")
        inputs: dict[str, Json] = job["properties"]["inputs"]
        status = run["status"]
        return {
            "Id": run_id,
            "Description": run["description"],
            "Status": {
                "StatusCode": {"Completed": "Finished"}.get(status, status),
                "StatusDetail": None,
                "CreationTime": run["createdUtc"],
                "EndTime": run["endTimeUtc"] if status in _ENDED else None,
            },
            "RunHistoryExperimentName": run["experimentName"],
            "PipelineId": run["properties"].get("azureml.pipelineid"),
            "ScheduleId": run["properties"].get(SCHEDULE),
            "ParameterAssignments": {name: str(given["value"]) for name, given in inputs.items() if "value" in given},
            "IsSubmitted": True,
            "RunSource": "Unavailable",
            "RunType": "Schedule" if SCHEDULE in run["properties"] else "SDK",
            "tags": run["tags"],
            "Properties": run["properties"],
            "EntityStatus": ACTIVE,
            "CreatedDate": run["createdUtc"],
        }


def _data_types() -> list[Json]:
    """The types of data of any workspace. Source: ``ensure_default_datatypes`` of azureml-pipeline-core 1.62."""
    return [
        {"Id": name, "Name": name, "Description": name, "IsDirectory": name == "AnyDirectory", "ParentDataTypeIds": []}
        for name in _DATA_TYPES
    ]
