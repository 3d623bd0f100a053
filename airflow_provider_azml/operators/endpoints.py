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
    """Sends a payload to an online endpoint, or to a web service of v1, and returns its answer.

    A web service answers 502 where its scoring script raised an exception, see
    https://learn.microsoft.com/azure/machine-learning/v1/how-to-troubleshoot-deployment.

    Args:
        endpoint_name: Name of the endpoint.
        payload: Anything that JSON can hold; templates in it are rendered.
        deployment_name: Take this deployment, whatever the traffic split says.
        service_name: Name of a web service of v1 instead, which is given the key or token that it asks for.

    Returns:
        The endpoint's answer: JSON where it is JSON, else text.

    Raises:
        ApiError: The endpoint refused the payload.
        RunFailed: Its scoring script failed; with the end of the log of the deployments that get traffic, or of the web
            service.

    Example:
        >>> AzmlScoreOperator(task_id="score", endpoint_name="iris", payload={"data": [[5.1, 3.5, 1.4, 0.2]]})
        >>> AzmlScoreOperator(task_id="old", service_name="iris-aks", payload={"data": [[5.1, 3.5, 1.4, 0.2]]})

    Sources: https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint; of v1 "Use REST to
    score a deployed model" of "Use REST to manage Azure ML resources".
    """

    template_fields: Sequence[str] = (
        *AzmlOperator.template_fields,
        "endpoint_name",
        "payload",
        "deployment_name",
        "service_name",
    )
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(
        self,
        *,
        payload: object,
        endpoint_name: str | None = None,
        deployment_name: str | None = None,
        service_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=False, **kwargs)
        self.endpoint_name = endpoint_name
        self.payload = payload
        self.deployment_name = deployment_name
        self.service_name = service_name

    def check_arguments(self) -> None:
        """Check that the payload goes to one place.

        Raises:
            SpecError: It does not.
        """
        from airflow_provider_azml.operators.arguments import refused

        super().check_arguments()
        if (self.endpoint_name is None) == (self.service_name is None):
            raise refused("service_name", "names a web service of v1, endpoint_name an endpoint of today; give one")
        if self.service_name is not None and self.deployment_name is not None:
            raise refused("deployment_name", "is of endpoints of today; a web service of v1 has none")

    def submit(self, context: Context) -> object:
        """Send the payload; there is nothing to wait for."""
        name = str(self.endpoint_name or self.service_name)
        studio_url = self._show(context, "online_endpoint", name)
        try:
            if self.service_name:
                return self.hook.score(name, self.payload, generation="v1")
            return self.hook.score(name, self.payload, self.deployment_name)
        except ApiError as error:
            if self.service_name and error.status == HTTPStatus.BAD_GATEWAY:
                raise self._failed(error, studio_url, "web service", self._service_log(name)) from error
            if self.service_name or error.status != HTTPStatus.FAILED_DEPENDENCY:
                raise
            raise self._script_failed(error, studio_url) from error

    def _service_log(self, name: str) -> Sequence[str]:
        from airflow_provider_azml.rest.v1.services import log_tail

        return self.hook.run(log_tail(self.hook.v1.place, name, lines=LOG_LINES))

    def _script_failed(self, error: ApiError, studio_url: str) -> RunFailed:
        """The exception for an answer of the scoring script's own, with the log of who gave it."""
        from airflow_provider_azml.rest.deployments import log_tail
        from airflow_provider_azml.rest.traffic import shares

        endpoint = str(self.endpoint_name)
        names = [self.deployment_name] if self.deployment_name else None
        names = names or sorted(shares(self.hook.get("online_endpoint", endpoint)))
        tail: list[str] = []
        for name in names:
            deployment_id = self.hook.workspace_id.child("online_deployment", endpoint, name)
            tail += self.hook.run(log_tail(deployment_id, lines=LOG_LINES))
        return self._failed(error, studio_url, "online endpoint", tail)

    def _failed(self, error: ApiError, studio_url: str, whose: str, tail: Sequence[str]) -> RunFailed:
        return RunFailed(
            kind=f"scoring script of {whose}",
            name=str(self.endpoint_name or self.service_name),
            status="Failed",
            code=error.code,
            message=error.message,
            studio_url=studio_url,
            log_tail=tail,
        )
