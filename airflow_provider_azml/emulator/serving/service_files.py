"""What the server of a web service of the retired generation runs on, brought to this machine as into its image."""

from __future__ import annotations

import json
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_azml.emulator.jobs.files import JobFilesError, fetch
from airflow_provider_azml.emulator.jobs.python_environments import curated
from airflow_provider_azml.emulator.serving.deployment_files import DeploymentFiles, fetch_model
from airflow_provider_azml.emulator.storage.locations import Locations
from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.spec.v1.no_code import frameworks

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.serving.deployment_log import DeploymentLog
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

SEGMENT = "services"
MODEL_DETAILS = "v1_models"
"""Records of what is known of models besides what Resource Manager keeps, by the id of the version."""
_MODELS = "azureml-models"
_ARTIFACT = "aml://artifact/"
_STORES = ("workspaceartifactstore", "workspaceblobstore")


def is_service(document: Json) -> bool:
    """Whether what is served is of the retired generation: a web service, or a model that is being profiled."""
    return "environmentImageRequest" in document["properties"]


def artifact_uri(emulator: Emulator, workspace: WorkspaceId, artifact: str) -> str:
    """The datastore path of an artifact, which may be a prefix of several.

    Args:
        emulator: The emulator.
        workspace: The workspace.
        artifact: ``<origin>/<container>/<path>``.

    Sources: ``ExperimentRun/dcid.<run>`` and ``LocalUpload/<container>`` as azureml-core names them; models that
    azure-ai-ml uploads are below ``LocalUpload``, too, but in the default datastore.
    """
    locations = Locations(emulator.store, workspace)
    name = artifact.strip("/")
    for store in _STORES:
        place = locations.of_datastore(store).below(name)
        names = emulator.blobs.names(place.container, place.path)
        if any(one == place.path or one.startswith(f"{place.path}/") for one in names):
            return f"azureml://datastores/{store}/paths/{name}"
    return f"azureml://datastores/{_STORES[0]}/paths/{name}"


def fetch_service_files(emulator: Emulator, service: Json, folder: Path, log: DeploymentLog) -> DeploymentFiles:
    """Bring assets and models of a service here; blocks.

    Everything lies as in the image that the service builds: assets, unpacked where they are to be, in the root of the
    application, and models below ``azureml-models/<name>/<version>`` there.

    Args:
        emulator: The emulator.
        service: The service, as the store has it.
        folder: A folder that is not there yet.
        log: Gets to know what is fetched.

    Raises:
        JobFilesError: Something is not there.
        LocationError: A place makes no sense.
        OSError: It cannot be written, e.g. because the disk is full.

    Sources: ``EnvironmentImageRequest`` of the 2019-09-30 model management file, as azureml-core fills it; where models
    lie and what AZUREML_MODEL_DIR is:
    https://learn.microsoft.com/azure/machine-learning/v1/how-to-deploy-advanced-entry-script#load-registered-models
    """
    request: Json = service["properties"]["environmentImageRequest"]
    workspace = arm_ids.parse("/".join(service["id"].split("/")[:-2])).workspace
    root = folder / "code"
    root.mkdir(parents=True)
    for asset in request.get("assets") or []:
        _fetch_asset(emulator, workspace, asset, root)
        log.downloaded(f"Downloaded the asset {asset.get('url')}")
    models = [_fetch_model(emulator, workspace, str(one), root) for one in request.get("modelIds") or []]
    for model in models:
        log.downloaded(f"Downloaded the model {model.relative_to(root)}")
    model_folder = root / _MODELS if len(models) > 1 else models[0] if models else None
    given: Json = request.get("environment") or {}
    if not request.get("driverProgram"):
        script, environment = _without_code(emulator, workspace, request, root)
    else:
        script, environment = _script(root, request, given), _environment(emulator, workspace, given)
    return DeploymentFiles(folder, root, script, model_folder, environment)


def _fetch_asset(emulator: Emulator, workspace: WorkspaceId, asset: Json, root: Path) -> None:
    url = str(asset.get("url") or "")
    uri = artifact_uri(emulator, workspace, url.removeprefix(_ARTIFACT)) if url.startswith(_ARTIFACT) else url
    # an id is what the file is called in the image; nothing that it holds leads out of the root
    name = PurePosixPath(str(asset.get("id") or urlsplit(url).path)).name
    scratch = root.with_name("incoming")
    scratch.mkdir()
    fetched = fetch(emulator.blobs, Locations(emulator.store, workspace), uri, scratch, what=f"the asset {name!r}")
    if fetched.is_file() and asset.get("unpack"):
        unpack(fetched, root)
    elif fetched.is_file():
        shutil.move(fetched, root / name)
    else:
        shutil.copytree(fetched, root, dirs_exist_ok=True)
    shutil.rmtree(scratch)


def unpack(archive: Path, target: Path) -> None:
    """Take a tar file apart, where nothing that is in it leads out of the folder.

    Raises:
        JobFilesError: It is none, or it would.
    """
    try:
        with tarfile.open(archive) as opened:
            opened.extractall(target, filter="data")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise JobFilesError(f"the archive {archive.name!r} cannot be unpacked: {error}") from error


def _fetch_model(emulator: Emulator, workspace: WorkspaceId, model: str, root: Path) -> Path:
    name, _, version = model.partition(":")
    model_id = workspace.child("model", name, version)
    if emulator.store.get(model_id) is None:
        raise JobFilesError(f"the model {model!r} does not exist in workspace {workspace.name!r}")
    fetched = fetch_model(emulator, Locations(emulator.store, workspace), model_id, root)
    assert fetched is not None
    if (emulator.store.record(MODEL_DETAILS, model_id.lower()) or {}).get("unpack"):
        for archive in sorted(file for file in fetched.iterdir() if file.is_file()):
            unpack(archive, fetched)
            archive.unlink()
    return fetched


def _script(root: Path, request: Json, environment: Json) -> Path:
    """The script that is served: the one that the environment names, else the driver."""
    named = (environment.get("environmentVariables") or {}).get("AZUREML_ENTRY_SCRIPT")
    for name in (named, request.get("driverProgram")):
        script = (root / str(name or "")).resolve()
        if name and script.is_relative_to(root.resolve()) and script.is_file():
            return script
    names = " or ".join(repr(name) for name in (named, request.get("driverProgram")) if name)
    raise JobFilesError(f"the assets have no file {names or 'that is named as the driverProgram'}")


def _without_code(emulator: Emulator, workspace: WorkspaceId, request: Json, root: Path) -> tuple[Path, Json]:
    """The script and the environment that the service has for the framework of a model.

    Source: "MMS will provide the environment, driver program, etc." of ``build_and_validate_no_code_...`` of
    azureml-core 1.61, and the frameworks that it lists.
    """
    ids = [str(one) for one in request.get("modelIds") or []]
    if len(ids) != 1:
        raise JobFilesError("a service without a driverProgram has exactly one model")
    name, _, version = ids[0].partition(":")
    model_id = workspace.child("model", name, version)
    details = emulator.store.record(MODEL_DETAILS, model_id.lower()) or {}
    found, release = frameworks.of_model(emulator.store.get(model_id) or {})
    word = str(details.get("framework") or found or "Custom")
    framework = frameworks.framework(frameworks.named(word) or word)
    if framework is None:
        known = ", ".join(each.name for each in frameworks.FRAMEWORKS)
        raise JobFilesError(f"model {ids[0]!r} is of framework {word}, which needs a script; without one: {known}")
    script = root / frameworks.SCRIPT
    script.write_text(framework.script)
    dependencies = framework.conda(details.get("frameworkVersion") or release)
    return script, {"properties": {"condaFile": json.dumps(dependencies)}}


def _environment(emulator: Emulator, workspace: WorkspaceId, given: Json) -> Json:
    """An environment of the retired generation as those of today are."""
    python: Json = given.get("python") or {}
    docker: Json = given.get("docker") or {}
    if docker.get("baseDockerfile"):
        return {"properties": {"build": {"dockerfile": docker["baseDockerfile"]}}}
    dependencies = python.get("condaDependencies")
    if dependencies and not python.get("userManagedDependencies"):
        return {"properties": {"condaFile": json.dumps(dependencies)}}
    name, version = str(given.get("name") or ""), given.get("version")
    if name and not python:
        return _registered(emulator, workspace, name, str(version) if version else None)
    return {"properties": {}}


def _registered(emulator: Emulator, workspace: WorkspaceId, name: str, version: str | None) -> Json:
    store = emulator.store
    if version:
        found = store.get(workspace.child("environment", name, version))
    else:
        found = store.newest(f"{workspace.child('environment', name)}/versions")
    known = found or curated(f"azureml:{name}")
    if known is None:
        wanted = f"{name}:{version}" if version else name
        raise JobFilesError(f"the environment {wanted!r} does not exist in workspace {workspace.name!r}")
    return known
