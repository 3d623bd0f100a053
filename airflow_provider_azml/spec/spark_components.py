"""Spark components.

Source: azure-ai-ml 1.35.2, ``SparkComponent`` and ``ParameterizedSparkSchema``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import component_parts, environments
from airflow_provider_azml.spec.rules import Rule, sendable, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_HERE = "."
"""Code of a Spark component that names none: the folder of its file."""
_CONF = {
    "driver_cores": "spark.driver.cores",
    "driver_memory": "spark.driver.memory",
    "executor_cores": "spark.executor.cores",
    "executor_memory": "spark.executor.memory",
    "executor_instances": "spark.executor.instances",
    "dynamic_allocation_enabled": "spark.dynamicAllocation.enabled",
    "dynamic_allocation_min_executors": "spark.dynamicAllocation.minExecutors",
    "dynamic_allocation_max_executors": "spark.dynamicAllocation.maxExecutors",
}
"""Keys of the file -> what Spark calls them."""
KNOWN = frozenset(_CONF.values())
LISTS = ("py_files", "jars", "files", "archives")
_RULES = (
    Rule("entry", "entry"),
    *(Rule(key, key, lambda value: value or None) for key in LISTS),
    Rule("args", "args"),
    Rule("properties", "properties", lambda value: sendable(value) or None),
    Rule("additional_includes", "additional_includes", lambda value: value or None),
)


def spec(source: Source) -> Json:
    """What a Spark component has in its specification besides what all have."""
    settings = conf(source.value)
    return {
        **translated(source.value, _RULES),
        **({"conf": settings} if settings else {}),
        **component_parts.code(source, _HERE),
        **component_parts.environment(source),
    }


def conf(value: Mapping[str, Any]) -> Json:
    """Spark's settings under the names that Spark has for them; numbers among the known ones as numbers."""
    given = {**(value.get("conf") or {}), **{key: value[key] for key in _CONF if value.get(key) is not None}}
    return {
        _CONF.get(key, key): _number(member) if key in _CONF or key in _CONF.values() else sendable(member)
        for key, member in given.items()
    }


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a Spark component, besides what all may have and its schema says."""
    yield from component_parts.code_problems(source, default=_HERE)
    yield from environments.problems(source, ("environment",))


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value
