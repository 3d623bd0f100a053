"""What all that fires has in common: instants in a zone, from a start on and until an end."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import time_zones

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_MICROSECOND = dt.timedelta(microseconds=1)


class FiringTimes(ABC):
    """When something fires; a subclass tells of what lies between without minding where it begins and ends."""

    def next_after(self, moment: dt.datetime) -> dt.datetime | None:
        """The first time at which it fires after a moment, in UTC; ``None`` when it does no more.

        Args:
            moment: Any moment, with an offset.
        """
        since = time_zones.in_utc(moment)
        found = self._after(since if self.first is None else max(since, self.first - _MICROSECOND))
        return found if found and (self.last is None or found <= self.last) else None

    def last_until(self, moment: dt.datetime) -> dt.datetime | None:
        """The last time at which it fires at or before a moment, in UTC; ``None`` when there is none.

        Args:
            moment: Any moment, with an offset.
        """
        until = time_zones.in_utc(moment)
        found = self._until(until if self.last is None else min(until, self.last))
        return found if found and (self.first is None or found >= self.first) else None

    @cached_property
    def first(self) -> dt.datetime | None:
        """The moment of its start, in UTC."""
        start = self._local_bounds[0]
        return time_zones.instant(start, self._zone) if start else None

    @cached_property
    def last(self) -> dt.datetime | None:
        """The moment of its end, in UTC."""
        end = self._local_bounds[1]
        return time_zones.instant(end, self._zone) if end else None

    @property
    @abstractmethod
    def _local_bounds(self) -> tuple[dt.datetime | None, dt.datetime | None]:
        """Its start and its end, in the zone."""

    @property
    @abstractmethod
    def _zone(self) -> ZoneInfo:
        """The zone."""

    @abstractmethod
    def _after(self, since: dt.datetime) -> dt.datetime | None:
        """The first time after a moment of UTC."""

    @abstractmethod
    def _until(self, until: dt.datetime) -> dt.datetime | None:
        """The last time at or before a moment of UTC."""
