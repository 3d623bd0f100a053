"""Clones of registered environments with more packages, as SDK v1 made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import yaml_text
from airflow_provider_azml.spec.rules import mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.rest.flows import Json

_IN_IMAGE = (
    "has its packages in its image, where a conda file cannot add to them; build an image from it, or write the "
    "environment out"
)


def with_packages(version: Json, packages: Sequence[str]) -> Json:
    """A registered environment as a deployment of v2 writes it out, with more packages for pip.

    Args:
        version: The environment version, as Resource Manager shows it.
        packages: Requirements, e.g. ``scikit-learn``.

    Raises:
        SpecError: It has no conda file that they could be added to.

    Example:
        >>> shown = {"properties": {"image": "i", "condaFile": "dependencies: [python=3.10]"}}
        >>> with_packages(shown, ["scikit-learn"])["conda_file"]
        {'dependencies': ['python=3.10', {'pip': ['scikit-learn']}]}

    Source: azureml-core 1.61, ``CondaDependencies.add_pip_package``.
    """
    shown, where = mapping(version.get("properties")), str(version.get("id"))
    if not shown.get("condaFile"):
        raise SpecError([Problem("<arguments>", 0, 0, "pip_packages", f"environment {where} {_IN_IMAGE}")])
    conda, _ = yaml_text.parse(str(shown["condaFile"]), where)
    made: Json = {"image": shown["image"], "conda_file": added(conda, packages)}
    if str(shown.get("osType") or "linux").lower() != "linux":
        made["os_type"] = str(shown["osType"]).lower()
    return made


def added(conda: object, packages: Sequence[str]) -> Json:
    """The content of a conda file with more packages for pip.

    Example:
        >>> added({"dependencies": ["pip"]}, ["joblib"])
        {'dependencies': ['pip', {'pip': ['joblib']}]}
    """
    dependencies: list[Any] = list(mapping(conda).get("dependencies") or ())
    kept = [each for each in dependencies if not isinstance(each, dict)]
    of_pip = [line for each in dependencies if isinstance(each, dict) for line in each.get("pip") or ()]
    lines = [*of_pip, *(package for package in packages if package not in of_pip)]
    return {**mapping(conda), "dependencies": [*kept, *([{"pip": lines}] if lines else [])]}
