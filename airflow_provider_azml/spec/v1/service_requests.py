"""Requests for web services of v1, from inference and deployment configurations of CLI v1 as they are.

Source: ``CreateServiceRequest`` of the 2019-09-30 model management file, and what azureml-core 1.61 sends
(``_build_create_payload`` of its deployment configurations, ``InferenceConfig._build_environment_image_request``).
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_azml.spec import source as sources
from airflow_provider_azml.spec import yaml_text
from airflow_provider_azml.spec.v1 import clones, environments
from airflow_provider_azml.spec.v1.unsayable import is_unset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.v1.deployment import DeploymentConfig
    from airflow_provider_azml.spec.v1.inference import InferenceConfig

DRIVER = "main.py"
_DRIVER_TEXT = '''\
"""What the server of a web service calls: it hands on to the entry script."""

import importlib.util
import inspect
import os
import sys

root = os.path.dirname(os.path.realpath(__file__))
sys.path.append(os.path.join(root, {folder!r}))
spec = importlib.util.spec_from_file_location("service_driver", os.path.join(root, {script!r}))
driver = importlib.util.module_from_spec(spec)
spec.loader.exec_module(driver)
names = list(inspect.signature(driver.run).parameters)
body = next(name for name in names if name != "request_headers")


def init():
    driver.init()


def run(http_body, request_headers):
    headers = {{"request_headers": request_headers}} if "request_headers" in names else {{}}
    return driver.run(**{{body: http_body}}, **headers)
'''
_SHARED = {
    "appInsightsEnabled": "appInsightsEnabled",
    "authEnabled": "authEnabled",
    "keys": "keys",
}
_OF_ACI = {
    **_SHARED,
    "containerResourceRequirements": "containerResourceRequirements",
    "location": "location",
    "sslEnabled": "sslEnabled",
    "cname": "cname",
    "dnsNameLabel": "dnsNameLabel",
}
_OF_AKS = {
    **_SHARED,
    "tokenAuthEnabled": "aadAuthEnabled",
    "autoScaler": "autoScaler",
    "numReplicas": "numReplicas",
    "scoringTimeoutMs": "scoringTimeoutMs",
    "maxConcurrentRequestsPerContainer": "maxConcurrentRequestsPerContainer",
    "maxQueueWaitMs": "maxQueueWaitMs",
    "livenessProbeRequirements": "livenessProbeRequirements",
    "namespace": "namespace",
    "computeTargetName": "computeName",
}
"""Key of the file -> field of the request."""
_ENCRYPTION = ("vaultBaseUrl", "keyName", "keyVersion")
_NETWORK = ("vnetName", "subnetName")
_CERTIFICATE = ("sslCertificate", "sslKey")


class Uploaded(NamedTuple):
    """A file that was uploaded for a service.

    Args:
        id: What it is called in the image.
        url: Where it is: ``aml://artifact/...``.
        unpack: Whether it is an archive that is taken apart there.
    """

    id: str
    url: str
    unpack: bool = False


def service_request(
    name: str,
    config: DeploymentConfig,
    image: Json,
    *,
    compute_target: str | None = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Json:
    """The body of ``POST services``. What nothing is said of is left to the service.

    Args:
        name: Name of the service.
        config: Its deployment configuration, checked. Files with certificates that it names are read.
        image: What it serves: :func:`image_request`, or that of models without code.
        compute_target: The cluster.
        description: What people read of it.
        tags: Its tags.
        properties: Its properties.
        overwrite: Whether a service of that name is replaced.

    Example:
        >>> service_request("myservice", config, {"modelIds": ["mymodel:1"]})["computeType"]
        'ACI'

    Source: as of this module.
    """
    fields = _on_kubernetes(config) if config.is_on_kubernetes else _on_container_instances(config)
    said = {"description": description, "kvTags": dict(tags or {}), "properties": dict(properties or {})}
    more = {"computeName": compute_target, "overwrite": overwrite or None}
    made = {"name": name, "computeType": config.type.upper(), **fields, **said, **_said(more)}
    return {**_said(made), "environmentImageRequest": image}


def image_request(
    inference: InferenceConfig, model_ids: Sequence[str], driver: Uploaded, code: Uploaded, environment: Json | None
) -> Json:
    """What a service is made of.

    Args:
        inference: Its inference configuration, checked.
        model_ids: Its models, ``name:version``.
        driver: The script of :func:`driver_text`.
        code: The source directory as an archive, or the entry script.
        environment: The environment in v1's words, without what the service has to know of the script.
    """
    made: Json = {
        "driverProgram": driver.id,
        "assets": [
            {"id": driver.id, "url": driver.url, "mimeType": "application/x-python"},
            {
                "id": code.id,
                "url": code.url,
                "mimeType": "application/octet-stream",
                **({"unpack": True} if code.unpack else {}),
            },
        ],
        "modelIds": list(model_ids),
    }
    if environment is None:
        return made
    told = {"AZUREML_ENTRY_SCRIPT": entry_script(inference)}
    if inference.folder is not None:
        told["AZUREML_SOURCE_DIRECTORY"] = inference.code.name
    variables = {**(environment.get("environmentVariables") or {}), **told}
    return {**made, "environment": {**environment, "environmentVariables": variables}}


def entry_script(inference: InferenceConfig) -> str:
    """Where the entry script is in the image: in the source directory, or right in the folder of the application."""
    if inference.folder is None:
        return PurePosixPath(inference.script).name
    return f"{inference.code.name}/{inference.script}"


def driver_text(inference: InferenceConfig) -> str:
    """The script that the service calls, which hands on to the entry script."""
    folder = "" if inference.folder is None else inference.code.name
    return _DRIVER_TEXT.format(folder=folder, script=entry_script(inference))


def environment(inference: InferenceConfig, service: str) -> Json | None:
    """The environment that an inference configuration writes out, as the service takes it; ``None`` for its own.

    Args:
        inference: The inference configuration, checked; conda files that it names are read.
        service: Name of the service, after which an environment without a name is called.

    Source: azureml-core 1.61, ``Environment._serialize_to_dict`` and ``convert_parts_to_environment``.
    """
    given = inference.written.value
    if is_unset(given):
        return None
    made: dict[str, Any] = {"name": f"{service}-env", **_said(given)}
    python, docker = _said(made.get("python") or {}), _said(made.get("docker") or {})
    if not python.get("userManagedDependencies"):
        python["condaDependencies"] = inference.conda
    python.pop("condaDependenciesFile", None)
    if not docker.get("baseDockerfile") and not docker.get("buildContext"):
        docker.setdefault("baseImage", environments.IMAGE)
    return {**made, "python": python, "docker": docker}


def with_conda(environment: Json, conda: str | None, packages: Sequence[str]) -> Json:
    """An environment of v1 with its conda file inside, and more packages.

    Args:
        environment: The environment.
        conda: The text of its conda file, if it has one.
        packages: More requirements for pip.
    """
    python = _said(environment.get("python") or {})
    python.pop("condaDependenciesFile", None)
    if conda is not None:
        dependencies, _ = yaml_text.parse(conda, "conda file")
        python["condaDependencies"] = clones.added(dependencies, packages)
    return {**_said(environment), "python": python}


def _on_container_instances(config: DeploymentConfig) -> Json:
    value = config.source.value
    certificate = {}
    if config.flag("sslEnabled"):
        certificate = {key: sources.text_of(config.source.local(str(value[key]))) for key in _CERTIFICATE}
    return {
        **_renamed(value, _OF_ACI),
        **certificate,
        "encryptionProperties": _said({key: value.get(key) for key in _ENCRYPTION}) or None,
        "vnetConfiguration": _said({key: value.get(key) for key in _NETWORK}) or None,
    }


def _on_kubernetes(config: DeploymentConfig) -> Json:
    value = config.source.value
    resources = {**(value.get("containerResourceRequirements") or {}), "gpu": value.get("gpuCores")}
    collects = config.flag("dataCollection", "storageEnabled")
    return {
        **_renamed(value, _OF_AKS),
        "containerResourceRequirements": _said(resources) or None,
        "dataCollection": {"storageEnabled": True, "eventHubEnabled": False} if collects else None,
    }


def _renamed(value: Json, fields: Mapping[str, str]) -> Json:
    made = {field: value.get(key) for key, field in fields.items()}
    return {field: _said(given) if isinstance(given, dict) else given for field, given in made.items()}


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping without what says nothing."""
    return {key: value for key, value in given.items() if value is not None and value != {}}
