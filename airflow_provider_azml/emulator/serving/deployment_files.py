"""What the server of a deployment runs on: its script, its model and its environment, brought to this machine."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.jobs.files import JobFilesError, fetch
from airflow_provider_azml.emulator.jobs.python_environments import curated
from airflow_provider_azml.emulator.storage.locations import Locations
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.serving.deployment_log import DeploymentLog
    from airflow_provider_azml.rest.flows import Json

_MLFLOW_SCRIPT = Path(__file__).with_name("mlflow_score.py")
_SERVED = (
    "codeConfiguration",
    "environmentId",
    "environmentImageRequest",
    "environmentVariables",
    "livenessProbe",
    "model",
    "readinessProbe",
)


@dataclass(frozen=True)
class DeploymentFiles:
    """What a server runs on.

    Args:
        folder: Where all of it is.
        working: Where the server runs.
        script: The scoring script.
        model: What ``AZUREML_MODEL_DIR`` is to be, if there is a model.
        environment: The environment, as the store has it.
    """

    folder: Path
    working: Path
    script: Path
    model: Path | None
    environment: Json


def served(deployment: Json) -> Json:
    """What of a deployment its server depends on; the rest may change while it serves."""
    return {name: deployment["properties"].get(name) for name in _SERVED}


def fetch_files(emulator: Emulator, deployment: Json, folder: Path, log: DeploymentLog) -> DeploymentFiles:
    """Bring code and model of a deployment here; blocks.

    Args:
        emulator: The emulator.
        deployment: The deployment, as the store has it.
        folder: A folder that is not there yet.
        log: Gets to know what is fetched.

    Raises:
        JobFilesError: Something is not there.
        LocationError: The model's place makes no sense.
        OSError: It cannot be written, e.g. because the disk is full.
    """
    properties = deployment["properties"]
    locations = Locations(emulator.store, arm_ids.parse(deployment["id"]).workspace)
    code = folder / "code"
    code.mkdir(parents=True)
    model = fetch_model(emulator, locations, properties.get("model"), folder)
    if model:
        log.downloaded(f"Downloaded the model {properties['model']}")
    configuration = properties.get("codeConfiguration") or {}
    if configuration.get("codeId"):
        fetch(emulator.blobs, locations, configuration["codeId"], code, what="its code")
        log.downloaded(f"Downloaded the code {configuration['codeId']}")
    script = configuration.get("scoringScript")
    if script is None:
        shutil.copyfile(_MLFLOW_SCRIPT, code / "score.py")
        script = "score.py"
    elif not (code / script).resolve().is_relative_to(code.resolve()) or not (code / script).is_file():
        raise JobFilesError(f"the code has no file {script!r}, which codeConfiguration.scoringScript names")
    place = code / script
    return DeploymentFiles(folder, place.parent, place, model, _environment(emulator, properties, model))


def variables_of(deployment: Json, files: DeploymentFiles) -> dict[str, str]:
    """Environment variables of a deployment's server."""
    given: dict[str, object] = deployment["properties"].get("environmentVariables") or {}
    own = {
        "AML_APP_ROOT": str(files.folder / "code"),
        "AZUREML_ENTRY_SCRIPT": str(files.script),
    }
    if files.model is not None:
        own["AZUREML_MODEL_DIR"] = str(files.model)
    return {**own, **{name: str(value) for name, value in given.items() if value is not None}}


def fetch_model(emulator: Emulator, locations: Locations, model_id: str | None, folder: Path) -> Path | None:
    """Bring a model here, below ``azureml-models/<name>/<version>`` of a folder; that, if there is a model.

    Raises:
        JobFilesError: It is not there.
    """
    if not model_id:
        return None
    place = locations.find(model_id)
    root = folder / "azureml-models"
    try:
        parsed = arm_ids.parse(model_id)
        root = root / parsed.name / (parsed.version or "1")
    except ValueError:
        root = root / "model" / "1"
    # a folder keeps its name below AZUREML_MODEL_DIR, as a file does
    blob = place.path in emulator.blobs.names(place.container, place.path)
    target = root if blob or not place.name else root / place.name
    target.mkdir(parents=True)
    fetch(emulator.blobs, locations, model_id, target, what="the model")
    return root


def named_environment(emulator: Emulator, properties: Json) -> Json | None:
    """The environment that a deployment names, if it names one.

    Raises:
        JobFilesError: It is not there.
    """
    environment_id = str(properties.get("environmentId") or "")
    if not environment_id:
        return None
    environment = emulator.store.get(environment_id) or curated(environment_id)
    if environment is None:
        raise JobFilesError(f"the environment {environment_id!r} does not exist")
    return environment


def _environment(emulator: Emulator, properties: Json, model: Path | None) -> Json:
    if environment := named_environment(emulator, properties):
        return environment
    conda_files = sorted(model.rglob("conda.yaml")) if model else []
    if not conda_files:
        raise JobFilesError("the deployment names no environment, and its model is not an MLflow model with one")
    return {"properties": {"condaFile": conda_files[0].read_text()}}
