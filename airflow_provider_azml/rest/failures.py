"""Why a job failed: the service's code and message, whose fault it is, and the end of the log."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import families, history, mini_batches
from airflow_provider_azml.rest.error_classes import error_class, inner_codes
from airflow_provider_azml.rest.history import DataPlane

if TYPE_CHECKING:
    from airflow_provider_azml.exceptions import ErrorClass
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json

_FAILED = frozenset({"Failed", "NotResponding"})
_DEEPEST = 3
"""How far down a failure is looked for: a sweep in a pipeline in a pipeline."""
_OF_COMPUTE = re.compile(r"^(AzureMLCompute job failed\.)\s+")


@dataclass(frozen=True)
class Failure:
    """Why a job failed, as far as the service tells.

    Args:
        code: The service's error code; of a pipeline or sweep, the failing child's.
        message: The service's reason; of a pipeline or sweep it names the child.
        error_class: Whose fault it is.
        log_tail: The end of the log, of the failing child where there is one.
        log_of: What that child is called.
    """

    code: str | None = None
    message: str | None = None
    error_class: ErrorClass | None = None
    log_tail: tuple[str, ...] = ()
    log_of: str | None = None


@dataclass(frozen=True)
class FailedChild:
    """A child of a pipeline or sweep that failed.

    Args:
        job: Its name.
        called: What it is called, e.g. ``step 'train'``.
        status: The service's word for how it ended.
        code: The service's error code.
        message: The service's reason.
        error_class: Whose fault it is.
    """

    job: str
    called: str
    status: str
    code: str | None
    message: str | None
    error_class: ErrorClass | None

    def __str__(self) -> str:
        return self.told()

    def told(self, others: int = 0) -> str:
        """What happened to it, the service's words last.

        Args:
            others: How many more children failed.
        """
        how = "failed" if self.status == "Failed" else f"ended as {self.status}"
        reason = ": ".join(part for part in (self.code, self.message) if part)
        more = f" (and {others} more)" if others else ""
        return f"{self.called} (job {self.job}) {how}{more}" + (f": {reason}" if reason else "")


def failure(place: WorkspaceId | DataPlane, job: str, *, lines: int) -> Flow[Failure]:
    """Why a job failed. For a pipeline or sweep it is why its first failing child did.

    What cannot be read any more (a deleted run, a storage account behind a firewall) is left out: the failure that
    is being explained matters more.

    Args:
        place: Where the job is.
        job: Its name.
        lines: How many lines from the end of the log are wanted.

    Example:
        >>> why = client.run(failure(workspace, "pipeline-1", lines=20))
        >>> why.message
        "step 'train' (job 5c0f...) failed: UserError: Execution failed. User process exited with status code 1."
    """
    plane = DataPlane.of(place)
    try:
        details = yield from history.run_details(plane, job)
    except ApiError:
        return Failure()
    own = _reason(details)
    if details.get("status") != "Canceled":
        try:
            culprit, others = yield from _culprit(plane, job)
        except ApiError:
            culprit, others = None, 0
        if culprit:
            tail = yield from _tail(plane, culprit, lines)
            found = culprit.error_class or own.error_class
            return Failure(culprit.code or own.code, culprit.told(others), found, tail, culprit.called)
    tail = yield from _tail_of(details, lines)
    return Failure(own.code, own.message, own.error_class, tail)


def failing_children(place: WorkspaceId | DataPlane, job: str) -> Flow[list[FailedChild]]:
    """The steps or trials of a job that failed, the first to fail first; a job that completed may have some too.

    Those that were canceled are none of them: that is what a sweep's policy does to poor trials, and a pipeline to what
    comes after a failed step. Nor are runs that the code of a job made itself: whether it bears that they fail is its
    own affair.

    Args:
        place: Where the job is.
        job: Its name.

    Raises:
        ApiError: The service cannot be asked.

    Example:
        >>> client.run(failing_children(workspace, "sweep-1"))[0].code
        'UserError'
    """
    runs = yield from families.all_of(place, job)
    failed = [run for run in runs if run.get("status") in _FAILED and families.kind_of(run) != "child"]
    failed.sort(key=lambda run: (str(run.get("endTimeUtc") or "~"), run.get("runNumber") or 0))
    return [_failed(run) for run in failed]


def _culprit(plane: DataPlane, job: str) -> Flow[tuple[FailedChild | None, int]]:
    """The child that failed first, or what failed first below it, and how many more of the job's own failed."""
    failed = yield from failing_children(plane, job)
    if not failed:
        return None, 0
    found = failed[0]
    for _ in range(_DEEPEST - 1):
        try:
            below = yield from failing_children(plane, found.job)
        except ApiError:
            below = []
        if not below:
            break
        found = replace(below[0], called=f"{found.called} > {below[0].called}")
    return found, len(failed) - 1


def _failed(run: Json) -> FailedChild:
    why = _reason(run)
    job = str(run.get("runId"))
    return FailedChild(job, families.called(run), str(run.get("status")), why.code, why.message, why.error_class)


def _reason(run: Json) -> Failure:
    """What a run says of its error.

    Source: ``RunHistoryErrorResponse`` and ``RootError`` of azure-ai-ml's run history client.
    """
    error: Json = (run.get("error") or {}).get("error") or {}
    code, message = error.get("code") or None, error.get("message") or None
    if message:  # the reason of a failure on a compute stands behind a first line that says no more than that
        message = _OF_COMPUTE.sub(r"\1 ", str(message))
    return Failure(code, message, error_class(code, inner_codes(error), message))


def _tail(plane: DataPlane, child: FailedChild, lines: int) -> Flow[tuple[str, ...]]:
    """The end of the log of a child; of one that works through mini-batches, of what its script did wrong."""
    try:
        if child.called.endswith(f"step '{mini_batches.STEP}'"):
            wrong = yield from mini_batches.errors(plane, child.job, lines)
            if wrong:
                return tuple(wrong)
        details = yield from history.run_details(plane, child.job)
    except ApiError:
        return ()
    return (yield from _tail_of(details, lines))


def _tail_of(details: Json, lines: int) -> Flow[tuple[str, ...]]:
    try:
        return tuple((yield from history.log_tail(details, lines)))
    except ApiError:
        return ()
