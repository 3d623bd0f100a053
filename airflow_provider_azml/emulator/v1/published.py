"""Published pipelines: each version of a registered pipeline component is one, and has an id of its own."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.history.data_plane import DataPlaneError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.v1.sections import Section
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

PREFIX = "/pipelines/v1.0"
ACTIVE, DISABLED = "Active", "Disabled"
STATUSES = {"0": ACTIVE, "1": "Deprecated", "2": DISABLED}
"""Words of the service, and the numbers that its clients once had for them."""


class PublishedPipelines:
    """The published pipelines of a workspace.

    Source: https://learn.microsoft.com/azure/machine-learning/migrate-to-v2-deploy-pipelines, by which a published
    pipeline becomes a pipeline component. The ids are the emulator's own: made of the version's, and so the same
    each time.

    Args:
        emulator: The emulator.
        workspace: The workspace.
    """

    def __init__(self, emulator: Emulator, workspace: WorkspaceId) -> None:
        self._emulator = emulator
        self._workspace = workspace

    def all(self) -> Iterator[Json]:
        """The versions of pipeline components, those that were registered first coming first."""
        for component in self._emulator.store.children(self._workspace.child("component")):
            for version in self._emulator.store.children(f"{component['id']}/versions"):
                if _specification(version).get("type") == "pipeline" and not version["properties"].get("isAnonymous"):
                    yield version

    def get(self, pipeline_id: str) -> Json:
        """The version that has an id.

        Raises:
            DataPlaneError: There is none.
        """
        for version in self.all():
            if id_of(version) == pipeline_id.lower():
                return version
        message = f"The pipeline {pipeline_id} was not found in workspace {self._workspace.name}."
        raise DataPlaneError(404, "UserError", message)

    def set_status(self, pipeline_id: str, status: str) -> None:
        """Make a pipeline one that can be submitted, or not any more.

        Raises:
            DataPlaneError: There is no such pipeline or status.
        """
        word = STATUSES.get(status, status)
        if word not in STATUSES.values():
            raise DataPlaneError(400, "UserError", f"'{status}' is none of {', '.join(STATUSES.values())}.")
        version = self.get(pipeline_id)
        archived = word != ACTIVE
        self._emulator.store.update(version["id"], lambda document: document["properties"].update(isArchived=archived))

    def shown(self, version: Json) -> Json:
        """A pipeline. Source: ``PipelineEntity`` of azureml-pipeline-core 1.62."""
        specification, pipeline_id = _specification(version), id_of(version)
        inputs: dict[str, Json | None] = specification.get("inputs") or {}
        defaults = {name: str(given["default"]) for name, given in inputs.items() if given and "default" in given}
        return {
            "Id": pipeline_id,
            "Name": specification.get("display_name") or specification.get("name"),
            "Description": specification.get("description") or version["properties"].get("description"),
            "Version": version["name"],
            "GraphId": pipeline_id,
            "TotalRunSteps": len(specification.get("jobs") or {}),
            "ParameterAssignments": defaults,
            "DataSetDefinitionValueAssignments": {},
            "Url": f"{self._emulator.https_url}{PREFIX}{self._workspace}/PipelineRuns/PipelineSubmit/{pipeline_id}",
            "Etag": None,
            "CreatedDate": version["systemData"]["createdAt"],
            "LastModifiedDate": version["systemData"]["lastModifiedAt"],
            "EntityStatus": DISABLED if version["properties"].get("isArchived") else ACTIVE,
            "ContinueRunOnStepFailure": False,
            "Properties": version["properties"].get("properties") or {},
        }

    def job(self, version: Json, submission: Section) -> Json:
        """The ``properties`` of the pipeline job that a submission asks for.

        Args:
            version: The pipeline.
            submission: ``PipelineSubmissionInfo``.

        Raises:
            DataPlaneError: It asks for something that cannot be.

        Source: ``PipelineSubmissionInfo`` of azureml-pipeline-core 1.62.
        """
        if version["properties"].get("isArchived"):
            raise DataPlaneError(400, "UserError", f"The pipeline {id_of(version)} is disabled.")
        if submission.section("dataSetDefinitionValueAssignments").values:
            raise submission.wrong("dataSetDefinitionValueAssignments", "cannot be: the emulator has no datasets of v1")
        goes_on = submission.value("continueRunOnStepFailure")
        return {
            "jobType": "Pipeline",
            "componentId": version["id"],
            "experimentName": submission.text("experimentName") or str(_specification(version).get("name")),
            "description": submission.text("description") or None,
            "inputs": {**_parameters(submission), **_paths(submission)},
            "settings": {} if goes_on is None else {"continue_on_step_failure": bool(goes_on)},
            "tags": _texts(submission.section("tags")),
            "properties": {**_texts(submission.section("properties")), "azureml.pipelineid": id_of(version)},
        }


def id_of(version: Json) -> str:
    """The id that a version of a pipeline component has as a published pipeline."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, str(version["id"]).lower()))


def _specification(version: Json) -> Json:
    specification: Json = version["properties"].get("componentSpec") or {}
    return specification


def _parameters(submission: Section) -> dict[str, Json]:
    given = submission.section("parameterAssignments").values
    for name, value in given.items():
        if str(value).startswith("@"):
            reason = "is an expression, and the emulator evaluates none"
            raise submission.section("parameterAssignments").wrong(name, reason)
    return {name: {"jobInputType": "literal", "value": str(value)} for name, value in given.items()}


def _paths(submission: Section) -> dict[str, Json]:
    """Paths on datastores. Source: ``LegacyDataPath`` of azureml-pipeline-core 1.62."""
    uri = "azureml://datastores/{}/paths/{}"
    return {
        name: {
            "jobInputType": "uri_folder",
            "uri": uri.format(path.text("dataStoreName"), path.text("relativePath").strip("/")),
        }
        for name, path in submission.sections("dataPathAssignments")
    }


def _texts(section: Section) -> dict[str, str]:
    return {name: str(value) for name, value in section.values.items() if value is not None}
