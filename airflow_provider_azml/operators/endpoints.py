"""Operators for online endpoints: deploy to one, ask one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.exceptions import ApiError, RunFailed, SpecError
from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import LOG_LINES, AzmlOperator
from airflow_provider_azml.operators.deploying import DeployingOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.spec.source import Source


class AzmlDeployModelOperator(DeployingOperator):
    """Deploys a model to an online endpoint, makes the endpoint if there is none, and gives the deployment traffic.

    Every step starts from what the service shows, so a retry goes on where an earlier try was stopped.

    Args:
        file: Online deployment YAML, relative to the DAG file.
        spec: Its content as a mapping instead.
        endpoint_file: Online endpoint YAML, for an endpoint that has to be made; without one it gets the name alone
            and the service's defaults.
        name: Name of the deployment.
        endpoint_name: Name of the endpoint.
        model: ``azureml:name:version``, ``azureml:name@latest``, or the ``id`` that registering a model returned.
        environment: ``azureml:name:version``, or a mapping that describes one.
        code_configuration: ``{"code": folder, "scoring_script": file}``.
        instance_type: Size of its machines.
        instance_count: Number of its machines.
        environment_variables: Environment variables of the scoring script.
        request_settings: Timeouts and concurrency.
        liveness_probe: When a container counts as dead.
        readiness_probe: When a container gets requests.
        traffic: Percentage of the endpoint's traffic that the deployment gets once it is up; the others share the
            rest as before. ``None`` leaves the traffic alone.

    Returns:
        ``{"name", "deployment", "id", "status", "scoring_uri", "traffic", "studio_url"}``; ``name`` is the endpoint's.

    Raises:
        RunFailed: Endpoint or deployment could not be made; with the end of the deployment's log.

    Example:
        >>> AzmlDeployModelOperator(
        ...     task_id="deploy",
        ...     file="deployment.yml",
        ...     endpoint_file="endpoint.yml",
        ...     model=register.output["id"],
        ... )

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online
    """

    endpoint_name: str | None
    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "endpoint_name",
        "model",
        "environment",
        "code_configuration",
        "instance_type",
        "instance_count",
        "environment_variables",
        "request_settings",
        "liveness_probe",
        "readiness_probe",
    )
    template_fields: Sequence[str] = (*DeployingOperator.template_fields, "endpoint_file")

    def __init__(
        self,
        *,
        endpoint_file: str | None = None,
        name: str | None = None,
        endpoint_name: str | None = None,
        model: str | Mapping[str, Any] | None = None,
        environment: str | Mapping[str, Any] | None = None,
        code_configuration: Mapping[str, str] | None = None,
        instance_type: str | None = None,
        instance_count: int | None = None,
        environment_variables: Mapping[str, Any] | None = None,
        request_settings: Mapping[str, int] | None = None,
        liveness_probe: Mapping[str, int] | None = None,
        readiness_probe: Mapping[str, int] | None = None,
        traffic: int | str | None = 100,
        **kwargs: Any,
    ) -> None:
        super().__init__(traffic=traffic, **kwargs)
        self.endpoint_file = endpoint_file
        self.keep(locals())

    def sources(self, context: Context) -> tuple[Source, Source]:
        """The deployment's file and the endpoint's, naming each other."""
        from airflow_provider_azml.operators import submission
        from airflow_provider_azml.spec.source import from_mapping
        from airflow_provider_azml.spec.target import SUBMISSION

        deployment = self.source(context)
        deployment = deployment.merged({"tags": {SUBMISSION: submission.submission_hash(context)}})
        endpoint = self.read(context, self.endpoint_file) if self.endpoint_file else from_mapping({"auth_mode": "key"})
        if str(deployment.value.get("model", "")).startswith("/"):
            deployment = deployment.merged({"model": f"azureml:{deployment.value['model']}"})
        name = self.endpoint_name or endpoint.value.get("name") or deployment.value.get("endpoint_name")
        if name:
            return deployment.merged({"endpoint_name": name}), endpoint.merged({"name": name})
        raise SpecError([deployment.problem(("endpoint_name",), "no endpoint is named; add endpoint_name")])


class AzmlScoreOperator(AzmlOperator):
    """Sends a payload to an online endpoint and returns its answer.

    Args:
        endpoint_name: Name of the endpoint.
        payload: Anything that JSON can hold; templates in it are rendered.
        deployment_name: Take this deployment, whatever the traffic split says.

    Returns:
        The endpoint's answer: JSON where it is JSON, else text.

    Raises:
        ApiError: The endpoint refused the payload.
        RunFailed: Its scoring script failed; with the end of the log of the deployments that get traffic.

    Example:
        >>> AzmlScoreOperator(task_id="score", endpoint_name="iris", payload={"data": [[5.1, 3.5, 1.4, 0.2]]})

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "endpoint_name", "payload", "deployment_name")
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(
        self, *, endpoint_name: str, payload: object, deployment_name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(multiple_outputs=False, **kwargs)
        self.endpoint_name = endpoint_name
        self.payload = payload
        self.deployment_name = deployment_name

    def submit(self, context: Context) -> object:
        """Send the payload; there is nothing to wait for."""
        studio_url = self._show(context, "online_endpoint", self.endpoint_name)
        try:
            return self.hook.score(self.endpoint_name, self.payload, self.deployment_name)
        except ApiError as error:
            if error.status != HTTPStatus.FAILED_DEPENDENCY:
                raise
            raise self._script_failed(error, studio_url) from error

    def _script_failed(self, error: ApiError, studio_url: str) -> RunFailed:
        """The exception for an answer of the scoring script's own, with the log of who gave it."""
        from airflow_provider_azml.rest.deployments import log_tail
        from airflow_provider_azml.rest.traffic import shares

        names = [self.deployment_name] if self.deployment_name else None
        names = names or sorted(shares(self.hook.get("online_endpoint", self.endpoint_name)))
        tail: list[str] = []
        for name in names:
            deployment_id = self.hook.workspace_id.child("online_deployment", self.endpoint_name, name)
            tail += self.hook.run(log_tail(deployment_id, lines=LOG_LINES))
        return RunFailed(
            kind="scoring script of online endpoint",
            name=self.endpoint_name,
            status="Failed",
            code=error.code,
            message=error.message,
            studio_url=studio_url,
            log_tail=tail,
        )
