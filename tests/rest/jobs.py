"""A scripted workspace with jobs, as run history and storage show them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.waiting import Glance, Outcome
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from tests.rest.scripted_service import ScriptedService

WORKSPACE = WorkspaceId("s", "rg", "ws")
STD_LOG = "user_logs/std_log.txt"


def discover(service: ScriptedService) -> None:
    """Let the workspace's data plane be found at the service."""
    service.answer("GET", str(WORKSPACE), Answer(body={"properties": {"discoveryUrl": f"{service.url}/discovery"}}))
    service.answer("GET", "/discovery", Answer(body={"api": service.url}))


def run_path(job: str) -> str:
    return f"/history/v1.0{WORKSPACE}/runs/{job}"


def details(service: ScriptedService, job: str, *files: str, **fields: Any) -> Answer:
    """What run history tells of a job with log files; each is at its name, below the job's."""
    return Answer(
        body={"runId": job, "logFiles": {file: f"{service.url}/{job}/{file}?sig=s" for file in files}, **fields}
    )


def glance(job: str, status: str, *, job_type: str = "Command", **run: Any) -> Glance:
    """What a look at a job shows."""
    arm_id = WORKSPACE.child("job", job)
    body = {"name": job, "properties": {"status": status, "jobType": job_type}}
    ended = status in {"Completed", "Failed", "Canceled", "NotResponding"}
    return Glance(status, Outcome(arm_id, status, body) if ended else None, body=body, run=run)


class Told(list[str]):
    """What a follower tells: the lines, those of warnings with their level in front."""

    def tell(self, level: int, line: str) -> None:
        self.append(line if level == logging.INFO else f"{logging.getLevelName(level)}: {line}")


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
