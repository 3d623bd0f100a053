"""Operators for web services of CLI v1: deploy one, delete one, as endpoints of today or as v1 had them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.arguments import GENERATIONS, Generation
from airflow_provider_azml.operators.base import AzmlOperator
from airflow_provider_azml.operators.deploying import DeployingOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.web_services import WebService

_TODAYS = ("file", "spec")


class AzmlDeployWebserviceOperator(DeployingOperator):
    """Deploys models as ``az ml model deploy`` of CLI v1 did, from its files as they are.

    By default as today: ACI becomes a managed online endpoint, AKS a Kubernetes online endpoint, each with a deployment
    ``default`` that gets the traffic. What v2 cannot say is refused by name before anything is sent, and choices that
    were made are in the task's log. With ``generation="v1"`` as a web service of v1, in workspaces that still have that
    interface. Every step starts from what the service shows, so a retry goes on where an earlier try was stopped.

    Args:
        name: Name of the service.
        models: Models: ``name:version``, ``name`` for the newest, ``azureml:name:version``, the ``id`` that registering
            a model returned, or paths of local ones. None where the source directory holds the model.
        inference_config: Inference configuration: a file, relative to the DAG file, or its content. Without one a
            scikit-learn, ONNX, TensorFlow or MLflow model is deployed with a script that is made for it.
        deployment_config: Deployment configuration, likewise. Without one the service runs on `compute_target`, or else
            as ACI did. ``computeType: local`` is served by the emulator, on the port that it says.
        compute_target: The Kubernetes cluster, as the workspace calls it; ``--ct``.
        environment: Registered environment, ``NAME`` or ``NAME:VERSION``, instead of that of the inference
            configuration; ``-e`` and ``--ev``.
        pip_packages: Packages for pip that `environment` gets besides, as a clone of a curated one does.
        model_framework: Framework of a model that goes without inference configuration: ScikitLearn, Onnx, TensorFlow
            or MLflow; by default what the registered model says.
        model_framework_version: Its version.
        description: What people read of the service.
        tags: Its tags.
        properties: Its properties.
        overwrite: Deploy to a service that is there already; else that is an error, as it was in v1.
        instance_type: Size of its machines, instead of the smallest that is enough.
        instance_count: Number of its machines.
        generation: ``v2`` for an endpoint of today, ``v1`` for a web service of v1.
        unschedulable_seconds: How long a web service of v1 may lack a place to run, in seconds; without it, until the
            service itself gives up.

    Returns:
        ``{"name", "deployment", "id", "status", "scoring_uri", "traffic", "traffic_before", "studio_url"}``; ``name``
        is the endpoint's. With ``generation="v1"`` ``{"name", "status", "compute_type", "scoring_uri", "swagger_uri",
        "studio_url"}``.

    Raises:
        RunFailed: The service could not be made; with the end of its log.

    Example:
        >>> AzmlDeployWebserviceOperator(
        ...     task_id="deploy",
        ...     name="myservice",
        ...     models=["mymodel:1"],
        ...     inference_config="inferenceconfig.json",
        ...     deployment_config="deploymentconfig.json",
        ...     compute_target="akscomputetarget",
        ... )

    Source: https://learn.microsoft.com/azure/machine-learning/v1/how-to-deploy-and-where
    """

    spec_fields: ClassVar[Sequence[str]] = ("instance_type", "instance_count")
    template_fields: Sequence[str] = (
        *DeployingOperator.template_fields,
        "name",
        "models",
        "inference_config",
        "deployment_config",
        "compute_target",
        "environment",
        "pip_packages",
        "model_framework",
        "model_framework_version",
        "description",
        "tags",
        "properties",
    )

    def __init__(
        self,
        *,
        name: str,
        models: Sequence[str] = (),
        inference_config: str | Mapping[str, Any] | None = None,
        deployment_config: str | Mapping[str, Any] | None = None,
        compute_target: str | None = None,
        environment: str | None = None,
        pip_packages: Sequence[str] = (),
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        overwrite: bool = False,
        instance_type: str | None = None,
        instance_count: int | None = None,
        generation: Generation = "v2",
        unschedulable_seconds: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.models = models
        self.inference_config = inference_config
        self.deployment_config = deployment_config
        self.compute_target = compute_target
        self.environment = environment
        self.pip_packages = pip_packages
        self.model_framework = model_framework
        self.model_framework_version = model_framework_version
        self.description = description
        self.tags = tags
        self.properties = properties
        self.overwrite = overwrite
        self.generation = generation
        self.unschedulable_seconds = unschedulable_seconds
        self.keep(locals())

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait, and what is deployed, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import one_of, optional_seconds, refused, yes_or_no

        super().check_arguments()
        self.generation = one_of("generation", self.generation, GENERATIONS)
        self.overwrite = yes_or_no("overwrite", self.overwrite)
        self.unschedulable_seconds = optional_seconds("unschedulable_seconds", self.unschedulable_seconds)
        for name in (name for name in _TODAYS if getattr(self, name) is not None):
            raise refused(name, "is for files of CLI v2; give inference_config and deployment_config")
        for name in ("models", "pip_packages"):
            if isinstance(getattr(self, name), str):
                raise refused(name, f"is {getattr(self, name)!r:.80}; it must be a list")
        for name in ("tags", "properties"):
            if getattr(self, name) is not None and not isinstance(getattr(self, name), dict):
                raise refused(name, f"is {getattr(self, name)!r:.80}; it must be a mapping")
        if self.pip_packages and not self.environment:
            raise refused("pip_packages", "counts with environment alone; an inference configuration has its own")

    def submit(self, context: Context) -> Ticket | Json:
        """Make the endpoint, unless it is there; or the web service of v1."""
        from airflow_provider_azml.operators import v1_webservices

        if self.generation == "v1":
            self.show_service(context, self.name)
            return v1_webservices.begin(self, context)
        return super().submit(context)

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """From the endpoint to the deployment, from there to its traffic, from there to the result."""
        from airflow_provider_azml.operators import v1_webservices

        if self.generation == "v1":
            return v1_webservices.ended(self, context, outcome)
        return super().advance(context, outcome)

    def sources(self, context: Context) -> tuple[Source, Source]:
        """The deployment and the endpoint that the files of CLI v1 become."""
        from airflow_provider_azml.operators import submission
        from airflow_provider_azml.spec.target import SUBMISSION
        from airflow_provider_azml.spec.v1 import formats

        made = self.web_service(context)
        self.traffic = made.traffic
        held = {name: value for name in self.spec_fields if (value := getattr(self, name)) is not None}
        mark = {"tags": {SUBMISSION: submission.submission_hash(context)}}
        return self._deployment(made).merged({**held, **mark}), formats.source_of(made.endpoint)

    def web_service(self, context: Context) -> WebService:
        """What the files of CLI v1 become.

        Raises:
            SpecError: They cannot be read, are not valid, or say what v2 cannot say.
        """
        from airflow_provider_azml.spec.v1.web_services import web_service

        inference, config = self.files(context)
        framework, version = self._framework(inference)
        made = web_service(
            self.name,
            [str(model) for model in self.models],
            inference,
            config,
            compute_target=self.compute_target or None,
            environment=self.environment or None,
            framework=framework,
            framework_version=version,
            description=self.description,
            tags=self.tags,
            properties=self.properties,
            base_path=self.folder / (self.base_path or ""),
        )
        if made.local_port is not None:
            self._check_local()
        return made

    def files(self, context: Context) -> tuple[Source | None, Source | None]:
        """The inference configuration and the deployment configuration, as they are written."""
        from airflow_provider_azml.operators import v1_files

        inference, config = (
            None if given is None else v1_files.as_written(self, context, given)
            for given in (self.inference_config, self.deployment_config)
        )
        return inference, config

    def show_service(self, context: Context, name: str) -> str:
        """Put the link to the service's page in studio beside the task, and answer its URL."""
        return self._show(context, "online_endpoint", name)

    def check_replaced(self, endpoint: str, deployment: Source) -> None:
        """Refuse to change a service that is there, unless that is wanted.

        Raises:
            SpecError: There is one, and neither was it made by an earlier try of this task nor is it to be changed.
        """
        from airflow_provider_azml.operators.arguments import refused
        from airflow_provider_azml.spec.target import SUBMISSION

        mark = deployment.value["tags"][SUBMISSION]
        there = [] if self.overwrite else self.hook.list("online_deployment", parent=endpoint)
        others = [str(each.get("name")) for each in there if (each.get("tags") or {}).get(SUBMISSION) != mark]
        if others:
            reason = f"is {endpoint!r}, and there is an endpoint of that name, with {', '.join(others)}"
            raise refused("name", f"{reason}; give overwrite=True to deploy to it, or another name")

    def completed(self, deployment: Source) -> Source:
        """The deployment, with the files of several models brought together."""
        from pathlib import Path

        from airflow_provider_azml.operators.v1_models import gather

        if len(self.models) > 1:
            gather(self.hook, self.models, Path(deployment.value["model"]["path"]))
        return deployment

    def result(self, context: Context, endpoint_id: str, deployment_id: str) -> Json:
        """The task's result; a service on the machine itself is scored at the address that it has there."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.spec.v1.local_services import ADDRESS

        result = super().result(context, endpoint_id, deployment_id)
        deployment = self.hook.run(flows.get(deployment_id))
        address = (deployment["properties"].get("properties") or {}).get(ADDRESS)
        return result if address is None else {**result, "scoring_uri": address}

    def _deployment(self, made: WebService) -> Source:
        from airflow_provider_azml.operators.v1_models import environment_with
        from airflow_provider_azml.spec.v1 import formats
        from airflow_provider_azml.spec.v1.local_services import PORT

        source = formats.source_of(made.deployment)
        if self.pip_packages:
            environment = environment_with(self.hook, source.value["environment"], self.pip_packages)
            source = source.merged({"environment": environment})
        if made.local_port is not None:
            source = source.merged({"properties": {PORT: str(made.local_port)}})
        return source

    def _framework(self, inference: Source | None) -> tuple[str | None, str | None]:
        """The framework of what is deployed without code, and its version: as it is said here, or by the model."""
        from airflow_provider_azml.operators.v1_models import framework_of

        said = self.model_framework or None, self.model_framework_version or None
        if inference is not None or said[0] or len(self.models) != 1:
            return said
        return framework_of(self.hook, str(self.models[0]))

    def _check_local(self) -> None:
        from urllib.parse import urlsplit

        from airflow_provider_azml.rest.clouds import LOOPBACK

        if urlsplit(self.hook.cloud.arm).hostname not in LOOPBACK:
            from airflow_provider_azml.operators.arguments import refused

            reason = (
                "says computeType local, which v1 ran in Docker on the machine at hand; Azure has no such machine: "
                "give aci or aks, or a connection to the emulator"
            )
            raise refused("deployment_config", reason)


class AzmlDeleteWebserviceOperator(AzmlOperator):
    """Deletes a web service; one that is gone already is no error.

    What ``az ml service delete`` of CLI v1 did, for a service that :class:`AzmlDeployWebserviceOperator` has made.

    Args:
        name: Name of the service.
        generation: ``v2`` for an endpoint of today with all its deployments, ``v1`` for a web service of v1.

    Returns:
        ``{"name", "id", "status"}``.

    Example:
        >>> AzmlDeleteWebserviceOperator(task_id="delete", name="myservice")

    Source: ``DELETE onlineEndpoints/{name}`` and ``DELETE services/{name}`` of the service's OpenAPI files.
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "name")

    def __init__(self, *, name: str, generation: Generation = "v2", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.generation = generation

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait, and what is deleted, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import one_of

        super().check_arguments()
        self.generation = one_of("generation", self.generation, GENERATIONS)

    def submit(self, context: Context) -> Ticket:
        """Delete it."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.v1 import services, tickets

        if self.generation == "v2":
            endpoint = self.hook.workspace_id.child("online_endpoint", self.name)
            if self.hook.run(flows.find(endpoint)) is None:
                self.log.warning("There is no endpoint %s; generation='v1' deletes a web service of v1", self.name)
            return self._delete(endpoint)
        act = self.hook.run(services.delete(self.hook.workspace_id, self.name))
        return tickets.web_service_gone(self.hook.workspace_id, self.name, operation=act.id)
