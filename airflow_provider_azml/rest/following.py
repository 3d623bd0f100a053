"""What is told while something is waited for: one line per change, and a job's log as it grows."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import arm_ids, flows
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.job_log import JobLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Glance

_STALLED = frozenset({"Paused"})
"""Status words of a job that goes on only if somebody lets it."""
_WITHOUT_LOG = frozenset({"", "NotStarted", "Queued", "Provisioning", "Preparing", "Starting"})
"""Status words of a job that has not begun to run."""
_REQUEST_SECONDS = 60.0
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 30.0, 600.0


class Follower:
    """Tells what changes between two looks at what is waited for.

    It never fails a wait: what cannot be told for now is said once, and tried again later.

    Args:
        arm_id: What is waited for.
        tell: Called with a level of :mod:`logging` and a line.
        stream_logs: Whether a job's log is told as it grows.
        body: The job, where it is known already.
        plane: Where the workspace's data plane is, for followers that share it.
        now: The clock, in seconds; only differences count.

    Example:
        >>> client.run(settle(ticket, poll_seconds=15, follow=Follower(ticket.arm_id, logger.log).look))
    """

    __slots__ = ("_arm_id", "_job_type", "_log", "_now", "_plane", "_status", "_stream_logs", "_tell", "_trouble")

    def __init__(
        self,
        arm_id: str,
        tell: Callable[[int, str], None],
        *,
        stream_logs: bool = False,
        body: Json | None = None,
        plane: DataPlane | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._arm_id = arm_id
        self._tell = tell
        self._stream_logs = stream_logs
        self._job_type = _job_type(body or {})
        self._plane = plane
        self._now = now
        self._status = ""
        self._log: JobLog | None = None
        self._trouble: dict[str, _Trouble] | None = None

    @property
    def wants_every_look(self) -> bool:
        """Whether it has something to do at a look that shows what the one before did."""
        return self._stream_logs

    def look(self, glance: Glance) -> Flow[None]:
        """Tell what a look showed that the one before did not."""
        changed = glance.status != self._status
        if changed:
            self._status = glance.status
            self._tell_status(glance)
        self._job_type = self._job_type or _job_type(glance.body)
        if self._stream_logs and glance.status not in _WITHOUT_LOG:
            yield from self._bear("the log", self._follow_log(glance, changed=changed), last=glance.outcome is not None)

    def _tell_status(self, glance: Glance) -> None:
        name = arm_ids.parse(self._arm_id).name
        if not glance.known:
            self._tell(logging.WARNING, f"{name} has the unknown status {glance.status!r}; waiting on")
        elif glance.status in _STALLED:
            self._tell(logging.WARNING, f"{name} is {glance.status} until somebody resumes it; waiting on")
        else:
            self._tell(logging.INFO, f"{name} is {glance.status}")

    def _follow_log(self, glance: Glance, *, changed: bool) -> Flow[None]:
        job = arm_ids.parse(self._arm_id)
        self._plane = self._plane or DataPlane(job.workspace)
        if self._log is None:
            self._log = JobLog(job.name, lambda line: self._tell(logging.INFO, line), job_type=self._job_type)
        if changed:
            self._log.hurry()
        yield from self._log.look(self._plane, now=self._now(), ended=glance.outcome is not None)

    def _bear(self, what: str, telling: Flow[None], *, last: bool) -> Flow[None]:
        """Tell a part of it; an error is said once, and the part is tried again later, less and less often."""
        trouble = (self._trouble or {}).get(what)
        now = self._now()
        if trouble and now < trouble.until and not last:
            telling.close()
            return
        try:
            yield from flows.once(telling, timeout_seconds=_REQUEST_SECONDS)
        except (ApiError, AttributeError, LookupError, TypeError, ValueError) as error:
            # also what comes of an answer in an unknown shape: what is only told must not end a wait
            if not trouble:
                name = arm_ids.parse(self._arm_id).name
                self._tell(logging.WARNING, f"{what} of {name} cannot be read for now: {error}")
            pause = min(2 * trouble.pause, _LONGEST_PAUSE_SECONDS) if trouble else _PAUSE_SECONDS
            retry_after = error.retry_after if isinstance(error, ApiError) else 0
            self._trouble = {**(self._trouble or {}), what: _Trouble(now + max(pause, retry_after), pause)}
        else:
            if trouble and self._trouble:
                del self._trouble[what]


class _Trouble:
    """Since when something cannot be told.

    Args:
        until: When it is tried again.
        pause: The pause until then, in seconds.
    """

    __slots__ = ("pause", "until")

    def __init__(self, until: float, pause: float) -> None:
        self.until = until
        self.pause = pause


def _job_type(body: Json) -> str | None:
    properties = body.get("properties")
    job_type = properties.get("jobType") if isinstance(properties, dict) else None
    return job_type if isinstance(job_type, str) else None
