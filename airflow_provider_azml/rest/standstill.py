"""States that end a wait badly if they last: since when what is waited for is in one, and when that is too long."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.rest.waiting import Glance, Outcome


class Standstill:
    """Since when what is waited for is in a state that it may not stay in, and when that is too long.

    Only who looks knows it; whoever takes over begins anew.
    """

    __slots__ = ("_glance", "_since")

    def __init__(self) -> None:
        self._since = 0.0
        self._glance: Glance | None = None

    def outcome(self, seen: Glance | None, now: float) -> Outcome | None:
        """The bad end, once it has stayed so for too long.

        Args:
            seen: What a look showed, where there was one.
            now: The moment, in seconds.
        """
        if seen is not None:
            is_still = seen.standing_still is not None and seen.bears_seconds is not None
            if is_still and self._glance is None:
                self._since = now
            self._glance = seen if is_still else None
        still = self._glance.standing_still if self._glance and self.left(now) <= 0 else None
        if still is None or self._glance is None:
            return None
        return replace(still, message=f"{still.message} It has stayed so for {self._glance.bears_seconds:g} s.")

    def left(self, now: float) -> float:
        """How long it may still stay so, in seconds; infinite while it is in no such state."""
        if self._glance is None or self._glance.bears_seconds is None:
            return math.inf
        return max(0.0, self._since + self._glance.bears_seconds - now)
