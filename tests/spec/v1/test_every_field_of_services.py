"""No field of what CLI v1 deployed and registered is dropped silently."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import schema_files
from airflow_provider_azml.spec.marks import dotted
from airflow_provider_azml.spec.source import Source
from airflow_provider_azml.spec.v1 import datasets, environment_files
from airflow_provider_azml.spec.v1.web_services import web_service
from tests.spec.v1.test_every_field import changed, leaves, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from airflow_provider_azml.spec.v1.translation import Translation

WRITTEN: dict[str, Any] = {"docker": {"baseImage": "ubuntu"}, "python": {"condaDependencies": {"name": "c"}}}
BUILT: dict[str, Any] = {
    "docker": {"buildContext": {"location": "other_folder"}},
    "python": {"userManagedDependencies": True},
}
SCORE: dict[str, Any] = {"entryScript": "score.py", "sourceDirectory": "."}
PLACE = {"datastoreName": "blobs", "relativePath": "a/b.csv"}
CLUSTER = {"computeTargetName": "cluster"}
SCALED: dict[str, Any] = {"computeType": "aks", **CLUSTER, "autoScaler": {"autoscaleEnabled": True}}
SAMPLES: Mapping[str, Any] = {
    "sourceDirectory": "folder",
    "condaFile": "conda.yml",
    "path": [PLACE, {**PLACE, "relativePath": "c.csv"}],
    "datasetType": "file",
    "header": False,
    "schemaVersion": 1,
    "separator": "|",
    "partitionFormat": "/{Country}/data.csv",
    "runtime": "spark-py",
    "cpu": 2,
    "cpuLimit": 3,
    "gpuCores": 1,
    "memoryInGB": 8,
    "autoscaleEnabled": False,
    "versionName": "other",
    "targetUtilization": 50,
}
"""Values other than the usual ones, where those of run configurations do not fit."""


def served(config: Any, folder: Path, asked: Any = SCORE) -> list[Translation]:
    given = None if config is None else Source(config, folder)
    made = web_service("myservice", ["mymodel:1"], Source(asked, folder), given, base_path=folder)
    return [made.endpoint, made.deployment]


class Form(NamedTuple):
    """A format: its schema, a file of it, and what it becomes."""

    schema: str
    base: dict[str, Any]
    act: Callable[[Any, Path], list[Translation]]
    below: str = ""
    silent: frozenset[str] = frozenset()
    """What says nothing that is not said by what stands beside it, by what v1 took anyway, or outside of the files."""
    without: str = "-"
    """Beginning of the fields that do not go with what else is said."""


def _scored(given: Any, folder: Path) -> list[Translation]:
    return served(None, folder, given)


def _environment(given: Any, folder: Path) -> list[Translation]:
    return [environment_files.environment(Source(given, folder))]


def _dataset(given: Any, folder: Path) -> list[Translation]:
    return [datasets.data_asset(Source(given, folder))]


OF_SERVICES = "v1_inferenceconfig.schema.json"
OF_TARGETS = "v1_deploymentconfig.schema.json#/$defs/"
OF_ENVIRONMENTS = "v1_environment.schema.json"
OF_DATASETS = "v1_dataset.schema.json"
TYPE = frozenset({"computeType"})
FORMS = {
    "inference": Form(
        OF_SERVICES,
        {**SCORE, "environment": {"name": "e", **WRITTEN}},
        _scored,
        silent=frozenset({"environment.version", "environment.spark.precachePackages"}),
        without="environment.docker.buildContext.",
    ),
    "built": Form(
        OF_SERVICES,
        {**SCORE, "environment": BUILT},
        _scored,
        "environment.docker.buildContext",
        frozenset({"environment.docker.buildContext.locationType"}),
    ),
    "older": Form(OF_SERVICES, {**SCORE, "baseImage": "ubuntu"}, _scored),
    "aci": Form(f"{OF_TARGETS}aci", {"computeType": "aci"}, served, silent=TYPE),
    "aks": Form(f"{OF_TARGETS}aks", {"computeType": "aks", **CLUSTER, "authEnabled": False}, served, silent=TYPE),
    "scaled": Form(f"{OF_TARGETS}aks", SCALED, served, "autoScaler"),
    "aksendpoint": Form(
        f"{OF_TARGETS}aksendpoint",
        {"computeType": "aksendpoint", **CLUSTER, "authEnabled": False},
        served,
        silent=TYPE | {"trafficPercentile"},
    ),
    "environment": Form(
        OF_ENVIRONMENTS, {"name": "e", **WRITTEN}, _environment, silent=frozenset({"spark.precachePackages"})
    ),
    "built_environment": Form(
        OF_ENVIRONMENTS,
        {"name": "e", **BUILT},
        _environment,
        "docker.buildContext",
        frozenset({"docker.buildContext.locationType"}),
    ),
    "table": Form(
        OF_DATASETS,
        {
            "datasetType": "Tabular",
            "parameters": {"path": PLACE, "sourceType": "delimited_files"},
            "registration": {"name": "n"},
        },
        _dataset,
        without="datasetType",
    ),
    "files": Form(
        OF_DATASETS,
        {"datasetType": "File", "parameters": {"path": PLACE}, "registration": {"name": "n"}},
        _dataset,
        silent=frozenset({"datasetType"}),
    ),
}


def fields() -> Iterator[Any]:
    for name, form in FORMS.items():
        for path, schema in leaves(schema_files.whole(form.schema)):
            if dotted(path).startswith(form.below) and not dotted(path).startswith(form.without):
                yield pytest.param(form, path, schema, id=f"{name}-{dotted(path)}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("score.py", "other.py", "conda.yml", "folder/score.py", "folder/other.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}" if name == "conda.yml" else "")
    return tmp_path


def told(made: list[Translation]) -> str:
    """All that a translation says, but for its notes."""
    return json.dumps([[one.source.value, dict(one.files), [str(remark) for remark in one.remarks]] for one in made])


@pytest.mark.parametrize(("form", "path", "schema"), list(fields()))
def test_each_field_is_heeded(form: Form, path: tuple[str | int, ...], schema: Any, folder: Path) -> None:
    """It changes what is made, is noted, or is refused, by its name."""
    before = form.act(form.base, folder)
    where, key = dotted(path), path[-1]
    new = {"entryScript": "other.py", **SAMPLES}.get(str(key))
    given = changed(form.base, path, sample(path, schema) if new is None else new)
    try:
        after = form.act(given, folder)
    except SpecError as refused:
        is_heeded = any(where in problem.path or problem.path in where for problem in refused.problems)
    else:
        noted, already = ({note.path for one in made for note in one.notes} for made in (after, before))
        is_heeded = told(after) != told(before) or any(map(where.startswith, noted - already))
    assert is_heeded != (where in form.silent)
