"""Operators for deployments of online endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.exceptions import SpecError
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
