"""Nodes of pipelines that run on Spark.

Source: azure-ai-ml 1.35.2, ``entities._builders.spark``: a node repeats what its component says; its own settings win.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import command_jobs, node_parts, spark_components, spark_jobs
from airflow_provider_azml.spec.rules import Rule, lower, mapping, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.node_components import Used
    from airflow_provider_azml.spec.source import Source

_DYNAMIC = "spark.dynamicAllocation.enabled"
_FEWEST = "spark.dynamicAllocation.minExecutors"
_INSTANCES = "spark.executor.instances"
_JOB_KEYS = ("code", "entry", *spark_components.LISTS, "args", "environment", "description", "tags", "properties")


def _entry(value: Any) -> Json:
    kind = "SparkJobPythonEntry" if "file" in value else "SparkJobScalaEntry"
    return {**value, "spark_job_entry_type": kind}


_RULES = (
    Rule("entry", "entry", _entry),
    Rule("args", "args"),
    *(Rule(key, key, lambda value: value or None) for key in spark_components.LISTS),
)


def spark(source: Source, used: Used) -> Json:
    """A Spark node."""
    value, declared = source.value, used.declared.value if used.declared else {}
    settings = conf(value, declared)
    return {
        **node_parts.shared(source, "spark"),
        **translated(declared, _RULES),
        **({"conf": settings} if settings else {}),
        **({"resources": _resources(value["resources"])} if value.get("resources") else {}),
        **_identity(value),
        "componentId": used.id,
    }


def component_of(source: Source) -> Json:
    """The component that a Spark job inside a pipeline becomes, without what it reads and writes."""
    kept = {key: source.value[key] for key in _JOB_KEYS if source.value.get(key) is not None}
    return {"type": "spark", **kept, "conf": conf(source.value, {})}


def conf(value: Json, declared: Json) -> Json:
    """Spark's settings: each of those that it must know from the node or else its component, the others together."""
    own, others = spark_components.conf(value), spark_components.conf(declared)
    known = set(spark_components.KNOWN)
    free = {key: item for key, item in own.items() if key not in known}
    free = free or {key: item for key, item in others.items() if key not in known}
    merged = {**{key: item for key, item in {**others, **own}.items() if key in known}, **free}
    if _INSTANCES not in merged and str(merged.get(_DYNAMIC)).lower() == "true" and _FEWEST in merged:
        merged[_INSTANCES] = merged[_FEWEST]
    return merged


def problems(node: Source, component: Source | None) -> Iterator[Problem]:
    """What is wrong with a Spark node besides what its schema says; most of it where its component is at hand.

    Args:
        node: The node.
        component: The component that it brings along; the node itself where it is a job; ``None`` for one elsewhere.
    """
    value = node.value
    if bool(value.get("compute")) == (value.get("resources") is not None):
        yield node.problem((), "a Spark node needs either compute or resources, and not both", at_key=True)
    if component is None:
        return
    declared = component.value
    yield from spark_jobs.entry_problems(component)
    if mapping(declared.get("entry")).get("class_name") is not None:
        yield component.problem(("entry",), "the service starts files alone; name one as file")
    if isinstance(declared.get("args"), str):
        yield from command_jobs.unknown_references(component, declared["args"], ("args",))
    settings = {**_settings(declared), **_settings(value)}
    yield from spark_jobs.conf_problems(replace(node, value={"conf": settings}))
    yield from _mode_problems(node, component)


def _settings(value: Json) -> Json:
    beside = {key: value[key] for key in spark_jobs.CONF_NAMES if value.get(key) is not None}
    return {**spark_jobs.settings(value), **beside}


def _mode_problems(node: Source, component: Source) -> Iterator[Problem]:
    """Data that Spark is not given directly, neither by the node nor by its component."""
    for place in ("inputs", "outputs"):
        declared = mapping(component.value.get(place))
        for name, item in mapping(node.value.get(place)).items():
            modes = [mapping(port).get("mode") for port in (item, declared.get(name))]
            is_data = isinstance(item, dict) and "value" not in item and not node_parts.is_bound(item)
            if is_data and "direct" not in map(lower, modes):
                yield node.problem((place, name), "Spark takes data directly; write mode: direct", at_key=True)


def _resources(value: Json) -> Json:
    return {key: lower(item) if key == "instance_type" else item for key, item in value.items()}


def _identity(value: Json) -> Json:
    """Who it acts as: by default the compute's own identity, or the user where the service provides the compute."""
    given = mapping(value.get("identity"))
    if not given and not (value.get("compute") or value.get("resources")):
        return {}
    default = {"type": "managed" if value.get("compute") else "user_identity"}
    return {"identity": node_parts.identity(given or default)}
