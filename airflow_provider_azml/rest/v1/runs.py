"""Runs of v1: started by the execution service, told of by run history.

Source: ``execution.json`` and ``runHistory.json`` of the 2019-09-30 OpenAPI files, and azureml-core 1.61.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.rest import families, flows, history
from airflow_provider_azml.rest.v1 import data_plane
from airflow_provider_azml.rest.v1.multipart import Form, Part, Pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.rest import HttpRequest

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.v1.multipart import Content

DEFINITION, PROJECT = "definition.json", "project.zip"


def definition(configuration: Json, *, parent_run_id: str | None = None) -> Json:
    """The definition of a run, as ``definition.json`` has it.

    Args:
        configuration: The run configuration, with the keys of a ``.runconfig`` file.
        parent_run_id: The run that it belongs to.

    Source: azureml-core 1.61, ``_start_internal``.
    """
    return {"Configuration": configuration, **({"ParentRunId": parent_run_id} if parent_run_id else {})}


def start(
    place: WorkspaceId | DataPlane, experiment: str, definition: Json, project: Content, *, run_id: str | None = None
) -> Flow[str]:
    """Start a run of a folder, by one request that is sent once.

    Args:
        place: The workspace.
        experiment: Name of the experiment; one that is not there is made.
        definition: What runs, see :func:`definition`.
        project: The folder, as an archive; see :class:`~project_archives.ProjectArchive`.
        run_id: Id of the run; by default the service makes one.

    Returns:
        The run's id.

    Raises:
        Conflict: There is a run of that id.

    Source: ``POST startrun``: the parts ``runDefinitionFile`` and ``projectZipFile``; seed example of "Use REST to
    manage Azure ML resources".
    """
    written = Pieces(json.dumps(definition, indent=4, sort_keys=True).encode())
    form = Form([
        Part("runDefinitionFile", DEFINITION, written, "application/json"),
        Part("projectZipFile", PROJECT, project, "application/zip"),
    ])
    response = yield from data_plane.ask(
        place,
        "execution",
        "POST",
        *_of(experiment),
        "startrun",
        params={"runId": run_id} if run_id else {},
        content=form,
        headers=form.headers,
        retry="never",
    )
    return str(flows.json_object(response.request, response)["runId"])


def starts(sent: HttpRequest, run_id: str) -> bool:
    """Whether a request is one that starts a run of an id."""
    url = urlsplit(sent.url)
    return sent.method == "POST" and url.path.endswith("/startrun") and parse_qs(url.query).get("runId") == [run_id]


def start_snapshot(
    place: WorkspaceId | DataPlane, experiment: str, definition: Json, *, run_id: str | None = None
) -> Flow[str]:
    """Start a run of a folder that the service has already: ``SnapshotId`` of the definition names it.

    Returns:
        The run's id.

    Source: ``POST snapshotrun``.
    """
    params = {"runId": run_id} if run_id else {}
    response = yield from data_plane.ask(
        place, "execution", "POST", *_of(experiment), "snapshotrun", params=params, json=definition, retry="never"
    )
    return str(flows.json_object(response.request, response)["runId"])


def cancel(place: WorkspaceId | DataPlane, experiment: str, run_id: str) -> Flow[None]:
    """Cancel a run.

    Raises:
        NotFound: There is none.

    Source: ``POST runId/{runId}/cancel``.
    """
    yield from data_plane.ask(place, "execution", "POST", *_of(experiment), "runId", run_id, "cancel")


def get(place: WorkspaceId | DataPlane, run_id: str) -> Flow[Json]:
    """A run, as run history has it: ``status``, ``runType``, ``properties``, ``experimentId``...

    Raises:
        NotFound: There is none.
    """
    return (yield from history.run(place, run_id))


def of_experiment(place: WorkspaceId | DataPlane, experiment: str, run_id: str) -> Flow[Json]:
    """A run of an experiment.

    Raises:
        NotFound: The experiment has no such run.

    Source: ``GET experiments/{experimentName}/runs/{runId}``.
    """
    return (yield from data_plane.told(place, "history", "GET", *_of(experiment), "runs", run_id))


def find(place: WorkspaceId | DataPlane, run_id: str) -> Flow[Json | None]:
    """A run, or ``None`` if there is none. A missing workspace is still an error."""
    try:
        return (yield from get(place, run_id))
    except NotFound as error:
        if error.code in data_plane.MISSING_PARENTS:
            raise
        return None


def details(place: WorkspaceId | DataPlane, run_id: str) -> Flow[Json]:
    """What run history tells of a run besides: ``error``, ``warnings``, ``logFiles`` (name -> SAS URL)."""
    return (yield from history.run_details(place, run_id))


def children(place: WorkspaceId | DataPlane, run_id: str) -> Flow[list[Json]]:
    """The runs right below a run."""
    return (yield from families.all_of(place, run_id))


def amend(
    place: WorkspaceId | DataPlane,
    experiment: str,
    run_id: str,
    *,
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
    display_name: str | None = None,
    description: str | None = None,
) -> Flow[Json]:
    """Add to what is said of a run. Tags may change; a property that is there stays as it is.

    Source: ``PATCH runs/{runId}`` with a ``CreateRun``; ``displayName`` as azure-ai-ml's run history client has it.
    """
    said = {
        "runId": run_id,
        "tags": dict(tags) if tags else None,
        "properties": dict(properties) if properties else None,
        "displayName": display_name,
        "description": description,
    }
    change = {key: value for key, value in said.items() if value is not None}
    return (yield from data_plane.told(place, "history", "PATCH", *_of(experiment), "runs", run_id, json=change))


def metrics(place: WorkspaceId | DataPlane, experiment: str, run_id: str) -> Flow[dict[str, list[Json]]]:
    """All that a run logged: metric -> its rows, in the order in which they were logged.

    Source: ``POST metrics:query``; ``cells`` of a ``RunMetric``.
    """
    logged = yield from data_plane.queried(
        place, *_of(experiment), "metrics:query", question={"filter": f"RunId eq {run_id}"}
    )
    rows: dict[str, list[Json]] = {}
    for metric in logged:
        rows.setdefault(str(metric["name"]), []).extend(metric.get("cells") or ())
    return rows


def listed(
    place: WorkspaceId | DataPlane,
    experiment: str,
    *,
    filter: str | None = None,  # noqa: A002 (the service's own word)
    order_by: str | None = None,
    most: int | None = None,
) -> Flow[list[Json]]:
    """The runs of an experiment.

    Args:
        place: The workspace.
        experiment: Name of the experiment.
        filter: Which are wanted, as OData says it, e.g. ``status eq 'Completed'``.
        order_by: Their order, e.g. ``startTimeUtc desc``.
        most: How many are wanted.

    Source: ``POST runs:query``.
    """
    question = {key: value for key, value in (("filter", filter), ("orderBy", order_by), ("top", most)) if value}
    return (yield from data_plane.queried(place, *_of(experiment), "runs:query", question=question, most=most))


def experiments(place: WorkspaceId | DataPlane) -> Flow[list[Json]]:
    """The experiments of a workspace.

    Source: ``GET experiments`` of "Use REST to manage Azure ML resources".
    """
    return (yield from data_plane.pages(place, "history", "experiments"))


def experiment(place: WorkspaceId | DataPlane, name: str) -> Flow[Json]:
    """An experiment; one that is not there is made.

    Source: ``POST experiments/{name}`` takes no body, and answers the experiment, be it new or not (azureml-core).
    """
    there = yield from data_plane.found(place, "history", *_of(name))
    return there or (yield from data_plane.told(place, "history", "POST", *_of(name)))


def _of(experiment: str) -> tuple[str, str]:
    return "experiments", experiment
