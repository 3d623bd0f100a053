"""Runs of v1 that are waited for: run history tells of them, whether or not they are jobs of today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.readings import Reading
from airflow_provider_azml.rest.resources import RESOURCES
from airflow_provider_azml.rest.v1 import runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

RUN: Literal["run"] = "run"
"""The goal: that a run of v1 has ended. Its ARM id is that of the job of the run's id."""
EXPERIMENT = "experiment"
"""The value that the goal takes: the experiment, which the run is cancelled by."""
_JOB = RESOURCES["job"]


def find_each(plane: DataPlane, arm_id: str, asked: Sequence[Json]) -> Flow[list[Json | None]]:
    """What run history has of a run, for all who wait for it.

    Source: ``GET runs/{runId}``; its status words are a job's (``RunStatus`` of azureml-core 1.61).
    """
    run = yield from runs.get(plane, arm_ids.parse(arm_id).name)
    return [run] * len(asked)


def read(run: Json, _: Json) -> Reading:
    """Whether a run has ended."""
    status = str(run.get("status") or "")
    known = status in _JOB.terminal | _JOB.active
    if status in _JOB.bad:
        return Reading(status, "bad")
    return Reading(status, "good" if status in _JOB.good else None, known=known)


def cancel(plane: DataPlane, arm_id: str, wanted: Json) -> Flow[None]:
    """Cancel a run that is waited for."""
    return runs.cancel(plane, str(wanted[EXPERIMENT]), arm_ids.parse(arm_id).name)
