"""The jobs of a pipeline's nodes: which child is which node's, what it was reused from, and where its outputs are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.rest import control_outputs, families
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json

_MODELS = frozenset({"CustomModel", "MLFlowModel", "TritonModel"})
_ARTIFACTS = "default"
_ASSET = re.compile(r"azureml://locations/[^/]+/workspaces/[^/]+/(?:data|models)/([^/]+)/versions/([^/]+)")
_UNNAMED = re.compile(r"azureml_.+_output_.+")
"""What the service calls the data of an output that is to be no asset."""


@dataclass(frozen=True)
class NodeJob:
    """The job of a pipeline's node.

    Args:
        name: Its name.
        status: Its status, in the service's words.
        reused_from: The job whose results stand for its own, when AML did not run it again.
        outputs: Output -> URI of where it is, as the service says; empty until the job has ended.
        assets: Output -> name and version of the asset that it became, for those that became one.
        values: Output -> value, of those that the job has told run history.
    """

    name: str
    status: str
    reused_from: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    assets: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


def node_job(
    place: WorkspaceId | DataPlane,
    pipeline: str,
    node: str,
    *,
    display_name: str | None = None,
    alone: bool = False,
) -> Flow[NodeJob | None]:
    """The job of a node, or ``None`` while there is none.

    Args:
        place: The workspace.
        pipeline: Name of the pipeline job; of a node in a nested pipeline, the name of the job that the nested one is.
        node: The node's name in the pipeline.
        display_name: Its ``display_name``, if it has one.
        alone: Whether it is the pipeline's only node.

    Raises:
        ApiError: The service cannot be asked.

    Example:
        >>> made = yield from node_job(workspace, "pipeline-1", "prep")
        >>> made.outputs["cleaned"]
        'azureml://subscriptions/.../datastores/workspaceblobstore/paths/azureml/2f0c.../cleaned/'
    """
    plane = DataPlane.of(place)
    run = run_of((yield from families.all_of(plane, pipeline)), node, display_name=display_name, alone=alone)
    return None if run is None else (yield from described(plane, run))


def run_of(runs: Sequence[Json], node: str, *, display_name: str | None = None, alone: bool = False) -> Json | None:
    """The run of a node among the runs right below its pipeline, or ``None``; one that may be another's is none.

    Args:
        runs: The runs right below the pipeline, see :func:`families.all_of`.
        node: The node's name.
        display_name: Its ``display_name``, if it has one.
        alone: Whether it is the pipeline's only node, so that the only step is its own whatever it is called.

    Example:
        >>> run_of([{"runId": "2f0c", "displayName": "prep"}], "prep")["runId"]
        '2f0c'

    Sources: as public code and printed details of runs have it, steps are displayed under their nodes' names unless a
    node has a ``display_name``, and ``azureml.moduleName`` is the step's name in pipelines of CLI v1, the component's
    in those of CLI v2.
    """
    shown = [run for run in runs if families.name_of(run) == (display_name or node)]
    named = [run for run in shown or runs if _properties(run).get("azureml.moduleName") == node]
    steps = [run for run in runs if families.kind_of(run) == "step"] if alone else []
    for found in (shown, named, steps):
        if len(found) == 1:
            return found[0]
    return None


def described(place: WorkspaceId | DataPlane, run: Json) -> Flow[NodeJob]:
    """What there is to know of the job of a node.

    Args:
        place: The workspace.
        run: Its run, as run history shows it.

    Sources: azure-ai-ml 1.35.2, ``jobs.download``: what a reused job has made is asked of the job that it reuses
    (``azureml.isreused``, ``azureml.reusedrunid``), what a sweep has made of its best trial (``best_child_run_id``).
    """
    name, status = str(run["runId"]), str(run.get("status"))
    noted = _properties(run)
    reused = noted.get("azureml.reusedrunid") if noted.get("azureml.isreused") == "true" else None
    if status not in RESOURCES["job"].terminal:
        return NodeJob(name, status, reused)
    plane = DataPlane.of(place)
    made = _Made({}, {})
    for owner in dict.fromkeys(owner for owner in (reused, name, noted.get("best_child_run_id")) if owner):
        try:
            made = yield from _made(plane, str(owner))
        except NotFound:
            # a job that was reused may have been deleted since
            if owner == name:
                raise
        if made.outputs:
            break
    return NodeJob(name, status, reused, made.outputs, made.assets, control_outputs.values_in(noted))


@dataclass(frozen=True)
class _Made:
    """What a job has made: its outputs, and the assets that they became."""

    outputs: Mapping[str, str]
    assets: Mapping[str, tuple[str, str]]


def _made(plane: DataPlane, job: str) -> Flow[_Made]:
    """What a job has made.

    Sources: ``get_job_output_uris_from_dataplane`` of azure-ai-ml 1.35.2 (recorded exchange); what is no asset has
    its place in ``outputData`` of the run's definition, ``${{name}}`` standing for the job.
    """
    question = {"runId": job, "selectRunMetadata": True, "selectRunDefinition": True}
    data = yield from plane.ask("/history/v1.0", "/rundata", {"api-version": "v1.0"}, question)
    outputs: Json = (data.get("runMetadata") or {}).get("outputs") or {}
    references = {name: asset for name, asset in outputs.items() if name != _ARTIFACTS and (asset or {}).get("assetId")}
    places = yield from _places(plane, references)
    found = {name: places[asset["assetId"]] for name, asset in references.items() if asset["assetId"] in places}
    defined = _defined(data.get("runDefinition") or {}, job)
    return _Made(
        {**{name: uri for name, uri in defined.items() if name != _ARTIFACTS}, **found},
        {name: told for name, asset in references.items() if (told := _asset(asset["assetId"]))},
    )


def _places(plane: DataPlane, references: Mapping[str, Json]) -> Flow[dict[str, str]]:
    """Asset id -> URI of where the data or the model is."""
    models = [asset["assetId"] for asset in references.values() if asset.get("type") in _MODELS]
    data = [asset["assetId"] for asset in references.values() if asset.get("type") not in _MODELS]
    places: dict[str, str] = {}
    if data:
        below = "/dataversion/batchGetResolvedUris"
        told = yield from plane.ask("/data/v1.0", below, {"api-version": "1.5.0"}, {"values": data})
        places |= {asset: place["uri"] for asset, place in (told.get("values") or {}).items()}
    if models:
        told = yield from plane.ask("/modelregistry/v1.0", "/models/batchGetResolvedUris", {}, {"values": models})
        places |= {asset: place["path"] for asset, place in (told.get("values") or {}).items()}
    return places


def _defined(definition: Json, job: str) -> dict[str, str]:
    """Output -> URI, as the definition of a run has it."""
    places: dict[str, str] = {}
    for name, output in (definition.get("outputData") or {}).items():
        location = (output or {}).get("outputLocation") or {}
        path = (location.get("uri") or {}).get("path")
        if path:
            places[name] = str(path).replace("${{name}}", job).replace("${{output_name}}", name)
    return places


def _asset(asset_id: str) -> tuple[str, str] | None:
    found = _ASSET.fullmatch(asset_id)
    return None if found is None or _UNNAMED.fullmatch(found[1]) else (found[1], found[2])


def _properties(run: Json) -> Json:
    properties = run.get("properties")
    return properties if isinstance(properties, dict) else {}
