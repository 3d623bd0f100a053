"""The tasks that submit the jobs of AML files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.dags.assets import outlets_of_job
from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.operators.jobs import (
    AzmlRunJobAgainOperator,
    AzmlSubmitCommandJobOperator,
    AzmlSubmitJobOperator,
    AzmlSubmitPipelineOperator,
)
from airflow_provider_azml.operators.sweeps import AzmlSubmitSweepOperator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow.sdk import BaseOperator

    from airflow_provider_azml.spec.schedule_plans import PlannedJob

TASK_ID = "job"
CHANGES_TASK_ID = "changes"
_OPERATORS: Mapping[str, type[AzmlSubmitJobOperator]] = {
    "command": AzmlSubmitCommandJobOperator,
    "pipeline": AzmlSubmitPipelineOperator,
    "sweep": AzmlSubmitSweepOperator,
}
_NEVER_SENT = frozenset({"name", "display_name"})


def job_task(
    job: PlannedJob,
    folder: Path,
    *,
    changes: Mapping[str, Any],
    display_name: str | None,
    settings: Mapping[str, Any] | None = None,
) -> BaseOperator:
    """The task that submits a job.

    Args:
        job: The job.
        folder: Folder of the DAG file.
        changes: What is to be otherwise than the job says; each a keyword argument of the job's operator.
        display_name: What the job is called, a template; the task's id without one.
        settings: Keyword arguments of the operator that say how Airflow runs it.

    Raises:
        SpecError: The operator takes no such change.
    """
    operator, given = job_arguments(job, folder, changes=changes, display_name=display_name)
    return operator(task_id=TASK_ID, **{"outlets": outlets_of_job(job), **given, **(settings or {})})


def job_arguments(
    job: PlannedJob, folder: Path, *, changes: Mapping[str, Any], display_name: str | None
) -> tuple[type[AzmlSubmitJobOperator], dict[str, Any]]:
    """The operator that submits a job, and its keyword arguments but for the task's id; as for :func:`job_task`."""
    operator = _operator(job)
    unknown = [key for key in changes if key not in (*operator.spec_fields, *_NEVER_SENT)]
    if unknown:
        reason = f"cannot be changed here; {', '.join(sorted(operator.spec_fields))} can"
        raise SpecError([Problem(str(job.file or job.ran), 0, 0, key, reason) for key in unknown])
    given: dict[str, Any] = {key: value for key, value in changes.items() if key not in _NEVER_SENT}
    if display_name:
        given["display_name"] = display_name
    if job.ran is not None:
        return operator, {"job": job.ran, **given}
    if job.file is not None:
        return operator, {"file": relative(job.file, folder), **given}
    return operator, {"spec": job.spec, "base_path": relative(job.folder or folder, folder), **given}


def relative(path: Path, folder: Path) -> str:
    """A path from the DAG file's folder: on the worker, and in the next version of the DAG, that may be elsewhere."""
    return os.path.relpath(path.absolute(), folder.absolute())


def _operator(job: PlannedJob) -> type[AzmlSubmitJobOperator]:
    if job.ran is not None:
        return AzmlRunJobAgainOperator
    return _OPERATORS.get(job.job_type, AzmlSubmitJobOperator)
