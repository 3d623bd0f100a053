"""How often something is looked at: as the user asked, slower the longer it lasts, never all at one instant."""

from __future__ import annotations

import random

SHORTEST_POLL_SECONDS = 0.05
_SHARE = 0.01
"""How late an end may be noticed, as a share of how long it took to come."""
_SLOWEST_SECONDS = 120.0
_JITTER = 0.1


def pause_seconds(poll_seconds: float, waited_seconds: float, retry_after: float = 0) -> float:
    """Pause before the next look, in seconds.

    Args:
        poll_seconds: What the user asked for; the pause is never shorter, but for the jitter.
        waited_seconds: How long the wait has lasted. After an hour of it, half a minute more is no loss.
        retry_after: What the service asked for; the pause is never shorter.

    Example:
        >>> 13.5 <= pause_seconds(15, waited_seconds=60) <= 16.5
        True
        >>> 32 <= pause_seconds(15, waited_seconds=3600) <= 40
        True
    """
    patient = max(poll_seconds, min(waited_seconds * _SHARE, _SLOWEST_SECONDS), SHORTEST_POLL_SECONDS)
    return max(retry_after, patient * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311 (nothing secret)
