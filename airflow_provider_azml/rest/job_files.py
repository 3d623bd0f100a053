"""Where the files of jobs and models are, by datastore and path, and how they are fetched."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import NotFound, Problem, SpecError
from airflow_provider_azml.rest import arm_ids, datastores, history, node_jobs
from airflow_provider_azml.rest.datastores import Files, files_of
from airflow_provider_azml.rest.flows import NO_BLOBS, Download

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.clouds import Cloud
    from airflow_provider_azml.rest.flows import Downloaded, Flow, Json

_log = logging.getLogger(__name__)
ARTIFACTS = "artifacts"
"""What the CLI calls the folder of logs and other files that every job has."""
_DEFAULT = ("default", ARTIFACTS)
_ARTIFACT_STORE = "workspaceartifactstore"
_OF_JOB = re.compile(
    r"azureml://(?:.*/)?jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths/?(?P<path>.*))?", re.IGNORECASE
)


def outputs(workspace: WorkspaceId, job: str) -> Flow[dict[str, Files]]:
    """Where the outputs of a job are, by name; ``artifacts`` is the folder of its logs and other files.

    Raises:
        NotFound: There is no such job.

    Source: azure-ai-ml 1.35.2, ``jobs.download`` (recorded exchange): the container of a run's artifacts is
    ``ExperimentRun/dcid.<run>`` of the datastore ``workspaceartifactstore``.
    """
    plane = history.DataPlane(workspace)
    run = yield from history.run(plane, job)
    made = yield from node_jobs.described(plane, run)
    found = {name: files_of(uri) for name, uri in made.outputs.items()}
    artifacts = Files(_ARTIFACT_STORE, f"ExperimentRun/{run.get('dataContainerId') or f'dcid.{job}'}")
    return {**{name: files for name, files in found.items() if files}, ARTIFACTS: artifacts}


def output_in(uri: str) -> tuple[str, str, str] | None:
    """The job, the output and the path in it that a URI names; ``None`` for any other URI.

    Example:
        >>> output_in("azureml://jobs/train-1/outputs/model/paths/weights")
        ('train-1', 'model', 'weights')
    """
    found = _OF_JOB.fullmatch(uri)
    return (found["job"], found["output"], (found["path"] or "").strip("/")) if found else None


def of_uri(workspace: WorkspaceId, uri: str) -> Flow[Files]:
    """Where the files are that a URI of Azure ML names: in a datastore, or an output of a job.

    Raises:
        SpecError: It is another URI.
        NotFound: The job has no such output.
    """
    there = files_of(uri)
    if there:
        return there
    found = output_in(uri)
    if not found:
        raise SpecError([Problem("<uri>", 0, 0, "", f"{uri!r:.200} is no place in a datastore and no output of a job")])
    job, output, path = found
    made = yield from outputs(workspace, job)
    return named(made, job, output, workspace).below(path)


def named(made: Mapping[str, Files], job: str, output: str, workspace: WorkspaceId) -> Files:
    """The output of a name.

    Raises:
        NotFound: The job has none of that name.
    """
    wanted = ARTIFACTS if output in _DEFAULT else output
    if wanted in made:
        return made[wanted]
    raise NotFound(
        method="GET",
        url=workspace.child("job", job),
        status=404,
        code="OutputNotFound",
        message=f"the job has no output {output!r} that it has written; it has {', '.join(sorted(made))}",
    )


def folder_of(output: str) -> str:
    """The folder that an output is fetched into, as the CLI calls it.

    Example:
        >>> folder_of("model"), folder_of("artifacts")
        ('named-outputs/model', 'artifacts')
    """
    return ARTIFACTS if output in _DEFAULT else f"named-outputs/{output}"


def download(
    workspace: WorkspaceId, cloud: Cloud, job: str, target: Path, *, output: str | None = None
) -> Flow[dict[str, Downloaded]]:
    """Fetch what a job has written, each output into its folder below a target.

    Args:
        workspace: The workspace of the job.
        cloud: The cloud that it is in.
        job: Name of the job.
        target: The folder.
        output: One output alone; by default all that have files.

    Returns:
        Output -> what was fetched.

    Raises:
        NotFound: There is no such job or output, or the output has no files.
    """
    made = yield from outputs(workspace, job)
    if output is not None:
        files = named(made, job, output, workspace)
        return {output: (yield from fetch(workspace, cloud, files, target / folder_of(output)))}
    fetched: dict[str, Downloaded] = {}
    for name, files in made.items():
        try:
            fetched[name] = yield from fetch(workspace, cloud, files, target / folder_of(name))
        except NotFound as error:
            if error.code != NO_BLOBS:
                raise
            _log.info("Job %s has written nothing to %s", job, name)
    return fetched


def fetch(workspace: WorkspaceId, cloud: Cloud, files: Files, folder: Path) -> Flow[Downloaded]:
    """Fetch files into a folder.

    Raises:
        NotFound: There are none.
        ApiError: The service or the storage refused.
        SpecError: They are in a datastore of a type that holds no blobs, or cannot be written.
    """
    container = yield from datastores.opened(workspace, cloud, files.datastore, act="files are downloaded from")
    url = f"{container.blob_url}{container.access.query}"
    fetched: Downloaded = yield Download(url, files.path, folder, container.access.scope)
    return fetched


def of_model(body: Json) -> Flow[Files]:
    """Where the files of a version of a model are.

    Args:
        body: The version, as the service shows it.
    """
    workspace = arm_ids.parse(body["id"]).workspace
    return (yield from of_uri(workspace, str(body["properties"].get("modelUri"))))
