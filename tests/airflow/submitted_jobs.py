"""The jobs that tasks have submitted, as the service tells of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.hooks.azml import AzmlHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.airflow.rest_api import DagRun

_LOOK_SECONDS = 0.5
OWNER = ("airflow.dag_id", "airflow.run_id", "airflow.task_id", "airflow.map_index")


@dataclass(frozen=True)
class Job:
    """A job: its name, and the status that it is in."""

    name: str
    status: str

    @property
    def submission(self) -> str:
        """Its name without the attempt."""
        return self.name.rpartition("-")[0]


def jobs_of(run: DagRun, task_id: str, map_index: int = -1) -> list[Job]:
    """The jobs of a task, oldest first."""
    owner = (run.dag_id, run.run_id, task_id, str(map_index))
    found = [
        (job["systemData"]["createdAt"], Job(job["name"], job["properties"]["status"]))
        for job in AzmlHook().list("job")
        if tuple(job["properties"]["properties"].get(name) for name in OWNER) == owner
    ]
    return [job for _, job in sorted(found, key=lambda each: each[0])]


def wait_for_jobs(run: DagRun, task_id: str, come: Callable[[list[Job]], bool], *, seconds: float) -> list[Job]:
    """Wait until the jobs of a task are as they should be, and answer them.

    Raises:
        AssertionError: The time is up; says how they are.
    """
    deadline = time.monotonic() + seconds
    while not come(jobs := jobs_of(run, task_id)):
        assert time.monotonic() < deadline, f"{run.dag_id}.{task_id} after {seconds} s: {jobs}, {run.task(task_id)}"
        time.sleep(_LOOK_SECONDS)
    return jobs
