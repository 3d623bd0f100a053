"""What operators that may submit a job share: how long it may queue, what is told of it, and what ends it early."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import WaitTimeout
from airflow_provider_azml.hooks.airflow_versions import AirflowTaskTimeout
from airflow_provider_azml.operators.files import AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.operators.job_guard import JobGuard
    from airflow_provider_azml.operators.killing import Verdict
    from airflow_provider_azml.rest.deadlines import Deadlines
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.source import Source


class AzmlJobOperator(AzmlSpecOperator):
    """Base of operators that submit a job and wait for its end.

    Args:
        stream_logs: Tell what the job's code writes in the task's log, as it is written.
        cancel_on_kill: Cancel the job when its task is killed, or when ``execution_timeout``, ``timeout_seconds`` or
            ``queue_timeout_seconds`` runs out.
        on_worker_shutdown: What becomes of the job when the worker goes away while the task is running, as in a
            redeploy: ``leave`` it, for the next try to take up, or ``cancel`` it.
        queue_timeout_seconds: How long the job may wait before it runs, in seconds, apart from how long it runs.
    """

    template_fields: Sequence[str] = (*AzmlSpecOperator.template_fields, "on_worker_shutdown", "queue_timeout_seconds")

    def __init__(
        self,
        *,
        stream_logs: bool = True,
        cancel_on_kill: bool = True,
        on_worker_shutdown: Verdict = "leave",
        queue_timeout_seconds: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stream_logs = stream_logs
        self.cancel_on_kill = cancel_on_kill
        self.on_worker_shutdown = on_worker_shutdown
        self.queue_timeout_seconds = queue_timeout_seconds
        self._guard: JobGuard | None = None
        self._was_killed = False

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import one_of, optional_seconds
        from airflow_provider_azml.operators.killing import VERDICTS

        super().check_arguments()
        self.on_worker_shutdown = one_of("on_worker_shutdown", self.on_worker_shutdown, VERDICTS)
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

        submitting = self._guard.submitting if self._guard else submission.as_it_is
        return submission.submit(self.hook.target, kind, source, context, submitting)

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

    @contextmanager
    def guarded(self, context: Context) -> Iterator[None]:
        """Cancel the job when its time is up; after its own execution timeout, Airflow kills the task besides."""
        from airflow_provider_azml.operators.job_guard import JobGuard
        from airflow_provider_azml.operators.killing import Orders

        orders = Orders(cancel_on_kill=self.cancel_on_kill, on_worker_shutdown=self.on_worker_shutdown)
        guard = self._guard = JobGuard(
            self.hook, context["ti"], orders, self.log, tolerate_errors_seconds=self.tolerate_errors_seconds
        )
        if self._was_killed:
            guard.kill()
        try:
            yield
        except AirflowTaskTimeout:
            guard.time_is_up()
            raise
        except WaitTimeout as late:
            if late.kind == "job" and not late.cancelled:
                late.cancelled = guard.time_is_up(self.hook.workspace_id.child("job", late.name))
            raise
        finally:
            guard.release()
