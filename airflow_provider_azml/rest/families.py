"""What runs below a job: its steps or trials, what they are called, and how a job is known to have some."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.rest import history

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

Family = Literal["Pipeline", "Sweep", "AutoML", "single"]
"""What a job has below it; ``single`` for one that has nothing."""

Kind = Literal["step", "trial", "child"]

_MOST_PAGES = 100
_IN_RUN_TYPES: Mapping[str, Family] = {
    "pipelinerun": "Pipeline",
    "hyperdrive": "Sweep",
    "sweep": "Sweep",
    "automl": "AutoML",
}


def family_of(body: Json, run: Json) -> Family | None:
    """What a job has below it, by its resource or by its run; ``None`` when neither says.

    Args:
        body: The job, as Resource Manager shows it, or nothing.
        run: Its run, as run history shows it, or nothing.

    Example:
        >>> family_of({"properties": {"jobType": "Sweep"}}, {})
        'Sweep'

    Sources: ``JobType`` of the 2024-04-01 OpenAPI file; ``run_type`` and ``azureml.runsource`` of the printed details
    of runs of azureml-core.
    """
    job_type = _properties(body).get("jobType")
    if job_type:
        return job_type if job_type in ("Pipeline", "Sweep", "AutoML") else "single"
    run_type = run.get("runType") or _properties(run).get("azureml.runsource")
    if not run_type:
        return None
    return next((family for word, family in _IN_RUN_TYPES.items() if word in str(run_type).lower()), "single")


def _properties(shown: Json) -> Json:
    """The properties of a resource or run; of one in an unknown shape none, as this is no reason to end a wait."""
    properties = shown.get("properties")
    return properties if isinstance(properties, dict) else {}


def kind_of(run: Json) -> Kind:
    """What a run is to its parent. ``child`` is what the code of a job makes itself, e.g. by nested runs of MLflow.

    Source: ids of trials and ``run_type`` of steps in printed details of runs of azureml-core.
    """
    job, parent = str(run.get("runId")), str(run.get("parentRunId") or "")
    if re.fullmatch(re.escape(parent) + r"_\d+", job):
        return "trial"
    is_step = run.get("runType") == "azureml.StepRun" or "azureml.pipelinerunid" in _properties(run)
    return "step" if is_step else "child"


def called(run: Json) -> str:
    """What a run is called: by what it is to its parent, and its display name.

    Example:
        >>> called({"runId": "sweep_1", "parentRunId": "sweep", "displayName": "sweep_1"})
        "trial 'sweep_1'"
    """
    return f"{kind_of(run)} '{name_of(run)}'"


def name_of(run: Json) -> str:
    """The name that a run is shown by."""
    return str(run.get("displayName") or run.get("name") or run.get("runId"))


def all_of(place: WorkspaceId | DataPlane, job: str) -> Flow[list[Json]]:
    """The runs right below a job."""
    plane = history.DataPlane.of(place)
    runs, page = yield from history.children(plane, job)
    for _ in range(_MOST_PAGES):
        if page is None:
            break
        more, page = yield from history.children(plane, job, page)
        runs += more
    return runs
