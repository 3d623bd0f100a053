"""Fine-tuning jobs: a foundation model is trained further with data of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import job_io, jobs, references
from airflow_provider_azml.spec.rules import Rule, integer, nested, number, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

DATA = {"training_data": "trainingData", "validation_data": "validationData"}
_PROVIDERS = {"custom": "Custom", "azure_open_ai": "AzureOpenAI"}
_HYPERPARAMETERS = (
    Rule("batch_size", "batchSize", integer),
    Rule("learning_rate_multiplier", "learningRateMultiplier", number),
    Rule("n_epochs", "nEpochs", integer),
)
_RULES = (
    Rule(
        "compute", "computeId", lambda name: str(name).removeprefix(references.PREFIX)
    ),  # no id, as azure-ai-ml sends it
    Rule("resources", "resources", nested((Rule("instance_types", "instanceTypes"),))),
)
_OF_CUSTOM_MODELS = ("services", "queueSettings")


def properties(source: Source, name: str | None) -> Json:
    """The ``properties`` of a fine-tuning job.

    Args:
        source: The job.
        name: Its name; ``None`` inside something else.
    """
    value = source.value
    body = jobs.shared_properties(source, "FineTuning", name)
    body["outputs"] = job_io.outputs(source)
    is_custom = value["model_provider"] == "custom"
    body["fineTuningDetails"] = {
        "taskType": _task(value["task"]),
        "modelProvider": _PROVIDERS[value["model_provider"]],
        "model": model(source, "model"),
        **data(source),
        **_hyperparameters(value, is_custom=is_custom),
    }
    if is_custom:
        return {**body, **translated(value, _RULES)}
    return {key: field for key, field in body.items() if key not in _OF_CUSTOM_MODELS}


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a fine-tuning job besides what its schema says."""
    yield from jobs.compute_problems(source)
    yield from identity_problems(source)
    yield from job_io.name_problems(source, "outputs")
    for key in ("model", *DATA):
        yield from data_problems(source, key)


def identity_problems(source: Source) -> Iterator[Problem]:
    """An identity, which azure-ai-ml's schema has and its jobs do not."""
    if source.value.get("identity") is not None:
        yield source.problem(("identity",), "the service has no identities for jobs of this type", at_key=True)


def model(source: Source, key: str) -> Json:
    """The model that is trained further, which the service takes for an MLflow model whatever the file says."""
    given = _mapping(source.value[key], "mlflow_model")
    return {"jobInputType": "mlflow_model", "uri": job_io.data_uri(source, given)}


def data(source: Source) -> Json:
    """What it is trained and validated with."""
    return {
        field: {"jobInputType": "uri_file", "uri": job_io.data_uri(source, _mapping(source.value[key], "uri_file"))}
        for key, field in DATA.items()
        if source.value.get(key) is not None
    }


def data_problems(source: Source, key: str) -> Iterator[Problem]:
    """What keeps a model or data, given as a path or as a mapping, from being found or uploaded."""
    given = source.value.get(key)
    if isinstance(given, str):
        yield from job_io.path_problems(
            source, (key,), _mapping(given, "mlflow_model" if "model" in key else "uri_file")
        )
    else:
        yield from job_io.input_problems(source, (key,))


def _mapping(given: Any, kind: str) -> Json:  # a path or a mapping
    return (
        {"type": kind, "path": given.removeprefix(references.FILE)}
        if isinstance(given, str)
        else {"type": kind, **given}
    )


def _task(word: str) -> str:
    first, *others = word.split("_")
    return first + "".join(map(str.capitalize, others))


def _hyperparameters(value: Mapping[str, Any], *, is_custom: bool) -> Json:
    given = value.get("hyperparameters")
    if given is None:
        return {}
    return {"hyperParameters": given if is_custom else translated(given, _HYPERPARAMETERS)}
