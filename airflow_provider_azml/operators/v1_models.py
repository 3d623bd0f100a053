"""What has to be asked of the service before a web service of CLI v1 can be deployed: models, and environments."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow_provider_azml.hooks.azml import AzmlHook
    from airflow_provider_azml.rest.flows import Json

_log = logging.getLogger(__name__)
_CURATED, _REGISTRY = "AzureML-", "azureml"


def registered_model(hook: AzmlHook, name: str) -> Json | None:
    """A registered model of the workspace, as Resource Manager shows it; ``None`` where a name means none.

    Args:
        hook: The hook.
        name: As v1 or v2 names it.

    Raises:
        NotFound: There is none of that name.
    """
    from airflow_provider_azml.spec.v1.deployed_models import registered

    found = registered(name)
    if found is None or name.startswith("azureml://"):
        return None
    return hook.get("model", found[0], version=None if found[1] == "latest" else found[1])


def framework_of(hook: AzmlHook, name: str) -> tuple[str | None, str | None]:
    """The framework of a registered model, and its version, as far as anybody tells them.

    Args:
        hook: The hook.
        name: As v1 or v2 names it.

    Raises:
        NotFound: There is no such model.
    """
    from airflow_provider_azml.exceptions import ApiError
    from airflow_provider_azml.rest.arm_ids import parse
    from airflow_provider_azml.rest.v1 import models
    from airflow_provider_azml.spec.v1.no_code import frameworks

    body = registered_model(hook, name)
    if body is None:
        return None, None
    known = frameworks.of_model(body)
    if known[0] is not None:
        return known
    made = parse(body["id"])
    try:  # what v1 was told when the model was registered, Resource Manager does not show
        found = hook.run(models.find(hook.workspace_id, f"{made.name}:{made.version}")) or {}
    except ApiError as error:
        _log.warning("The interface of v1 does not tell the framework of model %s: %s", name, error)
        return known
    word = str(found.get("framework") or "")
    return frameworks.named(word), found.get("frameworkVersion") or None


def gather(hook: AzmlHook, names: Sequence[str], folder: Path) -> None:
    """Bring the files of several models together, each as ``<name>/<version>`` below a folder, as v1 had them.

    Args:
        hook: The hook.
        names: The models.
        folder: Where to; what is there goes.

    Raises:
        NotFound: There is no such model.
    """
    shutil.rmtree(folder, ignore_errors=True)
    from airflow_provider_azml.operators.arguments import refused
    from airflow_provider_azml.rest.arm_ids import parse
    from airflow_provider_azml.rest.job_files import fetch, of_model

    for name in map(str, names):
        body = registered_model(hook, name)
        if body is None:
            raise refused("models", f"{name!r} is in a registry; several models must be in the workspace")
        made = parse(body["id"])
        files = hook.run(of_model(body))
        target = folder / made.name / str(made.version)
        fetched = hook.run(fetch(hook.workspace_id, hook.cloud, files, target))
        _log.info("Fetched model %s:%s, %d files", made.name, made.version, fetched.files)


def environment_with(hook: AzmlHook, environment: str | Json, packages: Sequence[str]) -> str | Json:
    """An environment with more packages, as a clone of a registered one in v1 had them.

    Args:
        hook: The hook.
        environment: ``azureml:name:version`` or ``azureml:name@latest``, or one that is written out.
        packages: Requirements for pip.

    Raises:
        NotFound: There is no such environment.
        SpecError: It has no conda file that they could be added to.

    Source: https://learn.microsoft.com/azure/machine-learning/v1/how-to-deploy-and-where, "Define an inference
    configuration": ``Environment.get(...).clone(...)`` and ``add_pip_package``.
    """
    from airflow_provider_azml.spec.v1 import clones

    if isinstance(environment, str):
        return clones.with_packages(registered_environment(hook, environment), packages)
    return {**environment, "conda_file": clones.added(environment["conda_file"], packages)}


def registered_environment(hook: AzmlHook, reference: str) -> Json:
    """A registered environment of the workspace, or a curated one, as Resource Manager shows it.

    Args:
        hook: The hook.
        reference: ``name``, ``name:version``, or as v2 refers to one.

    Raises:
        NotFound: There is none.
    """
    from airflow_provider_azml.exceptions import NotFound
    from airflow_provider_azml.rest import registries

    name, _, version = reference.removeprefix("azureml:").removesuffix("@latest").partition(":")
    try:
        return hook.get("environment", name, version=version or None)
    except NotFound:
        if not name.startswith(_CURATED) or version:
            raise
        # today's curated environments are in a registry, without what began their names in v1
        return hook.run(registries.newest_version(hook.cloud, _REGISTRY, "environments", name.removeprefix(_CURATED)))
