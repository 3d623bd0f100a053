"""Durations as the service writes them."""

from __future__ import annotations

import isodate  # type: ignore[import-untyped]  # has no stubs

_MOST_SECONDS = 100 * 366 * 24 * 3600


def seconds(text: str) -> float:
    """The length of an ISO 8601 duration.

    Raises:
        ValueError: It is none, or one that nothing takes: less than no time, or more than a hundred years.

    Example:
        >>> seconds("PT1M30S")
        90.0
    """
    try:
        length = float(isodate.parse_duration(text).total_seconds())
    except OverflowError:
        length = _MOST_SECONDS + 1
    except (isodate.ISO8601Error, TypeError, AttributeError) as error:
        # years and months have no length of their own, which isodate shows as a type without total_seconds
        raise ValueError(f"{text!r} is not an ISO 8601 duration of days, hours, minutes and seconds") from error
    if not 0 <= length <= _MOST_SECONDS:
        raise ValueError(f"{text!r} is not a duration from none to a hundred years")
    return length
