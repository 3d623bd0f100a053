"""Every error that this package raises on purpose; messages are built from fields, and no field holds a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence


Severity: TypeAlias = Literal["error", "warning", "note"]
"""How much a problem matters; see :class:`Problem`."""

ErrorClass: TypeAlias = Literal["user_error", "system_error", "quota", "preemption"]
"""Why a job failed: by its own fault, by the service's, for want of quota, or because its nodes were taken away."""


class AzmlError(Exception):
    """Base of all errors of this package."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in an AML file.

    Args:
        file: The file as the user named it, or ``<mapping>``.
        line: Line, counted from 1; 0 when there is no text to point into.
        column: Column, counted from 1; 0 when there is no text to point into.
        path: Dotted path of the offending value, e.g. ``jobs.train.inputs.data``.
        reason: What is wrong, and what would be right.
        severity: ``error``: it cannot be sent. ``warning``: azure-ai-ml would send it all the same, for the service to
            refuse. ``note``: a key is taken and nothing is sent for it, as in azure-ai-ml.
    """

    file: str
    line: int
    column: int
    path: str
    reason: str
    severity: Severity = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        parts = (place, self.path, "" if self.severity == "error" else self.severity, self.reason)
        return ": ".join(part for part in parts if part)


class SpecError(AzmlError):
    """An AML file or mapping cannot be used; lists all its problems, in the order in which they stand in it.

    Its text leaves notes out: nothing has to be done about them, and they would hide what is wrong.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = sorted(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems if problem.severity != "note")


class ApiError(AzmlError):
    """The service answered with an error, or could not be reached.

    Args:
        method: HTTP method of the request.
        url: URL of the request, without its query.
        status: HTTP status; ``None`` when no answer came.
        code: The service's error code, e.g. ``ResourceNotFound``.
        message: The service's own words.
        request_id: ``x-ms-request-id`` of the answer, for a support ticket.
        hint: What the user can do about it.
        retry_after: How long the service asks to be left alone, in seconds.
        last_seen: What was known of what was waited for, where the error ended a wait.
    """

    def __init__(
        self,
        *,
        method: str,
        url: str,
        status: int | None,
        code: str,
        message: str,
        request_id: str | None = None,
        hint: str | None = None,
        retry_after: float = 0,
        last_seen: str | None = None,
    ) -> None:
        super().__init__(method, url, status, code, message, request_id, hint, retry_after, last_seen)
        self.method = method
        self.url = url
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.hint = hint
        self.retry_after = retry_after
        self.last_seen = last_seen

    no_answer: ClassVar[str] = "got no answer"
    """What happened when there is no HTTP status."""

    def __str__(self) -> str:
        # the reason comes first: a list of errors or a log that cuts lines shows what is wrong, not where it was sent
        # a code that is the name of the class is told by every traceback already, right before this
        reason = self.message if self.code == type(self).__name__ else f"{self.code}: {self.message}"
        if self.hint:
            reason = f"{reason.rstrip('.')}. {self.hint}"
        answer = f"answered {self.status}" if self.status else self.no_answer
        request_id = f", request id {self.request_id}" if self.request_id else ""
        last_seen = f"; {self.last_seen}" if self.last_seen else ""
        return f"{reason} ({self.method} {self.url} {answer}{request_id}){last_seen}"


class NotFound(ApiError):
    """The resource, or something above it, does not exist (404)."""


class Conflict(ApiError):
    """The resource exists already, or is in a state that does not allow the request (409, 412)."""


class JobNameTaken(Conflict):
    """A job of that name is there, and not for this try to take up: it was looked at, and nothing was sent."""


class TrafficRefused(Conflict):
    """Traffic that an endpoint cannot be given as it is: it was looked at, and nothing was sent."""


class TrafficChanged(Conflict):
    """The traffic of an endpoint is somebody else's: neither what it was expected to be nor what is wanted."""


class Throttled(ApiError):
    """Too many requests (429), after the retries were used up."""


class AuthError(ApiError):
    """No token could be had, or the service refused the one that was sent (401, 403)."""

    no_answer = "gave no token"


class ConnectionIncomplete(AzmlError):
    """The Airflow connection lacks something, or holds something that cannot be right."""


class ScheduleStillFires(AzmlError):
    """A schedule of Azure ML is enabled, and a DAG would run what it starts a second time.

    Args:
        name: Name of the schedule.
        workspace: ARM id of its workspace.
        generation: Which CLI made it, ``v2`` or ``v1``.
        known_as: How it is asked about: its name, or with v1 its id.
        reason: Why it is enabled still, where it has been disabled.
    """

    def __init__(
        self,
        name: str,
        workspace: str,
        *,
        generation: Literal["v2", "v1"] = "v2",
        known_as: str | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(name, workspace, generation, known_as, reason)
        self.name = name
        self.workspace = workspace
        self.generation = generation
        self.known_as = known_as
        self.reason = reason

    def __str__(self) -> str:
        where = f"schedule {self.name!r} of {self.workspace}"
        if self.reason:
            return f"{where} is enabled: {self.reason}"
        how = (
            f"az ml schedule disable --name {self.known_as or self.name}"
            if self.generation == "v2"
            else f"az ml pipeline disable-schedule --schedule-id {self.known_as or self.name} of CLI v1"
        )
        return (
            f"{where} is enabled, so Azure ML fires what this DAG runs, and both would. Disable it there ({how}), or "
            "let the DAG do it: takeover='disable'"
        )


class RunFailed(AzmlError):
    """A job, a deployment or another long act of the service ended badly.

    Args:
        kind: What it was, as the AML CLI says it, e.g. ``job``.
        name: Its name.
        status: The service's word for how it ended.
        code: The service's error code, where it gave one.
        message: The service's reason, where it gave one.
        studio_url: Where to look at it in Azure ML studio.
        log_tail: The end of its log.
        log_of: Whose log that is, where it is not its own.
        error_class: Whose fault it is, where the service's code says so.
        explanation: Why, in plain words, and what can be done about it.
    """

    def __init__(
        self,
        *,
        kind: str,
        name: str,
        status: str,
        code: str | None = None,
        message: str | None = None,
        studio_url: str | None = None,
        log_tail: Sequence[str] = (),
        log_of: str | None = None,
        error_class: ErrorClass | None = None,
        explanation: str | None = None,
    ) -> None:
        tail = tuple(log_tail)
        super().__init__(kind, name, status, code, message, studio_url, tail, log_of, error_class, explanation)
        self.kind = kind
        self.name = name
        self.status = status
        self.code = code
        self.message = message
        self.studio_url = studio_url
        self.log_tail = tail
        self.log_of = log_of
        self.error_class = error_class
        self.explanation = explanation

    def __str__(self) -> str:
        said = self._said()
        # a message that names the failing child says the child's code behind its name
        code = None if said and f"{self.code}: " in said else self.code
        reason = ": ".join(part for part in (code, said) if part)
        lines = [f"{self.kind} {self.name!r} ended as {self.status}" + (f" ({reason})" if reason else "")]
        if self.explanation:
            lines.append(f"Why: {self.explanation}")
        if self.studio_url:
            lines.append(f"Studio: {self.studio_url}")
        if self.log_tail:
            whose = f"the log of {self.log_of}" if self.log_of else "its log"
            lines.append(f"The last {len(self.log_tail)} lines of {whose}:")
            lines.extend(f"  {line}" for line in self.log_tail)
        return "\n".join(lines)

    def _said(self) -> str | None:
        """The service's reason without the log that it quotes, where the log follows anyway."""
        if not self.message or not self.log_tail:
            return self.message
        first = self.message.partition("\n")[0]
        reason, _, quoted = first.rpartition(" Error: ")
        return reason if reason and quoted in self.log_tail else first


class WaitTimeout(AzmlError):
    """Something did not reach an end in the time that it was given.

    Args:
        kind: What was waited for, e.g. ``job``.
        name: Its name.
        last_status: The last status that the service gave.
        seconds: How long was waited, by the process that waited last.
        limit: The setting that ran out: ``timeout_seconds``, ``queue_timeout_seconds`` or ``execution_timeout``.
        cancelled: Whether it was cancelled then.
        reasons: Why it took so long, as far as the service tells.
    """

    def __init__(
        self,
        *,
        kind: str,
        name: str,
        last_status: str | None,
        seconds: float,
        limit: str = "timeout_seconds",
        cancelled: bool = False,
        reasons: Sequence[str] = (),
    ) -> None:
        super().__init__(kind, name, last_status, seconds, limit, cancelled, tuple(reasons))
        self.kind = kind
        self.name = name
        self.last_status = last_status
        self.seconds = seconds
        self.limit = limit
        self.cancelled = cancelled
        self.reasons = tuple(reasons)

    def __str__(self) -> str:
        state = self.last_status or "without a status"
        end = "was cancelled" if self.cancelled else "goes on"
        told = f"{self.kind} {self.name!r} was still {state} when {self.limit} ran out, and {end}; "
        told += f"raise {self.limit}, or look at it in Azure ML studio"
        return "\n".join([told, *(f"  {reason}" for reason in self.reasons)])
