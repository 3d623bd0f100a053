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


def environment_with(hook: AzmlHook, reference: str, packages: Sequence[str]) -> Json:
    """A registered environment with more packages, as a clone of it in v1 had them.

    Args:
        hook: The hook.
        reference: ``azureml:name:version`` or ``azureml:name@latest``.
        packages: Requirements for pip.

    Raises:
        NotFound: There is no such environment.
        SpecError: It has no conda file that they could be added to.

    Source: seed code of "Define an inference configuration": ``Environment.get(...).clone(...)`` and
    ``add_pip_package``.
    """
    from airflow_provider_azml.spec.v1.clones import with_packages

    return with_packages(registered_environment(hook, reference), packages)


def registered_environment(hook: AzmlHook, reference: str) -> Json:
    """A registered environment of the workspace, as Resource Manager shows it.

    Args:
        hook: The hook.
        reference: ``name``, ``name:version``, or as v2 refers to one.

    Raises:
        NotFound: There is none.
    """
    name, _, version = reference.removeprefix("azureml:").removesuffix("@latest").partition(":")
    return hook.get("environment", name, version=version or None)
