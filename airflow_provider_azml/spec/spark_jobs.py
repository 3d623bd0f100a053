"""Spark jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import command_jobs, environments, job_io, jobs, references
from airflow_provider_azml.spec.local_paths import is_file, is_folder
from airflow_provider_azml.spec.rules import Rule, nested, sendable, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

CONF_NAMES = {
    "driver_cores": "spark.driver.cores",
    "driver_memory": "spark.driver.memory",
    "executor_cores": "spark.executor.cores",
    "executor_memory": "spark.executor.memory",
    "executor_instances": "spark.executor.instances",
    "dynamic_allocation_enabled": "spark.dynamicAllocation.enabled",
    "dynamic_allocation_min_executors": "spark.dynamicAllocation.minExecutors",
    "dynamic_allocation_max_executors": "spark.dynamicAllocation.maxExecutors",
}
"""Names of ``conf`` that azure-ai-ml has, and Spark's, which a file may write as well."""
_NAMES = {spark: name for name, spark in CONF_NAMES.items()}
_ALWAYS = ("driver_cores", "driver_memory", "executor_cores", "executor_memory")
_RANGE = ("dynamic_allocation_min_executors", "dynamic_allocation_max_executors")
_LISTS = ("py_files", "jars", "files", "archives")
_RESOURCES = nested((Rule("instance_type", "instanceType"), Rule("runtime_version", "runtimeVersion", str)))
_RULES = (
    Rule("args", "args"),
    Rule("py_files", "pyFiles"),
    Rule("jars", "jars"),
    Rule("files", "files"),
    Rule("archives", "archives"),
    Rule("resources", "resources", _RESOURCES),
)


def properties(source: Source, name: str | None) -> Json:
    """The ``properties`` of a spark job.

    Args:
        source: The job.
        name: Its name; ``None`` inside something else.
    """
    value = source.value
    body = {**jobs.shared_properties(source, "Spark", name), **translated(value, _RULES)}
    for unsent in ("services", "queueSettings"):
        body.pop(unsent, None)
    body.setdefault("identity", {"identityType": "UserIdentity" if value.get("resources") else "Managed"})
    body["entry"] = {"sparkJobEntryType": "SparkJobPythonEntry", "file": value["entry"]["file"]}
    body["conf"] = {key: str(setting) for key, setting in conf(value).items()}
    body["inputs"] = job_io.inputs(source)
    body["outputs"] = job_io.outputs(source)
    if value.get("environment") is not None:
        body["environmentId"] = environments.used(source, ("environment",), may_be_named=False)
    code = jobs.code_id(source, ("code",))
    return jobs.placed(body if code is None else {**body, "codeId": code}, value)


def conf(value: Mapping[str, Any]) -> Json:
    """The settings of Spark under Spark's names, in the types of the file."""
    given = settings(value)
    others = {key: setting for key, setting in given.items() if key not in CONF_NAMES}
    known = {key: given.get(key) for key in (*_ALWAYS, "executor_instances")}
    if is_dynamic(given):
        known |= {"dynamic_allocation_enabled": True, **{key: given.get(key) for key in _RANGE}}
        known["executor_instances"] = known["executor_instances"] or given.get(_RANGE[0])
    named = {CONF_NAMES[key]: setting for key, setting in known.items()}
    body: Json = sendable({key: setting for key, setting in {**others, **named}.items() if setting is not None})
    return body


def settings(value: Mapping[str, Any]) -> Json:
    """The settings of Spark with azure-ai-ml's names where it has any."""
    given = value.get("conf")
    given = given if isinstance(given, dict) else {}
    return {_NAMES.get(str(key), str(key)): setting for key, setting in given.items() if setting is not None}


def is_dynamic(given: Mapping[str, Any]) -> bool:
    """Whether Spark decides how many executors there are."""
    return str(given.get("dynamic_allocation_enabled")) in {"True", "true"}


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a spark job besides what its schema says."""
    value = source.value
    yield from jobs.compute_problems(source)
    yield from job_io.problems(source)
    yield from command_jobs.code_problems(source)
    if value.get("environment") is not None:
        yield from environments.problems(source, ("environment",))
    if bool(value.get("compute")) == (value.get("resources") is not None):
        yield source.problem(("resources",), "a spark job needs either compute or resources, and not both", at_key=True)
    yield from entry_problems(source)
    yield from _mode_problems(source)
    yield from conf_problems(source)
    yield from _list_problems(source)
    if isinstance(value.get("args"), str):
        yield from command_jobs.unknown_references(source, value["args"], ("args",))


def entry_problems(source: Source) -> Iterator[Problem]:
    """An entry that is not in the folder of the code."""
    code, file = source.value.get("code"), source.at("entry").value.get("file")
    if not isinstance(code, str) or not isinstance(file, str) or references.is_remote(code):
        return
    folder = source.local(code)
    if is_folder(folder) and not is_file(folder / file):
        yield source.problem(("entry", "file"), f"there is no {file} in {code}")


def conf_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with the settings of Spark.

    Source: azure-ai-ml 1.35.2, ``_validate_spark_configurations``.
    """
    given = settings(source.value)
    needed = (*_ALWAYS, *_RANGE) if is_dynamic(given) else (*_ALWAYS, "executor_instances")
    for key in needed:
        if given.get(key) is None:
            yield source.problem(("conf",), f"{CONF_NAMES[key]!r} is missing", at_key=True)
    if not is_dynamic(given):
        for key in _RANGE:
            if given.get(key) is not None:
                reason = f"{CONF_NAMES[key]} goes with spark.dynamicAllocation.enabled: true alone"
                yield source.problem(("conf", _written(source, key)), reason, at_key=True)
    elif not any(given.get(key) is None for key in _RANGE):
        yield from _range_problems(source, given)


def _range_problems(source: Source, given: Mapping[str, Any]) -> Iterator[Problem]:
    low, high = (given[key] for key in _RANGE)
    instances = given.get("executor_instances")
    if not (_is_number(low) and _is_number(high) and 0 < low <= high):
        reason = "the least number of executors must be more than 0 and no more than the most"
        yield source.problem(("conf", _written(source, _RANGE[0])), reason)
    elif instances and not (_is_number(instances) and low <= instances <= high):
        reason = f"must be from {low} to {high}, as dynamic allocation says"
        yield source.problem(("conf", _written(source, "executor_instances")), reason)


def _written(source: Source, key: str) -> str:
    """The name of a setting that the file uses."""
    given = source.value.get("conf")
    return key if isinstance(given, dict) and key in given else CONF_NAMES[key]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _mode_problems(source: Source) -> Iterator[Problem]:
    """Inputs and outputs that Spark does not read and write directly."""
    for place in ("inputs", "outputs"):
        given = source.value.get(place)
        for name, item in given.items() if isinstance(given, dict) else ():
            is_data = isinstance(item, dict) and "value" not in item and (place, name) != ("outputs", "default")
            if is_data and str(item.get("mode")).lower() != "direct":
                yield source.problem((place, name), "Spark takes data directly; write mode: direct", at_key=True)


def _list_problems(source: Source) -> Iterator[Problem]:
    for key in _LISTS:
        given = source.value.get(key)
        items = given if isinstance(given, list) else []
        for place, item in enumerate(items):
            if item in items[:place]:
                yield source.problem((key, place), f"{item!r} is there already")
