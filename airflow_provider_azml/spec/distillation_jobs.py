"""Distillation jobs: a small model learns from the answers of a large one. They are sent as fine-tuning jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import fine_tuning_jobs, job_io, jobs
from airflow_provider_azml.spec.rules import Rule, boolean, integer, lower, number, sendable, snake, texts, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_TASK = "ChatCompletion"
_LABELS = "label_generation"
_PROMPT_RULES = (
    Rule("enable_chain_of_thought", "azureml.enable_chain_of_thought", boolean, default=False),
    Rule("enable_chain_of_density", "azureml.enable_chain_of_density", boolean, default=False),
    Rule("max_len_summary", "azureml.max_len_summary", integer),
)
_REQUEST_RULES = (
    Rule("request_batch_size", "azureml.request_batch_size", integer),
    Rule("min_endpoint_success_ratio", "azureml.min_endpoint_success_ratio", number),
)


def properties(source: Source, name: str | None) -> Json:
    """The ``properties`` of a distillation job.

    Args:
        source: The job.
        name: Its name; ``None`` inside something else.
    """
    value = source.value
    body = jobs.shared_properties(source, "FineTuning", name)
    details = {
        "taskType": _TASK,
        "modelProvider": "Custom",
        "model": fine_tuning_jobs.model(source, "student_model"),
        **fine_tuning_jobs.data(source),
    }
    if value.get("hyperparameters"):
        details["hyperParameters"] = {key: str(given) for key, given in value["hyperparameters"].items()}
    return {
        **body,
        "properties": texts({**body["properties"], **_of_distillation(value)}),
        "outputs": job_io.outputs(source),
        "fineTuningDetails": details,
    }


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a distillation job besides what its schema says."""
    value = source.value
    yield from jobs.compute_problems(source)
    yield from fine_tuning_jobs.identity_problems(source)
    yield from job_io.name_problems(source, "outputs")
    for key in ("student_model", *fine_tuning_jobs.DATA):
        yield from fine_tuning_jobs.data_problems(source, key)
    if lower(value.get("data_generation_type")) == _LABELS:
        for key in fine_tuning_jobs.DATA:
            if value.get(key) is None:
                yield source.problem((), f"{key!r} is missing; {_LABELS} needs it", at_key=True)


def _of_distillation(value: Mapping[str, Any]) -> Json:
    """What the service reads from the properties of a job.

    Source: azure-ai-ml 1.35.2, ``DistillationJob._add_distillation_properties``.
    """
    teacher = value["teacher_model_endpoint_connection"]
    settings = value.get("teacher_model_settings") or {}
    parameters = sendable(settings.get("inference_parameters") or {})
    told = {
        "azureml.enable_distillation": True,
        "azureml.data_generation_task_type": str(value["data_generation_task_type"]).upper(),
        "azureml.data_generation_type": lower(value["data_generation_type"]),
        "azureml.teacher_model.endpoint_name": teacher.get("name"),
        "azureml.connection_information": json.dumps(_connection(teacher)),
        **{f"azureml.teacher_model.{key}": given for key, given in parameters.items()},
        **translated(settings.get("endpoint_request_settings") or {}, _REQUEST_RULES),
    }
    if value.get("prompt_settings") is not None:
        told |= translated(value["prompt_settings"], _PROMPT_RULES)
    instance_type = (value.get("resources") or {}).get("instance_type")
    return {**told, "azureml.instance_type.data_generation": instance_type} if instance_type else told


def _connection(value: Mapping[str, Any]) -> Json:
    """The connection to the teacher, in the order in which azure-ai-ml writes it down."""
    kind = snake(str(value["type"]))
    is_serverless = kind == "serverless"
    key = {"type": "api_key", "key": value.get("api_key")}
    facts = {**(value.get("tags") or {}), **(value.get("metadata") or {})}
    described = {"description": value["description"]} if value.get("description") is not None else {}
    target = value.get("endpoint") if is_serverless else value.get("target")
    return {
        "name": value.get("name"),
        **described,
        "tags": facts,
        "type": kind,
        "target": target,
        "credentials": key if is_serverless else value.get("credentials") or {"type": "none"},
        "is_shared": boolean(value.get("is_shared", True)),
        "metadata": facts,
        **({"api_key": value.get("api_key"), "endpoint": target} if is_serverless else {}),
    }
