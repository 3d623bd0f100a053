"""Nodes of pipelines as jobs of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.pipelines.nodes import PipelineError, in_camel_case, without_prefix
from airflow_provider_azml.emulator.pipelines.parallel_steps import parallel_command
from airflow_provider_azml.spec import sweep_parts
from airflow_provider_azml.spec.rules import some_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.emulator.pipelines.nodes import Node
    from airflow_provider_azml.emulator.pipelines.values import Scope
    from airflow_provider_azml.rest.flows import Json

INHERITED = ("default_compute", "default_datastore", "continue_on_step_failure", "force_rerun")
"""Settings that a pipeline hands on to those inside it."""
_NO_DETAILS = (
    *("compute", "computeId", "description", "display_name", "experiment_name", "identity", "name", "properties"),
    *("resources", "tags", "task", "type"),
)
"""Keys of an AutoML node that are not about its task."""
_TABLES = ("test_data", "training_data", "validation_data")
_INPUT = re.compile(r"\$\{\{\s*inputs\.([\w.\-]+)\s*\}\}")


def job_of(node: Node, scope: Scope, settings: Json) -> Json:
    """The ``properties`` of the job that a node is, without what says whose node it is.

    Args:
        node: The node.
        scope: What it can refer to.
        settings: Settings of its pipeline.

    Raises:
        PipelineError: It asks for something that cannot be.

    Sources: azure-ai-ml 1.35.2, ``entities._builders``; ``PipelineJob`` and the other jobs of the 2024-04-01 OpenAPI
    file; https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-pipeline
    """
    own = {key: value for key, value in node.given.items() if key not in ("inputs", "outputs")}
    given = scope.filled(own)
    assert isinstance(given, dict)
    compute = given.get("computeId") or given.get("compute") or settings.get("default_compute")
    try:
        kind = _KINDS[node.kind](node, given, settings)
    except (KeyError, ValueError, TypeError) as error:
        reason = (
            f"lacks '{error.args[0]}'" if isinstance(error, KeyError) else f"says something that cannot be: {error}"
        )
        raise PipelineError(f"its job '{node.key}' {reason}") from error
    return {
        "computeId": without_prefix(compute) or None,
        "componentId": node.component_id or None,
        "displayName": given.get("display_name") or node.key,
        "description": given.get("description") or node.spec.get("description"),
        "identity": in_camel_case(given["identity"]) if given.get("identity") else None,
        "inputs": _files(scope.inputs_of(node)) if node.kind == "parallel" else scope.inputs_of(node),
        "outputs": scope.outputs_of(node),
        **kind,
    }


def _command(node: Node, given: Json, _settings: Json) -> Json:
    limits = given.get("limits") or {}
    distribution = given.get("distribution") or node.spec.get("distribution")
    return {
        "jobType": "Command",
        "command": node.spec["command"],
        **_runs_on(node, given, node.spec),
        "distribution": in_camel_case(distribution) if distribution else None,
        "limits": {**in_camel_case(limits), "timeout": _duration(limits.get("timeout"))} if limits else None,
    }


def _runs_on(node: Node, given: Json, task: Json) -> Json:
    """Code, environment and resources of a node.

    Args:
        node: The node.
        given: What the pipeline says of it, without references.
        task: What of its component names code and environment.
    """
    variables = {
        **(node.spec.get("environment_variables") or {}),
        **(given.get("environment_variables") or {}),
    }
    resources = given.get("resources") or node.spec.get("resources") or {}
    return {
        "codeId": without_prefix(task.get("code")) or None,
        "environmentId": without_prefix(given.get("environment") or task.get("environment")),
        "environmentVariables": variables,
        "resources": in_camel_case(resources),
    }


def _sweep(node: Node, given: Json, _settings: Json) -> Json:
    space: Json = given.get("search_space") or {}
    command = _command(node, given, {})
    trial = {key: command[key] for key in ("codeId", "environmentId", "environmentVariables", "distribution")}
    limits = in_camel_case(given.get("limits") or {})
    times = {key: _duration(limits[key]) for key in ("timeout", "trialTimeout") if limits.get(key)}
    policy = given.get("early_termination")
    return {
        "jobType": "Sweep",
        "trial": {
            **trial,
            "command": _INPUT.sub(lambda found: _searched(found[0], found[1], space), command["command"]),
        },
        "searchSpace": {name: sweep_parts.distribution(values) for name, values in space.items()},
        "samplingAlgorithm": sweep_parts.sampling_algorithm(given["sampling_algorithm"]),
        "objective": in_camel_case(given["objective"]),
        "limits": {"jobLimitsType": "Sweep", **limits, **times},
        "earlyTermination": in_camel_case(policy) if policy else None,
        "resources": command["resources"],
    }


def _searched(written: str, name: str, space: Mapping[str, object]) -> str:
    """What a command takes from the search space when it is run by a sweep; it does not know that it is."""
    return f"${{{{search_space.{name}}}}}" if name in space else written


def _pipeline(node: Node, given: Json, settings: Json) -> Json:
    inherited = {key: settings[key] for key in INHERITED if settings.get(key) is not None}
    return {
        "jobType": "Pipeline",
        "jobs": node.spec["jobs"],
        "settings": {**inherited, **(given.get("settings") or {})},
    }


def _parallel(node: Node, given: Json, _settings: Json) -> Json:
    task = {**(node.spec.get("task") or {}), **(given.get("task") or {})}
    return {
        "jobType": "Command",
        "command": parallel_command(node.spec, given),
        **_runs_on(node, given, task),
    }


def _spark(node: Node, given: Json, _settings: Json) -> Json:
    asked = {**node.spec, **given}
    entry: Json = asked.get("entry") or {}
    kind = "SparkJobPythonEntry" if "file" in entry else "SparkJobScalaEntry"
    lists = {key: asked.get(key) for key in ("py_files", "jars", "files", "archives", "conf", "args")}
    resources = given.get("resources")
    return {
        "jobType": "Spark",
        **_runs_on(node, given, node.spec),
        "entry": in_camel_case({"spark_job_entry_type": kind, **entry}),
        **in_camel_case(lists),
        "resources": in_camel_case(resources) if resources else None,
    }


def _automl(_node: Node, given: Json, _settings: Json) -> Json:
    details = {key: value for key, value in given.items() if key not in _NO_DETAILS}
    for key in _TABLES:
        if isinstance(given.get(key), str):
            details[key] = {"jobInputType": "mltable", "uri": given[key]}
        elif given.get(key):
            details[key] = in_camel_case(given[key])
    task = "".join(word.capitalize() for word in str(given["task"]).split("_"))
    return {"jobType": "AutoML", "taskDetails": {"taskType": task, **in_camel_case(details)}}


_KINDS: Mapping[str, Callable[[Node, Json, Json], Json]] = {
    "automl": _automl,
    "command": _command,
    "parallel": _parallel,
    "pipeline": _pipeline,
    "spark": _spark,
    "sweep": _sweep,
}


def _files(inputs: dict[str, Json]) -> dict[str, Json]:
    """Inputs as files, whatever was asked for: those who read them for a node know nothing else."""
    return {name: {key: part for key, part in entry.items() if key != "mode"} for name, entry in inputs.items()}


def _duration(value: object) -> str | None:
    """A time that a node gives in seconds, or as jobs do."""
    return value if isinstance(value, str) and not value.isdigit() else some_seconds(value or 0)
