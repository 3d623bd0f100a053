"""What operators that may submit a job share: how long it may queue, what is told of it, and what ends it early."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import ErrorClass, RunFailed, WaitTimeout
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowTaskTimeout
from airflow_provider_azml.operators.files import AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.operators.job_guard import JobGuard
    from airflow_provider_azml.operators.killing import Verdict
    from airflow_provider_azml.operators.submission import FailOn, OnExisting, Terms
    from airflow_provider_azml.rest.deadlines import Deadlines
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.goals import GoalName
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target


ERROR_CLASSES: tuple[ErrorClass, ...] = ("user_error", "system_error", "quota", "preemption")
_NOUNS = frozenset({"job", "run"})
_TEMPLATED = (
    "stream_logs",
    "cancel_on_kill",
    "on_worker_shutdown",
    "on_existing",
    "fail_on",
    "retry_on",
    "queue_timeout_seconds",
)


class AzmlJobOperator(AzmlSpecOperator):
    """Base of operators that submit a job and wait for its end.

    Args:
        stream_logs: Tell what the job's code writes in the task's log, as it is written.
        cancel_on_kill: Cancel the job when its task is killed, or when ``execution_timeout``, ``timeout_seconds`` or
            ``queue_timeout_seconds`` runs out.
        on_worker_shutdown: What becomes of the job when the worker goes away while the task is running, as in a
            redeploy: ``leave`` it, for the next try to take up, or ``cancel`` it.
        on_existing: What a try does with an active or completed job that an earlier try submitted: ``attach`` to it, or
            ``fail``.
        fail_on: What fails the task: the job's own status, as the ``service`` sees it, or also ``any_child`` of a
            pipeline, sweep or AutoML job that completed all the same. The next try begins anew then.
        retry_on: Classes of errors after which the task is tried again, where it has retries: ``user_error``,
            ``system_error``, ``quota``, ``preemption``. By default any failure is; with a list, a job that was canceled
            or failed without a reason is not.
        queue_timeout_seconds: How long the job may wait before it runs, in seconds, apart from how long it runs.
    """

    template_fields: Sequence[str] = (*AzmlSpecOperator.template_fields, *_TEMPLATED)

    def __init__(
        self,
        *,
        stream_logs: bool = True,
        cancel_on_kill: bool = True,
        on_worker_shutdown: Verdict = "leave",
        on_existing: OnExisting = "attach",
        fail_on: FailOn = "service",
        retry_on: Sequence[ErrorClass] | None = None,
        queue_timeout_seconds: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stream_logs = stream_logs
        self.cancel_on_kill = cancel_on_kill
        self.on_worker_shutdown = on_worker_shutdown
        self.on_existing = on_existing
        self.fail_on = fail_on
        self.retry_on = retry_on
        self.queue_timeout_seconds = queue_timeout_seconds
        self._guard: JobGuard | None = None
        self._was_killed = False

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import one_of, optional_seconds, some_of
        from airflow_provider_azml.operators.killing import VERDICTS
        from airflow_provider_azml.operators.submission import FAIL_ON, ON_EXISTING

        super().check_arguments()
        self.on_worker_shutdown = one_of("on_worker_shutdown", self.on_worker_shutdown, VERDICTS)
        self.on_existing = one_of("on_existing", self.on_existing, ON_EXISTING)
        self.fail_on = one_of("fail_on", self.fail_on, FAIL_ON)
        self.retry_on = some_of("retry_on", self.retry_on, ERROR_CLASSES)
        self.queue_timeout_seconds = optional_seconds("queue_timeout_seconds", self.queue_timeout_seconds)

    def deadlines(self, now: float) -> Deadlines:
        """When the wait is given up, if the task begins now, in seconds since the epoch."""
        limited = super().deadlines(now)
        if self.queue_timeout_seconds is None:
            return limited
        return replace(limited, queue_ends=now + self.queue_timeout_seconds)

    # -- to the service and back ---------------------------------------------------------------------------------

    def submission(self, kind: str, source: Source, context: Context) -> Flow[Ticket]:
        """What creates or updates it, once; a job only while the task is wanted."""
        from airflow_provider_azml.operators import submission

        return submission.submit(self.hook.target, kind, source, context, self.terms())

    def terms(self) -> Terms:
        """How the job is submitted."""
        from airflow_provider_azml.operators import submission

        return submission.Terms(
            self.on_existing,
            self.fail_on,
            self._guard.submitting if self._guard else submission.as_it_is,
            self.send,
            cancel_on_kill=self.wait and self.cancel_on_kill,
        )

    def send(self, source: Source, target: Target) -> Flow[Ticket]:
        """Submit the job that a checked source describes."""
        from airflow_provider_azml.operators import submission

        return submission.send(source, target)

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Turn what was made into the task's result, or into an error that says why it was not.

        Raises:
            RunFailed: It failed, and may be tried again.
            AirflowFailException: It failed for a reason for which it is not to be.
        """
        try:
            if outcome.succeeded and self._has_failed_children(outcome.arm_id):
                raise self._failure(outcome, self._show_made(context, outcome.arm_id))
            return super().advance(context, outcome)
        except RunFailed as failed:
            found = _class_of(failed)
            if failed.kind not in _NOUNS or self.retry_on is None or found in self.retry_on:
                raise
            listed = ", ".join(self.retry_on) or "empty"
            reason = f"Not tried again: its error class is {found or 'not known'}, and retry_on is {listed}"
            raise AirflowFailException(f"{failed}\n{reason}") from failed

    def _has_failed_children(self, arm_id: str) -> bool:
        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.failures import failing_children

        job = parse(arm_id)
        if self.fail_on == "service" or job.kind != "job":
            return False
        return bool(self.hook.run(failing_children(job.workspace, job.name)))

    def drive(self, waiting: Flow[Outcome]) -> Outcome:
        """Drive a flow that waits, blocking, until the task is killed."""
        return self.hook.run(self._guard.waiting(waiting) if self._guard else waiting)

    def _begun(self, context: Context, ticket: Ticket) -> Ticket | Json:
        from airflow_provider_azml.rest.arm_ids import parse

        if self._guard and parse(ticket.arm_id).kind == "job":
            self._guard.watch(ticket.arm_id)
        return super()._begun(context, ticket)

    def _defer(self, context: Context, pending: Ticket, deadlines: Deadlines) -> None:
        if self._guard:
            self._guard.hand_over()
        super()._defer(context, pending, deadlines)

    # -- what ends it early --------------------------------------------------------------------------------------

    def on_kill(self) -> None:
        """Find out whether the task was ended or its worker goes away, and cancel the job or leave it.

        Airflow calls it in its handler of SIGTERM; the task goes on for some seconds afterwards.
        """
        self._was_killed = True
        if self._guard:
            self._guard.kill()

    def awaited(self, context: Context) -> tuple[GoalName, Json]:
        """What is waited for of the job, a key of ``goals.GOALS``, and the values that it takes."""
        return "ended", {}

    @contextmanager
    def guarded(self, context: Context) -> Iterator[None]:
        """Cancel the job when its time is up; after its own execution timeout, Airflow kills the task besides."""
        from airflow_provider_azml.operators.job_guard import JobGuard
        from airflow_provider_azml.operators.killing import Orders
        from airflow_provider_azml.rest.goals import GOALS

        orders = Orders(cancel_on_kill=self.cancel_on_kill, on_worker_shutdown=self.on_worker_shutdown)
        goal, wanted = self.awaited(context)
        guard = self._guard = JobGuard(
            self.hook,
            context["ti"],
            orders,
            self.log,
            tolerate_errors_seconds=self.tolerate_errors_seconds,
            goal=goal,
            wanted=wanted,
        )
        if self._was_killed:
            guard.kill()
        try:
            yield
        except AirflowTaskTimeout:
            guard.time_is_up()
            raise
        except WaitTimeout as late:
            is_job = late.kind == (GOALS[goal].noun or "job")
            job = self.hook.workspace_id.child("job", late.name) if is_job else ""
            if job and not late.cancelled and self.owns(context, job):
                late.cancelled = guard.time_is_up(job)
            raise
        finally:
            guard.release()


def _class_of(failed: RunFailed) -> ErrorClass | None:
    """Whose fault a job is: what somebody canceled is nobody's, and a node that is silent is the service's."""
    if failed.status == "Canceled":
        return "preemption" if failed.error_class == "preemption" else None
    if failed.status == "NotResponding" and failed.error_class in (None, "user_error"):
        return "system_error"
    return failed.error_class
