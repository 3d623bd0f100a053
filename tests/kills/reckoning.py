"""What has become of tasks that were killed, and of their jobs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.hooks.azml import AzmlHook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.kills.lives import Life


@dataclass(frozen=True)
class Reckoning:
    """Tasks beside the jobs that the service has.

    Args:
        lives: How the tasks fared.
        jobs: Run and task id -> name and status of each of its jobs.
    """

    lives: Sequence[Life]
    jobs: dict[tuple[str, str], list[tuple[str, str]]]

    @classmethod
    def of(cls, lives: Sequence[Life]) -> Reckoning:
        """Ask the service for the jobs of tasks."""
        jobs: dict[tuple[str, str], list[tuple[str, str]]] = {(life.run_id, life.task_id): [] for life in lives}
        for job in AzmlHook().list("job"):
            properties = job["properties"]
            owner = (properties["properties"].get("airflow.run_id"), properties["properties"].get("airflow.task_id"))
            if owner in jobs:
                jobs[owner].append((job["name"], properties["status"]))
        return cls(lives, jobs)

    def wrong(self) -> list[str]:
        """What is not as it should be: each task has one job, which completed, and that is what it returned."""
        return [
            f"{life}: {self.jobs[life.run_id, life.task_id]}"
            for life in self.lives
            if life.state != "success" or self.jobs[life.run_id, life.task_id] != [(life.job, "Completed")]
        ]

    def table(self) -> str:
        """A line for each moment of death: tasks, their tries, their jobs and how they ended."""
        lines = [f"{'killed':<20}{'tasks':>7}{'tries':>7}{'jobs':>7}  {'results'}"]
        moments = Counter(life.killed or "never" for life in self.lives)
        for moment, count in [*sorted(moments.items()), ("all", len(self.lives))]:
            lives = [life for life in self.lives if moment in {"all", life.killed or "never"}]
            jobs = [job for life in lives for job in self.jobs[life.run_id, life.task_id]]
            statuses = Counter(status for _, status in jobs)
            results = Counter(f"{life.state}, {life.status}" for life in lives)
            told = ", ".join(f"{number} jobs {status}" for status, number in sorted(statuses.items()))
            ended = ", ".join(f"{number} tasks {result}" for result, number in sorted(results.items()))
            tries = sum(life.tries for life in lives)
            lines.append(f"{moment:<20}{count:>7}{tries:>7}{len(jobs):>7}  {told}; {ended}")
        return "\n".join(lines)
