"""When a wait is given up: absolute moments, so that they hold from process to process."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from airflow_provider_azml.exceptions import WaitTimeout
from airflow_provider_azml.rest import arm_ids

Limit = Literal["timeout_seconds", "execution_timeout"]
BEFORE_RUNNING = frozenset({"NotStarted", "Queued", "Provisioning", "Preparing", "Starting"})
"""Status words of a job that does not run yet. Source: descriptions of ``JobStatus``, 2024-04-01 OpenAPI file."""


@dataclass(frozen=True)
class Deadlines:
    """The moments after which a wait is given up, in seconds since the epoch.

    Args:
        ends: For the whole wait.
        limit: Which setting of the task ``ends`` comes from.
        queue_ends: For a job that does not run yet.
    """

    ends: float | None = None
    limit: Limit = "timeout_seconds"
    queue_ends: float | None = None

    def check(self, arm_id: str, status: str, *, now: float, began: float, noun: str | None = None) -> float:
        """Seconds until the next of them, infinite when there is none.

        Args:
            arm_id: What is waited for.
            status: The last word that was seen of it, or nothing.
            now: The moment, in seconds since the epoch.
            began: When the wait began, in seconds since the epoch.
            noun: What it is called; by default the resource's kind.

        Raises:
            WaitTimeout: One has passed.
        """
        limits: list[tuple[float, str]] = [(self.ends, self.limit)] if self.ends is not None else []
        if self.queue_ends is not None and (status in BEFORE_RUNNING or not status):
            limits.append((self.queue_ends, "queue_timeout_seconds"))
        ends, limit = min(limits, default=(math.inf, ""))
        if now < ends:
            return ends - now
        waited_for = arm_ids.parse(arm_id)
        raise WaitTimeout(
            kind=noun or waited_for.kind.replace("_", " "),
            name=waited_for.name,
            last_status=status or None,
            seconds=now - began,
            limit=limit,
        )


NO_DEADLINES = Deadlines()
