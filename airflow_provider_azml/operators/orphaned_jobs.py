"""The operator that ends what tasks have left: jobs that go on although nobody waits for them any more."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import ApiError, AzmlError
from airflow_provider_azml.hooks.task_state import ENDED, GONE
from airflow_provider_azml.operators.base import AzmlOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

    from airflow_provider_azml.rest.flows import Json

_WAITING = frozenset({"running", "deferred"})
"""States of a task that says by its link which job it waits for."""
_UNKNOWN = "Airflow has no record of its task"


@dataclass(frozen=True)
class SubmittedJob:
    """A job that goes on, and the task that submitted it, as the job's properties say.

    Args:
        name: Its name.
        submission: The submission that it is of.
        age: How long ago it was submitted, in seconds.
        dag_id: DAG of the task.
        run_id: Run of the DAG.
        task_id: Its id.
        map_index: Its index where it is mapped, else -1.
    """

    name: str
    submission: str
    age: float
    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    @classmethod
    def of(cls, job: Json, now: float) -> SubmittedJob:
        """What a job says of itself; `now` is in seconds since the epoch.

        Raises:
            ValueError: It says what no task would have.
        """
        from airflow_provider_azml.operators.claims import OWNER
        from airflow_provider_azml.rest.versions import created_at
        from airflow_provider_azml.spec.target import SUBMISSION

        said, created = job["properties"]["properties"], created_at(job)
        if created is None or not said.keys() >= {SUBMISSION, *OWNER}:
            raise ValueError("it does not tell its task and its age")
        dag_id, run_id, task_id, map_index = (said[name] for name in OWNER)
        age = now - created.timestamp()
        return cls(job["name"], said[SUBMISSION], age, dag_id, run_id, task_id, int(map_index))

    @property
    def is_named_by_its_task(self) -> bool:
        """Whether it has the name that its task made; a copy that was submitted by hand has the properties alone."""
        return self.name.rpartition("-")[0].endswith(f"-{self.submission}")

    def __str__(self) -> str:
        from airflow_provider_azml.operators.claims import task_in_words

        return f"{self.name} of {task_in_words(self.dag_id, self.run_id, self.task_id, str(self.map_index))}"


class AzmlCancelOrphanedJobsOperator(AzmlOperator):
    """Cancels the jobs of this Airflow in the workspace that go on although their task has ended or begun anew.

    A task cancels its own job when it is ended. Where no process is left to do so, the job goes on: a task that was
    marked failed before a triggerer took its trigger or while there was no triggerer, one that was cleared while it
    waited for its next try, a last try whose machine was lost. Run this now and then, as a DAG of its own.

    A job is looked at if it was submitted by this ``[azml] deployment``, which has to be set and to differ between all
    Airflows that share the workspace, if its task waits for it, and with ``cancel_on_kill``. It is an orphan if its
    task failed, succeeded, was skipped or removed, or waits for another job. A task that waits for its next try, or to
    begin anew, wants it still. A job whose name was not made by its task, but given to it, by the user or by a batch
    endpoint, is one only if the task's link leads to it: it could be a copy that somebody submitted by hand.

    Args:
        grace_seconds: How long ago a job has to be submitted at least, in seconds.
        cancel_unknown: Cancel the jobs of tasks that Airflow has no record of, too: their run or DAG was deleted. By
            default they are told of and left, as they may be those of another Airflow of the same ``deployment``.
        report_only: Cancel nothing, but tell what would be.

    Returns:
        ``{"cancelled": [{"name", "dag_id", "run_id", "task_id", "map_index", "reason"}], "left": [...]}``; ``left``
        are those of unknown tasks and, with ``report_only``, all. Cancelling goes on when the task has ended.

    Raises:
        SpecError: ``[azml] deployment`` is not set, or an argument cannot be used; it is named.
        AzmlError: Some could not be cancelled; they are named.

    Example:
        >>> with DAG("cancel_orphaned_jobs", schedule="@hourly", catchup=False):
        ...     AzmlCancelOrphanedJobsOperator(task_id="cancel", retries=2)

    Source: ``GET jobs`` and ``POST jobs/{id}/cancel`` of the service's OpenAPI file.
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "grace_seconds", "cancel_unknown", "report_only")

    def __init__(
        self,
        *,
        grace_seconds: float = 600,
        cancel_unknown: bool = False,
        report_only: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.grace_seconds = grace_seconds
        self.cancel_unknown = cancel_unknown
        self.report_only = report_only

    def check_arguments(self) -> None:
        """Check the arguments, once templates are rendered, and that this Airflow knows its own jobs.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import refused, seconds, yes_or_no
        from airflow_provider_azml.operators.submission import deployment

        super().check_arguments()
        self.grace_seconds = seconds("grace_seconds", self.grace_seconds, zero=True)
        self.cancel_unknown = yes_or_no("cancel_unknown", self.cancel_unknown)
        self.report_only = yes_or_no("report_only", self.report_only)
        if not deployment():
            reason = "is not set, so that another Airflow's jobs could be taken for those of this one; set it in each"
            raise refused("[azml] deployment", reason)

    def submit(self, context: Context) -> Json:
        """Look at all jobs that go on, and cancel those that nobody waits for."""
        told: dict[str, list[Json]] = {"cancelled": [], "left": []}
        wrong: list[str] = []
        for job in self._submitted():
            try:
                if outcome := self._look_at(job, context["ti"]):
                    kind, reason = outcome
                    told[kind].append(_told(job, reason))
            except ApiError as error:
                wrong.append(f"{job}: {error}")
        if wrong:
            done = ", ".join(each["name"] for each in told["cancelled"]) or "none"
            raise AzmlError("\n".join([f"Not all orphaned jobs could be cancelled (cancelled: {done}):", *wrong]))
        return told

    def _submitted(self) -> Iterator[SubmittedJob]:
        """The jobs of this Airflow that go on, and end with their task."""
        from airflow_provider_azml.operators.submission import CANCEL_ON_KILL, DEPLOYMENT, deployment
        from airflow_provider_azml.rest.resources import RESOURCES

        over, called, now = RESOURCES["job"].terminal | {"CancelRequested"}, deployment(), time.time()
        for job in self.hook.list("job", params={"properties": DEPLOYMENT}):
            said = job["properties"].get("properties") or {}
            is_ours = said.get(DEPLOYMENT) == called and said.get(CANCEL_ON_KILL) == "true"
            if not is_ours or job["properties"].get("status") in over:
                continue
            try:
                yield SubmittedJob.of(job, now)
            except ValueError as error:
                self.log.warning("Job %s says to be of this Airflow, and is not: %s", job["name"], error)

    def _look_at(self, job: SubmittedJob, ti: RuntimeTaskInstanceProtocol) -> tuple[str, str] | None:
        """What becomes of a job, and why, unless its task wants it."""
        from airflow_provider_azml.rest import flows

        if job.age < self.grace_seconds:
            return None
        arm_id = self.hook.workspace_id.child("job", job.name)
        reason = self._unwanted(job, ti)
        if reason is None or self._has_ended(arm_id):
            return None
        if self.report_only:
            self.log.info("Would cancel job %s: %s", job, reason)
            return "left", reason
        if reason == _UNKNOWN and not self.cancel_unknown:
            self.log.warning("Job %s goes on: %s; cancel it by hand, or set cancel_unknown=True", job, reason)
            return "left", reason
        self.log.info("Cancelling job %s: %s", job, reason)
        self.hook.run(flows.act(arm_id, "cancel"))
        return "cancelled", reason

    def _unwanted(self, job: SubmittedJob, ti: RuntimeTaskInstanceProtocol) -> str | None:
        """Why nobody waits for a job."""
        from airflow_provider_azml.hooks.task_state import state_in
        from airflow_provider_azml.links import AzmlStudioLink, leads_to_another_job, shown_job

        states = ti.get_task_states(
            dag_id=job.dag_id, map_index=job.map_index, task_ids=[job.task_id], run_ids=[job.run_id]
        )
        state = state_in(states, job)
        if state == GONE:
            return _UNKNOWN if job.is_named_by_its_task else None
        if state not in ENDED | _WAITING:
            return None
        own = self.hook.studio_url("job", job.name)
        link = ti.xcom_pull(
            task_ids=job.task_id,
            dag_id=job.dag_id,
            run_id=job.run_id,
            map_indexes=job.map_index,
            key=AzmlStudioLink.key,
        )
        if not job.is_named_by_its_task and shown_job(link) != shown_job(own):
            return None
        if state in ENDED:
            return f"its task is {state}"
        return f"its task is {state}, and waits for another job" if leads_to_another_job(link, own) else None

    def _has_ended(self, arm_id: str) -> bool:
        """Whether a job has ended since all were looked for."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.waiting import Ticket, ended

        found = self.hook.run(flows.find(arm_id))
        return found is None or ended(Ticket(arm_id, None, found)) is not None


def _told(job: SubmittedJob, reason: str) -> Json:
    owner = {"dag_id": job.dag_id, "run_id": job.run_id, "task_id": job.task_id, "map_index": job.map_index}
    return {"name": job.name, **owner, "reason": reason}
