"""The operator that deploys to a batch endpoint: from the endpoint to the deployment, and to the default."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.operators.deployed import EndpointDeployingOperator
from airflow_provider_azml.operators.files import is_free

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.source import Source


class AzmlDeployBatchModelOperator(EndpointDeployingOperator):
    """Deploys a model or a pipeline to a batch endpoint, and makes the endpoint if there is none.

    Every step starts from what the service shows, so a retry goes on where an earlier try was stopped. What serves by
    default goes on to do so until the new deployment is there.

    Args:
        file: Batch deployment YAML, relative to the DAG file.
        spec: Its content as a mapping instead.
        endpoint_file: Batch endpoint YAML, for an endpoint that has to be made; without one it gets the name alone and
            the service's defaults.
        name: Name of the deployment.
        endpoint_name: Name of the endpoint.
        type: ``model`` or ``pipeline``.
        model: ``azureml:name:version``, ``azureml:name@latest``, the ``id`` that registering a model returned, or that
            task's whole result.
        component: The pipeline: a file of type pipeline, ``azureml:name:version`` or ``azureml:name@latest``.
        job_definition: A pipeline job that ran, as the pipeline: ``azureml:<name>``.
        environment: ``azureml:name:version``, or a mapping that describes one.
        code_configuration: ``{"code": folder, "scoring_script": file}``.
        environment_variables: Environment variables of the scoring script.
        compute: Cluster that it runs on: ``azureml:<name>``.
        resources: ``{"instance_count": ...}``.
        settings: How data is worked through: ``mini_batch_size``, ``max_concurrency_per_instance``, ``output_action``,
            ``output_file_name``, ``error_threshold``, ``retry_settings``...; of a pipeline, the settings of its jobs.
        description: Free text.
        tags: Tags of the deployment.
        properties: Properties of the deployment.
        set_default: Whether the endpoint goes to this deployment by default, once it is there.

    Returns:
        ``{"name", "deployment", "id", "status", "scoring_uri", "default", "studio_url"}``; ``name`` is the endpoint's.

    Raises:
        RunFailed: Endpoint or deployment could not be made, or somebody else has set another default meanwhile.

    Example:
        >>> AzmlDeployBatchModelOperator(
        ...     task_id="deploy",
        ...     file="batch-deployment.yml",
        ...     endpoint_file="batch-endpoint.yml",
        ...     model=register.output["id"],
        ... )

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-use-batch-model-deployments
    """

    kind = "batch_deployment"
    endpoint_name: str | None
    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "endpoint_name",
        "type",
        "model",
        "component",
        "job_definition",
        "environment",
        "code_configuration",
        "environment_variables",
        "compute",
        "resources",
        "settings",
        "description",
        "tags",
        "properties",
    )
    attributes: ClassVar[Mapping[str, str]] = {
        "resources": "job_resources",  # BaseOperator has resources of its own
    }
    template_fields: Sequence[str] = (*EndpointDeployingOperator.template_fields, "endpoint_file", "set_default")
    defers_often = True

    def __init__(
        self,
        *,
        endpoint_file: str | None = None,
        name: str | None = None,
        endpoint_name: str | None = None,
        type: str | None = None,  # noqa: A002 (a key of the YAML)
        model: str | Mapping[str, Any] | None = None,
        component: str | None = None,
        job_definition: str | None = None,
        environment: str | Mapping[str, Any] | None = None,
        code_configuration: Mapping[str, str] | None = None,
        environment_variables: Mapping[str, Any] | None = None,
        compute: str | None = None,
        resources: dict[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        set_default: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint_file = endpoint_file
        self.set_default = set_default
        self.keep(locals())

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait and what is deployed, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import yes_or_no

        super().check_arguments()
        self.set_default = yes_or_no("set_default", self.set_default)

    # -- to the service and back ---------------------------------------------------------------------------------

    def submit(self, context: Context) -> Ticket | Json:
        """Check what is to be deployed, and do the first step."""
        from airflow_provider_azml.spec import kinds

        deployment, endpoint = self.sources(context)
        self.checked(deployment)
        for told in kinds.check(endpoint, "batch_endpoint", strict=self.strict):
            self.log.log(kinds.LEVELS[told.severity], "%s", told)
        self._show(context, "batch_endpoint", str(endpoint.value["name"]))
        return self._step(context, deployment, endpoint)

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Do the next step: from the endpoint to the deployment, to the default, and to the result."""
        deployment, endpoint = self.sources(context)
        if not outcome.succeeded and not is_free(outcome):
            studio_url = self._show(context, "batch_endpoint", str(endpoint.value["name"]))
            raise outcome.failure(studio_url=studio_url)
        return self._step(context, deployment, endpoint, outcome)

    def sources(self, context: Context) -> tuple[Source, Source]:
        """The deployment and its endpoint, naming each other; the deployment's tags say whose it is.

        Raises:
            SpecError: They cannot be read, or no endpoint is named.
        """
        from airflow_provider_azml.operators import submission
        from airflow_provider_azml.spec.source import from_mapping
        from airflow_provider_azml.spec.target import SUBMISSION

        deployment = self.source(context)
        deployment = deployment.merged({"tags": {SUBMISSION: submission.submission_hash(context)}})
        endpoint = self.read(context, self.endpoint_file) if self.endpoint_file else from_mapping({})
        name = self.endpoint_name or endpoint.value.get("name") or deployment.value.get("endpoint_name")
        if not name:
            raise SpecError([deployment.problem(("endpoint_name",), "no endpoint is named; add endpoint_name")])
        return deployment.merged({"endpoint_name": name}), endpoint.merged({"name": name})

    def source(self, context: Context) -> Source:
        """The deployment, its model a reference where a task has registered it."""
        from airflow_provider_azml.spec.references import made_by_task

        deployment = super().source(context)
        reference = made_by_task(deployment.value.get("model"))
        return replace(deployment, value={**deployment.value, "model": reference}) if reference else deployment

    def _step(
        self, context: Context, deployment: Source, endpoint: Source, last: Outcome | None = None
    ) -> Ticket | Json:
        name = str(deployment.value["name"])
        endpoint_id = self.hook.workspace_id.child("batch_endpoint", str(endpoint.value["name"]))
        deployment_id = f"{endpoint_id}/deployments/{name}"
        is_set = last is not None and last.goal == "default_deployment"
        is_made = is_set or (last is not None and last.goal == "ended" and last.arm_id == deployment_id)
        pending = None
        if not is_made:
            pending = self._endpoint(context, endpoint, endpoint_id, name)
            pending = pending or self._deployment(context, deployment, deployment_id)
        if self.set_default and not is_set and pending is None:
            pending = self.hook.run(self._made_default(endpoint_id, name))
        return pending or self.result(context, endpoint_id, deployment_id)

    def _endpoint(self, context: Context, endpoint: Source, endpoint_id: str, deployment: str) -> Ticket | None:
        """Make the endpoint, unless it is there."""
        from airflow_provider_azml.operators import submission
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.waiting import Ticket, shown

        found = self.hook.run(flows.find(endpoint_id))
        if found and found["properties"].get("provisioningState") != "Failed":
            idle = Ticket(endpoint_id, None, found, "idle")
            return None if shown(idle, found).outcome else idle
        made = dict(endpoint.value)
        if (made.get("defaults") or {}).get("deployment_name") == deployment:
            del made["defaults"]  # the deployment is not there yet
        self.log.info("Making endpoint %s", endpoint.value["name"])
        whole = replace(endpoint, value=made)
        return self.hook.run(submission.submit(self.hook.target, "batch_endpoint", whole, context))

    def _deployment(self, context: Context, deployment: Source, deployment_id: str) -> Ticket | None:
        """Make the deployment, unless an earlier try has."""
        from airflow_provider_azml.operators import submission
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.waiting import Ticket
        from airflow_provider_azml.spec.target import SUBMISSION

        found = self.hook.run(flows.find(deployment_id))
        mark = deployment.value["tags"][SUBMISSION]
        state = (found["properties"].get("provisioningState") or "Succeeded") if found else "Failed"
        is_ours = found is not None and (found.get("tags") or {}).get(SUBMISSION) == mark
        if found is not None and is_ours and state not in ("Failed", "Canceled", "Deleting"):
            self.log.info("Deployment %s is there: %s", found["name"], state)
            return None if state == "Succeeded" else Ticket(deployment_id, None, found)
        self.log.info("Deploying %s", deployment.value["name"])
        return self.hook.run(submission.submit(self.hook.target, "batch_deployment", deployment, context))

    def _made_default(self, endpoint_id: str, deployment: str) -> Flow[Ticket | None]:
        """Have the endpoint go to the deployment by default, unless it does."""
        from airflow_provider_azml.operators.submission import unless_busy
        from airflow_provider_azml.rest.default_deployments import set_default

        return unless_busy(set_default(endpoint_id, deployment))

    def result_besides(self, endpoint: Json, deployment: Json) -> Json:
        """Who serves by default."""
        from airflow_provider_azml.rest.awaited_defaults import default_of

        return {"default": default_of(endpoint)}
