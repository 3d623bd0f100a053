"""What operators that may submit a job share: how long it may queue, what is told of it, and what ends it early."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.operators.files import AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.rest.deadlines import Deadlines


class AzmlJobOperator(AzmlSpecOperator):
    """Base of operators that submit a job and wait for its end.

    Args:
        stream_logs: Tell what the job's code writes in the task's log, as it is written.
        cancel_on_kill: Cancel the job when its task is killed, or when ``execution_timeout``, ``timeout_seconds`` or
            ``queue_timeout_seconds`` runs out.
        queue_timeout_seconds: How long the job may wait before it runs, in seconds, apart from how long it runs.
    """

    template_fields: Sequence[str] = (*AzmlSpecOperator.template_fields, "queue_timeout_seconds")

    def __init__(
        self,
        *,
        stream_logs: bool = True,
        cancel_on_kill: bool = True,
        queue_timeout_seconds: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stream_logs = stream_logs
        self.cancel_on_kill = cancel_on_kill
        self.queue_timeout_seconds = queue_timeout_seconds

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import optional_seconds

        super().check_arguments()
        self.queue_timeout_seconds = optional_seconds("queue_timeout_seconds", self.queue_timeout_seconds)

    def deadlines(self, now: float) -> Deadlines:
        """When the wait is given up, if the task begins now, in seconds since the epoch."""
        limited = super().deadlines(now)
        if self.queue_timeout_seconds is None:
            return limited
        return replace(limited, queue_ends=now + self.queue_timeout_seconds)
