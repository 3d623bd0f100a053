"""The trigger of a schedule file, in the words of the file, as what fires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.cron import Cron
from airflow_provider_azml.spec.recurrence import Recurrence
from airflow_provider_azml.spec.rules import integer, lower, mapping
from airflow_provider_azml.spec.schedule_triggers import DEFAULT_ZONE, moment

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.cron import CronFields
    from airflow_provider_azml.spec.source import Source

_PATTERN = ("hours", "minutes", "week_days", "month_days")
_KEYS = {
    "start": ("start_time",),
    "end": ("end_time",),
    "zone": ("time_zone",),
    **{name: ("schedule", name) for name in _PATTERN},
}
"""Fields of what fires -> where the file says them; others are said under their own name."""


def firing(trigger: Json, cron_fields: CronFields = "standard", anchor: dt.datetime | None = None) -> Recurrence | Cron:
    """What fires as a trigger says.

    Args:
        trigger: The trigger of a schedule file.
        cron_fields: Whether days and months of a cron expression count, or are ignored as the service ignores them.
        anchor: Where a recurrence without a start begins to count.

    Raises:
        SpecError: There is no such trigger.

    Example:
        >>> firing({"type": "cron", "expression": "0 9 * * 1"}).next_after(now)
    """
    zone = zone_of(trigger)
    start, end = _moment(trigger, "start_time"), _moment(trigger, "end_time")
    if lower(trigger["type"]) == "cron":
        return Cron(str(trigger["expression"]), zone, start, end, cron_fields)
    pattern = mapping(trigger.get("schedule"))
    return Recurrence(
        lower(trigger["frequency"]),
        whole(trigger["interval"]),
        [whole(value) for value in _listed(pattern.get("hours"))],
        [whole(value) for value in _listed(pattern.get("minutes"))],
        [str(value) for value in _listed(pattern.get("week_days"))],
        [whole(value) for value in _listed(pattern.get("month_days"))],
        start,
        end,
        zone,
        anchor,
    )


def problems(source: Source, cron_fields: CronFields = "standard") -> Iterator[Problem]:
    """What keeps a trigger from firing that its schema lets pass.

    Args:
        source: The trigger; it follows its schema.
        cron_fields: As for :func:`firing`.
    """
    try:
        firing(source.value, cron_fields)
    except SpecError as error:
        for problem in error.problems:
            yield source.problem(_KEYS.get(problem.path, (problem.path,)), problem.reason)


def zone_of(trigger: Json) -> str:
    """The name of a trigger's time zone."""
    given = trigger.get("time_zone")
    return DEFAULT_ZONE if given is None else str(given)


def whole(value: Any) -> Any:  # any value of a file
    """A whole number in any spelling that azure-ai-ml takes; anything else as it is, for the recurrence to refuse.

    azure-ai-ml cuts 1.5 to 1, which is nothing that anybody means.

    Example:
        >>> whole("3"), whole(1.5)
        (3, 1.5)
    """
    if isinstance(value, bool):
        return value
    try:
        number = integer(value)
    except (TypeError, ValueError, OverflowError):
        return value
    return number if isinstance(value, str) or number == value else value


def _moment(trigger: Json, key: str) -> dt.datetime | None:
    given = trigger.get(key)
    return moment(str(given)) if given is not None else None


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else [] if value is None else [value]
