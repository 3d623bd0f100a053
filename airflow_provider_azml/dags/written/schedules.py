"""When a DAG runs, as Python."""

from __future__ import annotations

from airflow.sdk import Asset

from airflow_provider_azml.dags.written.python_text import Call, imported
from airflow_provider_azml.timetables.recurrence import AzmlTimetable

_TIMETABLES = "airflow_provider_azml.timetables.recurrence"
_USUAL = {"cron_fields": "standard", "interval": 1, "time_zone": "UTC"}


def schedule(given: object) -> object:
    """What a DAG takes as its schedule, so that it can be written as Python.

    Args:
        given: A timetable, assets, or whatever else a DAG takes.
    """
    if isinstance(given, AzmlTimetable):
        return _timetable(given)
    if isinstance(given, list):
        return [asset(one) if isinstance(one, Asset) else one for one in given]
    return given


def asset(given: Asset) -> Call:
    """An asset, as Python."""
    named = {} if given.name == given.uri else {"name": given.name}
    group = {} if given.group == "asset" else {"group": given.group}
    return Call(
        imported("airflow.sdk", "Asset"),
        [] if named else [given.uri],
        {**named, **({"uri": given.uri} if named else {}), **group},
    )


def _timetable(timetable: AzmlTimetable) -> Call:
    fields = {key: value for key, value in timetable.serialize().items() if value not in (None, [])}
    given = [fields.pop("expression")] if "expression" in fields else []
    named = {key: value for key, value in fields.items() if _USUAL.get(key) != value}
    return Call(imported(_TIMETABLES, type(timetable).__name__), given, named)
