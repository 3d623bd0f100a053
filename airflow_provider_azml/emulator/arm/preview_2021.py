"""Requests of the first preview of today's interface, 2021-03-01-preview: taken in its words, and answered in them.

Sources: ``mfe.json`` of 2021-03-01-preview in Azure/azure-rest-api-specs with its examples, and ``cli/train-rest.sh``
of Azure/azureml-examples, which reads ``properties.contents.accountName`` of datastores and ``properties.status`` of
jobs.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.behaviour import answer
from airflow_provider_azml.emulator.arm.errors import ArmError
from airflow_provider_azml.emulator.storage.locations import LocationError, Locations
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.datastores import files_of
from airflow_provider_azml.spec.v1 import preview_2021
from airflow_provider_azml.spec.v1.preview_2021_assets import Known
from airflow_provider_azml.spec.v1.preview_2021_jobs import INPUT, OUTPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_REDIRECTION = 300
_SHARED = ("description", "tags", "properties")
_VARIABLES = re.compile(rf'^(export ({INPUT}|{OUTPUT})\w+="[^"]*" && )+')
_MODES = {"ReadOnlyMount": "Mount", "ReadWriteMount": "Mount", "Download": "Download", "Upload": "Upload"}
_URIS = {"code": "codeUri", "data": "dataUri", "model": "modelUri"}
_CONTAINERS = ("containerName", "filesystem", "fileShareName")
_OF_CONTENTS = ("accountName", "storeName", "endpoint", "protocol", "credentials")


def is_asked(query: Mapping[str, str]) -> bool:
    """Whether a request is one of that version."""
    return query.get("api-version", "").lower() == preview_2021.API_VERSION


def todays_body(emulator: Emulator, target: Target, method: str, body: Json) -> Json:
    """The body of a request of that version in today's words.

    Args:
        emulator: The emulator.
        target: What is asked for.
        method: HTTP method.
        body: What was sent.

    Raises:
        ArmError: It is wrong, or says what has no equal today; with all that is wrong with it.
    """
    if method != "PUT" or not _had_other_words(target):
        return body
    try:
        made = preview_2021.today(target.row.kind, body, _known(emulator, target, body))
    except SpecError as error:
        wrong = [problem for problem in error.problems if problem.severity == "error"]
        raise ArmError(
            400,
            "ValidationError",
            f"Request is invalid. {' '.join(f'{problem.path}: {problem.reason}.' for problem in wrong)}",
            target=wrong[0].path,
            details=[
                {"code": "ValidationError", "message": problem.reason, "target": problem.path} for problem in wrong
            ],
        ) from error
    return {**body, **made}


def in_its_words(emulator: Emulator, target: Target, response: Response) -> Response:
    """An answer as that version gives it.

    Args:
        emulator: The emulator.
        target: What was asked for.
        response: The answer in today's words.
    """
    if response.status_code >= _REDIRECTION or not response.body or not _had_other_words(target):
        return response
    content: Json = json.loads(bytes(response.body))
    if target.is_collection:
        content["value"] = [_shown(emulator, target, one) for one in content["value"]]
    else:
        content = _shown(emulator, target, content)
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return answer(content, response.status_code, headers)


def _had_other_words(target: Target) -> bool:
    """Whether that version had words of its own for it; containers of versions had today's."""
    return target.row.kind in preview_2021.KINDS and target.action is None and target.is_version == target.row.versioned


def _known(emulator: Emulator, target: Target, body: Json) -> Known:
    """What is stored of the data and datastores that a body names."""
    types, containers = {}, {}
    for arm_id in preview_2021.named(body):
        properties = (emulator.store.get(arm_id) or {"properties": {}})["properties"]
        if "dataType" in properties:
            types[arm_id.lower()] = properties["dataType"]
        if target.row.kind == "code" and properties.get("accountName") == emulator.account_name:
            containers[arm_id.lower()] = emulator.blobs.plain_url(properties["containerName"])
    return Known(types, containers)


def _shown(emulator: Emulator, target: Target, document: Json) -> Json:
    properties = document["properties"]
    shared = {key: properties.get(key) for key in _SHARED}
    kind = target.row.kind
    if kind in _URIS:
        found = {"isAnonymous": properties.get("isAnonymous"), **_located(emulator, target, properties[_URIS[kind]])}
        found |= {"datasetType": "Simple"} if kind == "data" else {}
        found |= {"flavors": properties.get("flavors")} if kind == "model" else {}
    else:
        found = _WORDS[kind](properties)
    return {**document, "properties": {**shared, **found}}


def _located(emulator: Emulator, target: Target, uri: str) -> Json:
    """Where an asset is, by its datastore where it is in one."""
    workspace = arm_ids.parse(target.workspace_id).workspace
    try:
        uri = Locations(emulator.store, workspace).long_uri(uri)
    except (LocationError, ValueError):
        return {"datastoreId": None, "path": uri}  # elsewhere on the web, gone, or no URL at all
    found = files_of(uri)
    if found is None:
        return {"datastoreId": None, "path": uri}
    return {"datastoreId": workspace.child("datastore", found.datastore), "path": found.path}


def _environment(properties: Json) -> Json:
    docker: Json = {"platform": {"operatingSystemType": properties.get("osType")}}
    build = properties.get("build")
    if build:
        docker |= {
            "dockerSpecificationType": "Build",
            "context": build.get("contextUri"),
            "dockerfile": build.get("dockerfilePath"),
        }
    else:
        docker |= {"dockerSpecificationType": "Image", "dockerImageUri": properties.get("image")}
    return {
        "docker": docker,
        "condaFile": properties.get("condaFile"),
        "environmentSpecificationType": properties.get("environmentType"),
        "inferenceContainerProperties": properties.get("inferenceConfig"),
        "isAnonymous": properties.get("isAnonymous"),
    }


def _datastore(properties: Json) -> Json:
    contents = {key: properties[key] for key in _OF_CONTENTS if key in properties}
    container = next((properties[key] for key in _CONTAINERS if key in properties), None)
    return {
        "contents": {
            "contentsType": properties["datastoreType"],
            **({"containerName": container} if container else {}),
            **contents,
        },
        "hasBeenValidated": True,
        "isDefault": properties.get("isDefault"),
        "linkedInfo": None,
    }


def _job(properties: Json) -> Json:
    """A job; of those kinds that the version does not have there is what all jobs have."""
    trial: Json = properties.get("trial") or properties
    resources = trial.get("resources") or properties.get("resources") or {}
    limits = properties.get("limits") or {}
    services = properties.get("services") or {}
    shared: Json = {
        "jobType": properties["jobType"],
        "experimentName": properties.get("experimentName"),
        "status": properties.get("status"),
        "provisioningState": "Succeeded",
        "compute": {"target": properties.get("computeId"), **resources},
        "identity": properties.get("identity"),
        "interactionEndpoints": {name: _endpoint(service or {}) for name, service in services.items()},
        "timeout": limits.get("timeout"),
    }
    if properties["jobType"] == "Command":
        return {**shared, **_run(trial, properties)}
    if properties["jobType"] != "Sweep":
        return shared
    sampling = properties.get("samplingAlgorithm") or {}
    return {
        **shared,
        "algorithm": sampling.get("samplingAlgorithmType"),
        "trial": {**_run(trial, properties), "timeout": limits.get("trialTimeout")},
        **{key: properties.get(key) for key in ("searchSpace", "objective", "earlyTermination")},
        **{key: limits.get(key) for key in ("maxTotalTrials", "maxConcurrentTrials")},
    }


def _run(trial: Json, properties: Json) -> Json:
    inputs, outputs = properties.get("inputs") or {}, properties.get("outputs") or {}
    return {
        **{key: trial.get(key) for key in ("codeId", "environmentId", "environmentVariables")},
        "command": _VARIABLES.sub("", str(trial.get("command"))),
        "distribution": _distribution(trial),
        "inputDataBindings": {
            name: {"dataId": given["uri"], "mode": _MODES.get(str(given.get("mode"))), "pathOnCompute": None}
            for name, given in inputs.items()
            if given and "uri" in given
        },
        "outputDataBindings": {
            name: {"pathOnDatastore": (given or {}).get("uri"), "mode": _MODES.get(str((given or {}).get("mode")))}
            for name, given in outputs.items()
            if name != "default"
        },
    }


def _distribution(trial: Json) -> Json | None:
    given: Json | None = trial.get("distribution")
    if not given or given.get("distributionType") != "PyTorch":
        return given
    nodes = (trial.get("resources") or {}).get("instanceCount") or 1
    return {"distributionType": "PyTorch", "processCount": nodes * (given.get("processCountPerInstance") or 1)}


def _endpoint(service: Json) -> Json:
    return {
        "jobEndpointType": service.get("jobServiceType"),
        "endpoint": service.get("endpoint"),
        "port": service.get("port"),
        "properties": service.get("properties"),
    }


_WORDS: Mapping[str, Callable[[Json], Json]] = {
    "datastore": _datastore,
    "environment": _environment,
    "job": _job,
}
