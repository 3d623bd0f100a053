"""Operators for batch endpoints: deploy to one, have one work through data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.job_waiting import AzmlJobOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.batch_invocations import Invocation
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.goals import GoalName
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.source import Source

_OF_FILES = ("file", "spec")
_ONE_INPUT = "input_data"


class AzmlInvokeBatchEndpointOperator(AzmlJobOperator):
    """Has a batch endpoint work through data, and waits for the job's end; never twice, whatever happens.

    A retry looks for the job that an earlier try started: it attaches to one that is active, takes the result of one
    that is completed, and invokes anew when it failed or was canceled. An answer that was lost is not believed to be a
    refusal. A clear of the task invokes anew. How it waits, and what ends that early, the arguments of
    :class:`~airflow_provider_azml.operators.job_waiting.AzmlJobOperator` say.

    Args:
        endpoint_name: Name of the endpoint.
        deployment_name: Name of the deployment; by default the endpoint's default one.
        input: The data, for deployments of models: a local path relative to the DAG file, ``azureml:name:version``,
            ``azureml:name@latest``, a path in a datastore, a URL, an output of an upstream task's job, or the result of
            a task that has registered data, or its ``id``; or ``{"type", "path"}``.
        inputs: The same by name, for deployments of pipelines, which take values too: numbers, booleans, text that is
            no path, or ``{"value": ...}``.
        outputs: Where outputs go, by name: a path in a datastore, or ``{"type", "path"}``.
        experiment_name: By default the DAG id, with ``-`` for what an experiment's name cannot hold.
        job_name: What the job's display name begins with; by default DAG and task id. What tells this submission from
            others stands behind it. The job's name itself is made by the service.
        description: Free text.
        tags: Tags of the job.
        properties: Properties of the job.
        compute: Compute that runs it, instead of the deployment's.
        instance_count: How many instances it runs on.
        mini_batch_size: Files that one call of the script's ``run()`` gets.
        max_concurrency_per_instance: Calls of ``run()`` at once on an instance.
        error_threshold: Failures after which the job is given up; -1 for never.
        retry_settings: ``{"max_retries", "timeout"}``, the latter in seconds.
        logging_level: ``warning``, ``info`` or ``debug``.
        output_file_name: File that predictions are appended to.
        wait: Whether to wait for the job's end.

    Returns:
        ``{"name", "id", "status", "studio_url", "experiment_name", "endpoint", "deployment", "outputs", "output_file",
        "metrics"}``; ``outputs`` has the azureml URI of each output by its name, and ``output_file`` is the path in the
        datastore of the file that predictions of a model are in.

    Raises:
        RunFailed: The job failed or was canceled; with the service's reason and the end of its log.
        WaitTimeout: Its time was up; it says whether the job was cancelled.

    Example:
        >>> AzmlInvokeBatchEndpointOperator(task_id="score", endpoint_name="nightly", input="azureml:numbers@latest")

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-access-data-batch-endpoints-jobs
    """

    kind = "job"
    spec_fields: ClassVar[Sequence[str]] = (
        "inputs",
        "outputs",
        "experiment_name",
        "description",
        "tags",
        "properties",
        "compute",
        "instance_count",
        "mini_batch_size",
        "max_concurrency_per_instance",
        "error_threshold",
        "retry_settings",
        "logging_level",
        "output_file_name",
    )
    template_fields: Sequence[str] = (
        *AzmlJobOperator.template_fields,
        "endpoint_name",
        "deployment_name",
        "input",
        "job_name",
        "wait",
    )

    def __init__(
        self,
        *,
        endpoint_name: str,
        deployment_name: str | None = None,
        input: str | Mapping[str, Any] | None = None,  # noqa: A002 (the CLI's own word)
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        experiment_name: str | None = None,
        job_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        compute: str | None = None,
        instance_count: int | None = None,
        mini_batch_size: int | None = None,
        max_concurrency_per_instance: int | None = None,
        error_threshold: int | None = None,
        retry_settings: Mapping[str, int] | None = None,
        logging_level: str | None = None,
        output_file_name: str | None = None,
        wait: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint_name = endpoint_name
        self.deployment_name = deployment_name
        self.input = input
        self.job_name = job_name
        self.wait = wait
        self.keep(locals())

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait, and what is invoked, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import refused

        super().check_arguments()
        for name in _OF_FILES:
            if getattr(self, name) is not None:
                raise refused(name, "is for what has AML files; an invocation is said by arguments alone")
        if not self.endpoint_name:
            raise refused("endpoint_name", "is empty; name the batch endpoint")
        if self.input is not None and vars(self).get("inputs"):
            raise refused("input", "and inputs are both given; give one of them")
        if self.deployment_name in ("", "None"):
            self.deployment_name = None

    def content(self, context: Context) -> Source:
        """What is asked for; the one input has a name then."""
        whole = super().content(context)
        if self.input is None:
            return whole
        given = {"path": self.input} if isinstance(self.input, str) else self.input
        return whole.merged({"inputs": {_ONE_INPUT: given}})

    def source(self, context: Context) -> Source:
        """What is asked for; inputs that are results of tasks which have registered data name that data."""
        from dataclasses import replace

        from airflow_provider_azml.spec.references import made_by_task

        asked = super().source(context)
        inputs = asked.value.get("inputs")
        if not isinstance(inputs, dict):
            return asked
        named = {
            name: {"path": made_by_task(given) or given.get("path")}
            if isinstance(given, dict) and "id" in given
            else given
            for name, given in inputs.items()
        }
        return replace(asked, value={**asked.value, "inputs": named})

    def checked(self, source: Source) -> str:
        """The kind of what is asked for, once that has no problems.

        Raises:
            SpecError: It has problems.
        """
        from airflow_provider_azml.spec import batch_invocations

        batch_invocations.check(source)
        return self.kind

    # -- to the service and back ---------------------------------------------------------------------------------

    def submission(self, kind: str, source: Source, context: Context) -> Flow[Ticket]:
        """What invokes the endpoint, once; only while the task is wanted."""
        from airflow_provider_azml.operators import batch_submission, submission
        from airflow_provider_azml.rest.history import DataPlane

        terms = self.terms()
        asked = batch_submission.Asked(
            DataPlane(self.hook.workspace_id),
            self.endpoint_name,
            lambda: self._invocation(source, context),
            context["dag_run"].start_date,
            self.tolerate_errors_seconds,
        )
        return batch_submission.submit(asked, submission.job_name(context), submission.ownership(context, terms), terms)

    def awaited(self, context: Context) -> tuple[GoalName, Json]:
        """What is waited for: the job, which may have to be looked for to be cancelled."""
        from airflow_provider_azml.operators import submission
        from airflow_provider_azml.rest.batch_invocations import wanted_of

        return "invocation", wanted_of(self.endpoint_name, submission.submission_hash(context))

    def result_of(self, context: Context, outcome: Outcome, studio_url: str) -> Flow[Json]:
        """The task's result: that of a job, and where predictions are."""
        from airflow_provider_azml.rest import batch_invocations, flows

        job = outcome.body or (yield from flows.get(outcome.arm_id))
        told = yield from super().result_of(context, outcome, studio_url)
        file = yield from batch_invocations.predictions(outcome.arm_id, job, self.endpoint_name)
        return {**told, **self._of_endpoint(job), "output_file": file}

    def _begun(self, context: Context, ticket: Ticket) -> Ticket | Json:
        from dataclasses import replace

        from airflow_provider_azml.rest.patience import Patience
        from airflow_provider_azml.rest.waiting import observe

        if self.wait:
            return super()._begun(context, ticket)
        if self._guard:
            self._guard.watch(ticket.arm_id)
        seen = self.hook.run(observe(replace(ticket, body={}), Patience(self.tolerate_errors_seconds)))
        step = super()._begun(context, replace(ticket, body=seen.body))
        return {**step, **self._of_endpoint(seen.body)} if isinstance(step, dict) else step

    def _invocation(self, source: Source, context: Context) -> Flow[Invocation]:
        """What is sent; where it goes is looked up before anything is uploaded."""
        from airflow_provider_azml.operators import submission
        from airflow_provider_azml.rest.batch_invocations import Invocation, door
        from airflow_provider_azml.spec import batch_invocations

        ti = context["ti"]
        opened = yield from door(self.hook.workspace_id, self.endpoint_name, self.deployment_name)
        if opened.of_model:
            batch_invocations.check_for_model(source, opened.deployment)
        owned: dict[str, object] = {"properties": submission.ownership(context, self.terms())}
        if not source.value.get("experiment_name"):
            owned["experiment_name"] = submission.experiment_name(ti.dag_id)
        target = submission.seeded(self.hook.target, context)
        body = yield from batch_invocations.body(source.merged(owned), target)
        name = self.job_name or submission.job_name(context).rpartition("-")[0]
        return Invocation(opened, body, name)

    def _of_endpoint(self, job: Json) -> Json:
        from airflow_provider_azml.rest import batch_invocations

        deployment = batch_invocations.deployment_of(job) or self.deployment_name
        return {"endpoint": self.endpoint_name, "deployment": deployment}
