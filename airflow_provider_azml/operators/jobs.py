"""Operators that submit jobs and wait for their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import LOG_LINES, AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket


class AzmlSubmitJobOperator(AzmlSpecOperator):
    """Submits a job of any type and waits for its end; never twice, whatever happens to worker or triggerer.

    A retry looks for the job that an earlier try submitted: it attaches to one that is active, takes the result of one
    that is completed, and submits anew when it failed or was canceled. A clear of the task submits anew.

    Args:
        file: Job YAML, relative to the DAG file.
        spec: Its content as a mapping instead.
        name: The job's name; by default one is made from DAG, task and run.
        display_name: By default the task id.
        experiment_name: By default the DAG id.
        compute: Compute that runs it.
        inputs: Merged over the file's inputs.
        tags: Merged over the file's tags.
        wait: Whether to wait for the job's end.

    Returns:
        ``{"name", "id", "status", "studio_url", "experiment_name", "outputs", "metrics"}``; ``outputs`` has the azureml
        URI of each output by its name, ``metrics`` the last value of each metric by its name.

    Raises:
        RunFailed: The job failed or was canceled; with the service's reason and the end of its log.

    Example:
        >>> AzmlSubmitJobOperator(task_id="train", file="train.yml", inputs={"learning_rate": 0.1})

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-command
    """

    spec_fields: ClassVar[Sequence[str]] = ("name", "display_name", "experiment_name", "compute", "inputs", "tags")
    template_fields: Sequence[str] = (*AzmlSpecOperator.template_fields, *spec_fields)
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(
        self,
        *,
        name: str | None = None,
        display_name: str | None = None,
        experiment_name: str | None = None,
        compute: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        wait: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.display_name = display_name
        self.experiment_name = experiment_name
        self.compute = compute
        self.inputs = inputs
        self.tags = tags
        self.wait = wait
        self._job_id: str | None = None

    def submit(self, context: Context) -> Ticket | Json:
        """Submit the job, or find the one that an earlier try submitted."""
        from airflow_provider_azml.operators import submission

        ti = context["ti"]
        source = self.source(context, "job", {"experiment_name": ti.dag_id, "display_name": ti.task_id})
        flow = submission.submit_job(
            self.hook.target, source, submission.job_name(context), submission.ownership(context)
        )
        ticket = self.hook.run(flow)
        self._job_id = ticket.arm_id
        name = ticket.body["name"]
        self.log.info("Job %s is %s", name, ticket.body["properties"]["status"])
        studio_url = self._show(context, "job", name)
        return ticket if self.wait else _result(ticket.body, studio_url, {})

    def advance(self, context: Context, outcome: Outcome) -> Json:
        """Turn the ended job into the task's result, or into an error that says why."""
        from airflow_provider_azml.rest import flows

        body = outcome.body or self.hook.run(flows.get(outcome.arm_id))
        studio_url = self._show(context, "job", body["name"])
        if not outcome.succeeded:
            raise self._job_failed(outcome, body["name"], studio_url)
        return _result(body, studio_url, self._metrics(body["name"]))

    def on_kill(self) -> None:
        """Cancel the job of a task that was killed while it waited in a worker."""
        if self._job_id:
            from airflow_provider_azml.rest import flows

            self.log.info("Cancelling %s", self._job_id)
            self.hook.run(flows.act(self._job_id, "cancel"))

    def _job_failed(self, outcome: Outcome, name: str, studio_url: str) -> Exception:
        from dataclasses import replace

        from airflow_provider_azml.rest import history

        code, message, tail = self.hook.run(history.failure(self.hook.workspace_id, name, lines=LOG_LINES))
        why = replace(outcome, code=outcome.code or code, message=outcome.message or message)
        return why.failure(studio_url=studio_url, log_tail=tail)

    def _metrics(self, name: str) -> dict[str, float | str]:
        from airflow_provider_azml.exceptions import ApiError
        from airflow_provider_azml.rest import history

        try:
            return self.hook.run(history.metrics(self.hook.workspace_id, name))
        except ApiError as error:
            self.log.warning("The job is done, but its metrics cannot be read: %s", error)
            return {}


class AzmlSubmitCommandJobOperator(AzmlSubmitJobOperator):
    """Submits a command job and waits for its end; never twice, whatever happens to worker or triggerer.

    Everything that :class:`AzmlSubmitJobOperator` takes and promises, and a command job's own keys.

    Args:
        command: What runs, with ``${{inputs.x}}`` and ``${{outputs.x}}``.
        code: Folder that is uploaded, relative to the DAG file (in a file: to that file).
        environment: ``azureml:name:version``, ``azureml:name@latest``, or a mapping that describes one.
        outputs: Outputs by name.
        environment_variables: Environment variables of the command.
        resources: ``instance_count``, ``instance_type``, ``shm_size``...
        distribution: How processes are spread over nodes.
        limits: ``timeout`` in seconds.
        identity: Who the job runs as.
        queue_settings: ``job_tier`` and ``priority``.
        services: Interactive services.
        description: Free text.
        properties: Properties of the job.

    Example:
        >>> AzmlSubmitCommandJobOperator(
        ...     task_id="train",
        ...     command="python train.py --data ${{inputs.data}} --model ${{outputs.model}}",
        ...     code="src",
        ...     environment="azureml:sklearn@latest",
        ...     compute="cpu-cluster",
        ...     inputs={"data": {"type": "uri_file", "path": "azureml:iris:1"}},
        ...     outputs={"model": {"type": "custom_model"}},
        ... )

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-command
    """

    spec_fields: ClassVar[Sequence[str]] = (
        *AzmlSubmitJobOperator.spec_fields,
        "command",
        "code",
        "environment",
        "outputs",
        "environment_variables",
        "resources",
        "distribution",
        "limits",
        "identity",
        "queue_settings",
        "services",
        "description",
        "properties",
    )
    attributes: ClassVar[Mapping[str, str]] = {"resources": "job_resources"}
    template_fields: Sequence[str] = (
        *AzmlSpecOperator.template_fields,
        *(name for name in spec_fields if name != "resources"),
        "job_resources",
    )

    def __init__(
        self,
        *,
        command: str | None = None,
        code: str | None = None,
        environment: str | Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        environment_variables: Mapping[str, Any] | None = None,
        resources: dict[str, Any] | None = None,
        distribution: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        identity: Mapping[str, Any] | None = None,
        queue_settings: Mapping[str, Any] | None = None,
        services: Mapping[str, Any] | None = None,
        description: str | None = None,
        properties: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.command = command
        self.code = code
        self.environment = environment
        self.outputs = outputs
        self.environment_variables = environment_variables
        self.job_resources = resources  # BaseOperator keeps ``resources`` for another purpose
        self.distribution = distribution
        self.limits = limits
        self.identity = identity
        self.queue_settings = queue_settings
        self.services = services
        self.description = description
        self.properties = properties


def _result(body: Json, studio_url: str, metrics: Mapping[str, float | str]) -> Json:
    properties = body["properties"]
    return {
        "name": body["name"],
        "id": body["id"],
        "status": properties["status"],
        "studio_url": studio_url,
        "experiment_name": properties.get("experimentName"),
        "outputs": {
            name: f"azureml://jobs/{body['name']}/outputs/{'artifacts' if name == 'default' else name}/paths/"
            for name in properties.get("outputs") or {}
        },
        "metrics": dict(metrics),
    }
