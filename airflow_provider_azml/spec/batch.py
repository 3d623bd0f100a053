"""Batch endpoints and deployments."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import (
    assets,
    environments,
    pipeline_components,
    references,
    running,
    scoring,
    validate,
)
from airflow_provider_azml.spec.needs import ANONYMOUS_COMPONENT, Component, WorkspaceLocation
from airflow_provider_azml.spec.rules import (
    Rule,
    integer,
    lower,
    nested,
    sendable,
    some_seconds,
    translated,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.needs import Named, Need
    from airflow_provider_azml.spec.source import Source

_AUTH_MODES = {"aad_token": "aadToken", "aml_token": "amlToken", "key": "key"}
_ENDPOINT_RULES = (
    Rule("description", "description"),
    Rule("auth_mode", "authMode", words(_AUTH_MODES), default="aad_token"),
    Rule("defaults", "defaults", nested((Rule("deployment_name", "deploymentName"),))),
    Rule("properties", "properties", sendable, default={}),
)
_SUMMARY_ONLY = "summary_only"
RETRIES = nested((Rule("max_retries", "maxRetries", integer), Rule("timeout", "timeout", some_seconds)))
_SETTINGS_RULES = (
    Rule("output_action", "outputAction", words({"append_row": "AppendRow", _SUMMARY_ONLY: "SummaryOnly"})),
    Rule("output_file_name", "outputFileName"),
    Rule("error_threshold", "errorThreshold", integer),
    Rule("retry_settings", "retrySettings", RETRIES),
    Rule("logging_level", "loggingLevel"),
    Rule("mini_batch_size", "miniBatchSize", integer),
    Rule("max_concurrency_per_instance", "maxConcurrencyPerInstance", integer),
    Rule("environment_variables", "environmentVariables", sendable),
)
_MODEL_RULES = (
    Rule("description", "description"),
    Rule("properties", "properties", sendable),
    Rule("resources", "resources", running.job_resources),
)
_OF_PIPELINES = {
    "errorThreshold": -1,
    "maxConcurrencyPerInstance": 1,
    "miniBatchSize": 10,
    "outputFileName": "predictions.csv",
}
"""What is sent with a pipeline, though it has no use for it. Source: azure-ai-ml 1.35.2."""


def endpoint_body(source: Source) -> Json:
    """What is sent for a batch endpoint."""
    value = source.value
    return {
        "location": WorkspaceLocation(),  # azure-ai-ml sends the workspace's, whatever the file says
        "tags": sendable(value.get("tags") or {}),
        "properties": translated(value, _ENDPOINT_RULES),
    }


def deployment_body(source: Source) -> Json:
    """What is sent for a batch deployment of a model or a pipeline."""
    value = source.value
    of_pipeline = lower(value.get("type")) == "pipeline"
    return {
        "location": WorkspaceLocation(),
        "tags": sendable(value.get("tags") or {}),
        "properties": _pipeline_properties(source) if of_pipeline else _model_properties(source),
    }


def endpoint_problems(source: Source) -> Iterator[Problem]:  # noqa: ARG001 (its schema says it all)
    """What is wrong with a batch endpoint besides what its schema says."""
    return iter(())


def deployment_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a batch deployment besides what its schema says."""
    if lower(source.value.get("type")) == "pipeline":
        yield from _pipeline_problems(source)
        return
    yield from environments.problems(source, ("environment",))
    yield from assets.model_problems(source, ("model",))
    yield from scoring.problems(source)
    path = ("settings",) if isinstance(source.value.get("settings"), dict) else ()
    settings = source.at(*path).value
    if lower(settings.get("output_action")) == _SUMMARY_ONLY and settings.get("output_file_name"):
        reason = f"{_SUMMARY_ONLY} writes no file; leave its name out"
        yield source.problem((*path, "output_file_name"), reason, at_key=True)
    if path and settings.get("instance_count") and source.value.get("resources"):
        reason = "say under 'resources' how many instances there are, or here, not both"
        yield source.problem((*path, "instance_count"), reason, at_key=True)


def _model_properties(source: Source) -> Json:
    value = source.value
    body = {**translated(value, _MODEL_RULES), **translated(value.get("settings") or value, _SETTINGS_RULES)}
    count = (value.get("settings") or {}).get("instance_count")
    if count and "resources" not in body:
        body["resources"] = running.job_resources({"instance_count": count})
    if value.get("compute"):
        name = str(value["compute"])
        body["compute"] = references.compute(lower(name) if lower(name) == "local" else name)
    if value.get("code_configuration"):
        body["codeConfiguration"] = scoring.configuration(source)
    if value.get("environment"):
        body["environmentId"] = environments.used(source, ("environment",), may_be_named=True)
    if value.get("model"):
        body["model"] = {"referenceType": "Id", "assetId": assets.used_model(source, ("model",))}
    return body


def _pipeline_properties(source: Source) -> Json:
    value = source.value
    deployed: Json = {"deploymentConfigurationType": "PipelineComponent", **_component(source)}
    if value.get("settings"):
        deployed["settings"] = sendable(value["settings"])
    about = translated(value, (Rule("description", "description"),))
    return {**_OF_PIPELINES, **about, "deploymentConfiguration": deployed}


def _component(source: Source) -> Json:
    """The component that is deployed, and what is said of it.

    A pipeline that a file holds, and one that a job ran, become components without a name. azure-ai-ml 1.35.2 uses
    version 1 of ``azureml_anonymous`` for all of them, so that the second one in a workspace deploys the first one's
    pipeline; here each is made under a version of its own.
    """
    component, job = source.value.get("component"), source.value.get("job_definition")
    if component is None and job is None:
        return {"componentId": {"referenceType": "Id"}}
    if component is None:
        name = str(job).removeprefix(references.PREFIX)
        spec = {"type": "pipeline", "_source": "CLASS", "source_job_id": name, "sourceJobId": name, "jobs": {}}
        return {"componentId": _by_id(Component.of(spec))}
    if not _is_file(component):
        return {"componentId": _by_id(references.asset(component, "component"))}
    pulled = source.pulled(component)
    about = translated(pulled.value, (Rule("description", "description"), Rule("tags", "tags", sendable)))
    return {"componentId": _by_id(Component.of(pipeline_components.spec(pulled))), **about}


def _by_id(asset: str | Named | Need) -> Json:
    return {"referenceType": "Id", "assetId": asset}


def _is_file(component: str) -> bool:
    return not component.startswith(references.PREFIX)


def _pipeline_problems(source: Source) -> Iterator[Problem]:
    component, job = source.value.get("component"), source.value.get("job_definition")
    if component is None and job is None:
        yield source.problem((), "'component' is missing: the pipeline to deploy", at_key=True, severity="warning")
    if component is not None and job is not None:
        reason = "is not used: the file names a component too"
        yield source.problem(("job_definition",), reason, at_key=True, severity="warning")
    if not isinstance(component, str):
        return
    if not _is_file(component):
        yield from environments.reference_problems(source, ("component",), component, "component")
        return
    if component.startswith(references.FILE):
        reason = f"{component} is not taken here; write {component.removeprefix(references.FILE)!r}"
        yield source.problem(("component",), reason)
        return
    try:
        pulled = source.pulled(component, at=("component",))
    except SpecError as error:
        yield from error.problems
        return
    if pulled.value.get("type") != "pipeline":
        yield source.problem(("component",), f"{component} is no pipeline component; its type must be pipeline")
        return
    nameless = replace(pulled, value={**pulled.value, "name": ANONYMOUS_COMPONENT})  # its own name is not used
    yield from validate.problems(nameless, "pipeline_component.schema.json")
    yield from pipeline_components.problems(pulled)
