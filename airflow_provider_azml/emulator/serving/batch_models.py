"""The models of batch deployments: where they are, and whether they bring what a deployment does not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.storage.locations import LocationError, Locations
from airflow_provider_azml.emulator.threads import done_in_thread
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json


COMPONENT = "azureml_anonymous"
ENVIRONMENT = "CliV2AnonymousEnvironment"
"""The names that azure-ai-ml gives to what has none."""


@dataclass(frozen=True)
class BatchModel:
    """The model of a batch deployment.

    Args:
        uri: What names it.
        folder: Name of the folder that it is, which it keeps below ``AZUREML_MODEL_DIR``; empty when it is a file.
        is_mlflow: Whether it is an MLflow model, for which there is a scoring script.
        conda_file: The conda file of an MLflow model; empty when it has none.
    """

    uri: str
    folder: str = ""
    is_mlflow: bool = False
    conda_file: str = ""


def model_of(emulator: Emulator, deployment: Json) -> BatchModel | None:
    """The model of a batch deployment; ``None`` when it has none. Blocks.

    Raises:
        LocationError: Nothing is where it should be.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-batch-scoring-script, "Using models that are
    folders".
    """
    uri = (deployment["properties"].get("model") or {}).get("assetId")
    if not uri:
        return None
    place = Locations(emulator.store, arm_ids.parse(deployment["id"]).workspace).find(uri)
    try:
        names = emulator.blobs.names(place.container, place.path)
    except KeyError as error:
        raise LocationError(f"there is no container {place.container!r}") from error
    if place.path in names:
        return BatchModel(uri)
    below = {name.removeprefix(f"{place.path}/") for name in names if name.startswith(f"{place.path}/")}
    if not below:
        raise LocationError(f"there is nothing at {place.container}/{place.path}")
    conda = place.below("conda.yaml").path if {"MLmodel", "conda.yaml"} <= below else ""
    text = emulator.blobs.read(place.container, conda).decode() if conda else ""
    return BatchModel(uri, place.name or "model", "MLmodel" in below, text)


async def needs_of_model(emulator: Emulator, deployment: Json) -> Json:
    """Check that a deployment has, or its model brings, a scoring script and an environment.

    Returns:
        What is to be known of it when it is invoked: ``environmentId`` and ``modelFolder``.

    Raises:
        OperationFailed: It has not, or its model is not there.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-mlflow-batch
    """
    properties = deployment["properties"]
    try:
        model = await done_in_thread(model_of, emulator, deployment)
    except LocationError as error:
        raise OperationFailed("BadArgument", f"The model of the deployment cannot be read: {error}.") from error
    if not properties.get("codeConfiguration"):
        _check_brought(deployment, model)
    note: Json = {"environmentId": properties.get("environmentId"), "modelFolder": model.folder if model else ""}
    if not note["environmentId"] and model and model.conda_file:
        note["environmentId"] = anonymous(
            emulator, deployment["id"], "environment", ENVIRONMENT, {"condaFile": model.conda_file, "isAnonymous": True}
        )
    return note


def anonymous(emulator: Emulator, beside: str, kind: str, name: str, properties: Json) -> str:
    """The id of an asset that is in no list, with these properties; the same ones make the same asset.

    Args:
        emulator: The emulator.
        beside: Id of something in its workspace.
        kind: The kind of asset.
        name: Its name; its version is a hash of its properties.
        properties: Its ``properties``.
    """
    version = hashlib.sha256(json.dumps(properties, sort_keys=True).encode()).hexdigest()[:32]
    arm_id = arm_ids.parse(beside).workspace.child(kind, name, version)
    if emulator.store.get(arm_id) is None:
        emulator.store.put(arm_id, {"properties": properties}, listed=False)
    return arm_id


def _check_brought(deployment: Json, model: BatchModel | None) -> None:
    if model is None or not model.is_mlflow:
        lacks = "codeConfiguration, and its model is no MLflow model, which would do without"
    elif not (deployment["properties"].get("environmentId") or model.conda_file):
        lacks = "environmentId, and its model has no conda.yaml"
    else:
        return
    raise OperationFailed("BadArgument", f"Batch deployment '{deployment['name']}' has no {lacks}.")
