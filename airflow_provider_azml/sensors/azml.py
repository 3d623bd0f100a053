"""Sensors: tasks that only wait."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import RunFailed
from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import LOG_LINES, AzmlOperator
from airflow_provider_azml.sensors.base import AzmlSensor
from airflow_provider_azml.sensors.resources import AzmlResourceSensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.goals import GoalName
    from airflow_provider_azml.rest.standstill import Standstill
    from airflow_provider_azml.rest.waiting import Outcome, Ticket


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


class AzmlWaitForServiceHealthySensor(AzmlSensor):
    """Waits until an online endpoint and the deployments that serve it are provisioned; or a web service of v1 healthy.

    Fails at once when one of them has failed, with the end of its log.

    Args:
        endpoint_name: Name of the endpoint.
        deployment_names: Deployments that have to be up; by default those that get traffic.
        service_name: Name of a web service of v1, on a container instance or a Kubernetes cluster, instead.
        unschedulable_seconds: How long a web service of v1 may find no place to run (``Unschedulable``), in seconds; by
            default as long as the sensor waits. Only whoever looks knows how long it has been so: a trigger that goes
            to another triggerer counts anew, and ``mode="reschedule"`` cannot count at all.

    Returns:
        ``{"name", "id", "status", "deployments": {name: status}, "scoring_uri", "studio_url"}``; of a web service of v1
        without ``deployments``.

    Raises:
        RunFailed: Endpoint, deployment or web service has failed, or no deployment gets traffic.
        NotFound: There is no such endpoint, deployment or web service.

    Example:
        >>> AzmlWaitForServiceHealthySensor(task_id="healthy", endpoint_name="iris", timeout=1800)
        >>> AzmlWaitForServiceHealthySensor(task_id="old", service_name="iris-aks", unschedulable_seconds=600)

    Sources: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-online-endpoints; of v1 the table of
    service states of "Deploy machine learning models to Azure".
    """

    template_fields: Sequence[str] = (
        *AzmlOperator.template_fields,
        "endpoint_name",
        "deployment_names",
        "service_name",
        "unschedulable_seconds",
    )
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(
        self,
        *,
        endpoint_name: str | None = None,
        deployment_names: Sequence[str] | None = None,
        service_name: str | None = None,
        unschedulable_seconds: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint_name = endpoint_name
        self.deployment_names = deployment_names
        self.service_name = service_name
        self.unschedulable_seconds = unschedulable_seconds
        self._standstill: Standstill | None = None

    def check_arguments(self) -> None:
        """Check that what is waited for is one thing.

        Raises:
            SpecError: It is not.
        """
        from airflow_provider_azml.operators.arguments import optional_seconds, refused

        super().check_arguments()
        self.unschedulable_seconds = optional_seconds("unschedulable_seconds", self.unschedulable_seconds)
        if (self.endpoint_name is None) == (self.service_name is None):
            raise refused("service_name", "names a web service of v1, endpoint_name an endpoint of today; give one")
        if self.service_name is not None and self.deployment_names:
            raise refused("deployment_names", "is of endpoints of today; a web service of v1 has none")
        if self.service_name is None and self.unschedulable_seconds is not None:
            raise refused("unschedulable_seconds", "is of web services of v1; name one as service_name")
        if self.reschedule and self.unschedulable_seconds is not None and not self.deferrable:
            reason = "cannot be counted with mode='reschedule', which forgets; take deferrable=True, or mode='poke'"
            raise refused("unschedulable_seconds", reason)

    def submit(self, context: Context) -> Ticket | Json:
        """Look at the endpoint or web service."""
        from airflow_provider_azml.rest.waiting import Ticket

        self._show(context, "online_endpoint", str(self.endpoint_name or self.service_name))
        return self._look_at_service(context) if self.service_name else self._seen(Ticket(self._endpoint_id))

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """From the endpoint to each of its deployments, from the last of them to the result."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.waiting import Ticket

        if self.service_name:
            return self._service(context, outcome)
        assert self.endpoint_name
        studio_url = self.hook.studio_url("online_endpoint", self.endpoint_name)
        if not outcome.succeeded:
            raise self._not_deployed(outcome, self.endpoint_name)
        endpoint = self.hook.run(flows.get(self._endpoint_id))
        names = self._deployments(endpoint)
        looked_at = parse(outcome.arm_id)
        passed = names.index(looked_at.name) + 1 if looked_at.kind == "online_deployment" else 0
        if passed < len(names):
            arm_id = self.hook.workspace_id.child("online_deployment", self.endpoint_name, names[passed])
            return self._seen(Ticket(arm_id))
        return {
            "name": endpoint["name"],
            "id": self._endpoint_id,
            "status": endpoint["properties"]["provisioningState"],
            "deployments": dict.fromkeys(names, outcome.status),
            "scoring_uri": endpoint["properties"].get("scoringUri"),
            "studio_url": studio_url,
        }

    def _look_at_service(self, context: Context) -> Ticket | Json:
        """Look at a web service of v1, and count how long it has had no place to run."""
        from airflow_provider_azml.rest.standstill import Standstill
        from airflow_provider_azml.rest.v1 import tickets

        seconds = None if self.unschedulable_seconds is None else float(self.unschedulable_seconds)
        ticket = tickets.web_service(self.hook.workspace_id, str(self.service_name), unschedulable_seconds=seconds)
        glance = self._looked(ticket)
        self._standstill = self._standstill or Standstill()
        outcome = self._standstill.outcome(glance, time.monotonic())
        return self.advance(context, outcome) if outcome else replace(ticket, body=glance.body)

    def _service(self, context: Context, outcome: Outcome) -> Json:
        """What is told of a web service of v1 that is healthy."""
        from airflow_provider_azml.rest.v1 import services

        name, place = str(self.service_name), self.hook.v1.place
        studio_url = self._show(context, "online_endpoint", name)
        if not outcome.succeeded:
            raise outcome.failure(
                studio_url=studio_url, log_tail=self.hook.run(services.log_tail(place, name, lines=LOG_LINES))
            )
        found = self.hook.run(services.get(place, name))
        return {
            "name": name,
            "id": outcome.arm_id,
            "status": found["state"],
            "scoring_uri": found.get("scoringUri"),
            "studio_url": studio_url,
        }

    @property
    def _endpoint_id(self) -> str:
        return self.hook.workspace_id.child("online_endpoint", str(self.endpoint_name))

    def _deployments(self, endpoint: Json) -> list[str]:
        """Who has to be up, in a fixed order."""
        from airflow_provider_azml.rest.traffic import shares

        names = sorted(self.deployment_names or shares(endpoint))
        if names:
            return names
        raise RunFailed(
            kind="online endpoint",
            name=str(self.endpoint_name),
            status="idle",
            message="no deployment gets traffic, so nothing serves; give one traffic, or name deployment_names",
            studio_url=self.hook.studio_url("online_endpoint", str(self.endpoint_name)),
        )
