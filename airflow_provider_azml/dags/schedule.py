"""DAGs of schedule files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from airflow_provider_azml.dags.documentation import tag
from airflow_provider_azml.dags.file_warnings import warn
from airflow_provider_azml.dags.macros import beside_templates, has_macros, of_schedule, scheduled_name
from airflow_provider_azml.dags.takeover import TASK_ID as TAKEOVER_TASK_ID
from airflow_provider_azml.dags.takeover import takeover_task
from airflow_provider_azml.dags.task_settings import settings_of, settings_of_dag
from airflow_provider_azml.dags.tasks import CHANGES_TASK_ID, TASK_ID, job_arguments, job_task
from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import unrendered
from airflow_provider_azml.spec.firings import firing, zone_of
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.source import from_mapping, text_of
from airflow_provider_azml.timetables.recurrence import AzmlCronTimetable, AzmlRecurrenceTimetable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow.sdk import BaseOperator

    from airflow_provider_azml.dags.task_settings import TaskSettings
    from airflow_provider_azml.dags.wishes import Labels, Rendering, Wishes
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.cron import CronFields
    from airflow_provider_azml.spec.schedule_plans import Plan, PlannedJob

_AS_ONE_JOB = (None, "job")
"""The renderings in which a pipeline is one task."""


def schedule_dag(plan: Plan, path: Path, wishes: Wishes) -> DAG:
    """The DAG of what a schedule file says.

    Args:
        plan: What it says.
        path: The file.
        wishes: What else is wanted.
    """
    warn(plan.warnings)
    settings = settings_of_schedule(plan, path, wishes.rendering)
    wishes = replace(wishes, dag_kwargs=settings.for_dag(wishes.dag_kwargs))
    given = dag_arguments(plan, path, wishes)
    dag = DAG(given.pop("dag_id"), schedule=given.pop("schedule"), **given)
    dag.fileloc = str(wishes.fileloc)
    with dag:
        first = takeover_task(plan, wishes, settings)
        body = _body(plan, path, dag, wishes, settings)
        if first is not None:
            first >> list(body)
    return dag


def dag_arguments(plan: Plan, path: Path, wishes: Wishes) -> dict[str, Any]:
    """Keyword arguments of the DAG of what a schedule file says.

    Args:
        plan: What it says.
        path: The file.
        wishes: What else is wanted.
    """
    tags = {*(tag(name, value) for name, value in plan.tags.items()), *wishes.dag_kwargs.get("tags", ())}
    given = {"dag_id": plan.name, **_when(plan, wishes), **_said(plan, path), **wishes.dag_kwargs}
    return {**given, "tags": sorted(tags)}


def settings_of_schedule(plan: Plan, path: Path, rendering: Rendering) -> TaskSettings:
    """What Airflow is told of the DAG and its tasks; of a pipeline's nodes where they become tasks."""
    if rendering.render not in _AS_ONE_JOB:
        return settings_of_dag(path)
    beside = {TASK_ID: plan.job.job_type, CHANGES_TASK_ID: "", TAKEOVER_TASK_ID: ""}
    overrides, after = rendering.task_overrides, rendering.after
    return settings_of(path, {}, overrides, after, beside=beside, job=plan.job.file, as_one_job=True)


def _body(plan: Plan, path: Path, dag: DAG, wishes: Wishes, settings: TaskSettings) -> Sequence[BaseOperator]:
    """The tasks that submit the job; the first of them."""
    folder, other, display_name = wishes.fileloc.parent, changes_of(plan.job, plan.name), scheduled_name(plan.name)
    if plan.job.unfit and (plan.changes is not None or wishes.rendering.render in _AS_ONE_JOB):
        raise SpecError(list(plan.job.unfit))
    if plan.changes is None:
        if wishes.rendering.render in _AS_ONE_JOB:
            told = settings.for_task(TASK_ID)
            told |= _labels(plan.job, wishes.rendering.labels, {**dag.default_args, **told})
            return [job_task(plan.job, folder, changes=other, display_name=display_name, settings=told)]
        from airflow_provider_azml.dags.pipeline import of_schedule, render_tasks  # noqa: PLC0415 (where it is wanted)

        _, given = job_arguments(plan.job, folder, changes=other, display_name=display_name)
        pipeline = of_schedule(path, plan.job, given, wishes.rendering)
        return render_tasks(pipeline, dag)
    from airflow_provider_azml.dags.changes import changed_jobs  # noqa: PLC0415 (triggers, for these schedules alone)

    first, _ = changed_jobs(
        plan.job, folder, plan.changes, settings, per=wishes.per, other=other, display_name=display_name
    )
    return [first]


def _labels(job: PlannedJob, when: Labels, told: Mapping[str, Any]) -> dict[str, Any]:
    """What labels of a pipeline that is one task stand for, if they are looked up now; other jobs' are when they run.

    Raises:
        AzmlError: The service cannot be asked.
    """
    if when == "run" or job.ran is not None or job.job_type != "pipeline":
        return {}
    from airflow_provider_azml.dags.pinned import ParsedLabels  # noqa: PLC0415 (where it is wanted)

    source = unrendered.read(job.file) if job.file else from_mapping(job.spec or {}, base_path=job.folder)
    return dict(ParsedLabels(source.merged(job.changes), when).of(told))


def _when(plan: Plan, wishes: Wishes) -> dict[str, Any]:
    if plan.changes is not None:
        from airflow_provider_azml.dags.changes import given_by_changes  # noqa: PLC0415 (as above)

        return given_by_changes(wishes.dag_kwargs.get("dag_id", plan.name), plan.changes, wishes.dag_kwargs)
    assert plan.trigger is not None
    cron_fields = wishes.cron_fields or "standard"
    fires = firing(plan.trigger, cron_fields)
    return {
        "schedule": timetable(plan.trigger, cron_fields),
        "start_date": fires.next_after(fires.first) if plan.skips_start and fires.first else fires.first,
        "end_date": fires.last,
        "catchup": False,
    }


def timetable(trigger: Json, cron_fields: CronFields = "standard") -> AzmlRecurrenceTimetable | AzmlCronTimetable:
    """The timetable of a trigger, in the words of today's schedule files."""
    start, end = trigger.get("start_time"), trigger.get("end_time")
    zone = zone_of(trigger)
    if str(trigger["type"]).lower() == "cron":
        return AzmlCronTimetable(
            str(trigger["expression"]), cron_fields=cron_fields, start_time=start, end_time=end, time_zone=zone
        )
    pattern = mapping(trigger.get("schedule"))
    return AzmlRecurrenceTimetable(
        frequency=trigger["frequency"],
        interval=trigger["interval"],
        hours=pattern.get("hours"),
        minutes=pattern.get("minutes"),
        week_days=pattern.get("week_days"),
        month_days=pattern.get("month_days"),
        start_time=start,
        end_time=end,
        time_zone=zone,
    )


def _said(plan: Plan, path: Path) -> dict[str, Any]:
    """What the file says for people to read."""
    told = "".join(f"\n\n**Mind:** {problem.reason}." for problem in plan.warnings)
    found: dict[str, Any] = {"doc_md": f"The schedule `{plan.name}` of `{path.name}`, {_submits(plan.job)}.{told}"}
    if plan.display_name:
        found["dag_display_name"] = plan.display_name
    if plan.description:
        found["description"] = plan.description
    return found


def _submits(job: PlannedJob) -> str:
    if job.ran is not None:
        return f"which runs the job `{job.ran}` again"
    return f"which submits `{job.file.name}`" if job.file else f"which submits the {job.job_type} job that it holds"


def _read(file: Path) -> Json:
    """A job's file, if it holds what the service fills in; what is wrong with it has been said before."""
    text = text_of(file)
    if not has_macros(text):
        return {}
    job = unrendered.read(file)
    if job.render is not None:  # there are blanks in place of its templates, which must not be sent
        reason = "holds a template beside what the service fills in; put all templates of the file in quotation marks"
        problems = [Problem(str(file), line, 1, "", reason) for line in beside_templates(text)]
        if problems:
            raise SpecError(problems)
    return job.value


def changes_of(job: PlannedJob, schedule: str) -> Json:
    """What is to be otherwise than the job's file says, with what the service would fill in."""
    inside = job.spec if job.spec is not None else _read(job.file) if job.file else {}
    filled = of_schedule(inside, schedule)
    changed = of_schedule(job.changes, schedule)
    made = dict(job.changes)
    for key in {*filled, *changed}:
        made[key] = {**mapping(filled.get(key)), **mapping(made.get(key)), **mapping(changed.get(key))}
    return made
