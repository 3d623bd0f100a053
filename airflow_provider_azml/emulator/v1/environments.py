"""The environment service: environments are registered, found and listed in the words of the retired generation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import unquote

import yaml
from starlette.routing import Route

from airflow_provider_azml.emulator.arm.asset_versions import next_version, note_version
from airflow_provider_azml.emulator.history.data_plane import Call, DataPlaneError, Operation, endpoint
from airflow_provider_azml.emulator.jobs.python_environments import curated
from airflow_provider_azml.emulator.v1.run_definitions import DEFAULT_IMAGE, environment_properties
from airflow_provider_azml.emulator.v1.sections import Section
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.v1 import environment_files

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

PREFIX = "/environment/v1.0"
_NAME = "environments/(?P<name>[^/]+)"
_VERSION = f"{_NAME}/versions/(?P<version>[^/]+)"
_LATEST = ("latest", "default")


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the environment service."""
    operations = Environments(emulator).operations()
    return [Route(f"{PREFIX}{{path:path}}", endpoint(emulator, PREFIX, operations), methods=["GET", "PUT"])]


class Environments:
    """Answers for the environment service: what it is given, Resource Manager has too, and the other way round.

    What a definition says that Resource Manager has no words for is kept beside it.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self) -> list[Operation]:
        """What can be asked. Source: ``EnvironmentClient`` of azureml-core 1.61."""
        return [
            Operation("GET", "environments/?", self._list),
            Operation("GET", _NAME, self._latest),
            Operation("GET", f"{_NAME}/labels/(?P<label>[^/]+)", self._labelled),
            Operation("GET", _VERSION, self._get),
            Operation("GET", f"{_VERSION}/image", self._image),
            Operation("PUT", _NAME, self._register),
            Operation("PUT", _VERSION, self._register),
        ]

    def _list(self, call: Call) -> Json:
        """The newest version of each environment."""
        known = self._emulator.store.children(call.workspace.child("environment"))
        newest = [self._emulator.store.newest(f"{one['id']}/versions") for one in known]
        shown = [self._shown(call.workspace, one) for one in newest if one and not one["properties"].get("isArchived")]
        return {"value": shown, "continuationToken": None}

    def _latest(self, call: Call) -> Json:
        name = unquote(call.names["name"])
        newest = self._emulator.store.newest(f"{call.workspace.child('environment', name)}/versions")
        if newest is not None:
            return self._shown(call.workspace, newest)
        stand_in = curated(f"azureml:{name}")
        if stand_in is None:
            raise _gone(call, name)
        properties = {"image": DEFAULT_IMAGE, **stand_in["properties"]}
        arm_id = call.workspace.child("environment", name, "1")
        return self._shown(call.workspace, {"id": arm_id, "name": "1", "properties": properties})

    def _labelled(self, call: Call) -> Json:
        if unquote(call.names["label"]).lower() not in _LATEST:
            raise _gone(call, f"{call.names['name']} with the label {call.names['label']}")
        return self._latest(call)

    def _get(self, call: Call) -> Json:
        name, version = unquote(call.names["name"]), unquote(call.names["version"])
        found = self._emulator.store.get(call.workspace.child("environment", name, version))
        if found is None:
            raise _gone(call, f"{name} version {version}")
        return self._shown(call.workspace, found)

    def _image(self, call: Call) -> Json:
        """What is known of the image of a version. Source: ``Environment.get_image_details`` of azureml-core 1.61."""
        name, version = unquote(call.names["name"]), unquote(call.names["version"])
        found = self._emulator.store.get(call.workspace.child("environment", name, version))
        if found is None:
            raise _gone(call, f"{name} version {version}")
        return self._emulator.deployments.images.details(found)

    def _register(self, call: Call) -> Json:
        """Register a definition; one that says the same as the newest version is that."""
        name, version = unquote(call.names["name"]), unquote(call.names.get("version") or "")
        if name.lower().startswith(("azureml", "microsoft")):
            raise DataPlaneError(
                400, "UserError", f"'{name}': names that begin with AzureML or Microsoft are reserved."
            )
        store, container = self._emulator.store, call.workspace.child("environment", name)
        kept = {key: value for key, value in call.body.items() if key.lower() not in ("name", "version")}
        if not version:
            newest = store.newest(f"{container}/versions")
            if newest is not None and store.record(_collection(call.workspace), newest["id"].lower()) == kept:
                return self._shown(call.workspace, newest)
            version = next_version(store, container)
        definition = Section({"configuration": {"environment": call.body}})
        properties = {**environment_properties(definition, _no_file), "isAnonymous": False}
        arm_id = call.workspace.child("environment", name, version)
        if (known := store.get(arm_id)) is not None and _made_of(known["properties"]) != _made_of(properties):
            raise DataPlaneError(
                409, "UserError", f"Environment {name} version {version} is there, and is another one."
            )
        document = store.put(arm_id, {"properties": properties})
        store.put_record(_collection(call.workspace), arm_id.lower(), kept)
        note_version(store, arm_id)
        return self._shown(call.workspace, document)

    def _shown(self, workspace: WorkspaceId, document: Json) -> Json:
        """A definition. Source: ``Environment._deserialize_and_add_to_object`` of azureml-core 1.61, which reads it."""
        try:
            files = environment_files.written(document)
        except SpecError as error:
            raise DataPlaneError(400, "UserError", str(error)) from error
        shown: Json = json.loads(files[environment_files.FILE])
        conda = yaml.safe_load(files.get(environment_files.CONDA_FILE, "null"))
        shown["python"] = {**shown["python"], "condaDependencies": conda}
        del shown["python"]["condaDependenciesFile"]
        kept = self._emulator.store.record(_collection(workspace), document["id"].lower()) or {}
        return {**shown, **{key[:1].lower() + key[1:]: value for key, value in kept.items() if value is not None}}


def _collection(workspace: WorkspaceId) -> str:
    return f"v1_environments:{str(workspace).lower()}"


def _made_of(properties: Json) -> tuple[object, ...]:
    return tuple(properties.get(name) for name in ("image", "condaFile", "build"))


def _no_file(path: str) -> str:
    raise DataPlaneError(400, "UserError", f"The conda file '{path}' was not sent: send condaDependencies.")


def _gone(call: Call, what: str) -> DataPlaneError:
    return DataPlaneError(404, "UserError", f"Environment {what} was not found in workspace {call.workspace.name}.")
