"""MLflow's models: those that runs logged, and the registry, which is the workspace's models."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.asset_versions import register
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.mlflow.api import (
    MlflowCall,
    MlflowError,
    MlflowOperation,
    invalid,
    mapping,
    milliseconds,
    missing,
    pairs,
)
from airflow_provider_azml.emulator.mlflow.uris import artifact_uri, model_version_uri, place_of
from airflow_provider_azml.emulator.storage.locations import ARTIFACT_STORE, LocationError, Locations

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.rest.flows import Json

_ID = r"logged-models/(?P<model>[^/]+)"
_NAMED = re.compile(r"name\s*=\s*['\"](?P<name>[^'\"]+)['\"]")


def operations() -> list[MlflowOperation]:
    """What can be called. Source: calls of mlflow 3.17 as recorded, and MLflow's REST reference."""
    return [
        MlflowOperation("POST", "logged-models", _create_logged),
        MlflowOperation("GET", _ID, _get_logged),
        MlflowOperation("PATCH", _ID, _finish_logged),
        MlflowOperation("PATCH", f"{_ID}/tags", _tag_logged),
        MlflowOperation("POST", f"{_ID}/params", _log_logged_params),
        MlflowOperation("POST", "logged-models/search", _search_logged),
        MlflowOperation("POST", "registered-models/create", _create_registered),
        MlflowOperation("GET", "registered-models/get", _get_registered),
        MlflowOperation("GET", "registered-models/search", _search_registered),
        MlflowOperation("POST", "model-versions/create", _create_version),
        MlflowOperation("GET", "model-versions/get", _get_version),
        MlflowOperation("PATCH", "model-versions/update", _update_version),
        MlflowOperation("DELETE", "model-versions/delete", _delete_version),
        MlflowOperation("POST", "model-versions/set-tag", _set_version_tag),
        MlflowOperation("DELETE", "model-versions/delete-tag", _delete_version_tag),
        MlflowOperation("GET", "model-versions/search", _search_versions),
        MlflowOperation("GET", "model-versions/get-download-uri", _download_uri),
    ]


def _create_logged(call: MlflowCall) -> Json:
    model_id = f"m-{uuid.uuid4().hex}"
    experiment, run = call.argument("experiment_id"), str(call.arguments.get("source_run_id") or "")
    name = str(call.arguments.get("name") or model_id)
    model: Json = {
        "model_id": model_id,
        "experiment_id": experiment,
        "name": name,
        "source_run_id": run,
        "model_type": call.arguments.get("model_type") or "",
        # what a run logs is an artifact of its job, where azureml://jobs/<job>/outputs/artifacts/paths/<name> finds it
        "artifact_uri": artifact_uri(experiment, run, name) if run else artifact_uri(experiment, f"models/{model_id}"),
        "status": "LOGGED_MODEL_PENDING",
        "created": timestamp(),
        "tags": mapping(call.arguments.get("tags")),
        "params": mapping(call.arguments.get("params")),
    }
    _keep(call, model)
    return {"model": _shown_logged(model)}


def _get_logged(call: MlflowCall) -> Json:
    return {"model": _shown_logged(_logged(call))}


def _finish_logged(call: MlflowCall) -> Json:
    model = {**_logged(call), "status": call.argument("status")}
    _keep(call, model)
    return {"model": _shown_logged(model)}


def _tag_logged(call: MlflowCall) -> Json:
    model = _logged(call)
    _keep(call, {**model, "tags": {**model["tags"], **mapping(call.arguments.get("tags"))}})
    return {}


def _log_logged_params(call: MlflowCall) -> Json:
    model = _logged(call)
    _keep(call, {**model, "params": {**model["params"], **mapping(call.arguments.get("params"))}})
    return {}


def _search_logged(call: MlflowCall) -> Json:
    experiments = call.arguments.get("experiment_ids") or []
    models = call.emulator.store.records(_collection(call, "logged_models"))
    return {"models": [_shown_logged(model) for model in models if model["experiment_id"] in experiments]}


def _create_registered(call: MlflowCall) -> Json:
    name = call.argument("name")
    if _versions(call, name) or call.emulator.store.record(_collection(call, "registered_models"), name):
        raise MlflowError(400, "RESOURCE_ALREADY_EXISTS", f"Registered Model (name={name}) already exists.")
    call.emulator.store.put_record(
        _collection(call, "registered_models"),
        name,
        {"name": name, "description": call.arguments.get("description") or "", "created": timestamp()},
    )
    return {"registered_model": _registered(call, name)}


def _get_registered(call: MlflowCall) -> Json:
    return {"registered_model": _registered(call, call.argument("name"))}


def _search_registered(call: MlflowCall) -> Json:
    wanted = _NAMED.search(str(call.arguments.get("filter") or ""))
    names = {record["name"]: None for record in call.emulator.store.records(_collection(call, "registered_models"))}
    names |= dict.fromkeys(document["id"].split("/")[-3] for document in _all_versions(call))
    return {"registered_models": [_registered(call, name) for name in names if not wanted or wanted["name"] == name]}


def _create_version(call: MlflowCall) -> Json:
    name = call.argument("name")
    run = str(call.arguments.get("run_id") or "")
    source = call.argument("source")
    properties = {
        "modelUri": _model_uri(call, source),
        "modelType": "mlflow_model",
        "jobName": run or None,
        "flavors": {},
        "description": call.arguments.get("description"),
        "tags": mapping(call.arguments.get("tags")),
        "properties": {"mlflow.source": source},
        "isAnonymous": False,
        "isArchived": False,
        "provisioningState": "Succeeded",
    }
    document = register(call.emulator.store, call.workspace, "model", name, properties)
    return {"model_version": _shown_version(document)}


def _get_version(call: MlflowCall) -> Json:
    return {"model_version": _shown_version(_version(call))}


def _update_version(call: MlflowCall) -> Json:
    description = str(call.arguments.get("description") or "")
    return {"model_version": _changed_version(call, lambda properties: properties.update(description=description))}


def _delete_version(call: MlflowCall) -> Json:
    call.emulator.store.delete(_version(call)["id"])
    return {}


def _set_version_tag(call: MlflowCall) -> Json:
    tag = {call.argument("key"): str(call.arguments.get("value") or "")}
    _changed_version(call, lambda properties: properties.update(tags={**properties["tags"], **tag}))
    return {}


def _delete_version_tag(call: MlflowCall) -> Json:
    tags = dict(_version(call)["properties"]["tags"])
    tags.pop(call.argument("key"), None)
    _changed_version(call, lambda properties: properties.update(tags=tags))
    return {}


def _changed_version(call: MlflowCall, change: Callable[[Json], None]) -> Json:
    arm_id = _version(call)["id"]
    call.emulator.store.update(arm_id, lambda document: change(document["properties"]))
    return _shown_version(call.emulator.store.get(arm_id) or {})


def _search_versions(call: MlflowCall) -> Json:
    wanted = _NAMED.search(str(call.arguments.get("filter") or ""))
    found = [_shown_version(document) for document in _all_versions(call)]
    return {"model_versions": [shown for shown in found if not wanted or shown["name"] == wanted["name"]]}


def _download_uri(call: MlflowCall) -> Json:
    document = _version(call)
    return {"artifact_uri": model_version_uri(document["id"].split("/")[-3], document["name"])}


def _model_uri(call: MlflowCall, source: str) -> str:
    if source.startswith("models:/m-"):
        logged = call.emulator.store.record(_collection(call, "logged_models"), source.removeprefix("models:/"))
        if logged is None:
            raise missing(f"Logged model {source}")
        source = logged["artifact_uri"]
    locations = Locations(call.emulator.store, call.workspace)
    try:
        if source.startswith("mlflow-artifacts:"):
            place = place_of(locations, source.removeprefix("mlflow-artifacts:"))
            return f"azureml://datastores/{ARTIFACT_STORE}/paths/{place.path}"
        locations.find(source)
    except (LocationError, ValueError) as error:
        raise invalid(f"The source {source!r} of a model version cannot be found: {error}") from error
    return source


def _logged(call: MlflowCall) -> Json:
    model = call.emulator.store.record(_collection(call, "logged_models"), call.names["model"])
    if model is None:
        raise missing(f"Logged model with ID '{call.names['model']}'")
    return model


def _keep(call: MlflowCall, model: Json) -> None:
    call.emulator.store.put_record(
        _collection(call, "logged_models"), model["model_id"], {**model, "updated": timestamp()}
    )


def _collection(call: MlflowCall, kind: str) -> str:
    return f"{kind}:{call.workspace}".lower()


def _shown_logged(model: Json) -> Json:
    info = {name: value for name, value in model.items() if name not in ("created", "updated", "tags", "params")}
    created = milliseconds(model["created"])
    times = {
        "creation_timestamp_ms": created,
        "last_updated_timestamp_ms": milliseconds(model.get("updated")) or created,
    }
    return {"info": {**info, **times, "tags": pairs(model["tags"])}, "data": {"params": pairs(model["params"])}}


def _versions(call: MlflowCall, name: str) -> list[Json]:
    return call.emulator.store.children(f"{call.workspace.child('model', name)}/versions")


def _all_versions(call: MlflowCall) -> list[Json]:
    below = call.emulator.store.below(call.workspace.child("model"))
    return [document for document in below if "/versions/" in document["id"]]


def _registered(call: MlflowCall, name: str) -> Json:
    record = call.emulator.store.record(_collection(call, "registered_models"), name)
    versions = _versions(call, name)
    if record is None and not versions:
        raise missing(f"Registered Model with name={name}")
    created = record["created"] if record else versions[0]["systemData"]["createdAt"]
    changed = versions[-1]["systemData"]["lastModifiedAt"] if versions else created
    return {
        "name": name,
        "description": record["description"] if record else "",
        "creation_timestamp": milliseconds(created),
        "last_updated_timestamp": milliseconds(changed),
        "latest_versions": [_shown_version(document) for document in versions[-1:]],
    }


def _version(call: MlflowCall) -> Json:
    name, version = call.argument("name"), call.argument("version")
    document = call.emulator.store.get(call.workspace.child("model", name, version))
    if document is None:
        raise missing(f"Model Version (name={name}, version={version})")
    return document


def _shown_version(document: Json) -> Json:
    properties = document["properties"]
    return {
        "name": document["id"].split("/")[-3],
        "version": document["name"],
        "creation_timestamp": milliseconds(document["systemData"]["createdAt"]),
        "last_updated_timestamp": milliseconds(document["systemData"]["lastModifiedAt"]),
        "current_stage": properties.get("stage") or "None",
        "description": properties.get("description") or "",
        "source": properties["modelUri"],
        "run_id": properties.get("jobName") or "",
        "status": "READY",
        "tags": pairs(properties.get("tags") or {}),
    }
