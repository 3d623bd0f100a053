"""What a schedule file says, whichever the generation: when it fires, and which job it submits then."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import (
    cron,
    data_imports,
    firings,
    references,
    schedule_generations,
    schedule_triggers,
    schedules,
    templating,
    unrendered,
    validate,
)
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.scheduled_jobs import KEY as JOB
from airflow_provider_azml.spec.scheduled_jobs import changed
from airflow_provider_azml.spec.v1 import foreign_steps
from airflow_provider_azml.spec.v1 import schedules as v1

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.cron import CronFields
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.schedules import Changes

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,250}")
_SCHEMA = "schedule.schema.json#/$defs/"
_PLACEHOLDER = "job.yml"
_IMPORT = ("import_data",)
_NOT_CHANGES = ("job", "type", "$schema")
_ZONE = "trigger.time_zone"


@dataclass(frozen=True)
class PlannedJob:
    """What a schedule submits; one of `file`, `ran` and `spec`.

    Args:
        file: File of the job.
        ran: Name of a job that ran before, and is to run again.
        spec: The job itself, with the keys of its file.
        folder: Folder that relative paths in `spec` start from.
        job_type: Its ``type``.
        changes: What is to be otherwise than the file or the job before says: inputs, settings, tags ...
        unfit: Why Azure ML cannot run it as one job; its nodes can be tasks of their own.
    """

    file: Path | None = None
    ran: str | None = None
    spec: Json | None = None
    folder: Path | None = None
    job_type: str = "pipeline"
    changes: Json = field(default_factory=dict)
    unfit: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a schedule file says.

    Args:
        name: Name of the schedule.
        display_name: Name that people see.
        description: Free text.
        tags: Its tags.
        trigger: When it fires, in the words of today's schedule files; ``None`` when data decide.
        changes: The data whose changes fire it; ``None`` when time decides.
        job: What it submits.
        warnings: What the file says that is done in another way than its author may think.
        generation: Which CLI the file is of.
        skips_start: Whether it leaves its start out where that is one of its own times, as schedules of CLI v1 do.
    """

    name: str
    display_name: str | None
    description: str | None
    tags: Mapping[str, str]
    trigger: Json | None
    changes: Changes | None
    job: PlannedJob
    warnings: tuple[Problem, ...] = ()
    generation: Literal["v2", "v1"] = "v2"
    skips_start: bool = False


def plan(
    source: Source, *, job: str | None = None, cron_fields: CronFields | None = None, name: str | None = None
) -> Plan:
    """What a schedule file says, checked together with the file of its job.

    Args:
        source: The schedule file, of either generation.
        job: What a schedule of CLI v1 submits, which its file does not say: a job file, relative to the schedule's
            folder, or ``azureml:`` and the name of a job that ran.
        cron_fields: Whether days and months of a cron expression count (``standard``) or are ignored as the service
            ignores them (``service``). Without one they count, and a warning says that the service would not look.
        name: What a schedule of CLI v1 is called, whose file does not say it; by default as its file.

    Raises:
        SpecError: The file, or that of its job, cannot be used; with all problems of both.
    """
    return _retired(source, job, name) if v1.is_schedule(source) else _current(source, job, cron_fields)


def _current(source: Source, job: str | None, cron_fields: CronFields | None) -> Plan:
    found = [*schedule_generations.told(_form_problems(source), source, "v2")]
    if job is not None:
        found.append(source.problem((JOB,), "the file says which job it submits; leave job= out"))
    trigger, planned = source.at("trigger"), None
    if schedules.variant(source.value) == "job":
        planned, of_job = _planned(source, (JOB,), source.value.get(JOB))
        told = {(one.file, one.line, one.column) for one in found}
        found += (one for one in of_job if not one.line or (one.file, one.line, one.column) not in told)
    if trigger.value and not any(one.path.startswith("trigger") for one in found if one.severity == "error"):
        found += firings.problems(trigger, cron_fields or "standard")
    warnings = tuple(problem for problem in found if problem.severity == "warning")
    if len(warnings) < len(found):
        raise SpecError([problem for problem in found if problem.severity == "error"])
    value = source.value
    planned = planned or PlannedJob(spec=data_imports.job(source, _IMPORT), folder=source.base_path)
    if cron_fields is None and cron.differs(str(trigger.value.get("expression", ""))):
        warnings += (_two_meanings(trigger),)
    return Plan(
        str(value["name"]),
        value.get("display_name"),
        value.get("description"),
        {name: str(text) for name, text in mapping(value.get("tags")).items()},
        trigger.value,
        None,
        planned,
        warnings,
    )


def _form_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a schedule file but for its job; of its zone only whether there is one."""
    kind = schedules.variant(source.value)
    if kind == "monitor":
        reason = "a monitor runs on the service alone; create the schedule there, by AzmlCreateScheduleOperator"
        yield source.problem(("create_monitor",), reason, at_key=True)
        return
    inline = isinstance(source.value.get(JOB), dict) and "job" not in source.value[JOB]
    shown = replace(source, value={**source.value, JOB: _PLACEHOLDER}) if inline else source
    for problem in validate.problems(shown, f"{_SCHEMA}{kind}"):
        if problem.path != _ZONE or problem.severity == "error":
            yield replace(problem, severity="error") if problem.severity == "warning" else problem
    yield from schedule_triggers.time_problems(source.at("trigger"))
    if kind == "import":
        yield from data_imports.problems(source, _IMPORT)
    name = source.value.get("name")
    if isinstance(name, str) and not _NAME.fullmatch(name):
        reason = f"{name!r:.80} is no id of a DAG: at most 250 letters, digits, dashes, dots and underscores"
        yield source.problem(("name",), reason)


def _two_meanings(trigger: Source) -> Problem:
    expression = str(trigger.value["expression"])
    read = cron.Cron(expression, fields="service").read
    reason = (
        f"{expression!r} fires here as cron means it; Azure ML would ignore its days and months and fire at {read!r}. "
        "Say which is meant: cron_fields='standard' or cron_fields='service'"
    )
    return trigger.problem(("expression",), reason, severity="warning")


def _retired(source: Source, job: str | None, name: str | None) -> Plan:
    found: list[Problem] = []
    try:
        v1.check(source)
    except SpecError as error:
        found += schedule_generations.told(error.problems, source, "v1")
    name = name or (source.file.stem if source.file else "")
    if not _NAME.fullmatch(name):
        found.append(source.problem((), f"{name!r:.80} is no id of a DAG, and the file has no name; give dag_id="))
    if job is None:
        reason = "does not say which pipeline it submits, which 'az ml pipeline create-schedule' was told; "
        reason += "give job=, or jobs= of a folder"
        found.append(source.problem((v1.ROOT,), reason, at_key=True))
        planned = None
    else:
        planned, of_job = _planned(source, (), job)
        found += of_job
    if found or planned is None:
        raise SpecError(found)
    changes = {**mapping(planned.changes)}
    if inputs := v1.parameters(source):
        changes["inputs"] = inputs
    if settings := v1.settings(source):
        changes["settings"] = settings
    return Plan(
        name,
        None,
        v1.description(source),
        {},
        v1.trigger(source),
        v1.changes(source),
        replace(planned, changes=changes),
        generation="v1",
        skips_start=v1.skips_start(source),
    )


def _planned(source: Source, place: tuple[str, ...], value: Any) -> tuple[PlannedJob | None, list[Problem]]:
    """What a schedule submits, and what is wrong with it.

    Args:
        source: The schedule file.
        place: Where it says so.
        value: What it says: a file, a job that ran, either with changes, or the job itself.
    """
    if isinstance(value, dict) and "job" not in value:
        inside = source.at(*place)
        job_type = str(value.get("type", "command"))
        return PlannedJob(spec=inside.value, folder=source.base_path, job_type=job_type), unrendered.problems(inside)
    named = value.get("job") if isinstance(value, dict) else value
    changes = {key: kept for key, kept in mapping(value).items() if key not in _NOT_CHANGES}
    if not isinstance(named, str):
        return None, []  # its schema has said so
    if references.is_registered(named):
        return PlannedJob(ran=named.removeprefix(references.PREFIX), changes=changes), []
    reader = replace(source, render=templating.blanked)
    try:
        job = reader.pulled(named, at=(*place, "job") if isinstance(value, dict) else place)
    except SpecError as error:
        return None, list(error.problems)
    unfit = tuple(foreign_steps.problems_of_job(job))
    planned = PlannedJob(job.file, job_type=str(job.value.get("type", "command")), changes=changes, unfit=unfit)
    merged = changed(job, replace(source.at(*place), value=changes)) if changes else job
    return planned, unrendered.problems(foreign_steps.with_stand_ins(merged) if unfit else merged)
