"""The DAG files of jobs, and of schedules of jobs: one task that submits the job."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.dags.job import job_dag
from airflow_provider_azml.dags.macros import scheduled_name
from airflow_provider_azml.dags.schedule import changes_of, dag_arguments, settings_of_schedule
from airflow_provider_azml.dags.task_settings import settings_of
from airflow_provider_azml.dags.tasks import TASK_ID, job_arguments
from airflow_provider_azml.dags.wishes import Rendering, Wishes
from airflow_provider_azml.dags.written.dag_files import DagFile, Task
from airflow_provider_azml.dags.written.pipelines import INSTEAD, OPERATORS
from airflow_provider_azml.dags.written.python_text import Call, Name, imported
from airflow_provider_azml.dags.written.schedules import schedule
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import unrendered
from airflow_provider_azml.spec.schedule_plans import PlannedJob, plan
from airflow_provider_azml.spec.source import from_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow_provider_azml.spec.source import Source


def job_file(source: Source, path: Path) -> DagFile:
    """The DAG file of a job file that is no pipeline.

    Args:
        source: The file, read.
        path: The file; the DAG file stands beside it.

    Raises:
        SpecError: It is no valid job, or something of it cannot be written out.
    """
    made = job_dag(source, path, Wishes(path.parent / "dag.py"))  # which checks it
    job_type = str(source.value.get("type", "command"))
    settings = settings_of(path, {}, None, None, beside={TASK_ID: job_type})
    given = settings.for_dag({})
    task = _task(PlannedJob(path, job_type=job_type), source, path.parent, settings=settings.for_task(TASK_ID))
    arguments: dict[str, Any] = {"schedule": schedule(given.pop("schedule", None)), "catchup": False}
    if made.description:
        arguments["description"] = made.description.partition("\n")[0]
    if source.value.get("display_name") and source.render is None:
        arguments["dag_display_name"] = str(source.value["display_name"])
    name = given.pop("dag_id", made.dag_id)
    dag = Call(imported("airflow.sdk", "DAG"), [name], {**arguments, "doc_md": Name("__doc__"), **given}, is_open=True)
    return DagFile(f"A {job_type} job of Azure ML.", made.description or "", dag, [task])


def schedule_file(source: Source, path: Path) -> DagFile:
    """The DAG file of a schedule file.

    Args:
        source: The file, read.
        path: The file; the DAG file stands beside it.

    Raises:
        SpecError: It is no valid schedule, or something of it cannot be written out.
    """
    found = plan(source)
    if found.changes is not None:
        raise SpecError([source.problem((), f"fires when data change, which cannot be written out; {INSTEAD}")])
    settings = settings_of_schedule(found, path, Rendering())
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        wishes = Wishes(path.parent / "dag.py", dag_kwargs=settings.for_dag({}))
        given = {key: value for key, value in dag_arguments(found, path, wishes).items() if value not in (None, [])}
    told = [str(one) for one in found.warnings] + [str(one.message) for one in warned]
    name = given.pop("dag_id")
    task = _task(
        found.job,
        _source(found.job),
        path.parent,
        changes_of(found.job, found.name),
        scheduled_name(found.name),
        settings=settings.for_task(TASK_ID),
    )
    given["schedule"] = schedule(given["schedule"])
    arguments = {**given, "doc_md": Name("__doc__")}
    dag = Call(imported("airflow.sdk", "DAG"), [name], arguments, is_open=True)
    mind = "".join(f"\n\nMind: {problem.reason}." for problem in found.warnings)
    text = f"{found.description or ''}{mind}"
    return DagFile("A schedule of Azure ML, which submits a job.", text, dag, [task], remarks=told)


def _task(
    job: PlannedJob,
    source: Source | None,
    folder: Path,
    changes: Mapping[str, Any] | None = None,
    display_name: str | None = None,
    *,
    settings: Mapping[str, Any],
) -> Task:
    """The task that submits a job.

    Raises:
        SpecError: There is a template in it that is no text.
    """
    if source and source.render is not None:
        reason = "holds a template that is no text; put all templates of the file in quotation marks"
        raise SpecError([source.problem((), reason)])
    operator, given = job_arguments(job, folder, changes=changes or {}, display_name=display_name)
    own: dict[str, Any] = {key: value for key, value in given.items() if key not in {"file", "spec", "base_path"}}
    if source:
        own = _arguments(source.merged(own), operator.job_type, operator.spec_fields, folder)
    call = Call(imported(OPERATORS, operator.__name__), (), {"task_id": TASK_ID, **own, **settings}, is_open=True)
    return Task(TASK_ID, call)


def _source(job: PlannedJob) -> Source | None:
    """A job as it is written; ``None`` for one that ran before."""
    if job.ran is not None:
        return None
    return unrendered.read(job.file) if job.file else from_mapping(job.spec or {}, base_path=job.folder)


def _arguments(source: Source, job_type: str | None, fields: Sequence[str], folder: Path) -> dict[str, Any]:
    """Keyword arguments for a job: its keys, or all of it as a mapping where not all keys are arguments."""
    value = {key: item for key, item in source.value.items() if key != "$schema" and item is not None}
    keys = {key: item for key, item in value.items() if key != "type"}
    own: dict[str, Any] = keys if job_type and set(keys) <= set(fields) else {"spec": value}
    base = os.path.relpath(source.base_path.absolute(), folder.absolute())
    return own if base == "." else {**own, "base_path": base}
