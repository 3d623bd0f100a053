"""The operator that deploys a model to an online endpoint, at once or step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.operators.deploying import DeployingOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.rollouts import OnFailure, Strategy
    from airflow_provider_azml.spec.source import Source

_STEPS = (10, 50, 100)
_STEP_SECONDS: Mapping[Strategy, float] = {"direct": 0, "blue_green": 60, "canary": 300}
_ALL = 100


class AzmlDeployModelOperator(DeployingOperator):
    """Deploys a model to an online endpoint, makes the endpoint if there is none, and gives the deployment traffic.

    ``direct`` deploys under the name that is given. With ``blue_green`` and ``canary`` the deployment stands beside
    those that serve, under a name of its own that stays the same over retries: ``<name or model>-<hash>``. It passes
    its checks before anybody meets it, gets the traffic at once or in steps, and is watched after each. As soon as it
    fails or a check does, the traffic is put back as it was.

    Everything that has to be known is on the service, and every act follows from what it shows, so a retry goes on
    where an earlier try was stopped, at whatever moment that was. Traffic always sums to 100, and never goes to what
    is not up. Somebody else's change of the traffic is an error, and is not overwritten.

    Args:
        file: Online deployment YAML, relative to the DAG file.
        spec: Its content as a mapping instead.
        endpoint_file: Online endpoint YAML, for an endpoint that has to be made; without one it gets the name alone
            and the service's defaults.
        name: Name of the deployment; with `strategy` ``blue_green`` or ``canary`` what its name begins with, by default
            the model's.
        endpoint_name: Name of the endpoint.
        model: ``azureml:name:version``, ``azureml:name@latest``, the ``id`` that registering a model returned, or all
            that it returned.
        environment: ``azureml:name:version``, or a mapping that describes one. MLflow models need none.
        code_configuration: ``{"code": folder, "scoring_script": file}``. MLflow models need none.
        instance_type: Size of its machines.
        instance_count: Number of its machines.
        environment_variables: Environment variables of the scoring script.
        request_settings: Timeouts and concurrency.
        liveness_probe: When a container counts as dead.
        readiness_probe: When a container gets requests.
        type: ``managed``, or ``kubernetes`` for an endpoint in a cluster.
        description: Free text.
        tags: Tags of the deployment.
        properties: Properties of the deployment.
        app_insights_enabled: Whether requests are logged to Application Insights.
        model_mount_path: Where the container finds the model.
        scale_settings: How the number of machines changes.
        data_collector: What is recorded of requests and answers.
        egress_public_network_access: ``enabled`` or ``disabled``: whether it may reach the internet.
        private_network_connection: Whether it is reached over a private network.
        resources: CPU, memory and GPU of a container in a cluster: ``{"requests": ..., "limits": ...}``.
        strategy: ``direct``, ``blue_green`` or ``canary``.
        traffic: For ``direct``: percentage of the endpoint's traffic that the deployment gets once it is up; the others
            share the rest as before. ``None`` leaves the traffic alone.
        steps: For ``canary``: percentages of the traffic, one after another, up to 100.
        step_seconds: How long the deployment is watched after each step, in seconds; by default 300 for ``canary``, 60
            for ``blue_green``, 0 for ``direct``.
        checks: What it has to answer: a list of checks, or a YAML file that holds them, relative to the DAG file; see
            the guide about checks. They are made before it gets traffic, and all the time while a step is watched.
        on_failure: ``delete`` or ``keep`` a deployment that is no good; with it goes an endpoint that was made for it
            and has nothing else. What has taken the place of a deployment of the same name is always kept.
        remove_old: Delete the deployments that got traffic before, once all has gone well.

    Returns:
        ``{"name", "deployment", "id", "status", "scoring_uri", "traffic", "traffic_before", "studio_url"}``; ``name``
        is the endpoint's.

    Raises:
        RunFailed: Endpoint or deployment could not be made, or a check failed before it got traffic; with the end of
            the deployment's log. Where it had traffic, a retry would expose callers again, so there is none.
        TrafficChanged: Somebody else has changed the traffic.

    Example:
        >>> AzmlDeployModelOperator(
        ...     task_id="deploy",
        ...     file="deployment.yml",
        ...     endpoint_file="endpoint.yml",
        ...     model=register.output["id"],
        ...     strategy="canary",
        ...     steps=(10, 50, 100),
        ...     step_seconds=600,
        ...     checks="checks.yml",
        ...     remove_old=True,
        ... )

    Sources: https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online,
    https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
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
        "type",
        "description",
        "tags",
        "properties",
        "app_insights_enabled",
        "model_mount_path",
        "scale_settings",
        "data_collector",
        "egress_public_network_access",
        "private_network_connection",
        "resources",
    )
    attributes: ClassVar[Mapping[str, str]] = {"resources": "container_resources"}  # BaseOperator has its own
    template_fields: Sequence[str] = (
        *DeployingOperator.template_fields,
        "endpoint_file",
        "strategy",
        "steps",
        "step_seconds",
        "checks",
        "on_failure",
        "remove_old",
    )

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
        type: str | None = None,  # noqa: A002 (a key of the YAML)
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        app_insights_enabled: bool | None = None,
        model_mount_path: str | None = None,
        scale_settings: Mapping[str, Any] | None = None,
        data_collector: Mapping[str, Any] | None = None,
        egress_public_network_access: str | None = None,
        private_network_connection: bool | None = None,
        resources: dict[str, Any] | None = None,
        strategy: Strategy = "direct",
        traffic: int | str | None = 100,
        steps: Sequence[int | str] = _STEPS,
        step_seconds: float | str | None = None,
        checks: Sequence[Mapping[str, Any]] | str = (),
        on_failure: OnFailure = "delete",
        remove_old: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(traffic=traffic, **kwargs)
        self.endpoint_file = endpoint_file
        self.strategy = strategy
        self.steps = steps
        self.step_seconds = step_seconds
        self.checks = checks
        self.on_failure = on_failure
        self.remove_old = remove_old
        self.keep(locals())

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait and how to roll out, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import one_of, refused, seconds, yes_or_no
        from airflow_provider_azml.rest.rollouts import ON_FAILURE, STRATEGIES

        super().check_arguments()
        self.strategy = one_of("strategy", self.strategy, STRATEGIES)
        self.on_failure = one_of("on_failure", self.on_failure, ON_FAILURE)
        self.remove_old = yes_or_no("remove_old", self.remove_old)
        if self.step_seconds in (None, "", "None"):
            self.step_seconds = _STEP_SECONDS[self.strategy]
        self.step_seconds = seconds("step_seconds", self.step_seconds, zero=True)
        if self.strategy != "direct" and str(self.traffic) != str(_ALL):
            raise refused("traffic", f"is {self.traffic!r:.20}; with strategy {self.strategy!r} steps say it")
        if self.strategy != "canary" and [str(step) for step in self.steps] != [str(step) for step in _STEPS]:
            raise refused("steps", f"are for strategy 'canary', and it is {self.strategy!r}")
        self.steps_of_traffic()

    def steps_of_traffic(self) -> tuple[int, ...]:
        """The percentages of traffic that the deployment gets, one after another; none leaves the traffic alone.

        Raises:
            SpecError: They are no steps up to 100.
        """
        from airflow_provider_azml.operators.arguments import refused, whole

        if self.strategy == "direct":
            return super().steps_of_traffic()
        if self.strategy == "blue_green":
            return (_ALL,)
        if isinstance(self.steps, (str, bytes)) or not hasattr(self.steps, "__iter__"):
            raise refused("steps", f"is {self.steps!r:.80}; it must be a list of percentages")
        steps = tuple(whole("steps", step, 1, _ALL) for step in self.steps)
        if not steps or list(steps) != sorted(set(steps)) or steps[-1] != _ALL:
            raise refused("steps", f"are {list(steps)}; they must rise, and end with 100")
        return steps

    def sources(self, context: Context) -> tuple[Source, Source]:
        """The deployment's file and the endpoint's, naming each other."""
        from airflow_provider_azml.operators import submission
        from airflow_provider_azml.rest.rollouts import derived_name
        from airflow_provider_azml.spec.references import made_by_task
        from airflow_provider_azml.spec.source import from_mapping
        from airflow_provider_azml.spec.target import SUBMISSION

        deployment, mark = self.source(context), submission.submission_hash(context)
        deployment = deployment.merged({"tags": {SUBMISSION: mark}})
        endpoint = self.read(context, self.endpoint_file) if self.endpoint_file else from_mapping({"auth_mode": "key"})
        if model := made_by_task(deployment.value.get("model")):
            deployment = deployment.merged({"model": model})
        if self.strategy != "direct":
            base = str(deployment.value.get("name") or _name_of_model(deployment.value.get("model")))
            deployment = deployment.merged({"name": derived_name(base, mark)})
        name = self.endpoint_name or endpoint.value.get("name") or deployment.value.get("endpoint_name")
        if name:
            return deployment.merged({"endpoint_name": name}), endpoint.merged({"name": name})
        raise SpecError([deployment.problem(("endpoint_name",), "no endpoint is named; add endpoint_name")])


def _name_of_model(model: object) -> str:
    """What a model is called; ``model`` where it has no name.

    Example:
        >>> _name_of_model("azureml:iris:3"), _name_of_model("azureml:/subscriptions/s/models/iris/versions/3")
        ('iris', 'iris')
    """
    if isinstance(model, dict):
        return str(model.get("name") or "model")
    text = str(model or "model").removeprefix("azureml:")
    if "/models/" in text:
        return text.partition("/models/")[2].partition("/")[0]
    return text.partition(":")[0].partition("@")[0] or "model"
