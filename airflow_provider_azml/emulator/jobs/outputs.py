"""What becomes of a job's outputs: data that run history names, and registered assets where the job asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.asset_versions import register
from airflow_provider_azml.emulator.storage.locations import ARTIFACT_STORE, long_uri, output_uri

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

_MODEL_TYPES = ("custom_model", "mlflow_model", "triton_model")
_OUTPUT_ASSETS = "output_assets"


def record_outputs(store: Store, workspace: WorkspaceId, job: Json, *, completed: bool) -> Json:
    """Note where each output of a job that ended is, and register those that are to be assets.

    Args:
        store: The emulator's memory.
        workspace: The job's workspace.
        job: The job.
        completed: Whether it completed; otherwise nothing is registered.

    Returns:
        Output -> ``{"assetId", "type"}``, as ``outputs`` of run history.

    Source: ``assetName`` and ``assetVersion`` of job outputs in the models that azure-ai-ml 1.35.2 sends.
    """
    outputs: Json = {}
    declared: dict[str, Json | None] = {"default": None, **(job["properties"].get("outputs") or {})}
    for name, entry in declared.items():
        output = entry or {}
        kind = output.get("jobOutputType") or "uri_folder"
        uri = _uri(workspace, job["name"], name, output)
        if completed and output.get("assetName"):
            is_pipeline = job["properties"].get("jobType") == "Pipeline"
            made = {**output, "jobOutputType": kind, "uri": uri}
            asset_id = _registered(store, workspace, made) if is_pipeline else None
            asset_id = asset_id or _register(store, workspace, job["name"], made)
        else:
            asset_id = _asset_id(store, workspace, f"azureml_{job['name']}_output_data_{name}", "1")
        store.put_record(_OUTPUT_ASSETS, asset_id, {"uri": uri, "type": kind})
        # azure-ai-ml 1.35.2 cannot ask where a model is: it raises a TypeError, and downloads nothing of such a job
        outputs[name] = {"assetId": asset_id, "type": "uri_folder" if kind in _MODEL_TYPES else kind}
    return outputs


def resolved(store: Store, asset_id: str) -> Json | None:
    """``{"uri", "type"}`` of an asset that run history names, or ``None``."""
    return store.record(_OUTPUT_ASSETS, asset_id)


def _uri(workspace: WorkspaceId, job: str, name: str, output: Json) -> str:
    """Where an output is, with the slash at its end that clients take a folder by."""
    if name == "default":
        return long_uri(workspace, ARTIFACT_STORE, f"ExperimentRun/dcid.{job}/")
    short = output_uri(job, name, output)
    datastore, found, path = short.removeprefix("azureml://datastores/").partition("/paths/")
    return long_uri(workspace, datastore, path) if found and short.startswith("azureml://datastores/") else short


def _registered(store: Store, workspace: WorkspaceId, output: Json) -> str | None:
    """The asset that a step of a pipeline has made of what is an output of the pipeline too."""
    family = "model" if output["jobOutputType"] in _MODEL_TYPES else "data"
    name, place = str(output["assetName"]), f"{family}Uri"
    for document in store.below(workspace.child(family, name), "versions"):
        if document["properties"].get(place) == output["uri"]:
            return _asset_id(store, workspace, name, document["name"], family)
    return None


def _register(store: Store, workspace: WorkspaceId, job: str, output: Json) -> str:
    name, kind, uri = str(output["assetName"]), output["jobOutputType"], output["uri"]
    family = "model" if kind in _MODEL_TYPES else "data"
    shared = {"isAnonymous": False, "isArchived": False, "tags": {}, "properties": {}, "provisioningState": "Succeeded"}
    own = (
        {"modelUri": uri, "modelType": kind, "jobName": job, "flavors": {}}
        if family == "model"
        else {"dataUri": uri, "dataType": kind}
    )
    asked = str(output.get("assetVersion") or "")
    document = register(store, workspace, family, name, {**shared, **own}, version=asked)
    return _asset_id(store, workspace, name, document["name"], family)


def _asset_id(store: Store, workspace: WorkspaceId, name: str, version: str, family: str = "data") -> str:
    document = store.get(str(workspace)) or {}
    location = document.get("location") or "local"
    guid = document.get("properties", {}).get("workspaceId") or workspace.name
    segment = "models" if family == "model" else "data"
    return f"azureml://locations/{location}/workspaces/{guid}/{segment}/{name}/versions/{version}"
