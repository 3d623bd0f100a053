"""Commands inside pipelines, each alone or many times with different values.

Source: azure-ai-ml 1.35.2, ``entities._builders.command`` and ``.sweep``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import command_jobs, jobs, node_parts, running, sweep_parts
from airflow_provider_azml.spec.bindings import unless_bound
from airflow_provider_azml.spec.node_parts import in_snake_case, with_bindings
from airflow_provider_azml.spec.rules import (
    Rule,
    each,
    integer,
    lower,
    mapping,
    nested,
    sendable,
    some_seconds,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.node_components import Used
    from airflow_provider_azml.spec.source import Source

_SHORTEST_SECONDS = 60
"""azure-ai-ml makes shorter times of a sweep this long."""
_JOB_KEYS = ("code", "environment", "resources", "distribution", "description", "tags")


def _limits(value: Mapping[str, Any]) -> Json:
    rules = (Rule("timeout", "timeout", some_seconds),)
    return {"job_limits_type": "Command", **with_bindings(value, nested(rules))}


def _queue(value: Mapping[str, Any]) -> Json:
    return with_bindings(value, jobs.queue_settings)


_RULES = (
    Rule("environment_variables", "environment_variables", sendable),
    Rule("limits", "limits", _limits),
    Rule("queue_settings", "queue_settings", _queue),
    Rule("services", "services", each(lambda value: in_snake_case(jobs.service(value)))),
    Rule("identity", "identity", node_parts.identity),
)


def command(source: Source, used: Used) -> Json:
    """A node that runs a command."""
    declared = used.declared.value if used.declared else {}
    body = {**node_parts.shared(source, "command"), **translated(source.value, _RULES), "componentId": used.id}
    resources = source.value.get("resources") or _resources(declared)
    distribution = source.value.get("distribution") or declared.get("distribution")
    return {
        **body,
        **({"resources": running.node_resources(resources)} if resources else {}),
        **({"distribution": running.node_distribution(distribution)} if distribution else {}),
    }


def component_of(source: Source) -> Json:
    """The component that a command job inside a pipeline becomes, without what it reads and writes."""
    kept = {key: source.value[key] for key in _JOB_KEYS if source.value.get(key) is not None}
    return {"type": "command", "command": command_jobs.command_line(str(source.value.get("command"))), **kept}


def sweep(source: Source, used: Used) -> Json:
    """A node that runs a command many times, with different values."""
    body = {**node_parts.shared(source, "sweep"), **translated(source.value, _SWEEP_RULES)}
    return {**body, "trial": {"componentId": used.id}}


def _resources(declared: Json) -> Json:
    count = declared.get("instance_count")
    return mapping(declared.get("resources")) or ({"instance_count": count} if count else {})


_NUMBER = unless_bound(integer)
_SECONDS = unless_bound(lambda value: max(integer(value), _SHORTEST_SECONDS))


def _sampling(value: Any) -> Any:
    return lower(value) if isinstance(value, str) else {**value, "type": lower(value["type"])}


def _policy(value: Mapping[str, Any]) -> Json:
    """A policy; of a bandit's two kinds of slack the one that is set."""
    body = in_snake_case(sweep_parts.early_termination(value))
    return {key: item for key, item in body.items() if item or not key.startswith("slack_")}


_SWEEP_RULES = (
    Rule("sampling_algorithm", "sampling_algorithm", _sampling),
    Rule("search_space", "search_space", each(lambda value: {**value, "type": lower(value["type"])})),
    Rule("objective", "objective", lambda value: {**value, "goal": lower(value["goal"])}),
    Rule(
        "limits",
        "limits",
        nested((
            Rule("max_concurrent_trials", "max_concurrent_trials", _NUMBER),
            Rule("max_total_trials", "max_total_trials", _NUMBER),
            Rule("timeout", "timeout", _SECONDS),
            Rule("trial_timeout", "trial_timeout", _SECONDS),
        )),
    ),
    Rule("early_termination", "early_termination", _policy),
    Rule("queue_settings", "queue_settings", each(lower)),
    Rule("resources", "resources"),
)
