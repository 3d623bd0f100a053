"""Doors of endpoints, opened once for all who send payloads through them again and again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import AuthError
from airflow_provider_azml.rest import check_requests
from airflow_provider_azml.rest.scoring import CHOSEN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_azml.rest.checks import Report
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.scoring import Door

_MOST = 1000
"""How many are kept open; hundreds of waits share a triggerer."""


class Doors:
    """Doors of endpoints, each opened by whoever comes first; they hold keys, and are kept in memory alone.

    A door costs a POST request, and Resource Manager takes 10 a second of all together, which hundreds would use up
    that look every few seconds.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
    """

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[str, Door] = {}

    def check(
        self,
        arm_id: str,
        opening: Callable[[], Flow[Door]],
        checks: Sequence[Json],
        *,
        deployment: str | None = None,
        compared_with: str | None = None,
    ) -> Flow[Report]:
        """Do checks through a door; it is opened again if its key was made anew meanwhile, or its token has run out.

        Args:
            arm_id: What it leads to; nobody else's door may be called so.
            opening: How it is opened.
            checks: In their normal form, at least one.
            deployment: The deployment that is to answer, whatever the traffic split says.
            compared_with: The one whose answers are the measure.

        Raises:
            ApiError: It cannot be opened; what is wrong with answers is in the report.
        """
        kept = self._kept(arm_id)
        door = kept or (yield from self._opened(arm_id, opening))
        try:
            return (yield from _through(door, checks, deployment, compared_with))
        except AuthError as error:
            self._open.pop(arm_id, None)
            if kept is None or error.status is None:
                raise
        door = yield from self._opened(arm_id, opening)
        return (yield from _through(door, checks, deployment, compared_with))

    def _kept(self, arm_id: str) -> Door | None:
        door = self._open.get(arm_id)
        is_old = door is not None and door.renew_at is not None and door.renew_at <= time.time()
        return None if is_old else door

    def _opened(self, arm_id: str, opening: Callable[[], Flow[Door]]) -> Flow[Door]:
        door = yield from opening()
        while len(self._open) >= _MOST:
            self._open.pop(next(iter(self._open)))
        self._open[arm_id] = door
        return door


def _through(door: Door, checks: Sequence[Json], deployment: str | None, compared_with: str | None) -> Flow[Report]:
    reference = _to(door, compared_with) if compared_with not in (None, deployment) else None
    return check_requests.put_to(_to(door, deployment), checks, reference=reference)


def _to(door: Door, deployment: str | None) -> Door:
    """A door with one deployment behind it, or with those that get traffic."""
    return replace(door, headers={**door.headers, CHOSEN: deployment}) if deployment else door
