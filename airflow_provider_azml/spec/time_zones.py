"""Time zones by the names of Windows and of IANA, and what daylight saving time does to times of day in them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_NOT_IN_TABLE = {"kamchatka standard time": "Asia/Kamchatka", "mid-atlantic standard time": "Etc/GMT+2"}
"""The two of the service's 131 zones that Windows has given up, and tzlocal's table with it."""
_LONGEST_JUMP = dt.timedelta(hours=25)
"""More than clocks were ever moved at once: Samoa left out a whole day."""


class UnknownTimeZoneError(ValueError):
    """There is no time zone of that name."""


def time_zone(name: str) -> ZoneInfo:
    """The time zone of a name.

    Args:
        name: Its Windows name in any case, as the service takes it, or its IANA name.

    Raises:
        UnknownTimeZoneError: There is none; the message has the nearest names.

    Example:
        >>> time_zone("W. Europe Standard Time"), time_zone("Europe/Berlin")
        (zoneinfo.ZoneInfo(key='Europe/Berlin'), zoneinfo.ZoneInfo(key='Europe/Berlin'))

    Source: ``TriggerBase.timeZone`` of the 2024-04-01 OpenAPI file; Unicode's table of Windows zones, in tzlocal.
    """
    windows = {} if name == "UTC" or "/" in name else _windows_zones()
    try:
        return ZoneInfo(windows.get(name.lower(), name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # a folder, or a path out of the database
        raise UnknownTimeZoneError(f"there is no time zone {name!r:.80}{_nearest(name)}") from error


def in_utc(moment: dt.datetime) -> dt.datetime:
    """A moment in UTC, without the arithmetic of its own that Airflow's kind of moment has."""
    found = moment.astimezone(dt.timezone.utc)
    return dt.datetime.combine(
        dt.date(found.year, found.month, found.day),
        dt.time(found.hour, found.minute, found.second, found.microsecond, dt.timezone.utc),
    )


def instant(local: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """When a time of day is: in a gap as much later as the clocks were moved, in a fold at the first of the two.

    Example:
        >>> instant(dt.datetime(2026, 3, 29, 2, 30), ZoneInfo("Europe/Berlin")).isoformat()  # 03:30 there
        '2026-03-29T01:30:00+00:00'
    """
    return local.replace(tzinfo=zone, fold=0).astimezone(dt.timezone.utc)


def local_time(moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """What the clocks of a zone show at a moment."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def first_after(
    ascending: Callable[[dt.datetime], Iterable[dt.datetime]], moment: dt.datetime, zone: ZoneInfo
) -> dt.datetime | None:
    """The first instant after a moment among times of day.

    Args:
        ascending: The times of day from one of them on, in their order.
        moment: The moment.
        zone: Their zone.
    """
    found = None
    for one in ascending(local_time(moment, zone) - max(_moved(moment, zone), dt.timedelta())):
        at = instant(one, zone)
        if at > moment:
            found = at if found is None else min(found, at)
            if one >= local_time(found, zone):  # what stands in a gap can come after what follows it
                break
    return found


def last_until(
    descending: Callable[[dt.datetime], Iterable[dt.datetime]], moment: dt.datetime, zone: ZoneInfo
) -> dt.datetime | None:
    """The last instant at or before a moment among times of day.

    Args:
        descending: The times of day from one of them back, the latest first.
        moment: The moment.
        zone: Their zone.
    """
    found, gap = None, dt.timedelta()
    for one in descending(local_time(moment, zone) - min(_moved(moment, zone), dt.timedelta())):
        at = instant(one, zone)
        if at > moment:
            continue
        if found is None:
            found, gap = at, max(_moved(at, zone), dt.timedelta())
        found = max(found, at)
        if one <= local_time(found, zone) - gap:
            break
    return found


def _moved(moment: dt.datetime, zone: ZoneInfo) -> dt.timedelta:
    """How far the clocks were moved ahead in the day before a moment; less than nothing when they were moved back."""
    now, before = moment.astimezone(zone).utcoffset(), (moment - _LONGEST_JUMP).astimezone(zone).utcoffset()
    assert now is not None
    assert before is not None
    return now - before


def _windows_zones() -> dict[str, str]:
    from tzlocal.windows_tz import win_tz  # noqa: PLC0415 (35 KB that few schedules need)

    if not _BY_LOWER_NAME:
        _BY_LOWER_NAME.update({**_NOT_IN_TABLE, **{name.lower(): zone for name, zone in win_tz.items()}})
    return _BY_LOWER_NAME


_BY_LOWER_NAME: dict[str, str] = {}


def _nearest(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 (for who has misspelt one)
    from zoneinfo import available_timezones  # noqa: PLC0415 (reads a folder)

    from tzlocal.windows_tz import win_tz  # noqa: PLC0415 (as above)

    found = get_close_matches(name, sorted({*win_tz, *available_timezones()}), n=1, cutoff=0.8)
    return f"; is it {found[0]!r}?" if found else "; write 'W. Europe Standard Time' or 'Europe/Berlin'"
