"""Invocations of batch endpoints: what was asked for, checked, and made into a job."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.behaviour import required
from airflow_provider_azml.emulator.arm.errors import ArmError, bad_request, conflict, not_found
from airflow_provider_azml.emulator.arm.jobs import start_job
from airflow_provider_azml.emulator.serving.batch_provisioning import is_pipeline, provisioned
from airflow_provider_azml.emulator.serving.batch_scoring import scoring_job
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_TYPES = ("literal", "uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model")
_DATASTORE_PATH = re.compile(r"^/(subscriptions/.+/datastores/[^/]+/paths/.*)$", re.IGNORECASE)
_COMPONENT_SETTING = "ComponentDeployment.Settings."


@dataclass(frozen=True)
class Invocation:
    """What an invocation asks for.

    Args:
        inputs: Inputs, as jobs have them, by name.
        outputs: Outputs, as jobs have them, by name.
        settings: The other fields of ``BatchJob``.

    Sources: ``BatchJobSchema`` of azure-ai-ml 1.35.2; ``BatchJob`` of the client of ``2020-09-01-dataplanepreview`` in
    azure-ai-ml 1.11 ("Tag dictionary", "The asset property dictionary": that the job has both is inferred);
    https://learn.microsoft.com/azure/machine-learning/how-to-access-data-batch-endpoints-jobs (whose bodies begin their
    keys with capital letters).
    """

    inputs: dict[str, Json]
    outputs: dict[str, Json]
    settings: Json


def invoke(
    emulator: Emulator, endpoint_id: str, body: Json, *, chosen: str | None = None, request_id: str | None = None
) -> Json:
    """Start the job of an invocation; of one that was sent before, the job is there already.

    Args:
        emulator: The emulator.
        endpoint_id: The batch endpoint.
        body: ``{"properties": {"InputData": {...}, ...}}``.
        chosen: Name of the deployment; the endpoint's default one when not given.
        request_id: Tells an invocation that is sent again from a new one.

    Returns:
        The job.

    Raises:
        ArmError: The endpoint or the deployment is not there, or the job is refused.

    Sources: azure-ai-ml 1.35.2, ``BatchEndpointOperations.invoke``, which sends the same ``repeatability_request-id``
    when it tries again, and the pull request 33271 of Azure/azure-sdk-for-python that made it so.
    """
    endpoint = emulator.store.get(endpoint_id)
    if endpoint is None:
        raise not_found(endpoint_id)
    repeated = emulator.store.record(f"batch_requests:{endpoint_id.lower()}", request_id) if request_id else None
    known = emulator.store.get(repeated["job"]) if repeated else None
    if known is not None:
        return known
    deployment = _deployment(emulator, endpoint, chosen)
    job = _start(emulator, endpoint, deployment, _invocation(body))
    note = {"job": job["id"], "deployment": deployment["name"]}
    emulator.store.put_record(f"batch_jobs:{endpoint_id.lower()}", job["name"], note)
    if request_id:
        emulator.store.put_record(f"batch_requests:{endpoint_id.lower()}", request_id, note)
    return job


def _deployment(emulator: Emulator, endpoint: Json, chosen: str | None) -> Json:
    name = chosen or (endpoint["properties"].get("defaults") or {}).get("deploymentName")
    if not name:
        raise ArmError(
            404,
            "ResourceNotFound",
            f"Batch endpoint '{endpoint['name']}' has no default deployment. Set a default deployment, or name a "
            "deployment in the header azureml-model-deployment.",
        )
    deployment = emulator.store.get(f"{endpoint['id']}/deployments/{name}")
    if deployment is None:
        raise ArmError(404, "ResourceNotFound", f"Batch endpoint '{endpoint['name']}' has no deployment '{name}'.")
    state = deployment["properties"].get("provisioningState")
    if state in ("Creating", "Failed", "Canceled", "Deleting"):
        raise conflict(f"Deployment '{name}' of batch endpoint '{endpoint['name']}' cannot be invoked: it is {state}.")
    return deployment


def _start(emulator: Emulator, endpoint: Json, deployment: Json, asked: Invocation) -> Json:
    of_component = is_pipeline(deployment)
    own = (
        _component_job(emulator, deployment, asked)
        if of_component
        else scoring_job(emulator, deployment, asked.inputs, asked.outputs, asked.settings)
    )
    name = f"{'pipelinejob' if of_component else 'batchjob'}-{uuid.uuid4()}"
    given = asked.settings.get("properties") or {}
    properties: Json = {
        "jobType": "Pipeline",
        "displayName": asked.settings.get("name") or name,
        "experimentName": given.get("experimentName") or endpoint["name"],
        **own,
        "tags": {
            **(asked.settings.get("tags") or {}),
            **(own.get("tags") or {}),
            "azureml.batchrun": "true",
            "azureml.deploymentname": deployment["name"],
            **({"azureml.jobtype": "azureml.pipelinejob"} if of_component else {}),
        },
        "properties": {
            **{key: str(value) for key, value in given.items() if key != "experimentName"},
            "azureml.DatasetAccessMode": "Asset",
            "azureml.DevPlatv2": "true",
            "azureml.deploymentname": deployment["name"],
            "azureml.endpointname": endpoint["name"],
            "azureml.runLineageType": "batchDeployment",
            "runSource": "BatchDeployment",
            **(own.get("properties") or {}),
        },
    }
    return start_job(emulator, str(arm_ids.parse(endpoint["id"]).workspace), name, properties)


def _component_job(emulator: Emulator, deployment: Json, asked: Invocation) -> Json:
    """What the job of a pipeline component's deployment has of its own."""
    configuration: Json = deployment["properties"]["deploymentConfiguration"]
    component_id = configuration["componentId"]["assetId"]
    settings = {
        name.removeprefix(_COMPONENT_SETTING): value for name, value in (configuration.get("settings") or {}).items()
    }
    return {
        "componentId": provisioned(emulator, deployment["id"])["componentId"],
        "description": configuration.get("description"),
        "inputs": asked.inputs,
        "outputs": asked.outputs,
        "settings": settings,
        "tags": configuration.get("tags"),
        "properties": {"azureml.SourceComponentId": component_id},
    }


def _invocation(body: Json) -> Invocation:
    required(body, "properties")
    given = _in_camel_case(body["properties"], "properties")
    inputs = _in_mapping(given.pop("inputData", None), "InputData")
    outputs = _in_mapping(given.pop("outputData", None), "OutputData")
    for name in ("compute", "properties", "retrySettings", "outputDataset"):
        given[name] = _in_camel_case(given.get(name) or {}, name)
    return Invocation(
        {name: _input(name, entry) for name, entry in inputs.items()},
        {name: _output(name, entry) for name, entry in outputs.items()},
        given,
    )


def _input(name: str, given: object) -> Json:
    entry = _in_camel_case(given, f"InputData.{name}")
    kind = _type(entry.get("jobInputType"), _TYPES, f"InputData.{name}.JobInputType")
    if kind == "literal":
        if entry.get("value") is None:
            raise bad_request(f"The literal input '{name}' has no Value.", target=f"InputData.{name}.Value")
        return {"jobInputType": kind, "value": str(entry["value"])}
    if not entry.get("uri"):
        raise bad_request(f"The input '{name}' has no Uri.", target=f"InputData.{name}.Uri")
    mode = {"mode": entry["mode"]} if entry.get("mode") else {}
    return {"jobInputType": kind, "uri": _uri(entry["uri"]), **mode}


def _output(name: str, given: object) -> Json:
    entry = _in_camel_case(given, f"OutputData.{name}")
    kind = _type(entry.get("jobOutputType"), _TYPES[1:], f"OutputData.{name}.JobOutputType")
    uri = {"uri": _uri(entry["uri"])} if entry.get("uri") else {}
    return {"jobOutputType": kind, **uri, **({"mode": entry["mode"]} if entry.get("mode") else {})}


def _type(given: object, known: tuple[str, ...], field: str) -> str:
    asked = str(given or "uri_folder").lower().replace("_", "")
    for kind in known:
        if asked == kind.replace("_", ""):
            return kind
    raise bad_request(f"{field} '{given}' is none of {', '.join(known)}.", code="ValidationError", target=field)


def _uri(given: object) -> str:
    """A URI as jobs have it: a path may be that of a datastore's id."""
    found = _DATASTORE_PATH.match(str(given))
    return f"azureml://{found[1]}" if found else str(given)


def _in_mapping(given: object, field: str) -> Json:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise bad_request(f"{field} must be a JSON object.", code="ValidationError", target=field)
    return given


def _in_camel_case(given: object, field: str) -> Json:
    """An object with keys as the OpenAPI files spell them; the service takes them in capitals as well."""
    return {key[:1].lower() + key[1:]: value for key, value in _in_mapping(given, field).items()}
