"""When compute instances start and stop by themselves."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.cron import Cron
from airflow_provider_azml.spec.recurrence import Recurrence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.rest.flows import Json

ACTIONS = ("Start", "Stop")


def next_act(schedules: Json | None, since: datetime) -> tuple[datetime, str] | None:
    """The next thing that an instance does by its schedules, and when.

    Source: ``ComputeStartStopSchedule`` of the 2024-04-01 OpenAPI file.

    Args:
        schedules: ``schedules`` of the instance.
        since: A moment.

    Raises:
        ValueError: A schedule cannot be.
        SpecError: It fires at no time that there is.
    """
    return min(_acts(schedules, since), default=None)


def _acts(schedules: Json | None, since: datetime) -> Iterator[tuple[datetime, str]]:
    for schedule in (schedules or {}).get("computeStartStop") or []:
        if schedule.get("action") not in ACTIONS:
            raise ValueError(f"action {schedule.get('action')!r} is none of {', '.join(ACTIONS)}")
        moment = _trigger(schedule).next_after(since)
        if moment is not None and schedule.get("status", "Enabled") == "Enabled":
            yield moment, str(schedule["action"])


def _trigger(schedule: Json) -> Cron | Recurrence:
    if schedule.get("triggerType") == "Cron":
        given = schedule.get("cron") or {}
        return Cron(str(given.get("expression") or ""), zone=_zone(given), start=_start(given))
    if schedule.get("triggerType") != "Recurrence":
        raise ValueError(f"triggerType {schedule.get('triggerType')!r} is none of Cron, Recurrence")
    given = schedule.get("recurrence") or {}
    pattern = given.get("schedule") or {}
    return Recurrence(
        str(given.get("frequency") or ""),
        int(given.get("interval") or 0),
        pattern.get("hours") or [],
        pattern.get("minutes") or [],
        pattern.get("weekDays") or [],
        pattern.get("monthDays") or [],
        start=_start(given),
        zone=_zone(given),
    )


def _zone(given: Json) -> str:
    return str(given.get("timeZone") or "UTC")


def _start(given: Json) -> datetime | None:
    return datetime.fromisoformat(given["startTime"]) if given.get("startTime") else None
