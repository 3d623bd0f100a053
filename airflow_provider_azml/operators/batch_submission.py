"""Invocations of batch endpoints by tasks: sent once over all tries, and found again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_provider_azml.operators.sending import sent_once
from airflow_provider_azml.operators.submission import Ways, attempted
from airflow_provider_azml.rest import arm_ids, batch_invocations, flows
from airflow_provider_azml.rest.waiting import Ticket
from airflow_provider_azml.spec.target import SUBMISSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from airflow_provider_azml.operators.submission import Terms
    from airflow_provider_azml.rest.batch_invocations import Invocation
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane


@dataclass(frozen=True)
class Asked:
    """What is asked of a batch endpoint.

    Args:
        plane: The data plane of the workspace.
        endpoint: Name of the endpoint.
        making: Makes what is sent, e.g. uploads data; it is asked only if something is sent.
        since: When the DAG run began, before which nothing was sent.
        tolerate_errors_seconds: How long it is borne that the service is out of reach, in seconds.
    """

    plane: DataPlane
    endpoint: str
    making: Callable[[], Flow[Invocation]]
    since: datetime | None
    tolerate_errors_seconds: float


def submit(asked: Asked, base_name: str, owner: Mapping[str, str], terms: Terms) -> Flow[Ticket]:
    """Invoke a batch endpoint unless an earlier try of the same task has: then attach to that job.

    Before the job's name is known, the ARM id of a job stands for it that has the attempt's name.

    Args:
        asked: What is asked of which endpoint.
        base_name: The name of an attempt without its number; it ends in the submission's hash.
        owner: The properties that say whose the job is.
        terms: How it is submitted.

    Raises:
        JobNameTaken: An earlier try submitted it, which the terms do not allow.
    """
    attempts, workspace = _Attempts(asked, owner[SUBMISSION]), asked.plane.workspace
    ways = Ways(
        send=lambda arm_id: terms.submitting(attempts.send(arm_id), arm_id),
        find=attempts.find,
        # what carries the mark is this submission's, whether or not the service has kept the properties
        given=lambda found: {SUBMISSION: owner[SUBMISSION], **(found["properties"].get("properties") or {})},
        goal="invocation",
        wanted=batch_invocations.wanted_of(asked.endpoint, owner[SUBMISSION]),
        place=lambda _, found: workspace.child("job", str(found["name"])),
    )
    ticket = yield from attempted(workspace, base_name, ways, owner=owner, terms=terms)
    return replace(ticket, goal="ended", wanted={})


@dataclass
class _Attempts:
    """The attempts of a submission, and the jobs that they are.

    Args:
        asked: What is asked of which endpoint.
        submission: What the marks of the attempts begin with.
    """

    asked: Asked
    submission: str
    _known: dict[str, list[Json]] | None = field(default=None, init=False)

    def find(self, arm_id: str) -> Flow[Json | None]:
        """The job that an attempt is, among those that are there at the first look."""
        if self._known is None:
            self._known = yield from self._jobs()
        job = yield from self._job_of(self._mark(arm_id), self._known)
        return (yield from flows.find(self._place(job))) if job else None

    def send(self, arm_id: str) -> Flow[Ticket]:
        """Send the invocation of an attempt once, whatever becomes of its answer."""
        attempt = self._mark(arm_id)
        made = yield from self.asked.making()

        def start() -> Flow[str]:
            return str((yield from batch_invocations.invoke(made, attempt))["name"])

        def look() -> Flow[str | None]:
            return (yield from self._job_of(attempt, (yield from self._jobs())))

        called, seconds = f"the job of endpoint {self.asked.endpoint}", self.asked.tolerate_errors_seconds
        return Ticket(self._place((yield from sent_once(start, look, called, tolerate_errors_seconds=seconds))))

    def _jobs(self) -> Flow[dict[str, list[Json]]]:
        asked = self.asked
        return (yield from batch_invocations.find(asked.plane, asked.endpoint, self.submission, since=asked.since))

    def _job_of(self, attempt: str, jobs: Mapping[str, list[Json]]) -> Flow[str | None]:
        if attempt not in jobs:
            return None
        return (yield from batch_invocations.one_of(self.asked.plane.workspace, attempt, jobs[attempt]))

    def _place(self, job: str) -> str:
        return self.asked.plane.workspace.child("job", job)

    def _mark(self, arm_id: str) -> str:
        """The mark of the attempt that an ARM id stands for."""
        return batch_invocations.mark(self.submission, arm_ids.parse(arm_id).name.rpartition("-")[2])
