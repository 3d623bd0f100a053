"""The time, in the spelling of the service."""

from __future__ import annotations

from datetime import datetime, timezone


def timestamp(moment: datetime | None = None) -> str:
    """A moment (now, when none is given) as the service writes it.

    Example:
        >>> timestamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))
        '2026-01-02T03:04:05.000000Z'
    """
    return (moment or datetime.now(timezone.utc)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
