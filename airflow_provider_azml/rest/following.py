"""What is told while something is waited for: one line per change."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.waiting import Glance

_STALLED = frozenset({"Paused"})
"""Status words of a job that goes on only if somebody lets it."""


class Follower:
    """Tells what changes between two looks at what is waited for.

    Args:
        arm_id: What is waited for.
        tell: Called with a level of :mod:`logging` and a line.

    Example:
        >>> client.run(settle(ticket, poll_seconds=15, follow=Follower(ticket.arm_id, logger.log).look))
    """

    def __init__(self, arm_id: str, tell: Callable[[int, str], None]) -> None:
        self._name = arm_ids.parse(arm_id).name
        self._tell = tell
        self._status = ""

    def look(self, glance: Glance) -> Flow[None]:
        """Tell what a look showed that the one before did not."""
        if glance.status != self._status:
            self._status = glance.status
            self._tell_status(glance)
        yield from ()

    def _tell_status(self, glance: Glance) -> None:
        if not glance.known:
            self._tell(logging.WARNING, f"{self._name} has the unknown status {glance.status!r}; waiting on")
        elif glance.status in _STALLED:
            self._tell(logging.WARNING, f"{self._name} is {glance.status} until somebody resumes it; waiting on")
        else:
            self._tell(logging.INFO, f"{self._name} is {glance.status}")
