"""No field of a run configuration or HyperDrive configuration of CLI v1 is dropped silently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import schema_files
from airflow_provider_azml.spec.marks import dotted
from airflow_provider_azml.spec.source import Source
from airflow_provider_azml.spec.v1 import hyperdrive, script_runs
from airflow_provider_azml.spec.v1.hyperdrive import SCHEMA as OF_SWEEPS
from airflow_provider_azml.spec.v1.runconfigs import SCHEMA as OF_RUNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from airflow_provider_azml.spec.v1.translation import Translation

ANY = "x"
"""Stands for a name that the author of a file chooses."""
RUN: dict[str, Any] = {
    "script": "train.py",
    "target": "cpu",
    "environment": {"name": "e", "docker": {"baseImage": "ubuntu"}, "python": {"condaDependencies": {"name": "c"}}},
    "dataReferences": {ANY: {"dataStoreName": "s"}},
    "data": {"d": {"dataLocation": {"dataset": {"name": "d"}}, "mechanism": "mount"}},
    "outputData": {"o": {}},
    "applicationEndpoints": {"lab": {"type": "JupyterLab"}},
}
SWEEP: dict[str, Any] = {
    "sampling": {"type": "random", "parameter_space": [{"name": "--p", "expression": "choice", "values": [1]}]},
    "policy": {"type": "BanditPolicy", "slack_factor": 0.1},
    "primary_metric_name": "m",
    "primary_metric_goal": "maximize",
    "max_total_runs": 4,
}
NAMES = {"dataReferences": ANY, "data": "d", "outputData": "o", "applicationEndpoints": "lab"}
SAMPLES: Mapping[str, Any] = {
    "arguments": ["--more"],
    "autoPrepareEnvironment": False,
    "command": "ls",
    "communicator": "OpenMpi",
    "condaDependencies": {"name": "other"},
    "condaDependenciesFile": "conda.yml",
    "datacaches": [{}],
    "directoriesToWatch": ["other"],
    "environmentVariables": {"A": "b"},
    "exposedPorts": [80],
    "expression": "randint",
    "framework": "PySparkInteractive",
    "os": "windows",
    "outputData.o.additionalOptions.uploadOptions.overwrite": False,
    "packages": [{"group": "a", "artifact": "b", "version": "1"}],
    "locationType": "git",
    "location": "folder",
    "mechanism": "download",
    "mode": "download",
    "outputCollection": False,
    "policy.type": "MedianStoppingPolicy",
    "primary_metric_goal": "minimize",
    "sampling.type": "grid",
    "script": "other.py",
    "sharedVolumes": False,
    "snapshotProject": False,
    "type": "SSH",
    "values": [1, 2],
    "version": "7",
    "yarnDeployMode": "client",
    "userManagedDependencies": True,
    "interpreterPath": "/bin/python",
}
"""Values other than the usual ones, by key, or by the end of a path; of other keys their type tells one."""
BY_TYPE = {"string": "other", "integer": 3, "number": 0.5, "boolean": True, "object": {"a": "b"}, "array": ["b"]}
OTHER_BASES: Mapping[str, Any] = {
    "environment.docker.buildContext.locationType": {
        "python": {"userManagedDependencies": True},
        "docker": {"buildContext": {"location": "folder"}},
    },
    "environment.docker.buildContext": {"python": {"userManagedDependencies": True}},
    "environment.name": {"python": {"userManagedDependencies": True}},
}
"""What the environment has to be for a field to count."""
SILENT = {
    "environment.version",
    "environment.spark.precachePackages",
    "environment.docker.buildContext.locationType",
    "data.d.dataLocation.dataset.id",
}
"""What says nothing that is not said by what stands beside it, and how Spark's image is made."""


def leaves(schema: dict[str, Any], path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The fields of a schema that hold no others."""
    parts = [schema, *schema.get("anyOf", ()), *schema.get("allOf", ())]
    known = {key: member for part in parts for key, member in part.get("properties", {}).items()}
    more = next((part["additionalProperties"] for part in parts if part.get("additionalProperties")), None)
    items = schema.get("items", {})
    if items.get("properties"):
        yield from leaves(items, (*path, 0))
    elif known:
        for key, member in known.items():
            yield from leaves(member, (*path, key))
    elif isinstance(more, dict) and more.get("properties"):
        yield from leaves(more, (*path, NAMES[str(path[-1])]))
    else:
        yield path, schema


def sample(path: tuple[str | int, ...], schema: dict[str, Any]) -> Any:
    for key in (dotted(path), path[-1]):
        if key in SAMPLES:
            return SAMPLES[key]
    parts = (schema, *schema.get("anyOf", ()))
    words = [word for part in parts for word in part.get("enum", ()) if word is not None]
    if words:
        return words[-1]
    types = [one for part in parts for one in _types(part)]
    return BY_TYPE[next(one for one in types if one != "null")]


def _types(schema: dict[str, Any]) -> list[str]:
    given = schema.get("type", [])
    return [given] if isinstance(given, str) else given


def changed(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    step, *rest = path
    if isinstance(step, int):
        return [changed(value[step] if value else {}, tuple(rest), new)]
    inner = value if isinstance(value, dict) else {}
    return {**inner, step: changed(inner.get(step), tuple(rest), new)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("train.py", "other.py", "conda.yml"):
        (tmp_path / name).write_text("{}" if name == "conda.yml" else "")
    return tmp_path


def heeded(before: Translation, act: Any, path: str) -> bool:
    """Whether a field changes what is made, is noted, or is refused, by its name."""
    try:
        after = act()
    except SpecError as refused:
        return any(path in problem.path or problem.path in path for problem in refused.problems)
    told = {note.path for note in after.notes} - {note.path for note in before.notes}
    is_told = after.remarks != before.remarks or any(map(path.startswith, told))
    return is_told or bool(after.source.value != before.source.value)


@pytest.mark.parametrize(
    ("path", "schema"), [pytest.param(*leaf, id=dotted(leaf[0])) for leaf in leaves(schema_files.whole(OF_RUNS))]
)
def test_each_field_of_a_run_configuration_is_heeded(path: tuple[str, ...], schema: Any, folder: Path) -> None:
    environment = next((base for start, base in OTHER_BASES.items() if dotted(path).startswith(start)), None)
    run = RUN if environment is None else {**RUN, "environment": environment}
    before = script_runs.command_job(Source(run, folder))
    given = changed(run, path, sample(path, schema))
    is_heeded = heeded(before, lambda: script_runs.command_job(Source(given, folder)), dotted(path))
    assert is_heeded != (dotted(path) in SILENT)


@pytest.mark.parametrize(
    ("path", "schema"), [pytest.param(*leaf, id=dotted(leaf[0])) for leaf in leaves(schema_files.whole(OF_SWEEPS))]
)
def test_each_field_of_a_hyperdrive_configuration_is_heeded(path: tuple[str, ...], schema: Any, folder: Path) -> None:
    runconfig = Source({"script": "train.py"}, folder)
    before = hyperdrive.sweep_job(Source(SWEEP, folder), runconfig)
    given = changed(SWEEP, path, sample(path, schema))
    assert heeded(before, lambda: hyperdrive.sweep_job(Source(given, folder), runconfig), dotted(path))
