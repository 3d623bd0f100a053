"""The log of a simulated job: it grows with time, and is written when somebody looks, however many jobs have one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.jobs.command_job import STD_LOG
from airflow_provider_azml.emulator.simulation.plan import lines
from airflow_provider_azml.emulator.storage.locations import Locations
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.simulation.plan import Plan


class SimulatedLog:
    """``user_logs/std_log.txt`` of a job that has just begun to run.

    Args:
        emulator: The emulator.
        job_id: The job.
        plan: How it goes.
        elapsed: Says for how many seconds it has run.
    """

    def __init__(self, emulator: Emulator, job_id: str, plan: Plan, elapsed: Callable[[], float]) -> None:
        target = arm_ids.parse(job_id)
        self._blobs = emulator.blobs
        self._place = Locations(emulator.store, target.workspace).of_artifacts(target.name).below(STD_LOG)
        self._job = target.name
        self._plan = plan
        self._elapsed = elapsed
        self._written = 0
        if self._place.path in self._blobs.names(self._place.container, self._place.path):
            self._blobs.remove(self._place.container, self._place.path)  # what an emulator that ended had written of it
        self._blobs.grow(self._place.container, self._place.path, self._more)

    def close(self) -> None:
        """Write what is due by now, and no more."""
        self._blobs.stop_growing(self._place.container, self._place.path)

    def _more(self) -> bytes:
        due = self._plan.lines_after(self._elapsed())
        written, self._written = self._written, due
        return lines(range(written + 1, due + 1), self._job)
