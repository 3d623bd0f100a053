"""Web services of CLI v1 as online endpoints and deployments of today.

Source: ``az ml model deploy`` of CLI v1 (https://learn.microsoft.com/azure/machine-learning/v1/how-to-deploy-and-where),
what azureml-core 1.61 sends for it (``Model.deploy``), and
https://learn.microsoft.com/azure/machine-learning/migrate-to-v2-managed-online-endpoints.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import validate
from airflow_provider_azml.spec.marks import Marks
from airflow_provider_azml.spec.source import Source
from airflow_provider_azml.spec.v1.deployed_models import DeployedModels
from airflow_provider_azml.spec.v1.deployment import ACI, AKS, LOCAL, DeploymentConfig
from airflow_provider_azml.spec.v1.inference import InferenceConfig
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put, unless_empty
from airflow_provider_azml.spec.v1.scoring_code import ScoringCode
from airflow_provider_azml.spec.v1.service_settings import ServiceSettings
from airflow_provider_azml.spec.v1.steps import compute_name
from airflow_provider_azml.spec.v1.translation import Remark, Translation
from airflow_provider_azml.spec.v1.unsayable import is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem

DEPLOYMENT = "default"
"""Name of the one deployment that a service becomes; v1 had no name for it."""
ALL = 100
_ARGUMENTS = "<arguments>"
_NAME = re.compile(r"[a-z](?!.*--)[-a-z0-9]{1,30}[a-z0-9]")
_NO_KEY = "v1 let everybody ask; an endpoint of v2 always wants a key or a token"
_UNIQUE = "unique in its Azure region; v1 wanted it to be unique in the workspace alone"


@dataclass(frozen=True)
class WebService:
    """What a web service of CLI v1 becomes.

    Args:
        endpoint: Its endpoint.
        deployment: Its deployment.
        traffic: Percent of the endpoint's traffic that the deployment gets.
        local_port: The port of this machine that it answered on; 0 for any, ``None`` for a service in the cloud.
    """

    endpoint: Translation
    deployment: Translation
    traffic: int
    local_port: int | None


def web_service(
    name: str,
    models: Sequence[str],
    inference_config: Source | None,
    deployment_config: Source | None,
    *,
    compute_target: str | None = None,
    environment: str | None = None,
    framework: str | None = None,
    framework_version: str | None = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
    base_path: Path | None = None,
) -> WebService:
    """What ``az ml model deploy`` of CLI v1 deployed, as an endpoint and a deployment of v2.

    ACI becomes a managed endpoint on the smallest machine that is enough, AKS a Kubernetes endpoint on the cluster.
    What v1 took where nothing is said is written out where v2 would take something else.

    Args:
        name: Name of the service: 3 to 32 small letters, digits and ``-``.
        models: Registered models, as v1 names them (``mymodel:1``, or ``mymodel`` for the newest) or as v2 does, or
            paths of local ones, relative to `base_path`.
        inference_config: How the model is asked; without one it is deployed without code, by its framework.
        deployment_config: Where the service runs; without one on the cluster that is named, else as ACI did.
        compute_target: The cluster, as the workspace calls it.
        environment: A registered environment, with its version after a colon or without; ``-e`` and ``--ev``.
        framework: Framework of the model, for what has no inference configuration: ScikitLearn, Onnx, TensorFlow or
            MLflow.
        framework_version: Its version.
        description: What people read of the service.
        tags: Its tags.
        properties: Its properties.
        base_path: Folder that paths of models start from; that of the inference configuration by default.

    Raises:
        SpecError: Something is wrong, or says what v2 cannot say; with all problems of both files at once.

    Example:
        >>> made = web_service("myservice", ["mymodel:1"], as_written(Path("inferenceconfig.json")), None)
        >>> made.deployment.source.value["instance_type"]
        'Standard_DS1_v2'

    Source: as of this module.
    """
    folder = next((file.base_path for file in (inference_config, deployment_config) if file is not None), Path())
    arguments = Source(
        {
            "name": name,
            "models": list(models),
            "compute_target": compute_target,
            "environment": environment,
            "model_framework": framework,
            "description": description,
            "tags": dict(tags or {}),
            "properties": dict(properties or {}),
        },
        (base_path or folder).absolute(),
        marks=Marks(_ARGUMENTS),
    )
    config = DeploymentConfig(deployment_config or replace(arguments, value={}), AKS if compute_target else ACI)
    inference = None if inference_config is None else InferenceConfig(inference_config, environment)
    service = _Service(arguments, inference, config, framework_version)
    notes = validate.told(service.problems())
    traffic = config.number("trafficPercentile")
    return WebService(
        service.endpoint(),
        replace(service.deployment(), notes=notes),
        ALL if traffic is None else int(traffic),
        int(config.number("port") or 0) if config.type == LOCAL else None,
    )


@dataclass(frozen=True)
class _Service:
    """A service, between what v1 says of it and what v2 does."""

    arguments: Source
    inference: InferenceConfig | None
    config: DeploymentConfig
    framework_version: str | None

    def problems(self) -> Iterator[Problem]:
        arguments, config = self.arguments, self.config
        name = arguments.value["name"]
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            reason = (
                f"{name!r:.80} is no name of a service: 3 to 32 of a-z, 0-9 and single -, a letter first, no - last"
            )
            yield arguments.problem(("name",), reason)
        if self.inference is not None:
            yield from self.inference.problems()
        yield from config.problems()
        yield from self._compute_problems()
        yield from self.models.problems(without_code=self.inference is None)
        if self.settings.is_too_large:
            yield config.source.problem(("containerResourceRequirements",), self.settings.too_large)

    def endpoint(self) -> Translation:
        """The endpoint that it becomes."""
        arguments, config = self.arguments, self.config
        mode = "aml_token" if config.flag("tokenAuthEnabled") else "key"
        place = ("tokenAuthEnabled",) if mode == "aml_token" else ("authEnabled",)
        members = {
            "name": kept(arguments, "name"),
            **self._described,
            "auth_mode": put(mode, config.source, *place),
            "compute": self._compute if config.is_on_kubernetes else None,
        }
        remarks = [] if config.is_on_kubernetes else [Remark(("name",), _UNIQUE)]
        asked = config.source.value.get("authEnabled")
        if mode == "key" and asked is not True and (asked is False or not config.is_on_kubernetes):
            remarks.append(Remark(("auth_mode",), _NO_KEY))
        return Translation("online_endpoint", self._source(gathered(members, arguments)), remarks=remarks)

    def deployment(self) -> Translation:
        """The deployment that it becomes."""
        arguments, config = self.arguments, self.config
        code, settings = self.code, self.settings
        version = kept(config.source, "versionName")
        members = {
            "name": put(DEPLOYMENT, arguments, "name") if version is None or is_unset(version.value) else version,
            "endpoint_name": kept(arguments, "name"),
            "type": put("kubernetes" if config.is_on_kubernetes else "managed", config.source, "computeType"),
            **self._described,
            "model": self.models.model(self._written_in.base_path),
            **code.members(),
            **settings.members(),
        }
        return Translation(
            "online_deployment",
            self._source(gathered(members, arguments)),
            files={**code.files, **self.models.files},
            copies=code.copies,
            named={**code.named, **self.models.named},
            remarks=(*self.models.remarks, *code.remarks, *settings.remarks),
        )

    @cached_property
    def models(self) -> DeployedModels:
        """What is asked."""
        return DeployedModels(self.arguments, self.framework_version)

    @cached_property
    def code(self) -> ScoringCode:
        """What asks."""
        return ScoringCode(self.inference, self.models)

    @cached_property
    def settings(self) -> ServiceSettings:
        """What it runs on, and how."""
        return ServiceSettings(self.config, uses_gpu=self.inference is not None and self.inference.uses_gpu)

    @property
    def _described(self) -> Mapping[str, Placed | None]:
        """What people read of it; v1 had one thing where v2 has two."""
        arguments = self.arguments
        description = kept(arguments, "description")
        if description is None and self.inference is not None:
            description = kept(self.inference.source, "description")
        return {
            "description": description,
            "tags": unless_empty(Placed(dict(arguments.value["tags"]), arguments.marks.at(("tags",)))),
            "properties": unless_empty(
                Placed(dict(arguments.value["properties"]), arguments.marks.at(("properties",)))
            ),
        }

    @property
    def _compute(self) -> Placed | None:
        found = kept(self.arguments, "compute_target") or kept(self.config.source, "computeTargetName")
        return None if found is None or is_unset(found.value) else found._replace(value=compute_name(found.value))

    def _compute_problems(self) -> Iterator[Problem]:
        arguments, config = self.arguments, self.config
        named, said = arguments.value["compute_target"], config.source.value.get("computeTargetName")
        if config.is_on_kubernetes and self._compute is None:
            place: tuple[str, ...] = ("computeType",) if config.source.value else ()
            yield config.source.problem(place, "a service on Kubernetes needs a cluster; give compute_target")
        elif config.is_on_kubernetes and named and not is_unset(said) and compute_name(named) != compute_name(said):
            yield config.source.problem(("computeTargetName",), f"is {said!r:.80}, and compute_target is {named!r:.80}")
        elif named and config.type in (ACI, LOCAL):
            reason = f"counts with computeType aks alone, and the deployment configuration says {config.type}"
            yield arguments.problem(("compute_target",), reason)

    @property
    def _written_in(self) -> Source:
        """What paths of the deployment start from."""
        return self.arguments if self.inference is None else self.inference.source

    def _source(self, made: Placed) -> Source:
        value: dict[str, Any] = made.value
        return replace(self._written_in, value=value, marks=made.marks)
