"""How far a job of a batch endpoint is: how many of its mini-batches are processed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import history
from airflow_provider_azml.rest.v1 import artifacts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.history import DataPlane

STEP = "batchscoring"
"""What the step is called that works through mini-batches; "Understand logs of a batch scoring job",
https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-batch-endpoints."""
_OVERVIEW = "logs/job_progress_overview"
_SECONDS = 10.0
"""How often the service writes at most, in seconds: see the times of the lines in the issue below."""
_LINES = 20
_ERRORS, _RESULT = "logs/user/error.txt", "logs/job_result.txt"
_LINES_OF_RESULT = 5
_PROCESSED = re.compile(
    r"Processed (?P<done>\d+) of (?P<all>\d+) mini[ -]batches"
    r"(?:, of which (?P<failed>\d+) failed)?(?:.*?remaining (?:time )?(?P<left>\d[\d:, days]*\d))?"
)
_SCHEDULED = re.compile(r"Scheduled (?P<all>\d+) mini[ -]batches")


@dataclass(frozen=True)
class Progress:
    """How far it is.

    Args:
        processed: How many mini-batches are processed; ``None`` before the first is.
        total: How many there are, or were scheduled so far.
        failed: How many of the processed have failed, where that is said.
        left: How long it will still take, as the service estimates it, e.g. ``19:25:59``.
    """

    processed: int | None
    total: int
    failed: int = 0
    left: str = ""

    def __str__(self) -> str:
        if self.processed is None:
            return f"{self.total} mini-batches are scheduled"
        failed = f", {self.failed} of them failed" if self.failed else ""
        left = f"; estimated time left {self.left}" if self.left and self.processed < self.total else ""
        return f"{self.processed} of {self.total} mini-batches are processed{failed}{left}"


def progress_in(lines: Sequence[str]) -> Progress | None:
    """What the overview of a job's progress says last; ``None`` while it says nothing of mini-batches.

    Example:
        >>> line = "2023-05-16T22:20:53.233813 Processed 4117 of 20000 mini batches in 5:02:14."
        >>> str(progress_in([f"{line} Estimated remaining time 19:25:59."]))
        '4117 of 20000 mini-batches are processed; estimated time left 19:25:59'

    Sources: issue 30421 of Azure/azure-sdk-for-python and issue 1429 of Azure/MachineLearningNotebooks, which print
    such files.
    """
    for line in reversed(lines):
        done, scheduled = _PROCESSED.search(line), _SCHEDULED.search(line)
        if done:
            return Progress(int(done["done"]), int(done["all"]), int(done["failed"] or 0), done["left"] or "")
        if scheduled:
            return Progress(None, int(scheduled["all"]))
    return None


def errors(plane: DataPlane, job: str, lines: int) -> Flow[list[str]]:
    """What the script of a step did wrong, and what came of that; nothing where the step does not tell.

    Args:
        plane: Where the job's workspace is.
        job: Name of the step's job.
        lines: How many lines are wanted at most.

    Sources: "Where to find the root cause of failure?" of how-to-debug-parallel-run-step (``~/logs/job_result.txt``);
    how-to-troubleshoot-batch-endpoints (``~/logs/user/error.txt`` "will try to summarize the errors in your script").
    """
    wrong = yield from _end_of(plane, job, _ERRORS, lines)
    result = yield from _end_of(plane, job, _RESULT, _LINES_OF_RESULT)
    return [*wrong[len(result) :], *result] if len(wrong) + len(result) > lines else [*wrong, *result]


def _end_of(plane: DataPlane, job: str, path: str, lines: int) -> Flow[list[str]]:
    """The last lines of a file of a job that are not empty, if there is such a file."""
    found = yield from artifacts.contents(plane, artifacts.OF_RUNS, artifacts.container_of(job), path)
    urls = [str(each["contentUri"]) for each in found if each.get("path") == path]
    told = (yield from history.tail(urls[0], lines)) if urls else []
    return [line for line in told if line.strip()]


class MiniBatches:
    """Tells how far a step is, once per change.

    Args:
        job: Name of the step's job.
        tell: Called with a line.

    Example:
        >>> batches = MiniBatches("5868592f", print)
        >>> yield from batches.look(plane, now=time.monotonic())
    """

    __slots__ = ("_due", "_job", "_tell", "_told")

    def __init__(self, job: str, tell: Callable[[str], None]) -> None:
        self._job = job
        self._tell = tell
        self._told: Progress | None = None
        self._due = 0.0

    def look(self, plane: DataPlane, *, now: float, ended: bool = False) -> Flow[None]:
        """Tell what is new, if it is time to look.

        Args:
            plane: Where the job's workspace is.
            now: The moment, in seconds of a monotonic clock.
            ended: Whether the step has ended.

        Raises:
            ApiError: The service cannot be asked.
        """
        if now < self._due and not ended:
            return
        self._due = now + _SECONDS
        found = progress_in((yield from self._overview(plane)))
        if found and found != self._told:
            self._told = found
            self._tell(str(found))

    def _overview(self, plane: DataPlane) -> Flow[list[str]]:
        """The last lines of the newest overview: there is another one each day, and after a recovery.

        Source: "How to check job progress?", pull request 75658 of MicrosoftDocs/azure-docs; the one without a time in
        its name: how-to-troubleshoot-batch-endpoints.
        """
        found = yield from artifacts.contents(plane, artifacts.OF_RUNS, artifacts.container_of(self._job), _OVERVIEW)
        urls = {str(each["path"]): str(each["contentUri"]) for each in found}
        return (yield from history.tail(urls[max(urls)], _LINES)) if urls else []
