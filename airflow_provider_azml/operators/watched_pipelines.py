"""Operators for a pipeline that runs as one job: one answers for the job, one for each node shows how that fares."""

from __future__ import annotations

import hashlib
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_azml.exceptions import ApiError, RunFailed
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowSkipException
from airflow_provider_azml.operators.jobs import AzmlSubmitPipelineOperator
from airflow_provider_azml.operators.pipeline_nodes import AzmlPipelineNodeOperator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context

    from airflow_provider_azml.rest.awaited_nodes import Nodes, Step
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.node_jobs import NodeJob
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.pipeline_plans import PlannedNode
    from airflow_provider_azml.spec.source import Source

MIRRORED = "airflow.mirrored_job"
"""Tag of a node's job that a task shows: its own name, as a job that is used again may show the tags of the first."""
NEVER_RAN = "airflow.never_ran."
"""Beginning of the tag of a pipeline job by which a task has noted that its node has none: the node follows."""
_LONGEST_TAG = 100
"""Source: https://learn.microsoft.com/azure/machine-learning/resource-limits-capacity, which allows 50 tags besides."""
_CANCELLED = frozenset({"Canceled", "CancelRequested"})


class AzmlWatchPipelineOperator(AzmlSubmitPipelineOperator):
    """Waits for the pipeline job that another task of the DAG run has submitted, and answers for it.

    When the task is killed, or its time is up, the job is cancelled. The job that failed by its nodes alone ends the
    task well, with the status ``Failed`` in its result: the tasks of these nodes fail, and once they have been run
    alone there is nothing left to repair here. Whatever else fails it fails the task for good, as only the task that
    submitted the job can start it anew.

    Args:
        submitted_by: Id of the task that submitted the job.
        deferrable: Wait in the triggerer, not in a worker; here whatever ``[operators] default_deferrable`` says.
        stream_logs: Tell what the nodes write, too, which their own tasks do.

    Returns:
        As of any job.

    Raises:
        AirflowFailException: The job was canceled, or failed by something else than a node.

    Example:
        >>> submit = AzmlSubmitPipelineOperator(task_id="submit", file="pipeline.yml", wait=False)
        >>> submit >> AzmlWatchPipelineOperator(task_id="job", file="pipeline.yml", submitted_by="submit")

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-pipeline
    """

    submitted_by: str

    def __init__(self, *, submitted_by: str, deferrable: bool = True, stream_logs: bool = False, **kwargs: Any) -> None:
        super().__init__(deferrable=deferrable, stream_logs=stream_logs, **kwargs)
        self.submitted_by = submitted_by

    def submit(self, context: Context) -> Ticket:
        """Take charge of the job."""
        from airflow_provider_azml.rest.waiting import Ticket

        arm_id = self.hook.workspace_id.child("job", submitted(context, self.submitted_by))
        if self._guard:
            self._guard.watch(arm_id)
        self._show_made(context, arm_id)
        return Ticket(arm_id)

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """The job's result, or why it did not complete where no task of a node says so.

        Raises:
            AirflowFailException: It did not.
        """
        from airflow_provider_azml.rest import results

        failed = self._failed_nodes(context, outcome) if outcome.status == "Failed" else None
        if failed:
            names = ", ".join(failed)
            self.log.warning(
                "The job has Failed because of %s; the tasks of these nodes fail, so this one does not", names
            )
            return self.hook.run(results.told(outcome.arm_id, {}, self._show_made(context, outcome.arm_id)))
        try:
            return super().advance(context, outcome)
        except RunFailed as error:
            again = f"To start the pipeline anew, clear the task {self.submitted_by!r}"
            raise AirflowFailException(f"{error}\n{again}") from error

    def _failed_nodes(self, context: Context, outcome: Outcome) -> list[str] | None:
        """The nodes by which it failed; ``None`` where it was something else."""
        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.awaited_nodes import failed_nodes
        from airflow_provider_azml.rest.history import DataPlane
        from airflow_provider_azml.spec.pipeline_plans import plan_pipeline

        nodes = shown_nodes(plan_pipeline(self.source(context)).nodes)
        return self.hook.run(failed_nodes(DataPlane(self.hook.workspace_id), parse(outcome.arm_id).name, nodes))


class AzmlWatchPipelineNodeOperator(AzmlPipelineNodeOperator):
    """Shows one node of a pipeline that runs as one job: its state, log, link and result are the task's.

    The first try shows what becomes of the node in that job. A try that comes after the node has failed, and any that
    comes after a clear of the task, runs the node alone as
    :class:`~airflow_provider_azml.operators.AzmlPipelineNodeOperator` does; so does one that takes something from a
    node that was run alone. A node that the job ends without is skipped when the job completed, else the task fails. A
    node whose job, or whose pipeline, somebody canceled is not run alone by a retry. A clear of the task that submitted
    the pipeline, with those after it, starts all anew.

    Ending the task does not end the node in the job; a node that runs alone is cancelled with its task.

    Args:
        submitted_by: Id of the task that submitted the pipeline.
        deferrable: Wait in the triggerer, not in a worker; here whatever ``[operators] default_deferrable`` says.

    Returns:
        As of a node that runs alone; ``name`` and ``id`` are those of the whole pipeline's job.

    Raises:
        RunFailed: The node failed or was canceled, or the job failed before it began.
        SpecError: The file has no such node.

    Example:
        >>> submit = AzmlSubmitPipelineOperator(task_id="submit", file="pipeline.yml", wait=False)
        >>> submit >> AzmlWatchPipelineNodeOperator(
        ...     task_id="prep", file="pipeline.yml", node="prep", submitted_by="submit"
        ... )

    Sources: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-pipeline; that a node's job is a job
    like others, which can be asked for by its name: Azure/azure-sdk-for-python#33426.
    """

    submitted_by: str

    def __init__(self, *, submitted_by: str, deferrable: bool = True, **kwargs: Any) -> None:
        super().__init__(deferrable=deferrable, **kwargs)
        self.submitted_by = submitted_by

    def submit(self, context: Context) -> Ticket | Json:
        """Look for the node's job in the pipeline's, or run the node alone."""
        from airflow_provider_azml.rest.awaited_nodes import NODE, wanted
        from airflow_provider_azml.rest.patience import Patience
        from airflow_provider_azml.rest.waiting import Ticket, observe

        job = submitted(context, self.submitted_by)
        taken = (self.told(context, node, task) for node, task in self.results_of.items())
        if _any_not_of(job, taken):
            return self._alone(context, "what it takes was made by a node that ran alone")
        arm_id = self.hook.workspace_id.child("job", job)
        awaited = Ticket(arm_id, goal=NODE, wanted=wanted(path_of(self.planned(self.plan(context)))))
        seen = self.hook.run(observe(awaited, Patience(self.tolerate_errors_seconds)))
        if seen.outcome:
            return self.advance(context, seen.outcome)
        self._show_made(context, arm_id)
        self.log.info("Pipeline job %s is %s; node %s has no job in it yet", job, seen.status, self.node)
        return awaited

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Go on to the node's own job once there is one, and from that to the task's result."""
        from airflow_provider_azml.rest.awaited_nodes import NODE

        if outcome.goal == NODE:
            return self._begun_there(context, outcome) if outcome.succeeded else self._without_job(context, outcome)
        if self.owns(context, outcome.arm_id):
            return super().advance(context, outcome)
        try:
            return super().advance(context, outcome)
        except RunFailed as failed:
            self._check_wanted(context, str(failed))
            raise

    def owns(self, context: Context, arm_id: str) -> bool:
        """Whether a job is one in which the node runs alone."""
        from airflow_provider_azml.operators.submission import job_name
        from airflow_provider_azml.rest.arm_ids import parse

        return parse(arm_id).name.startswith(f"{job_name(context)}-")

    def made(self, context: Context, result: Json) -> Flow[NodeJob | None]:
        """The job of the node itself, once it has ended."""
        from airflow_provider_azml.rest.history import DataPlane, run
        from airflow_provider_azml.rest.node_jobs import described

        if self.owns(context, result["id"]):
            return (yield from super().made(context, result))
        plane = DataPlane(self.hook.workspace_id)
        return (yield from described(plane, (yield from run(plane, result["name"]))))

    def _with_outputs(self, context: Context, result: Json) -> Json:
        told = super()._with_outputs(context, result)
        if self.owns(context, result["id"]):
            return told
        job = submitted(context, self.submitted_by)
        return {**told, "name": job, "id": self.hook.workspace_id.child("job", job)}

    def _tell_reason(self, context: Context, result: Json) -> None:
        if len(self._path) == 1 or self.owns(context, result["id"]):
            super()._tell_reason(context, result)
        elif result["reused_from"]:  # the job does not show what is sent for nodes of pipelines inside of it
            self.log.info("reused from job %s", result["reused_from"])

    # -- whether the node in the job is the one that this try is about ---------------------------------------------

    def _begun_there(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Show the job that the node has in the pipeline's, unless it is to run alone."""
        from airflow_provider_azml.operators.submission import ownership, submission_hash
        from airflow_provider_azml.rest import history
        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.resources import RESOURCES
        from airflow_provider_azml.rest.waiting import Ticket
        from airflow_provider_azml.spec.target import SUBMISSION

        name = parse(outcome.arm_id).name
        run: Json = outcome.body.get("child") or self.hook.run(history.run(self.hook.workspace_id, name))
        status, tags = str(run.get("status")), run.get("tags") or {}
        shown_for = tags.get(SUBMISSION) if tags.get(MIRRORED) == name else None
        if shown_for not in (None, submission_hash(context)):
            return self._alone(context, f"the task was cleared after it had shown job {name}")
        if shown_for is None:
            noted = {**ownership(context), "airflow.max_tries": str(context["ti"].max_tries), MIRRORED: name}
            self.hook.run(history.set_tags(self.hook.workspace_id, name, noted))
        elif status in RESOURCES["job"].bad:
            self._check_wanted(context, f"its job ended as {status}")
            return self._alone(context, f"job {name} ended as {status} in an earlier try")
        self._show_made(context, outcome.arm_id)
        shown = Ticket(outcome.arm_id)
        if status not in RESOURCES["job"].terminal:
            return shown
        # nothing is left to wait for, but the log is still to be told
        return self.advance(context, self._settle(shown, self.deadlines(time.time())))

    def _without_job(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """End the task of a node that the pipeline ended without, or run the node alone.

        Raises:
            AirflowSkipException: The pipeline completed without it.
            AirflowFailException: The pipeline was canceled, or it cannot be told which of its jobs is the node's.
            RunFailed: The pipeline failed before the node began.
        """
        from airflow_provider_azml.rest.awaited_nodes import ALIKE

        job = submitted(context, self.submitted_by)
        seen = self._note_absence(context, job)
        if seen == "cleared":
            return self._alone(context, f"the task was cleared after pipeline job {job} had ended without the node")
        self._check_wanted(context, "it has no job in it")
        if outcome.code == ALIKE:
            raise AirflowFailException(f"node {self.node!r} cannot be shown: {outcome.message}")
        if outcome.status == "Completed":
            raise AirflowSkipException(f"Node {self.node} was not run: {outcome.message}")
        if seen == "again":
            return self._alone(context, f"pipeline job {job} ended without the node in an earlier try")
        if _any_not_of(job, (pulled(context, task) for task in self.upstream_task_ids)):
            return self._alone(context, f"pipeline job {job} ended without the node, and one before it ran alone")
        raise RunFailed(kind="node", name=self.node, status="never ran", message=outcome.message)

    def _note_absence(self, context: Context, job: str) -> Literal["first", "again", "cleared"]:
        """Note that the pipeline ended without the node; whether that was seen before, since a clear or before it.

        Where the pipeline's job takes no more tags, that is guessed: a task that has been cleared may try more often
        than it has retries.
        """
        from airflow_provider_azml.operators.submission import submission_hash
        from airflow_provider_azml.rest import history

        key, own = tag_of(self.node), submission_hash(context)
        noted = (self.hook.run(history.run(self.hook.workspace_id, job)).get("tags") or {}).get(key)
        if noted is not None:
            return "again" if noted == own else "cleared"
        try:
            self.hook.run(history.set_tags(self.hook.workspace_id, job, {key: own}))
        except ApiError as refused:
            if refused.status != HTTPStatus.BAD_REQUEST:
                raise
            self.log.warning("It cannot be noted that pipeline job %s has no job of the node: %s", job, refused)
            return "again" if context["ti"].max_tries > (self.retries or 0) else "first"
        return "first"

    def _check_wanted(self, context: Context, how: str) -> None:
        """Do not let a retry run what somebody has canceled with the whole pipeline.

        Raises:
            AirflowFailException: The pipeline was canceled.
        """
        from airflow_provider_azml.rest import history

        job = submitted(context, self.submitted_by)
        if self.hook.run(history.run(self.hook.workspace_id, job)).get("status") in _CANCELLED:
            reason = f"pipeline job {job!r} was canceled, and node {self.node!r} did not complete: {how}"
            raise AirflowFailException(f"{reason}\nTo run the node alone, clear this task")

    def _stop_after_a_failure(self, context: Context) -> None:
        """The job of the whole pipeline heeds what the file says of failures."""

    def _alone(self, context: Context, reason: str) -> Ticket | Json:
        self.log.info("Node %s runs alone: %s", self.node, reason)
        return super().submit(context)


def submitted(context: Context, task_id: str) -> str:
    """The name of the pipeline job that a task of the same DAG run has submitted.

    Raises:
        AirflowFailException: It tells of none.
    """
    name = (pulled(context, task_id) or {}).get("name")
    if not isinstance(name, str):
        raise AirflowFailException(f"task {task_id!r} tells of no pipeline job; clear it, so that it submits one")
    return name


def pulled(context: Context, task_id: str) -> Json | None:
    """The result of another task: of the same mapped instance, or of the only one."""
    ti = context["ti"]
    for map_index in dict.fromkeys((ti.map_index, -1)):
        result = ti.xcom_pull(task_ids=task_id, map_indexes=map_index)
        if isinstance(result, dict):
            return result
    return None


def _any_not_of(job: str, results: Iterable[Json | None]) -> bool:
    """Whether a task tells of another job than the pipeline's."""
    return any(result and result.get("name") not in (None, job) for result in results)


def tag_of(node: str) -> str:
    """The tag by which a task notes that its node has no job; it is no longer than the service takes."""
    key = f"{NEVER_RAN}{node}"
    digest = hashlib.sha256(node.encode()).hexdigest()[:12]
    return key if len(key) <= _LONGEST_TAG else f"{key[: _LONGEST_TAG - len(digest) - 1]}.{digest}"


def path_of(node: PlannedNode) -> list[Step]:
    """Name and display name of each node that leads to a node, and of itself."""
    steps, level = [(node.path[-1], _display_name(node.source))], node.level
    while level.above is not None:
        steps.append((level.path[-1], _display_name(level.holder)))
        level = level.above
    return steps[::-1]


def shown_nodes(nodes: Mapping[str, PlannedNode]) -> Nodes:
    """The nodes of a pipeline that have tasks, with their display names: none that decide, or that loops run."""
    from airflow_provider_azml.spec.control_flow import is_control_flow

    return {
        name: (_display_name(node.source), shown_nodes(node.nodes))
        for name, node in nodes.items()
        if not is_control_flow(node.source) and name not in node.level.graph.loops
    }


def _display_name(node: Source) -> str | None:
    name = node.value.get("display_name")
    return None if name is None else str(name)
