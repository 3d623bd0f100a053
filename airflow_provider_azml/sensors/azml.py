"""Sensors that wait for one resource: a job, a compute, a version of a model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.operators.base import LOG_LINES
from airflow_provider_azml.sensors.base import AzmlSensor
from airflow_provider_azml.sensors.resources import AzmlResourceSensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.exceptions import RunFailed
    from airflow_provider_azml.rest.goals import GoalName
    from airflow_provider_azml.rest.waiting import Outcome


class AzmlJobSensor(AzmlResourceSensor):
    """Waits until a job has ended, whoever submitted it: another DAG, a schedule, the CLI, a person in studio.

    Fails at once when the job ends badly, with the service's reason and the end of its log. It never cancels the job.

    Args:
        job_name: Name of the job.
        wait_until_exists: Wait for a job that nobody has submitted yet, too, instead of failing at once; also for one
            that was deleted meanwhile.
        stream_logs: Tell what the job's code writes in the task's log, as it is written; not with
            ``mode="reschedule"``.

    Returns:
        ``{"name", "id", "status", "studio_url", "experiment_name", "outputs", "metrics"}``, as from the operators that
        submit jobs.

    Raises:
        RunFailed: The job failed or was canceled.
        NotFound: There is no such job, or it was deleted meanwhile.

    Example:
        >>> AzmlJobSensor(task_id="nightly", job_name="nightly-{{ ds_nodash }}", wait_until_exists=True)

    Source: ``JobStatus`` of the service's OpenAPI file.
    """

    kind = "job"
    named_by = ("job_name",)
    template_fields: Sequence[str] = (*AzmlSensor.template_fields, "job_name")

    def __init__(
        self, *, job_name: str, wait_until_exists: bool = False, stream_logs: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.job_name = job_name
        self.wait_until_exists = wait_until_exists
        self.stream_logs = stream_logs
        self.arrange_start()

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import yes_or_no

        super().check_arguments()
        self.wait_until_exists = yes_or_no("wait_until_exists", self.wait_until_exists)

    @property
    def goal(self) -> GoalName:
        """The job's end."""
        return "exists" if self.wait_until_exists else "ended"

    def _failure(self, outcome: Outcome, studio_url: str) -> RunFailed:
        from airflow_provider_azml.rest import failures
        from airflow_provider_azml.rest.arm_ids import parse

        name = parse(outcome.arm_id).name
        why = self.hook.run(failures.failure(self.hook.workspace_id, name, lines=LOG_LINES))
        told = replace(outcome, code=why.code, message=why.message)
        return told.failure(
            studio_url=studio_url, log_tail=why.log_tail, log_of=why.log_of, error_class=why.error_class
        )


class AzmlComputeSensor(AzmlResourceSensor):
    """Waits until a compute is provisioned, or until it is in a state.

    Fails at once, with the compute's own errors, when it is broken or being deleted, or can never be as it is wanted.

    Args:
        compute_name: Name of the compute.
        state: ``Running`` or ``Stopped``, of a compute instance; ``Steady``, of a cluster that neither grows nor
            shrinks. By default it only has to be provisioned.
        min_nodes: How many nodes of a cluster have to be able to run jobs, be they idle or busy.

    Returns:
        ``{"name", "id", "status", "studio_url"}``; with ``state`` of instances and clusters, and ``nodes`` of clusters.

    Raises:
        RunFailed: The compute is broken, or never will be as it is wanted.
        NotFound: There is no such compute, or it was deleted meanwhile.

    Example:
        >>> AzmlComputeSensor(task_id="warm", compute_name="gpu-cluster", state="Steady", min_nodes=2)

    Source: ``ComputeInstanceState``, ``AmlComputeProperties`` and ``NodeStateCounts`` of the service's OpenAPI file.
    """

    kind = "compute"
    named_by = ("compute_name",)
    wanted = ("state", "min_nodes")
    template_fields: Sequence[str] = (*AzmlSensor.template_fields, "compute_name", "state", "min_nodes")

    def __init__(
        self, *, compute_name: str, state: str | None = None, min_nodes: int | str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.compute_name = compute_name
        self.state = state
        self.min_nodes = min_nodes
        self.arrange_start()

    @property
    def goal(self) -> GoalName:
        """A state, with so many nodes."""
        return "state"


class AzmlModelVersionSensor(AzmlResourceSensor):
    """Waits until a version of a model is registered: one of that number, a newer one than some, or any.

    Where several fit, the newest is taken. Archived versions do not count, unless the version is named.

    Args:
        name: Name of the model; it need not exist yet.
        version: The version.
        newer_than: A version that it has to be newer than: of a higher number, or registered later where one of them is
            no number. Empty text is none.
        tags: Tags that the version has to have, by name.
        stage: Stage that the version has to be in.

    Returns:
        ``{"name", "version", "id", "status", "studio_url", "path"}``.

    Raises:
        NotFound: No version is called ``newer_than``, where it is no number.

    Example:
        >>> AzmlModelVersionSensor(
        ...     task_id="approved", name="iris", newer_than="{{ var.value.deployed }}", tags={"approved": "yes"}
        ... )

    Source: ``GET models/{name}/versions`` of the service's OpenAPI file, newest first as azure-ai-ml asks for
    ``@latest`` (recorded exchange).
    """

    kind = "model"
    named_by = ("name", "version")
    wanted = ("newer_than", "tags", "stage")
    template_fields: Sequence[str] = (
        *AzmlSensor.template_fields,
        "name",
        "version",
        "newer_than",
        "tags",
        "stage",
    )

    def __init__(
        self,
        *,
        name: str,
        version: str | None = None,
        newer_than: str | None = None,
        tags: Mapping[str, str] | None = None,
        stage: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.version = version
        self.newer_than = newer_than
        self.tags = tags
        self.stage = stage
        self.arrange_start()

    def check_arguments(self) -> None:
        """Check that what is asked for is one thing.

        Raises:
            SpecError: It is not.
        """
        from airflow_provider_azml.operators.arguments import refused

        super().check_arguments()
        if self.version is not None and self.newer_than is not None:
            raise refused("newer_than", "is given besides version; give one of them")

    @property
    def goal(self) -> GoalName:
        """A version."""
        return "version"
