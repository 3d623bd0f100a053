"""Tells who waits for it that a run has logged metrics."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class MetricNews:
    """News of metrics of runs, for the job that they run below."""

    def __init__(self) -> None:
        self._listeners: dict[str, Callable[[str], None]] = {}

    @contextmanager
    def listening(self, job_id: str, hear: Callable[[str], None]) -> Iterator[None]:
        """Have a job hear of metrics for as long as the block runs.

        Args:
            job_id: The job.
            hear: Called with the id of a run below it that has logged metrics.
        """
        self._listeners[job_id.lower()] = hear
        try:
            yield
        finally:
            del self._listeners[job_id.lower()]

    def tell(self, job_id: str, run_id: str) -> None:
        """A run has logged metrics.

        Args:
            job_id: The job that it runs below.
            run_id: The run.
        """
        if hear := self._listeners.get(job_id.lower()):
            hear(run_id)
