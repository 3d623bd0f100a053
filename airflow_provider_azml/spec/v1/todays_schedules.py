"""Schedule files of CLI v1 as schedules of CLI v2."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import firings
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.v1 import expressions, schedules
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put, unless_empty
from airflow_provider_azml.spec.v1.schedules import ROOT
from airflow_provider_azml.spec.v1.translation import Remark, Translation
from airflow_provider_azml.spec.v1.unsayable import is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_OF_THE_CLI = ("wait_for_provisioning", "wait_timeout")
_FIRED_AT = re.compile(r"@\s*trigger\s*\(\s*\)\s*\.\s*scheduledTime\s*")
_TIMES = ("hours", "minutes")
_MACRO = "${{creation_context.trigger_time}}"


def schedule(source: Source) -> Translation:
    """A schedule file of CLI v1 as a schedule of CLI v2.

    The file of v1 says neither what the schedule is called nor which pipeline it submits: whoever translates it has to
    add ``name``, and ``job`` under ``create_job``.

    Args:
        source: The file of v1.

    Raises:
        SpecError: It is no valid schedule file, or says what v2 cannot say; with all its problems.

    Example:
        >>> schedule(as_written(Path("schedule.yml"))).source.value["trigger"]["frequency"]
        'week'
    """
    notes = [*schedules.check(source), *_notes(source)]
    wrong = list(_unsayable(source))
    if wrong:
        raise SpecError(wrong)
    given = source.at(ROOT)
    trigger, remarks = _trigger(source)
    members: dict[str, Placed | None] = {
        "description": kept(given, "description"),
        "trigger": put(trigger, given, "recurrence"),
        "create_job": _job(given, schedules.settings(source)),
    }
    made = gathered(members, source, ROOT)
    remarks += [*_of_start(source, trigger), *_of_parameters(given)]
    return Translation("schedule", replace(source, value=made.value, marks=made.marks), remarks=remarks, notes=notes)


def _trigger(source: Source) -> tuple[Json, list[Remark]]:
    """When it fires; times of the day are written out, which v1 takes from the start where they are left out."""
    trigger, remarks = schedules.trigger(source) or {}, list[Remark]()
    pattern = mapping(trigger.get("schedule"))
    if pattern:
        start = firings.firing(trigger).start
        for key in (key for key in _TIMES if key not in pattern and start is not None):
            pattern = {**pattern, key: [getattr(start, key.removesuffix("s"))]}
            remarks.append(Remark(("trigger", "schedule", key), f"that of start_time, whose {key} v1 takes by itself"))
    return {**trigger, "schedule": pattern} if pattern else trigger, remarks


def _job(given: Source, settings: Json) -> Placed:
    """What the schedule changes of the pipeline that it submits."""
    parameters = mapping(given.value.get("pipeline_parameters"))
    inputs = {name: put(_value(value), given, "pipeline_parameters", name) for name, value in parameters.items()}
    members: dict[str, Placed | None] = {
        "type": put("pipeline", given),
        "inputs": unless_empty(gathered(inputs, given, "pipeline_parameters")),
        "settings": put(settings, given, "continue_on_step_failure") if settings else None,
    }
    return gathered(members, given)


def _value(value: object) -> object:
    return _MACRO if isinstance(value, str) and _FIRED_AT.fullmatch(value) else value


def _unsayable(source: Source) -> Iterator[Problem]:
    given = source.at(ROOT)
    if schedules.changes(source) is not None:
        reason = "v2 has no schedules of changed data; azml_dag() of this file fires when they change"
        yield given.problem(("datastore_name",), reason, at_key=True)
    trigger, _ = _trigger(source)
    missing = [key for key in _TIMES if "schedule" in trigger and key not in trigger["schedule"]]
    if missing:
        reason = f"v2 wants {' and '.join(missing)}, which v1 took from the moment that it was made; give start_time"
        yield given.problem(("recurrence",), reason, at_key=True)
    for name, value in mapping(given.value.get("pipeline_parameters")).items():
        if expressions.is_expression(value) and _value(value) == value:
            reason = f"{value!r:.80}: v2 evaluates no expressions; azml_dag() of this file does"
            yield given.problem(("pipeline_parameters", name), reason)


def _notes(source: Source) -> Iterator[Problem]:
    given = source.at(ROOT)
    for key in _OF_THE_CLI:
        if not is_unset(given.value.get(key)):
            reason = "not sent: it was for the CLI, which waited or did not"
            yield given.problem((key,), reason, at_key=True, severity="note")


def _of_start(source: Source, trigger: Json) -> Iterator[Remark]:
    if not schedules.skips_start(source):
        return
    fires = firings.firing(trigger)
    if fires.first is not None and fires.next_after(fires.first - dt.timedelta.resolution) == fires.first:
        told = "v1 leaves out a start_time that is one of the schedule's own times; v2 fires at it, unless it is past"
        yield Remark(("trigger", "start_time"), told)


def _of_parameters(given: Source) -> Iterator[Remark]:
    for name, value in mapping(given.value.get("pipeline_parameters")).items():
        if value != _value(value):
            told = f"v1 says {value}; the service writes the time in a form of its own here"
            yield Remark(("create_job", "inputs", name), told)
