"""Parallel components: a script that is run over batches of data.

Source: azure-ai-ml 1.35.2, ``ParallelComponent``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import component_parts, environments
from airflow_provider_azml.spec.bindings import unless_bound
from airflow_provider_azml.spec.rules import Rule, integer, lower, nested, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

_BYTES = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
_SIZE = re.compile(r"(\d+)([kmg]b)?", re.ASCII | re.IGNORECASE)


def batch_size(text: str) -> int:
    """How much goes into a batch: a number of files, or bytes.

    Example:
        >>> batch_size("10kb")
        10240
    """
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no number of files, nor a size such as 10kb, 10mb or 1gb")
    return int(found[1]) * _BYTES.get((found[2] or "").lower(), 1)


TASK_RULES = (
    Rule("type", "type", lower),
    Rule("entry_script", "entry_script"),
    Rule("program_arguments", "program_arguments"),
    Rule("model", "model"),
    Rule("append_row_to", "append_row_to"),
)
RETRY = nested((
    Rule("timeout", "timeout", unless_bound(integer)),
    Rule("max_retries", "max_retries", unless_bound(integer)),
))
_RULES = (
    Rule("logging_level", "logging_level"),
    Rule("mini_batch_size", "mini_batch_size", lambda value: str(batch_size(value)), default="0"),
    Rule("partition_keys", "partition_keys", lambda value: json.dumps(value) if value else None),
    Rule("input_data", "input_data"),
    Rule("retry_settings", "retry_settings", lambda value: RETRY(value) or None),
    Rule("max_concurrency_per_instance", "max_concurrency_per_instance", integer),
    Rule("error_threshold", "error_threshold", integer),
    Rule("mini_batch_error_threshold", "mini_batch_error_threshold", integer),
)


def spec(source: Source) -> Json:
    """What a parallel component has in its specification besides what all have."""
    found = task(source)
    return {
        **translated(source.value, _RULES),
        **component_parts.resources_of(source.value),
        **({"task": found} if found else {}),
    }


def task(source: Source, path: Path = ("task",)) -> Json:
    """What is run over the batches; empty where nothing is said."""
    given = source.value_at(path)
    if not isinstance(given, dict):
        return {}
    code = ("code",) if path == ("task",) and source.value.get("code") else (*path, "code")
    ids = {
        "code": component_parts.code_id(source, code),
        "environment": component_parts.environment_id(source, (*path, "environment")),
    }
    return {**translated(given, TASK_RULES), **{key: found for key, found in ids.items() if found is not None}}


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a parallel component, besides what all may have and its schema says."""
    yield from component_parts.resources_problems(source)
    yield from task_problems(source)
    yield from component_parts.code_problems(source)
    if source.value.get("code") is not None and source.value.get("task") is None:
        yield source.problem(("code",), "without a task it says nothing; write task: with type, code and environment")
    yield from batch_size_problems(source)


def task_problems(source: Source, path: Path = ("task",)) -> Iterator[Problem]:
    """What keeps a task from being sent."""
    yield from component_parts.code_problems(source, (*path, "code"))
    yield from environments.problems(source, (*path, "environment"))


def batch_size_problems(source: Source) -> Iterator[Problem]:
    """That the size of a batch cannot be read."""
    given = source.value.get("mini_batch_size")
    if isinstance(given, str):
        try:
            batch_size(given)
        except ValueError as error:
            yield source.problem(("mini_batch_size",), str(error))
