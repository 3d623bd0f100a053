"""When the trigger of a schedule fires."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.errors import ArmError, bad_request
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.cron import Cron
from airflow_provider_azml.spec.recurrence import Recurrence

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json

_PATH = "properties.trigger"
_FIELDS = {
    "start": "startTime",
    "end": "endTime",
    "zone": "timeZone",
    "hours": "schedule.hours",
    "minutes": "schedule.minutes",
    "week_days": "schedule.weekDays",
    "month_days": "schedule.monthDays",
}
"""What the fields of what fires are called in a trigger; others have their own name."""


def firing(trigger: Json, made: dt.datetime | None = None) -> Recurrence | Cron:
    """What fires as a trigger says.

    Args:
        trigger: ``trigger`` of a schedule's properties.
        made: When the schedule was made: a recurrence without a start counts from then.

    Raises:
        ArmError: It never fires, or makes no sense.

    Sources: ``TriggerBase`` of the 2024-04-01 OpenAPI file ("ISO 8601, but without a UTC offset");
    MicrosoftDocs/azure-ai-docs, how-to-schedule-pipeline-job: days and months of cron expressions are ignored. What a
    trigger that never fires is answered is not known; the emulator refuses it.
    """
    kind = trigger.get("triggerType")
    start, end = _moment(trigger, "startTime"), _moment(trigger, "endTime")
    zone = trigger.get("timeZone") or "UTC"
    try:
        if kind == "Cron":
            return Cron(str(trigger.get("expression")), zone, start, end, "service")
        if kind == "Recurrence":
            return _recurrence(trigger, start, end, zone, made)
    except SpecError as error:
        raise _refused(error) from error
    raise bad_request(f"triggerType '{kind}' is none of Cron, Recurrence.", code="ValidationError", target=_PATH)


def _recurrence(
    trigger: Json, start: dt.datetime | None, end: dt.datetime | None, zone: str, made: dt.datetime | None
) -> Recurrence:
    pattern = trigger.get("schedule") or {}
    return Recurrence(
        str(trigger.get("frequency")),
        trigger.get("interval") or 0,
        hours=pattern.get("hours") or (),
        minutes=pattern.get("minutes") or (),
        week_days=pattern.get("weekDays") or (),
        month_days=pattern.get("monthDays") or (),
        start=start,
        end=end,
        zone=zone,
        anchor=made,
    )


def _moment(trigger: Json, field: str) -> dt.datetime | None:
    text = trigger.get(field)
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise bad_request(
            f"{field} of a trigger must be ISO 8601 without an offset, such as 2022-06-01T00:00:01, not '{text}'.",
            code="ValidationError",
            target=f"{_PATH}.{field}",
        )
    return moment


def _refused(error: SpecError) -> ArmError:
    told = [(f"{_PATH}.{_FIELDS.get(problem.path, problem.path)}", problem.reason) for problem in error.problems]
    return ArmError(
        400,
        "ValidationError",
        f"The trigger cannot be used. {' '.join(f'{path}: {reason}.' for path, reason in told)}",
        target=told[0][0],
        details=[{"code": "ValidationError", "message": reason, "target": path} for path, reason in told],
    )
