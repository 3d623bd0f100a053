"""What is told while something is waited for: one line per change, and logs as they grow."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import arm_ids, families, wrapped_flows
from airflow_provider_azml.rest.awaited_endpoints import FOUND
from airflow_provider_azml.rest.check_lines import CheckLines
from airflow_provider_azml.rest.children import Children
from airflow_provider_azml.rest.deadlines import BEFORE_RUNNING
from airflow_provider_azml.rest.deployment_news import DeploymentNews
from airflow_provider_azml.rest.goals import GOALS
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.job_log import JobLog
from airflow_provider_azml.rest.queueing import Queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.rest.families import Family
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.line_budget import LineBudget
    from airflow_provider_azml.rest.waiting import Glance

_STALLED = frozenset({"Paused"})
"""Status words of a job that goes on only if somebody lets it."""
_NOT_BEGUN = BEFORE_RUNNING | {""}
_WITHOUT_LOG = _NOT_BEGUN - {"Preparing"}
"""Status words of a job without a log; while one is prepared, its image may be built, which has one."""
_BUILD_SECONDS = 30.0
"""How long a job is prepared, at least, if its image is built."""
_REQUEST_SECONDS = 60.0
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 30.0, 600.0


class Follower:
    """Tells what changes between two looks at what is waited for.

    Of a job it tells too what it waits for while it does not run, what becomes of its steps or trials, and with
    ``stream_logs`` its log and theirs; of an online deployment the phase that it is in. It never fails a wait: what
    cannot be told for now is said once, and tried again later.

    Args:
        arm_id: What is waited for.
        tell: Called with a level of :mod:`logging` and a line.
        stream_logs: Whether logs are told as they grow.
        body: The job, where it is known already.
        plane: Where the workspace's data plane is, for followers that share it.
        budget: What its logs share with those of other followers; by default they are told whole.
        only_status: Whether of a job no more is told than its status.
        now: A monotonic clock, in seconds.

    Example:
        >>> client.run(settle(ticket, poll_seconds=15, follow=Follower(ticket.arm_id, logger.log).look))
    """

    __slots__ = (
        "_arm_id",
        "_budget",
        "_checks",
        "_children",
        "_family",
        "_is_job",
        "_log",
        "_news",
        "_now",
        "_plane",
        "_queue",
        "_status",
        "_stream_logs",
        "_tell",
        "_trouble",
    )

    def __init__(
        self,
        arm_id: str,
        tell: Callable[[int, str], None],
        *,
        stream_logs: bool = False,
        body: Json | None = None,
        plane: DataPlane | None = None,
        budget: LineBudget | None = None,
        only_status: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._arm_id = arm_id
        self._tell = tell
        self._stream_logs = stream_logs
        self._is_job = arm_ids.parse(arm_id).kind == "job" and not only_status
        is_deployment = arm_ids.parse(arm_id).kind == "online_deployment"
        self._news = DeploymentNews(arm_id, tell) if is_deployment and not only_status else None
        self._family: Family | None = families.family_of(body or {}, {})
        self._plane = plane
        self._budget = budget
        self._now = now
        self._status = ""
        self._checks: CheckLines | None = None
        self._log: JobLog | None = None
        self._children: Children | None = None
        self._queue: Queue | None = None
        self._trouble: dict[str, _Trouble] | None = None

    @property
    def wants_every_look(self) -> bool:
        """Whether it has something to do at a look that shows what the one before did."""
        busy = self._stream_logs or self._family != "single" or self._status in BEFORE_RUNNING
        return (self._is_job and busy) or self._checks is not None or self._news is not None

    @property
    def problems(self) -> tuple[str, ...]:
        """What checks found wrong at the last look."""
        return self._checks.problems if self._checks else ()

    def look(self, glance: Glance) -> Flow[None]:
        """Tell what a look showed that the one before did not."""
        changed = glance.status != self._status
        if changed:
            self._status = glance.status
            self._tell_status(glance)
        if found := glance.body.get(FOUND):
            self._checks = self._checks or CheckLines(arm_ids.parse(self._arm_id).name, self._tell)
            self._checks.look(found, ended=glance.outcome is not None)
        if self._news:
            yield from self._bear("the phase", self._look_at_deployment, glance)
        seen = glance.body or glance.run
        if self._is_job and seen and (glance.outcome is None or GOALS[glance.outcome.goal].in_history):
            yield from self._look_at_job(glance, changed=changed)

    def _look_at_job(self, glance: Glance, *, changed: bool) -> Flow[None]:
        self._family = self._family or families.family_of(glance.body, glance.run)
        if glance.status in BEFORE_RUNNING:
            yield from self._bear("what is said of the queue", self._look_at_queue, glance)
        else:
            self._queue = None
        if glance.status not in _NOT_BEGUN and self._family not in (None, "single"):
            yield from self._bear("what runs below", self._look_at_children, glance)
        if glance.status not in _WITHOUT_LOG and self._stream_logs:
            if changed:
                self._job_log().look_at(self._now() + _BUILD_SECONDS if glance.status == "Preparing" else 0)
            yield from self._bear("the log", self._look_at_log, glance)

    def _tell_status(self, glance: Glance) -> None:
        name = arm_ids.parse(self._arm_id).name
        if not glance.known:
            self._tell(logging.WARNING, f"{name} has the unknown status {glance.status!r}; waiting on")
        elif glance.status in _STALLED:
            self._tell(logging.WARNING, f"{name} is {glance.status} until somebody resumes it; waiting on")
        elif glance.standing_still:
            limit = "" if glance.bears_seconds is None else f" for at most {glance.bears_seconds:.0f} s"
            reason = glance.standing_still.message
            self._tell(logging.WARNING, f"{name} is {glance.status}: {reason}; waiting on{limit}")
        else:
            self._tell(logging.INFO, f"{name} is {glance.status}")

    def _look_at_deployment(self, glance: Glance) -> Flow[None]:
        assert self._news
        return self._news.look(self._shared_plane(), glance, now=self._now())

    def _look_at_queue(self, glance: Glance) -> Flow[None]:
        self._queue = self._queue or Queue(self._arm_id, self._tell, self._now())
        return self._queue.look(self._shared_plane(), glance, now=self._now())

    def _look_at_children(self, glance: Glance) -> Flow[None]:
        if self._children is None:
            name, family = arm_ids.parse(self._arm_id).name, self._family or "single"
            streams, budget = self._stream_logs, self._budget
            self._children = Children(name, family, self._tell, stream_logs=streams, budget=budget)
        return self._children.look(self._shared_plane(), glance, now=self._now())

    def _look_at_log(self, glance: Glance) -> Flow[None]:
        return self._job_log().look(self._shared_plane(), now=self._now(), ended=glance.outcome is not None)

    def _job_log(self) -> JobLog:
        if self._log is None:
            name, tell = arm_ids.parse(self._arm_id).name, self._tell
            budget = self._budget
            self._log = JobLog(name, lambda line: tell(logging.INFO, line), job_type=self._family, budget=budget)
        return self._log

    def _shared_plane(self) -> DataPlane:
        self._plane = self._plane or DataPlane(arm_ids.parse(self._arm_id).workspace)
        return self._plane

    def _bear(self, what: str, telling: Callable[[Glance], Flow[None]], glance: Glance) -> Flow[None]:
        """Tell a part of it; an error is said once, and the part is tried again later, less and less often."""
        trouble, now = (self._trouble or {}).get(what), self._now()
        if trouble and now < trouble.until and not glance.outcome:
            return
        try:
            yield from wrapped_flows.once(telling(glance), timeout_seconds=_REQUEST_SECONDS)
        except (ApiError, AttributeError, LookupError, TypeError, ValueError) as error:
            # also what comes of an answer in an unknown shape: what is only told must not end a wait
            name, level = arm_ids.parse(self._arm_id).name, logging.DEBUG if trouble else logging.WARNING
            self._tell(level, f"{what} of {name} cannot be read for now: {error}")
            trouble = trouble or _Trouble()
            trouble.pause = min(2 * trouble.pause, _LONGEST_PAUSE_SECONDS) or _PAUSE_SECONDS
            trouble.until = now + max(trouble.pause, error.retry_after if isinstance(error, ApiError) else 0)
            self._trouble = {**(self._trouble or {}), what: trouble}
        else:
            if trouble:
                trouble.pause = 0.0


class _Trouble:
    """That something could not be told.

    Attributes:
        until: When it is tried again.
        pause: The pause before that, in seconds.
    """

    __slots__ = ("pause", "until")

    def __init__(self) -> None:
        self.until = self.pause = 0.0
