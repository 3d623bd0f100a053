"""The best trial of a job that tried many: a sweep, or an AutoML job."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import history

if TYPE_CHECKING:
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

_log = logging.getLogger(__name__)
_MODELS = frozenset({"custom_model", "mlflow_model", "triton_model"})
_HYPERPARAMETERS = "hyperparameters"
_MODEL_OF_AUTOML = "azureml://jobs/{}/outputs/artifacts/outputs/mlflow-model/"
"""Source: https://learn.microsoft.com/azure/machine-learning/how-to-auto-train-image-models, "Register the model"."""


def completed(place: WorkspaceId | DataPlane, body: Json) -> Flow[Json]:
    """A job with what is missing in it of its best trial, as far as the trial's own run has it.

    Args:
        place: Where the job is.
        body: The job, as the control plane has it.

    Source: the tag ``hyperparameters`` of trials' runs, as read in public code; their metrics, by MLflow.
    """
    name, properties = _name(body), body["properties"]
    if name is None:
        return body
    tags, noted = dict(properties.get("tags") or {}), dict(properties.get("properties") or {})
    try:
        if name not in tags and properties.get("jobType") == "Sweep":
            run = yield from history.run(place, name)
            tags[name] = (run.get("tags") or {}).get(_HYPERPARAMETERS)
        if "score" not in noted:
            noted["score"] = (yield from history.metrics(place, name)).get(_primary_metric(body) or "")
    except ApiError as error:
        _log.warning("The job is done, but what its best trial %s did cannot be read: %s", name, error)
    return {**body, "properties": {**properties, "tags": tags, "properties": noted}}


def best_trial(body: Json) -> Json | None:
    """What a task tells of the best trial of a job; ``None`` when the job has none.

    Args:
        body: The job, as the control plane has it.

    Returns:
        ``name``; ``parameters`` (what it tried); ``metric`` (the best value that it logged of the primary metric, whose
        name is ``primary_metric``); ``outputs`` (output -> URI); ``model_output`` (the URI of the output that is a
        model, if one is). What is not known is ``None``, or empty.

    Sources: azure-ai-ml 1.35.2 reads the property ``best_child_run_id`` of sweep jobs; AutoML jobs have the tag
    ``automl_best_child_run_id`` (Azure/azureml-examples); ``score`` is in printed details of sweeps' runs; the sweep's
    tags hold what each trial tried (``HyperDriveRun.get_hyperparameters`` of azureml-train-core).
    """
    name = _name(body)
    if name is None:
        return None
    properties = body["properties"]
    is_sweep = properties.get("jobType") == "Sweep"
    declared: Json = {"default": None, **((properties.get("outputs") or {}) if is_sweep else {})}
    return {
        "name": name,
        "parameters": _parameters((properties.get("tags") or {}).get(name)),
        "primary_metric": _primary_metric(body),
        "metric": _number((properties.get("properties") or {}).get("score")),
        "outputs": {output: output_uri(name, output) for output in declared},
        "model_output": _model_output(name, declared) if is_sweep else _MODEL_OF_AUTOML.format(name),
    }


def output_uri(job: str, output: str) -> str:
    """The URI by which other jobs and models name an output of a job."""
    return f"azureml://jobs/{job}/outputs/{'artifacts' if output == 'default' else output}/paths/"


def _name(body: Json) -> str | None:
    properties = body["properties"]
    found = (properties.get("properties") or {}).get("best_child_run_id")
    return found or (properties.get("tags") or {}).get("automl_best_child_run_id")


def _primary_metric(body: Json) -> str | None:
    properties = body["properties"]
    holder = properties.get("objective") or properties.get("taskDetails") or {}
    return holder.get("primaryMetric")


def _model_output(trial: str, outputs: Json) -> str | None:
    """The URI of the output that is a model: by its type, or else by its name."""
    by_type = [name for name, output in outputs.items() if (output or {}).get("jobOutputType") in _MODELS]
    by_name = [name for name in outputs if "model" in name.lower()]
    return next((output_uri(trial, name) for name in (*by_type, *by_name)), None)


def _parameters(text: object) -> Json:
    try:
        found = json.loads(str(text or "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(text: object) -> float | None:
    try:
        return float(str(text))
    except ValueError:
        return None
