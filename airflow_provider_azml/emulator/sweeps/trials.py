"""Trials of a sweep, as command jobs of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.sweeps.search_space import text

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.sweeps.search_space import Parameters
    from airflow_provider_azml.rest.flows import Json

_OF_TRIAL = ("command", "codeId", "environmentId", "environmentVariables", "distribution", "resources")
_OF_SWEEP = ("computeId", "experimentName", "identity", "inputs", "queueSettings", "resources")
_OF_ASSET = ("assetName", "assetVersion")


def trial_properties(sweep: Json, name: str, parameters: Parameters, services: Json) -> Json:
    """The ``properties`` of a trial.

    Outputs that are to be registered are so by the sweep, once it has found the best.

    Args:
        sweep: The sweep job.
        name: The trial's name.
        parameters: What it tries.
        services: Its ``services``.

    Sources: ``TrialComponent``, ``SweepJob`` and ``CommandJob`` (``parameters`` is read-only there) of the 2024-04-01
    OpenAPI file; ``parentJobName``, which azure-ai-ml 1.35.2 sends and reads of command jobs with 2025-01-01-preview.
    """
    properties: Json = sweep["properties"]
    given = properties["trial"]
    limit = (properties.get("limits") or {}).get("trialTimeout")
    outputs: dict[str, Json | None] = properties.get("outputs") or {}
    return {
        **{key: properties[key] for key in _OF_SWEEP if properties.get(key) is not None},
        **{key: given[key] for key in _OF_TRIAL if given.get(key) is not None},
        "jobType": "Command",
        "displayName": name,
        "description": None,
        "isArchived": False,
        "limits": {"jobLimitsType": "Command", "timeout": limit} if limit else None,
        "outputs": {output: _unregistered(entry or {}) for output, entry in outputs.items() if output != "default"},
        "parameters": parameters,
        "parentJobName": sweep["name"],
        "properties": {},
        "services": services,
        "status": "NotStarted",
        "tags": {"hyperparameters": json.dumps(parameters)},
    }


def sampled_values(job: Json) -> dict[str, str]:
    """``search_space.x`` -> value as text, of a trial; empty for other jobs."""
    parameters: Parameters = job["properties"].get("parameters") or {}
    return {f"search_space.{name}": text(value) for name, value in parameters.items()}


def sampled_variables(job: Json, values: dict[str, str]) -> dict[str, str]:
    """Environment variables from which a trial can read what it is given.

    Args:
        job: The job; one that is no trial has none.
        values: Dotted name, e.g. ``inputs.x``, -> value.

    Source: docstring of ``SweepJob`` in azure-ai-ml 1.35.2: inputs, outputs and parameters, after ``AZUREML_SWEEP_``.
    """
    if not job["properties"].get("parameters"):
        return {}
    return {f"AZUREML_SWEEP_{name.partition('.')[2]}": value for name, value in values.items()}


def _unregistered(output: Json) -> Json:
    return {key: value for key, value in output.items() if key not in _OF_ASSET}
