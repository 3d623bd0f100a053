"""How often something is looked at: as the user asked, slower the longer it lasts, never all at one instant."""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS = 15.0
SHORTEST_POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 86_400.0
"""What is longer is a slip."""
LONGEST_HOLD_SECONDS = 600.0
"""How long the service is left alone at most, whatever it asks for."""
_SHARE = 0.01
"""How late an end may be noticed, as a share of how long it took to come."""
_SLOWEST_SECONDS = 120.0
_JITTER = 0.1
_FEW_REQUESTS, _REQUESTS_PER_SECOND = 50, 25


def ease_seconds(requests_left: float) -> float:
    """How long to hold back, in seconds, so that the service need not refuse.

    Args:
        requests_left: How many requests the service still takes for now.

    Example:
        >>> ease_seconds(200), ease_seconds(25)
        (0.0, 1.0)

    Source: a bucket holds 250 reads and is filled by 25 a second,
    https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
    """
    return max(0.0, _FEW_REQUESTS - requests_left) / _REQUESTS_PER_SECOND


def sane(poll_seconds: float) -> float:
    """A pause that neither spins nor hangs, whatever was asked for: for what no operator has checked.

    Example:
        >>> sane(0), sane(30), sane(1e9), sane(float("nan"))
        (15.0, 30, 86400.0, 15.0)
    """
    if math.isnan(poll_seconds) or poll_seconds <= 0:
        return POLL_SECONDS
    return min(max(poll_seconds, SHORTEST_POLL_SECONDS), LONGEST_POLL_SECONDS)


def steady_clock() -> Callable[[], float]:
    """A clock in seconds since the epoch that goes on from now as it should, whatever is done to the machine's."""
    ahead = time.time() - time.monotonic()
    return lambda: time.monotonic() + ahead


def pause_seconds(
    poll_seconds: float, waited_seconds: float, retry_after: float = 0, again_seconds: float | None = None
) -> float:
    """Pause before the next look, in seconds.

    Args:
        poll_seconds: What the user asked for; the pause is a tenth shorter at most, and longer for what lasts long.
        waited_seconds: How long the wait has lasted. After an hour of it, half a minute more is no loss.
        retry_after: What the service asked for; the pause is not shorter, up to some minutes.
        again_seconds: What the last look asked for itself, instead of the two first.

    Example:
        >>> 13.5 <= pause_seconds(15, waited_seconds=60) <= 15
        True
        >>> 32 <= pause_seconds(15, waited_seconds=3600) <= 36
        True
    """
    if again_seconds is not None:
        return max(min(retry_after, LONGEST_HOLD_SECONDS), again_seconds, SHORTEST_POLL_SECONDS)
    patient = max(poll_seconds, min(waited_seconds * _SHARE, _SLOWEST_SECONDS), SHORTEST_POLL_SECONDS)
    return max(min(retry_after, LONGEST_HOLD_SECONDS), patient * random.uniform(1 - _JITTER, 1))  # noqa: S311 (nothing secret)
