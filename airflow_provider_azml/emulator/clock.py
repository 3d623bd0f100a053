"""The time, in the spelling of the service."""

from __future__ import annotations

from datetime import datetime, timezone

_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"


def seconds_since(written: str) -> float:
    """How long ago a moment was that :func:`timestamp` has written, in seconds."""
    moment = datetime.strptime(written, _FORM).replace(tzinfo=timezone.utc)
    return (datetime.now(timezone.utc) - moment).total_seconds()


def timestamp(moment: datetime | None = None) -> str:
    """A moment (now, when none is given) as the service writes it.

    Example:
        >>> timestamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))
        '2026-01-02T03:04:05.000000Z'
    """
    return (moment or datetime.now(timezone.utc)).strftime(_FORM)
