"""What a schedule file says, told to people: in words, the next times at which it fires, and what is to be minded."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import (
    cron_words,
    kinds,
    recurrence_words,
    schedule_generations,
    schedule_plans,
    schedules,
    time_zones,
)
from airflow_provider_azml.spec.cron import Cron
from airflow_provider_azml.spec.firings import firing
from airflow_provider_azml.spec.kind_names import inferred
from airflow_provider_azml.spec.recurrence_words import enumerated
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.schedule_plans import Plan, PlannedJob
from airflow_provider_azml.spec.schedule_warnings import clock_notes, warnings
from airflow_provider_azml.spec.v1 import schedules as v1

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from airflow_provider_azml.spec.cron import CronFields
    from airflow_provider_azml.spec.recurrence import Recurrence
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.schedules import Changes

MOMENT = "%a %Y-%m-%d %H:%M"
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Firing:
    """A time at which a schedule fires.

    Args:
        at: The moment, in the schedule's zone.
        note: What moved clocks do to it, if they do anything.
    """

    at: dt.datetime
    note: str = ""


@dataclass(frozen=True)
class Explanation:
    """What a schedule file says.

    Args:
        name: Name of the schedule.
        display_name: Name that people see.
        description: Free text.
        facts: What it says, in words, each under a word for it: ``fires``, ``submits``, ``start`` ...
        zone: Its time zone; ``None`` when data decide, and not time.
        firings: The next times at which it fires.
        warnings: What is to be minded.
    """

    name: str
    display_name: str | None
    description: str | None
    facts: Sequence[tuple[str, str]]
    zone: ZoneInfo | None = None
    firings: Sequence[Firing] = ()
    warnings: Sequence[str] = ()


def plan_of(source: Source, job: str | None = None, cron_fields: CronFields | None = None) -> Plan:
    """What a schedule file says, also where no DAG can be made of it: of monitors, and of v1 files without a job.

    Args:
        source: The schedule file, of either generation.
        job: What a schedule of CLI v1 submits.
        cron_fields: Which fields of a cron expression count.

    Raises:
        SpecError: The file, or that of its job, is wrong; with all problems of both.
    """
    kind = inferred(source.value)
    if kind not in (None, "schedule") and not v1.is_schedule(source):
        raise SpecError([source.problem((), f"is a {kind}, and no schedule")])
    if v1.is_schedule(source) and job is None:
        try:
            v1.check(source)
        except SpecError as error:
            raise SpecError([*schedule_generations.told(error.problems, source, "v1")]) from error
        name = source.file.stem if source.file else ""
        return Plan(
            name,
            None,
            v1.description(source),
            {},
            v1.trigger(source),
            v1.changes(source),
            PlannedJob(),
            generation="v1",
            skips_start=v1.skips_start(source),
        )
    if schedules.variant(source.value) != "monitor":
        # 'standard' keeps the plan from telling of both meanings of a cron expression; that is done here, in words
        return schedule_plans.plan(source, job=job, cron_fields=cron_fields or "standard")
    found = kinds.check(source, "schedule")
    value = source.value
    return Plan(
        str(value["name"]),
        value.get("display_name"),
        value.get("description"),
        {},
        value["trigger"],
        None,
        PlannedJob(job_type="monitor"),
        tuple(problem for problem in found if not problem.path.endswith("expression")),
    )


def explain(
    source: Source,
    *,
    after: dt.datetime | str,
    count: int = 10,
    job: str | None = None,
    cron_fields: CronFields | None = None,
) -> Explanation:
    """Explain a schedule file.

    Args:
        source: The schedule file, of either generation.
        after: From when on firings are listed: a moment with an offset, or the text of one; without an offset it is a
            time of day in the schedule's zone.
        count: How many firings are listed.
        job: What a schedule of CLI v1 submits, if that is to be checked too.
        cron_fields: Whether days and months of a cron expression count (``standard``, the default), or are ignored as
            the service ignores them (``service``).

    Raises:
        SpecError: The file, or that of its job, is wrong; with all problems of both.
        ValueError: `after` is no time.

    Example:
        >>> explain(read(Path("retrain_schedule.yml")), after=now).facts[0]
        ('fires', 'every week on Monday at 09:00')
    """
    plan = plan_of(source, job, cron_fields)
    if plan.trigger is None:
        assert plan.changes is not None
        facts = [("fires", _changes(plan.changes)), ("submits", _submits(source, plan))]
        return Explanation(plan.name, None, plan.description, facts)
    try:
        fires = firing(plan.trigger, cron_fields or "standard")
    except SpecError as error:  # v1 files have their own words for what is wrong here
        raise SpecError([source.problem((), f"{one.path}: {one.reason}") for one in error.problems]) from error
    since = moment_of(after, fires.time_zone)
    told = (*_of_file(plan.warnings), *warnings(fires, since, skips_start=plan.skips_start, explicit=bool(cron_fields)))
    return Explanation(
        plan.name,
        plan.display_name,
        plan.description,
        [*_facts(fires, since), ("submits", _submits(source, plan))],
        fires.time_zone,
        [*_firings(fires, since, count, skips_start=plan.skips_start)],
        told,
    )


def moment_of(given: dt.datetime | str, zone: ZoneInfo) -> dt.datetime:
    """A moment in UTC; without an offset it is a time of day in a zone.

    Raises:
        ValueError: It is no time.
    """
    found = dt.datetime.fromisoformat(given.replace("Z", "+00:00")) if isinstance(given, str) else given
    return time_zones.instant(found, zone) if found.tzinfo is None else time_zones.in_utc(found)


def words_of(fires: Recurrence | Cron) -> str:
    """When something fires, in words, without its zone."""
    if isinstance(fires, Cron):
        return cron_words.words(fires.read)
    return recurrence_words.summary(fires).removesuffix(f", {fires.zone}")


def _facts(fires: Recurrence | Cron, since: dt.datetime) -> Iterator[tuple[str, str]]:
    expression = f" (cron {fires.expression!r})" if isinstance(fires, Cron) else ""
    yield "fires", f"{words_of(fires)}{expression}"
    yield "zone", fires.zone if fires.zone == fires.time_zone.key else f"{fires.zone}, which is {fires.time_zone.key}"
    for key, local, at in (("start", fires.start, fires.first), ("end", fires.end, fires.last)):
        if local is not None and at is not None:
            yield key, f"{local.strftime(MOMENT)}{', which is past' if at < since else ''}"


def _firings(fires: Recurrence | Cron, since: dt.datetime, count: int, *, skips_start: bool) -> Iterator[Firing]:
    at = max(since, fires.first) if skips_start and fires.first else since
    found: list[dt.datetime] = []
    while len(found) < count and (following := fires.next_after(at)) is not None:
        found.append(at := following)
    notes = clock_notes(fires, since, found[-1] + _DAY) if found else {}
    yield from (Firing(moment.astimezone(fires.time_zone), notes.get(moment, "")) for moment in found)


def _submits(source: Source, plan: Plan) -> str:
    job = plan.job
    if job.job_type == "monitor":
        return "a monitor, which runs on the service alone"
    if schedules.variant(source.value) == "import":
        return "an import of data, as a pipeline job"
    also = f", with its own {enumerated(sorted(mapping(job.changes)))}" if job.changes else ""
    if job.ran is not None:
        return f"the job {job.ran} again{also}"
    if job.file is not None:
        return f"{job.file.name}, a {job.job_type} job{also}"
    if job.spec is not None:
        return f"the {job.job_type} job in the file"
    return "what 'az ml pipeline create-schedule' was told, which the file does not hold; --job FILE checks it"


def _changes(changes: Changes) -> str:
    where = f"folder {changes.path!r} of datastore" if changes.path else "datastore"
    often = f"{changes.poll_seconds / 60:g} minutes"
    parameter = f"; {changes.parameter!r} takes the path of what changed" if changes.parameter else ""
    return f"when files in {where} {changes.datastore!r} are added or changed, looking every {often}{parameter}"


def _of_file(problems: Sequence[Problem]) -> Iterator[str]:
    """What the file's check warns of, with its lines."""
    for problem in problems:
        yield f"{problem.path} (line {problem.line}): {problem.reason}."
