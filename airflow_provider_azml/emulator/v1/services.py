"""Web services over HTTP: made, changed, listed, opened and deleted as the retired generation does it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from airflow_provider_azml.emulator.arm import endpoint_keys
from airflow_provider_azml.emulator.history.data_plane import Operation
from airflow_provider_azml.emulator.serving.service_files import SEGMENT
from airflow_provider_azml.emulator.v1 import json_patch, model_lists
from airflow_provider_azml.emulator.v1.model_errors import ModelManagementError, bad_request
from airflow_provider_azml.emulator.v1.models import shown as shown_model
from airflow_provider_azml.emulator.v1.service_requests import accepted, replicas

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.history.data_plane import Call
    from airflow_provider_azml.emulator.v1.web_services import WebServices
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

_LOG_LINES = 5000
_KINDS_OF_COMPUTE = ("AKS", "Kubernetes")
_UNTOLD = ("environmentImageRequest", "sslKey", "sslCertificate")
_SERVICE = r"services/(?P<name>[^/]+)"


class Services:
    """Answers for web services.

    Args:
        emulator: The emulator.
        services: Its web services.
    """

    def __init__(self, emulator: Emulator, services: WebServices) -> None:
        self._emulator = emulator
        self._services = services

    def operations(self) -> list[Operation]:
        """What can be asked. Sources: the 2019-09-30 model management file; azureml-core's ``Webservice``."""
        return [
            Operation("GET", "services", self._list),
            Operation("POST", "services", self._create),
            Operation("POST", "services/list", self._list),
            Operation("POST", "services/validate", self._validate),
            Operation("POST", "services/validate/resource", self._validate_resource),
            Operation("POST", r"services/validate/name/(?P<name>[^/]+)", self._validate_name),
            Operation("GET", _SERVICE, self._get),
            Operation("PATCH", _SERVICE, self._patch, body="raw"),
            Operation("DELETE", _SERVICE, self._delete),
            Operation("GET", f"{_SERVICE}/logs", self._logs),
            Operation("POST", f"{_SERVICE}/(?i:listkeys)", self._list_keys),
            Operation("POST", f"{_SERVICE}/(?i:regeneratekeys)", self._regenerate_keys),
            Operation("POST", f"{_SERVICE}/token", self._token),
        ]

    async def _list(self, call: Call) -> Json:
        query = {**call.body, **call.request.query_params}
        found = self._services.all(call.workspace)
        expand = str(query.get("expand")).lower() == "true"
        documents = await asyncio.gather(*(self._shown(call.workspace, one, expand=expand) for one in found))
        wanted = [one for one, service in zip(documents, found, strict=True) if _is_wanted(one, service, query)]
        return model_lists.page(call, self._emulator.https_url, wanted)

    async def _create(self, call: Call) -> Response:
        request = accepted(call.body)
        before = self._services.found(call.workspace, request["name"])
        if before is not None and not call.body.get("overwrite"):
            raise ModelManagementError(409, "Conflict", _taken(request["name"]))
        self._check_references(call.workspace, request)
        return self._services.deploy(call.workspace, request, call.body.get("keys"))

    def _validate_name(self, call: Call) -> Json:
        """Whether a name is free. Source: ``check_for_existing_webservice`` of azureml-core."""
        taken = self._services.found(call.workspace, call.names["name"]) is not None
        return {"error": {"message": _taken(call.names["name"])}} if taken else {}

    def _validate_resource(self, call: Call) -> Json:
        """Whether there is room. Source: ``_check_for_compute_resource`` of azureml-core."""
        reason = self._services.shortage(call.workspace, accepted(call.body))
        return {"error": {"message": f"Unschedulable: {reason}"}} if reason else {}

    def _validate(self, call: Call) -> Json:
        """Whether a change can be made. Source: ``_check_for_webservice`` of azureml-core."""
        try:
            if call.body.get("createRequest"):
                self._check_references(call.workspace, accepted(call.body["createRequest"]))
        except ModelManagementError as error:
            return {"error": {"message": error.message}}
        return {}

    async def _get(self, call: Call) -> Json:
        expand = call.request.query_params.get("expand", "").lower() == "true"
        return await self._shown(call.workspace, self._found(call), expand=expand)

    async def _patch(self, call: Call) -> Json | Response:
        service = self._found(call)
        before = service["properties"]["request"]
        changed = json_patch.patched(before, await json_patch.operations_of(call))
        request = accepted({**changed, "name": service["name"], "computeType": before["computeType"]})
        self._check_references(call.workspace, request)
        answer = self._services.change(call.workspace, service, request)
        return answer or await self._shown(call.workspace, self._found(call), expand=True)

    def _delete(self, call: Call) -> Response:
        if self._services.found(call.workspace, call.names["name"]) is None:
            return Response(status_code=204)
        return self._services.delete(call.workspace, call.names["name"])

    def _logs(self, call: Call) -> Json:
        """The log of a service. Source: ``Webservice.get_logs`` of azureml-core."""
        service = self._found(call)
        tail = call.request.query_params.get("tail", str(_LOG_LINES))
        if not tail.isdecimal():
            raise bad_request(f"The tail of the logs is a number of lines, not '{tail}'.", target="tail")
        journal = self._emulator.deployments.log(service["id"])
        at_first = call.request.query_params.get("init", "").lower() == "true"
        return {"content": journal.of_storage(int(tail)) if at_first else journal.of_server(int(tail))}

    def _list_keys(self, call: Call) -> Json:
        return endpoint_keys.keys_of(self._emulator, self._opened_by(call, "authEnabled", "keys"))

    def _regenerate_keys(self, call: Call) -> Response:
        arm_id = self._opened_by(call, "authEnabled", "keys")
        # the file has numbers for what azureml-core sends as words
        which = {"0": "primary", "1": "secondary"}.get(str(call.body.get("keyType")), str(call.body.get("keyType")))
        name = endpoint_keys.NAMES.get(which.lower())
        if name is None:
            raise bad_request(f"keyType is Primary or Secondary, not '{which}'.", target="keyType")

        async def work(_: str) -> None:
            endpoint_keys.change_key(self._emulator, arm_id, name, call.body.get("keyValue"))

        path = f"{SEGMENT}/{call.names['name']}/keys"
        return self._services.operations.begin(call.workspace, path, "Service", work)[1]

    def _token(self, call: Call) -> Response:
        arm_id = self._opened_by(call, "aadAuthEnabled", "tokens")
        now = int(time.time())
        token = {
            "accessToken": endpoint_keys.issue_token(self._emulator, arm_id),
            "tokenType": "Bearer",
            "expiryOn": now + endpoint_keys.TOKEN_SECONDS,
            "refreshAfter": now + endpoint_keys.TOKEN_SECONDS // 2,
        }
        return JSONResponse(token, 201)

    def _found(self, call: Call) -> Json:
        service = self._services.found(call.workspace, call.names["name"])
        if service is None:
            message = f"Service with name {call.names['name']} was not found in workspace {call.workspace.name}."
            raise ModelManagementError(404, "ServiceNotFound", message)
        return service

    def _opened_by(self, call: Call, field: str, what: str) -> str:
        service = self._found(call)
        if not service["properties"]["request"].get(field):
            raise bad_request(f"Service '{service['name']}' has no {what}: its {field} is false.")
        return str(service["id"])

    def _check_references(self, workspace: WorkspaceId, request: Json) -> None:
        for model in request["environmentImageRequest"].get("modelIds") or []:
            name, _, version = str(model).partition(":")
            if not version or self._emulator.store.get(workspace.child("model", name, version)) is None:
                message = f"Model '{model}' of service '{request['name']}' does not exist in the workspace."
                raise ModelManagementError(404, "ModelNotFound", message)
        if request["computeType"] == "AKS":
            compute = self._emulator.store.get(workspace.child("compute", request["computeName"]))
            kind = (compute or {"properties": {}})["properties"].get("computeType")
            if kind not in _KINDS_OF_COMPUTE:
                has = f"is of type {kind}" if kind else "does not exist"
                message = f"Compute '{request['computeName']}' of service '{request['name']}' {has}; it has to be AKS."
                raise bad_request(message, target="computeName")

    async def _shown(self, workspace: WorkspaceId, service: Json, *, expand: bool) -> Json:
        """A service as model management shows it.

        Sources: ``ServiceResponseBase`` and its kinds of the 2019-09-30 model management file; what azureml-core's
        ``AciWebservice`` and ``AksWebservice`` insist on.
        """
        properties = service["properties"]
        request: Json = properties["request"]
        status = {key: value for key, value in properties["status"].items() if key != "scheduled"}
        state = await self._services.state(service)
        place = f"{self._emulator.https_url}/score/{workspace.subscription_id}/{workspace.resource_group}"
        url = f"{place}/{workspace.name}/{SEGMENT}/{service['name']}"
        serves = properties["provisioningState"] == "Succeeded"
        document = {
            **{key: value for key, value in request.items() if key not in _UNTOLD},
            "id": service["name"],
            **status,
            "state": state,
            "scoringUri": f"{url}/score" if serves else None,
            "swaggerUri": f"{url}/swagger.json" if serves else None,
            "createdBy": {"userName": service["systemData"]["createdBy"]},
        }
        if request["computeType"] == "ACI":
            address = {"publicIp": "127.0.0.1", "publicFqdn": "localhost"} if serves else {"publicIp": None}
            document |= {"sslKey": None, "sslCertificate": None, **address}
        else:
            number = replicas(request)
            available = number if state == "Healthy" else 0
            counts = {"desiredReplicas": number, "updatedReplicas": available, "availableReplicas": available}
            document["deploymentStatus"] = {**counts, "error": status.get("error")}
        if expand:
            document |= {"models": self._models(workspace, request), "environmentImageRequest": _untold(request)}
        return document

    def _models(self, workspace: WorkspaceId, request: Json) -> list[Json]:
        ids = [str(one).partition(":") for one in request["environmentImageRequest"].get("modelIds") or []]
        found = (self._emulator.store.get(workspace.child("model", name, version)) for name, _, version in ids)
        return [shown_model(self._emulator.store, one) for one in found if one]


def _is_wanted(document: Json, service: Json, query: Json) -> bool:
    """Whether a list that was asked for in this way has a service."""
    models = [str(one) for one in service["properties"]["environmentImageRequest"].get("modelIds") or []]
    checks = {
        "name": document["name"],
        "computeType": document["computeType"],
        "imageId": None,
        "imageName": None,
    }
    if any(query.get(key) and str(query[key]).lower() != str(value).lower() for key, value in checks.items()):
        return False
    if query.get("modelId") and query["modelId"] not in models:
        return False
    return not query.get("modelName") or query["modelName"] in [model.partition(":")[0] for model in models]


def _untold(request: Json) -> Json:
    """The request for the environment without the password of its registry."""
    asked: Json = request["environmentImageRequest"]
    docker: Json = (asked.get("environment") or {}).get("docker") or {}
    if not (docker.get("baseImageRegistry") or {}).get("password"):
        return asked
    registry = {**docker["baseImageRegistry"], "password": None}
    environment = {**asked["environment"], "docker": {**docker, "baseImageRegistry": registry}}
    return {**asked, "environment": environment}


def _taken(name: str) -> str:
    return (
        f"Service {name} with the same name already exists, please use a different service name or delete the existing "
        "service."
    )
