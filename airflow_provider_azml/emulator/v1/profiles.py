"""Profiles of models over HTTP, as azureml-core and CLI v1 ask for them."""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.history.data_plane import Operation
from airflow_provider_azml.emulator.jobs.files import JobFilesError
from airflow_provider_azml.emulator.storage.locations import LocationError
from airflow_provider_azml.emulator.threads import done_in_thread
from airflow_provider_azml.emulator.v1 import model_lists
from airflow_provider_azml.emulator.v1.model_errors import ModelManagementError, bad_request, error_document
from airflow_provider_azml.emulator.v1.operations import WorkFailed
from airflow_provider_azml.emulator.v1.profile_runs import payloads_of, profiled
from airflow_provider_azml.emulator.v1.service_requests import serving

if TYPE_CHECKING:
    from starlette.responses import Response

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.history.data_plane import Call
    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.emulator.v1.operations import AsyncOperations
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

SEGMENT = "profiles"
_CORES, _MEMORY = 3.5, 15.0
"""What a profile is made with unless it is said otherwise, and at most."""
_SMALLEST = 0.1


def recover(store: Store) -> None:
    """At the start: what was under way when an emulator ended without notice has failed."""
    error = error_document(500, "InternalServerError", "The emulator was stopped before this had ended.")

    def end(document: Json) -> None:
        document["properties"]["profile"] |= {"state": "Failed", "error": error}

    for one in store.below("/subscriptions", SEGMENT):
        if one["properties"]["profile"]["state"] == "Running":
            store.update(one["id"], end)


class Profiles:
    """Answers for profiles.

    Args:
        emulator: The emulator.
        operations: Its asynchronous operations.

    Sources: ``Profiles_*`` of the 2019-09-30 model management file, whose profiles are of images; ``ModelProfile`` and
    ``Model.profile`` of azureml-core 1.61, whose profiles are of requests for an environment.
    """

    def __init__(self, emulator: Emulator, operations: AsyncOperations) -> None:
        self._emulator = emulator
        self._operations = operations

    def operations(self) -> list[Operation]:
        """What can be asked."""
        of_image = r"images/(?P<image>[^/]+)/profiles"
        return [
            Operation("GET", SEGMENT, self._list),
            Operation("POST", SEGMENT, self._create),
            Operation("GET", rf"{SEGMENT}/(?P<id>[^/]+)", self._get),
            Operation("GET", of_image, self._list),
            Operation("POST", of_image, self._create),
            Operation("GET", rf"{of_image}/(?P<id>[^/]+)", self._get),
        ]

    def _list(self, call: Call) -> Json:
        name, image = call.request.query_params.get("name"), call.names.get("image")
        found = [one["properties"]["profile"] for one in self._all(call.workspace)]
        wanted = [one for one in found if name in (None, one["name"]) and image in (None, one.get("imageId"))]
        page = model_lists.page(call, self._emulator.https_url, wanted)
        if name and not page["value"]:
            raise ModelManagementError(404, "ProfileNotFound", f"There is no profile with the name '{name}'.")
        return page

    def _get(self, call: Call) -> Json:
        for one in self._all(call.workspace):
            profile: Json = one["properties"]["profile"]
            if call.names["id"] in (profile["id"], profile["name"]):
                return profile
        message = f"Profile '{call.names['id']}' was not found in workspace '{call.workspace.name}'."
        raise ModelManagementError(404, "ProfileNotFound", message)

    def _create(self, call: Call) -> Response:
        body = call.body
        if not body.get("name"):
            raise bad_request("The request for a profile lacks its name.", target="name")
        if call.names.get("image"):
            message = "The emulator runs no images: send the environmentImageRequest to /profiles."
            raise bad_request(message, target="imageId")
        if not isinstance(body.get("environmentImageRequest"), dict):
            message = f"The request for profile '{body['name']}' lacks its environmentImageRequest."
            raise bad_request(message, target="environmentImageRequest")
        if body.get("inputData") is None and not body.get("inputDatasetId"):
            raise bad_request(f"Profile '{body['name']}' needs inputDatasetId or inputData.", target="inputDatasetId")
        profile = self._begun(body)
        arm_id = f"{call.workspace}/{SEGMENT}/{profile['id']}"
        request = {"environmentImageRequest": body["environmentImageRequest"], "name": profile["id"]}
        self._emulator.store.put(arm_id, {"properties": {**serving(request), "profile": profile}})

        async def work(_: str) -> None:
            await self._run(call.workspace, arm_id, body)

        path = f"{SEGMENT}/{profile['id']}"
        return self._operations.begin(call.workspace, path, "Profile", work)[1]

    def _begun(self, body: Json) -> Json:
        asked = {"cpu": _CORES, "memoryInGB": _MEMORY, **(body.get("containerResourceRequirements") or {})}
        for key, most in (("cpu", _CORES), ("memoryInGB", _MEMORY)):
            if not isinstance(asked[key], (int, float)) or not _SMALLEST <= asked[key] <= most:
                path = f"containerResourceRequirements.{key}"
                message = f"{path} of profile '{body['name']}' is a number from 0.1 to {most:g}, not {asked[key]!r}."
                raise bad_request(message, target=path)
        return {
            "id": uuid.uuid4().hex,
            "name": body["name"],
            "description": body.get("description"),
            "state": "Running",
            "createdTime": timestamp(),
            "kvTags": body.get("kvTags") or {},
            "properties": body.get("properties") or {},
            "inputDatasetId": body.get("inputDatasetId"),
            "inputData": body.get("inputData"),
            "containerResourceRequirements": asked,
            "requestedQueriesPerSecond": 0.0,
            "modelIds": body["environmentImageRequest"].get("modelIds") or [],
            "environment": body["environmentImageRequest"].get("environment"),
        }

    async def _run(self, workspace: WorkspaceId, arm_id: str, body: Json) -> None:
        folder = self._emulator.home / "profiles" / arm_id.rpartition("/")[2]
        try:
            payloads = await done_in_thread(payloads_of, self._emulator, workspace, body, folder)
            measured = await profiled(self._emulator, arm_id, payloads)
        except (OperationFailed, JobFilesError, LocationError) as failed:
            code = failed.code if isinstance(failed, OperationFailed) else "InputDataNotFound"
            error = error_document(400, code, str(failed))
            self._note(arm_id, {"state": "Failed", "error": error})
            raise WorkFailed(error) from failed
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if not measured["successQueries"]:
            message = "Not one of the requests was answered with success: look at the data and the script."
            error = error_document(400, "AllRequestsFailed", message)
            self._note(arm_id, {**measured, "state": "Failed", "error": error})
            raise WorkFailed(error)
        self._note(arm_id, {**measured, "state": "Succeeded"})

    def _note(self, arm_id: str, fields: Json) -> None:
        self._emulator.store.update(arm_id, lambda document: document["properties"]["profile"].update(fields))

    def _all(self, workspace: WorkspaceId) -> list[Json]:
        return self._emulator.store.children(f"{workspace}/{SEGMENT}")
