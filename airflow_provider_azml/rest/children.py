"""What is told of the jobs below a job, the steps of a pipeline or the trials of a sweep, while it is waited for."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import families, history
from airflow_provider_azml.rest.deadlines import BEFORE_RUNNING
from airflow_provider_azml.rest.job_log import CHUNK_BYTES, MOST_BYTES, JobLog
from airflow_provider_azml.rest.mini_batches import STEP, MiniBatches
from airflow_provider_azml.rest.resources import RESOURCES
from airflow_provider_azml.rest.trials import Trials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_azml.rest.families import Family
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.line_budget import LineBudget
    from airflow_provider_azml.rest.waiting import Glance

_MOST_LINES = 20
"""How many changes of one look are told each by a line of its own."""
_MOST_OLD_LOGS = 20
"""How many logs are told of children that had ended before they were seen first."""
_SECONDS_PER_PAGE, _MOST_PAGES = 15.0, 400
_LONGEST_REASON = 300
_ENDED = RESOURCES["job"].terminal


class Children:
    """Tells what changes among the children of a job, and their logs, each line behind the child's name.

    Args:
        job: Name of the parent.
        family: What it has below it.
        tell: Called with a level of :mod:`logging` and a line.
        stream_logs: Whether logs are told.
        budget: What their logs share with others.

    Example:
        >>> steps = Children("pipeline-1", "Pipeline", logger.log, stream_logs=True)
        >>> yield from steps.look(plane, glance, now=time.monotonic())
    """

    __slots__ = ("_batches", "_budget", "_due", "_job", "_logs", "_statuses", "_stream_logs", "_tell", "_trials")

    def __init__(
        self,
        job: str,
        family: Family,
        tell: Callable[[int, str], None],
        *,
        stream_logs: bool,
        budget: LineBudget | None = None,
    ) -> None:
        self._budget = budget
        self._job = job
        self._tell = tell
        self._stream_logs = stream_logs
        self._statuses: dict[str, str] = {}
        self._logs: dict[str, _ChildLog] = {}
        self._batches: dict[str, MiniBatches] = {}
        self._trials = Trials(tell) if family in ("Sweep", "AutoML") else None
        self._due = 0.0

    def look(self, plane: DataPlane, glance: Glance, *, now: float) -> Flow[None]:
        """Tell what has changed.

        Raises:
            ApiError: The children cannot be asked for.
        """
        ended = glance.outcome is not None
        if now >= self._due or ended:
            first = not self._statuses
            changed = yield from self._changed(plane, now)
            self._tell_changes(changed)
            self._take_batches(changed)
            if self._stream_logs:
                self._take_logs(changed, first=first)
            if self._trials:
                yield from self._trials.look(plane, glance, changed, Counter(self._statuses.values()))
        yield from self._follow_logs(plane, now, ended=ended)
        yield from self._follow_batches(plane, now, ended=ended)

    def _changed(self, plane: DataPlane, now: float) -> Flow[list[Json]]:
        """The children whose status is another than at the look before."""
        changed: list[Json] = []
        page, pages = None, 0
        while pages < _MOST_PAGES and (page is not None or not pages):
            runs, page = yield from history.children(plane, self._job, page)
            pages += 1
            for run in runs:
                job, status = str(run.get("runId")), str(run.get("status"))
                if self._statuses.get(job) != status:
                    self._statuses[job] = sys.intern(status)
                    changed.append(run)
        self._due = now + (pages - 1) * _SECONDS_PER_PAGE
        return changed

    def _tell_changes(self, changed: Sequence[Json]) -> None:
        for run in changed[:_MOST_LINES]:
            self._tell(logging.INFO, f"{families.called(run)} is {run.get('status')}{_reason(run)}")
        if len(changed) > _MOST_LINES:
            self._tell(logging.INFO, f"{len(changed) - _MOST_LINES} more children of {self._job} have changed")

    def _take_logs(self, changed: Sequence[Json], *, first: bool) -> None:
        """Follow the logs of children that have begun to run."""
        begun = [run for run in changed if run.get("status") not in BEFORE_RUNNING and _has_run(run)]
        old = [run for run in begun if first and run.get("status") in _ENDED]
        left_out = {str(run["runId"]) for run in old[:-_MOST_OLD_LOGS]}
        if left_out:
            self._tell(logging.INFO, f"(the logs of {len(left_out)} children that had ended before are left out)")
        for run in begun:
            job = str(run["runId"])
            if job not in self._logs and job not in left_out:
                self._logs[job] = _ChildLog(run, self._tell, self._budget)
            elif job in self._logs:
                self._logs[job].log.look_at(0)

    def _follow_logs(self, plane: DataPlane, now: float, *, ended: bool) -> Flow[None]:
        most = max(2 * CHUNK_BYTES, MOST_BYTES // max(1, len(self._logs)))
        for job, child in list(self._logs.items()):
            last = ended or self._statuses[job] in _ENDED
            yield from child.look(plane, now=now, last=last, most_bytes=most)
            if last:
                del self._logs[job]

    def _take_batches(self, changed: Sequence[Json]) -> None:
        """Follow the mini-batches of steps that work through some."""
        for run in changed:
            job, name = str(run["runId"]), families.name_of(run)
            if name == STEP and job not in self._batches and run.get("status") not in BEFORE_RUNNING:
                self._batches[job] = MiniBatches(job, lambda line: self._tell(logging.INFO, f"{STEP}: {line}"))

    def _follow_batches(self, plane: DataPlane, now: float, *, ended: bool) -> Flow[None]:
        for job, batches in list(self._batches.items()):
            last = ended or self._statuses[job] in _ENDED
            if last:
                del self._batches[job]
            yield from batches.look(plane, now=now, ended=last)


class _ChildLog:
    """The log of a child.

    Args:
        run: The child.
        tell: Called with a level of :mod:`logging` and a line.
        budget: What its log shares with others.
    """

    __slots__ = ("_called", "_tell", "_troubled", "log")

    def __init__(self, run: Json, tell: Callable[[int, str], None], budget: LineBudget | None) -> None:
        self._called = families.called(run)
        self._tell = tell
        self._troubled = False
        prefix, family = families.name_of(run), families.family_of({}, run)
        job = str(run["runId"])
        self.log = JobLog(
            job,
            lambda line: tell(logging.INFO, f"{prefix}: {line}"),
            job_type=family,
            budget=budget,
            is_named=prefix == job,
        )

    def look(self, plane: DataPlane, *, now: float, last: bool, most_bytes: int) -> Flow[None]:
        """Tell what is new; that it cannot be read is said once, and keeps nothing else from being told."""
        try:
            yield from self.log.look(plane, now=now, ended=last, most_bytes=most_bytes)
        except ApiError as error:
            if not self._troubled:
                self._troubled = True
                self._tell(logging.WARNING, f"the log of {self._called} cannot be read: {error}")


def _has_run(run: Json) -> bool:
    """Whether there may be a log: a child that was canceled may never have begun."""
    return bool(run.get("startTimeUtc")) or run.get("status") != "Canceled"


def _reason(run: Json) -> str:
    """Why a child failed, in short."""
    if run.get("status") not in ("Failed", "NotResponding"):
        return ""
    error = (run.get("error") or {}).get("error") or {}
    parts = [str(part) for part in (error.get("code"), error.get("message")) if part]
    return f": {' '.join(': '.join(parts).split())[:_LONGEST_REASON]}" if parts else ""
