"""Nodes of pipelines that run a script over batches of data.

Source: azure-ai-ml 1.35.2, ``entities._builders.parallel`` and ``ParallelJob._to_component``: a node repeats what its
component says, but for the threshold of errors and the level of logging.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import node_parts, parallel_components, running
from airflow_provider_azml.spec.bindings import unless_bound
from airflow_provider_azml.spec.rules import Rule, integer, mapping, sendable, translated

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.node_components import Used
    from airflow_provider_azml.spec.source import Source

_INHERITED = (
    "resources",
    "retry_settings",
    "input_data",
    "max_concurrency_per_instance",
    "mini_batch_error_threshold",
    "mini_batch_size",
    "partition_keys",
)
_OWN = ("error_threshold", "logging_level")
_UNNAMED = ("display_name", "tags")
"""What azure-ai-ml drops of a parallel job, while a node with a component keeps it."""


def parallel(source: Source, used: Used) -> Json:
    """A parallel node."""
    value, declared = source.value, used.declared.value if used.declared else {}
    inherited = {key: value.get(key) or declared.get(key) for key in _INHERITED}
    if used.declared and not inherited["mini_batch_size"]:
        inherited["mini_batch_size"] = "0"
    body = node_parts.shared(source, "parallel")
    if "component" not in value:
        body = {key: item for key, item in body.items() if key not in _UNNAMED}
    task = _task(source, used.declared)
    return {
        **body,
        **translated({**value, **inherited}, _RULES),
        **_identity(value),
        **({"task": task} if task else {}),
        "componentId": used.id,
    }


def component_of(source: Source) -> Json:
    """The component that a parallel job inside a pipeline becomes, without what it reads and writes.

    A component cannot hold references to the pipeline; what has some is left to the node.
    """
    keys = (*_INHERITED, *_OWN)
    kept = {key: source.value[key] for key in keys if not _is_bound(source.value.get(key))}
    return {"type": "parallel", "task": source.value.get("task"), **kept}


def _is_bound(value: Any) -> bool:
    held = value.values() if isinstance(value, dict) else (value,)
    return value is None or any(isinstance(item, str) and item.startswith("${{parent.") for item in held)


def _task(source: Source, declared: Source | None) -> Json:
    if mapping(source.value.get("task")):
        return parallel_components.task(source)
    return parallel_components.task(declared) if declared else {}


def _identity(value: Json) -> Json:
    given = mapping(value.get("identity"))
    if not given:
        return {}
    # azure-ai-ml passes the identity of a parallel job on as it stands
    return {"identity": node_parts.identity(given) if "component" in value else given}


_INTEGER = unless_bound(integer)
_BATCH_SIZE = unless_bound(lambda value: parallel_components.batch_size(str(value)))
_RULES = (
    Rule("resources", "resources", running.node_resources),
    Rule("retry_settings", "retry_settings", parallel_components.RETRY),
    Rule("input_data", "input_data"),
    Rule("max_concurrency_per_instance", "max_concurrency_per_instance", _INTEGER),
    Rule("mini_batch_error_threshold", "mini_batch_error_threshold", _INTEGER),
    Rule("mini_batch_size", "mini_batch_size", _BATCH_SIZE),
    Rule("partition_keys", "partition_keys", json.dumps),
    Rule("error_threshold", "error_threshold", _INTEGER),
    Rule("logging_level", "logging_level"),
    Rule("environment_variables", "environment_variables", sendable),
)
