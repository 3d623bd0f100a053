"""Durations as the service writes them."""

from __future__ import annotations

import isodate  # type: ignore[import-untyped]  # has no stubs


def seconds(text: str) -> float:
    """The length of an ISO 8601 duration.

    Raises:
        ValueError: It is none.

    Example:
        >>> seconds("PT1M30S")
        90.0
    """
    try:
        return float(isodate.parse_duration(text).total_seconds())
    except (isodate.ISO8601Error, TypeError, AttributeError) as error:
        # years and months have no length of their own, which isodate shows as a type without total_seconds
        raise ValueError(f"{text!r} is not an ISO 8601 duration of days, hours, minutes and seconds") from error
