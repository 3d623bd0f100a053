"""Models as the retired generation registers and lists them: the same ones as Resource Manager has."""

from __future__ import annotations

import posixpath
import re
import uuid
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import Response

from airflow_provider_azml.emulator.arm.asset_versions import register
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.history.data_plane import Operation
from airflow_provider_azml.emulator.serving.service_files import MODEL_DETAILS, artifact_uri
from airflow_provider_azml.emulator.storage.locations import LocationError, Locations
from airflow_provider_azml.emulator.v1 import json_patch, model_lists
from airflow_provider_azml.emulator.v1.model_errors import ModelManagementError, bad_request
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.history.data_plane import Call
    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.emulator.v1.web_services import WebServices
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

_ASSETS = "v1_assets"
_ASSET_URL = "aml://asset/"
_ARTIFACT_URL = "aml://artifact/"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")
_DETAILS = (
    "url",
    "mimeType",
    "framework",
    "frameworkVersion",
    "unpack",
    "experimentName",
    "runId",
    "parentModelId",
    "datasets",
    "sampleInputData",
    "sampleOutputData",
    "resourceRequirements",
)
"""What the retired generation knows of a model besides what Resource Manager keeps."""
_CHANGEABLE = ("description", "kvTags", "properties", *_DETAILS)
_DATASTORE_PATH = re.compile(r"/datastores/[^/]+/paths/(?P<path>.+?)/?$")


def shown(store: Store, document: Json) -> Json:
    """A version of a model as model management shows it.

    Args:
        store: The emulator's resources.
        document: As the store has it.

    Sources: ``Model`` of the 2019-09-30 model management file; what azureml-core's ``Model`` reads of it.
    """
    properties, system = document["properties"], document["systemData"]
    parsed = arm_ids.parse(document["id"])
    name, version = parsed.name, parsed.version or "1"
    details = store.record(MODEL_DETAILS, document["id"].lower()) or {}
    return {
        "id": f"{name}:{version}",
        "name": name,
        "version": int(version) if version.isdecimal() else version,
        "framework": "Custom",
        "frameworkVersion": None,
        "url": f"{_ASSET_URL}{_asset_of(document)}",
        "mimeType": "application/json",
        "unpack": False,
        "runId": properties.get("jobName"),
        "experimentName": None,
        "datasets": [],
        "parentModelId": None,
        "derivedModelIds": None,
        "sampleInputData": None,
        "sampleOutputData": None,
        "resourceRequirements": None,
        **{key: value for key, value in details.items() if value is not None},
        "description": properties.get("description"),
        "kvTags": properties.get("tags") or {},
        "properties": properties.get("properties") or {},
        "createdTime": system["createdAt"],
        "modifiedTime": system["lastModifiedAt"],
        "createdBy": {"userObjectId": None, "userTenantId": None, "userName": system["createdBy"]},
    }


class Models:
    """Answers for models and their assets.

    Args:
        emulator: The emulator.
        services: Its web services, which hold models.
    """

    def __init__(self, emulator: Emulator, services: WebServices) -> None:
        self._emulator = emulator
        self._services = services

    def operations(self) -> list[Operation]:
        """What can be asked. Sources: the 2019-09-30 model management file; azureml-core's clients."""
        model, asset = r"models/(?P<id>[^/]+)", r"assets/(?P<id>[^/]+)"
        return [
            Operation("GET", "models", self._list),
            Operation("POST", "models/list", self._list),
            Operation("POST", "models", self._register),
            Operation("GET", model, self._get),
            Operation("PATCH", model, self._patch, body="raw"),
            Operation("DELETE", model, self._delete),
            Operation("GET", f"{model}/metrics", self._metrics),
            Operation("GET", "assets", self._assets),
            Operation("POST", "assets", self._create_asset),
            Operation("GET", asset, self._asset),
            Operation("PATCH", asset, self._patch_asset, body="raw"),
            Operation("DELETE", asset, self._delete_asset),
        ]

    def _list(self, call: Call) -> Json:
        query = {**call.body, **call.request.query_params}
        found = [shown(self._emulator.store, one) for one in self._versions(call.workspace, query.get("name"))]
        for field in ("framework", "description", "runId"):
            if query.get(field):
                found = [one for one in found if str(one.get(field)) == str(query[field])]
        if query.get("datasetId"):
            found = [one for one in found if query["datasetId"] in [ref.get("id") for ref in one["datasets"]]]
        if str(query.get("latestVersionOnly")).lower() == "true":
            found = list({one["name"]: one for one in found}.values())
        return model_lists.page(call, self._emulator.https_url, found)

    def _register(self, call: Call) -> Json:
        """Register a version, of which the service gives the number.

        Source: ``MLModels_Register`` of the 2019-09-30 model management file.
        """
        body = call.body
        name = str(body.get("name") or "")
        if not _NAME.fullmatch(name):
            rule = "1 to 255 letters, digits, '-', '.' and '_', beginning with a letter or a digit"
            raise bad_request(f"'{name}' is not a valid name for a model: {rule}.", target="name")
        missing = [field for field in ("url", "mimeType") if not body.get(field)]
        if missing:
            raise bad_request(f"The request for model '{name}' lacks {' and '.join(missing)}.", target=missing[0])
        uri = self._uri(call.workspace, str(body["url"]))
        properties: Json = {
            "modelType": "custom_model",
            "modelUri": uri,
            "flavors": {},
            "jobName": body.get("runId"),
            "description": body.get("description"),
            "tags": body.get("kvTags") or {},
            "properties": body.get("properties") or {},
            "isArchived": False,
            "isAnonymous": False,
        }
        document = register(self._emulator.store, call.workspace, "model", name, properties)
        self._keep(document, body)
        return shown(self._emulator.store, document)

    def _get(self, call: Call) -> Json:
        return shown(self._emulator.store, self._found(call))

    async def _patch(self, call: Call) -> Json:
        document = self._found(call)
        changed = json_patch.patched(shown(self._emulator.store, document), await json_patch.operations_of(call))

        def write(version: Json) -> None:
            version["properties"] |= {
                "description": changed["description"],
                "tags": changed["kvTags"] or {},
                "properties": changed["properties"] or {},
            }

        stored = self._emulator.store.update(document["id"], write) or document
        self._keep(stored, {key: changed.get(key) for key in _CHANGEABLE})
        return shown(self._emulator.store, stored)

    def _delete(self, call: Call) -> Response:
        """Delete a version, unless a service holds it.

        Source: ``DeletionRequired`` with 412, as azureml-core's ``Model.delete`` knows it.
        """
        try:
            document = self._found(call)
        except ModelManagementError:
            return Response(status_code=204)
        model = call.names["id"]
        holding = [
            one["name"]
            for one in self._services.all(call.workspace)
            if model in (one["properties"]["environmentImageRequest"].get("modelIds") or [])
        ]
        if holding:
            message = f"Model '{model}' cannot be deleted: it is used by the service {', '.join(holding)}."
            raise ModelManagementError(412, "DeletionRequired", message)
        self._emulator.store.delete(document["id"])
        return Response(status_code=200)

    def _metrics(self, call: Call) -> Json:
        """How the deployments of a model went. Source: ``ModelOperationalState`` of the model management file."""
        self._found(call)
        states = [
            one["properties"]["status"]["state"]
            for one in self._services.all(call.workspace)
            if call.names["id"] in (one["properties"]["environmentImageRequest"].get("modelIds") or [])
        ]
        summary = {
            "successfulDeployments": states.count("Healthy"),
            "unsuccessfulDeployments": states.count("Failed"),
        }
        query = call.request.query_params
        return {"deploymentSummary": summary, "startTime": query.get("startDate"), "endTime": query.get("endDate")}

    def _assets(self, call: Call) -> Json:
        query = call.request.query_params
        found = self._emulator.store.records(f"{_ASSETS}:{str(call.workspace).lower()}")
        for field, key in (("runId", "runid"), ("name", "name"), ("type", "type")):
            if query.get(field):
                found = [one for one in found if str(one.get(key)) == query[field]]
        return model_lists.page(call, self._emulator.https_url, found)

    def _create_asset(self, call: Call) -> Json:
        if not call.body.get("name"):
            raise bad_request("The request for an asset lacks its name.", target="name")
        asset: Json = {
            "id": uuid.uuid4().hex,
            "name": call.body["name"],
            "type": call.body.get("type"),
            "description": call.body.get("description"),
            "artifacts": call.body.get("artifacts") or [],
            "kvTags": call.body.get("kvTags") or {},
            "properties": call.body.get("properties") or {},
            "runid": call.body.get("runid"),
            "meta": call.body.get("meta") or {},
            "createdTime": timestamp(),
        }
        self._emulator.store.put_record(f"{_ASSETS}:{str(call.workspace).lower()}", asset["id"], asset)
        return asset

    def _asset(self, call: Call) -> Json:
        return self._found_asset(call.workspace, call.names["id"])

    async def _patch_asset(self, call: Call) -> Json:
        before = self._found_asset(call.workspace, call.names["id"])
        changed = json_patch.patched(before, await json_patch.operations_of(call))
        self._emulator.store.put_record(f"{_ASSETS}:{str(call.workspace).lower()}", before["id"], changed)
        return changed

    def _delete_asset(self, call: Call) -> Response:
        known = self._emulator.store.record(f"{_ASSETS}:{str(call.workspace).lower()}", call.names["id"])
        self._emulator.store.delete_record(f"{_ASSETS}:{str(call.workspace).lower()}", call.names["id"])
        return Response(status_code=200 if known else 204)

    def _found_asset(self, workspace: WorkspaceId, asset_id: str) -> Json:
        """An asset that was made, or the one that stands for a model that was registered otherwise."""
        asset = self._emulator.store.record(f"{_ASSETS}:{str(workspace).lower()}", asset_id)
        if asset is not None:
            return asset
        for document in self._versions(workspace, None):
            if _asset_of(document) == asset_id:
                return self._standing_for(workspace, document, asset_id)
        raise ModelManagementError(404, "AssetNotFound", f"Asset with id '{asset_id}' was not found.")

    def _standing_for(self, workspace: WorkspaceId, document: Json, asset_id: str) -> Json:
        """The asset of a model that was registered without one."""
        try:
            uri = Locations(self._emulator.store, workspace).long_uri(document["properties"]["modelUri"])
        except LocationError as error:
            raise ModelManagementError(404, "AssetNotFound", f"The files of the model are gone: {error}.") from error
        found = _DATASTORE_PATH.search(uri)
        return {
            "id": asset_id,
            "name": arm_ids.parse(document["id"]).name,
            "artifacts": [{"id": None, "prefix": found["path"] if found else ""}],
            "kvTags": {},
            "properties": {},
            "createdTime": document["systemData"]["createdAt"],
        }

    def _uri(self, workspace: WorkspaceId, url: str) -> str:
        """Where the files of a model are that its URL names.

        Raises:
            ModelManagementError: There are none.
        """
        if url.startswith(_ASSET_URL):
            artifacts = self._found_asset(workspace, url.removeprefix(_ASSET_URL))["artifacts"]
            names = [str(one.get("prefix") or one.get("id") or "") for one in artifacts]
            # a model has one place: of several artifacts, the folder that all of them are in
            uri = artifact_uri(self._emulator, workspace, posixpath.commonpath(names)) if names else ""
        elif url.startswith(_ARTIFACT_URL):
            uri = artifact_uri(self._emulator, workspace, url.removeprefix(_ARTIFACT_URL))
        else:
            uri = url
        locations = Locations(self._emulator.store, workspace)
        try:
            place = locations.find(uri)
            names = self._emulator.blobs.names(place.container, place.path)
            if not any(name == place.path or name.startswith(f"{place.path}/") for name in names):
                raise bad_request(f"There is nothing at the url '{url}' of the model.", target="url")
            return locations.long_uri(uri)
        except LocationError as error:
            raise bad_request(f"The url '{url}' of the model cannot be used: {error}.", target="url") from error

    def _found(self, call: Call) -> Json:
        name, _, version = call.names["id"].rpartition(":")
        document = self._emulator.store.get(call.workspace.child("model", name, version)) if name else None
        if document is None:
            message = f"ModelNotFound: Model with id {call.names['id']} not found in workspace {call.workspace.name}."
            raise ModelManagementError(404, "ModelNotFound", message)
        return document

    def _versions(self, workspace: WorkspaceId, name: object) -> Iterator[Json]:
        """The versions of one model or of all, oldest first; those that are archived are out of sight."""
        if name:
            found = self._emulator.store.children(f"{workspace.child('model', quote(str(name)))}/versions")
        else:
            found = self._emulator.store.below(workspace.child("model"), "versions")
        return (one for one in found if not one["properties"].get("isArchived"))

    def _keep(self, document: Json, given: Json) -> None:
        details = {key: given.get(key) for key in _DETAILS}
        self._emulator.store.put_record(MODEL_DETAILS, document["id"].lower(), details)


def _asset_of(document: Json) -> str:
    """Id of the asset that stands for a model which has none of its own."""
    return uuid.uuid5(uuid.NAMESPACE_URL, document["id"].lower()).hex
