"""The jobs that schedules submit: in a file, in a file with changes, or one that ran before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import waiting
from airflow_provider_azml.spec import job_io, pipeline_jobs, references, validate
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.jobs import name_of
from airflow_provider_azml.spec.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Ticket
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target

KEY = "create_job"
_SCHEMA = "pipeline_job.schema.json"
_NO_CHANGES = frozenset({"$schema", "job", "id", "status", "log_files", "creation_context"})
"""What stands beside changes: which job they are of, and what the service sets."""


def definition(source: Source) -> Json:
    """What is sent for the job of a schedule.

    Source: azure-ai-ml 1.35.2: a job that ran before is named by the text after ``azureml:``, without being looked up.
    """
    value = source.value[KEY]
    if isinstance(value, str) and references.is_registered(value):
        ran = value.removeprefix(references.PREFIX)
        return {"jobType": "Pipeline", "sourceJobId": ran, "experimentName": "", "isArchived": False}
    if isinstance(value, dict) and references.is_registered(str(value["job"])):
        changes = _changes(source)
        return {**pipeline_jobs.properties(changes, None), "sourceJobId": str(value["job"]).partition(":")[2]}
    return pipeline_jobs.properties(_job(source), None)


def run_again(source: Source, job: str, target: Target) -> Flow[Ticket]:
    """Run a pipeline job that ran before once more, as a schedule of it does.

    Args:
        source: What is to be otherwise than it was: name, inputs, settings ...
        job: Name of the job that ran.
        target: Where to.

    Source: ``sourceJobId`` of ``PipelineJob`` in the 2024-04-01 OpenAPI file, which azure-ai-ml sends for schedules.
    """
    name = name_of(source.value)
    properties = {**pipeline_jobs.properties(source, name), "sourceJobId": job}
    body = yield from filled({"properties": properties}, target)
    return (yield from waiting.submit(target.workspace.child("job", name), body))


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with the job of a schedule besides what the schema of the schedule says."""
    value = source.value.get(KEY)
    path: Path = (KEY, "job") if isinstance(value, dict) else (KEY,)
    named = source.value_at(path)
    if not isinstance(named, str):
        return
    if references.is_registered(named):
        if isinstance(value, dict) and "type" not in value:
            yield source.problem((KEY,), "'type' is missing; it is pipeline", at_key=True)
        if isinstance(value, dict):
            yield from job_io.problems(source.at(KEY))
        return
    if named.startswith(references.FILE):
        yield source.problem(path, f"{named} is not taken here; write {named.removeprefix(references.FILE)!r}")
        return
    try:
        job = _job(source)
    except SpecError as error:
        yield from error.problems
        return
    if job.value.get("type") != "pipeline":
        yield source.problem(path, f"{named} is no pipeline; the service schedules pipelines alone")
        return
    yield from validate.problems(job, _SCHEMA)
    yield from pipeline_jobs.problems(job)


def _job(source: Source) -> Source:
    """The job in a file, with the changes that the schedule makes to it."""
    value = source.value[KEY]
    if isinstance(value, str):
        return source.pulled(value, at=(KEY,))
    return changed(source.pulled(str(value["job"]), at=(KEY, "job")), _changes(source))


def changed(job: Source, changes: Source) -> Source:
    """A job with the changes that a schedule makes to it, and the places where each of both says so.

    Args:
        job: The job.
        changes: What is to be otherwise.
    """
    merged = job.merged(changes.value)
    marks = _grafted(merged.marks, job.value, changes.value, changes.marks)
    return replace(merged, marks=marks)


def _changes(source: Source) -> Source:
    changes = source.at(KEY)
    return replace(changes, value={key: value for key, value in changes.value.items() if key not in _NO_CHANGES})


def _grafted(marks: Marks, old: Json, changes: Json, places: Marks) -> Marks:
    """The positions of what changes stand in the file that makes the changes."""
    inside = dict(marks.inside)
    for key, new in changes.items():
        before = old.get(key)
        if isinstance(new, dict) and isinstance(before, dict):
            inside[key] = _grafted(inside.get(key, Marks(marks.file)), before, new, places.at((key,)))
        else:
            inside[key] = places.at((key,))
    return marks._replace(inside=inside)
