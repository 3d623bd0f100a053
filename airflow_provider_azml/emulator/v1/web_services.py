"""Web services: what becomes of one from the request to the server that answers, and what state it is in."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm import endpoint_keys
from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.faults.kinds import FailedOperation
from airflow_provider_azml.emulator.serving.service_files import SEGMENT
from airflow_provider_azml.emulator.v1 import profiles
from airflow_provider_azml.emulator.v1.model_errors import error_document
from airflow_provider_azml.emulator.v1.operations import AsyncOperations, WorkFailed
from airflow_provider_azml.emulator.v1.scheduling import shortage
from airflow_provider_azml.emulator.v1.service_requests import alters_server, serving
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from starlette.responses import Response

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

_log = logging.getLogger(__name__)
SCHEDULING = timedelta(minutes=5)
_LOOK_AGAIN_SECONDS = 0.2
_ANSWER_SECONDS = 2.0
_EVER_SECONDS = 100 * 366 * 24 * 3600
_SETTLED = ("Healthy", "Failed")
_FAMILIES = {
    "ACI": ("AciDeploymentFailed", "Aci Deployment failed"),
    "AKS": ("KubernetesError", "Kubernetes Deployment Error"),
}
_DEBUG = "Please refer to https://aka.ms/debugimage#container-cannot-be-scheduled for more information."


def service_id(workspace: WorkspaceId, name: str) -> str:
    """Id of a web service; it is none of Resource Manager's, which knows nothing of them."""
    return f"{workspace}/{SEGMENT}/{name}"


class WebServices:
    """The web services of an emulator.

    A service is kept with ``request`` (what it was asked for with), ``status`` (what became of that), and what servers
    of models take of it.

    Args:
        emulator: The emulator.

    Sources: the states of a service in how-to-deploy-and-where#understanding-service-state of azure-docs:
    Transitioning, Unhealthy ("deployed but currently unreachable"), Unschedulable ("cannot be deployed at this time
    due to lack of resources"), Failed, Healthy; errors and that a service fails after five minutes without resources:
    Azure/MachineLearningNotebooks issues 487, 832 and 1207.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.operations = AsyncOperations(emulator.store, emulator.https_url)
        self._waking: dict[str, asyncio.Task[object]] = {}

    def found(self, workspace: WorkspaceId, name: str) -> Json | None:
        """A service, or ``None``."""
        return self._emulator.store.get(service_id(workspace, name))

    def all(self, workspace: WorkspaceId) -> list[Json]:
        """The services of a workspace, oldest first."""
        return self._emulator.store.children(f"{workspace}/{SEGMENT}")

    def shortage(self, workspace: WorkspaceId, request: Json) -> str | None:
        """Why there is no room for a service at this moment, if there is none."""
        others = [
            one["properties"]["request"]
            for one in self.all(workspace)
            if one["name"] != request["name"] and one["properties"]["status"].get("scheduled")
        ]
        return shortage(self._emulator.store, workspace, request, others)

    def deploy(self, workspace: WorkspaceId, request: Json, keys: Json | None) -> Response:
        """Begin to make a service, or to make one what a new request says.

        Args:
            workspace: The workspace.
            request: As ``accepted`` makes it.
            keys: The keys that were asked for, if any.
        """
        name = request["name"]
        before = self.found(workspace, name)
        arm_id = service_id(workspace, name)
        endpoint_keys.make_keys(self._emulator, arm_id, keys)
        known = endpoint_keys.keys_of(self._emulator, arm_id)
        for key, value in (keys or {}).items():
            if value and value != known.get(key):
                endpoint_keys.change_key(self._emulator, arm_id, key, value)
        status = {"createdTime": timestamp(), **(before["properties"]["status"] if before else {})}
        properties = {"provisioningState": "Creating", **(before["properties"] if before else {})}
        status = {key: value for key, value in status.items() if key not in ("error", "scheduled")}
        self._emulator.store.put(
            arm_id,
            {
                "properties": {
                    **properties,
                    **serving(request),
                    "request": request,
                    "status": {**status, "state": "Transitioning", "updatedTime": timestamp()},
                }
            },
        )
        return self._begin(workspace, name, "PUT")

    def change(self, workspace: WorkspaceId, service: Json, request: Json) -> Response | None:
        """Make a service what a changed request says; ``None`` when nothing but a record changes.

        Args:
            workspace: The workspace.
            service: What is stored.
            request: The changed request.
        """
        if alters_server(service["properties"]["request"], request):
            return self.deploy(workspace, request, None)

        def write(document: Json) -> None:
            document["properties"]["request"] = request
            document["properties"]["status"]["updatedTime"] = timestamp()

        self._emulator.store.update(service["id"], write)
        return None

    def delete(self, workspace: WorkspaceId, name: str) -> Response:
        """Begin to delete a service."""
        arm_id = service_id(workspace, name)
        self._note(arm_id, state="Deleting")

        async def work(_: str) -> None:
            await self._fault("DELETE", arm_id)
            await self._emulator.deployments.remove(arm_id)
            self._emulator.store.delete(arm_id)

        return self.operations.begin(workspace, f"{SEGMENT}/{name}", "Service", work)[1]

    async def state(self, service: Json) -> str:
        """The state that a service is in at this moment."""
        state = str(service["properties"]["status"]["state"])
        if state != "Healthy" or await self._emulator.deployments.answers(service["id"], _ANSWER_SECONDS):
            return state
        self._wake(service["id"])
        return "Unhealthy"

    def recover(self) -> None:
        """At the start: what was under way when an emulator ended without notice has failed."""
        self.operations.recover()
        profiles.recover(self._emulator.store)
        error = error_document(500, "InternalServerError", "The emulator was stopped before this had ended.")
        for service in self._emulator.store.below("/subscriptions", SEGMENT):
            if service["properties"]["status"]["state"] not in _SETTLED:
                self._note(service["id"], state="Failed", error=error)

    async def close(self) -> None:
        """Stop what is under way."""
        await self.operations.close()
        for task in [*self._waking.values()]:
            task.cancel()
        if self._waking:
            await asyncio.wait(self._waking.values())

    async def stop(self, arm_id: str) -> None:
        """Stop the server of a service whose workspace is being deleted."""
        workspace, _, name = arm_id.rpartition(f"/{SEGMENT}/")
        await self.operations.cancel(arm_ids.parse(workspace).workspace, f"{SEGMENT}/{name}")
        await self._emulator.deployments.remove(arm_id)

    def _begin(self, workspace: WorkspaceId, name: str, verb: str) -> Response:
        arm_id = service_id(workspace, name)

        async def work(operation: str) -> None:
            try:
                await self._fault(verb, arm_id)
                await self._schedule(workspace, arm_id)
                await self._serve(arm_id, operation)
            except WorkFailed as failed:
                self._note(arm_id, state="Failed", error=failed.error, scheduled=None)
                raise

        operation, answer = self.operations.begin(workspace, f"{SEGMENT}/{name}", "Service", work)
        self._note(arm_id, operationId=operation)
        return answer

    async def _fault(self, verb: str, arm_id: str) -> None:
        fault = self._emulator.faults.operation(verb, arm_id)
        if fault is not None:
            await asyncio.sleep(min(fault.seconds, _EVER_SECONDS))
        if isinstance(fault, FailedOperation):
            raise WorkFailed(error_document(500, fault.code, fault.message))

    async def _schedule(self, workspace: WorkspaceId, arm_id: str) -> None:
        """Wait until there is room for a service.

        Raises:
            WorkFailed: There is none for too long.
        """
        request = self._request(arm_id)
        clock, code, message = self._emulator.clock, *_FAMILIES[request["computeType"]]
        last = clock.now() + SCHEDULING
        while reason := self.shortage(workspace, request):
            details = [{"code": "Unschedulable", "message": reason}]
            if clock.now() >= last:
                end = (
                    "Couldn't schedule because the kubernetes cluster didn't have available resources after trying for "
                    "00:05:00.\nYou can address this error by either adding more nodes, changing the SKU of your nodes "
                    f"or changing the resource requirements of your service.\n{_DEBUG}"
                )
                details.append({"code": "DeploymentFailed", "message": end})
                raise WorkFailed(error_document(400, code, message, details))
            self._note(arm_id, state="Unschedulable", error=error_document(400, code, message, details))
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        self._note(arm_id, state="Transitioning", error=None, scheduled=True)

    async def _serve(self, arm_id: str, operation: str) -> None:
        self.operations.note(operation, "BuildEnvironment")
        try:
            await self._emulator.deployments.deploy(arm_id)
        except OperationFailed as failed:
            raise WorkFailed(self._failure(arm_id, operation, failed)) from failed
        self.operations.note(operation, "DeployService", "Succeeded")

        def healthy(document: Json) -> None:
            document["properties"]["provisioningState"] = "Succeeded"
            document["properties"]["status"] |= {"state": "Healthy", "updatedTime": timestamp()}
            document["properties"]["status"].pop("error", None)

        self._emulator.store.update(arm_id, healthy)

    def _failure(self, arm_id: str, operation: str, failed: OperationFailed) -> Json:
        """What a service says of why it cannot be served."""
        if failed.code == "ImageBuildFailure":
            self.operations.note(operation, "BuildImage", "Failed")
            return error_document(400, "EnvironmentBuildFailed", failed.message)
        self.operations.note(operation, "DeployService", "Failed")
        request = self._request(arm_id)
        code, message = _FAMILIES[request["computeType"]]
        inner = "CrashLoopBackOff" if failed.code == "ResourceNotReady" else failed.code
        reason = failed.message
        if inner == "CrashLoopBackOff":
            reason = (
                "Your container application crashed. This may be caused by errors in your scoring file's init() "
                f"function.\nPlease check the logs for your container instance: {request['name']}. From the AML SDK, "
                "you can run print(service.get_logs()) if you have service object to fetch the logs.\n"
                f"{failed.message}"
            )
        return error_document(400, code, f"{message}: {reason}", [{"code": inner, "message": reason}])

    def _wake(self, arm_id: str) -> None:
        """Start the server of a service again that an earlier emulator in this home has served."""
        if arm_id not in self._waking:
            task: asyncio.Task[object] = asyncio.create_task(self._emulator.deployments.server(arm_id))
            self._waking[arm_id] = task
            task.add_done_callback(lambda done: self._woken(arm_id, done))

    def _woken(self, arm_id: str, task: asyncio.Task[object]) -> None:
        self._waking.pop(arm_id, None)
        if not task.cancelled() and (error := task.exception()):
            _log.warning("%s cannot be served again: %s", arm_id, error)

    def _request(self, arm_id: str) -> Json:
        document = self._emulator.store.get(arm_id)
        assert document is not None
        request: Json = document["properties"]["request"]
        return request

    def _note(self, arm_id: str, **fields: object) -> None:
        """Set fields of a service's status; ``None`` takes them away."""

        def write(document: Json) -> None:
            status = {**document["properties"]["status"], **fields, "updatedTime": timestamp()}
            document["properties"]["status"] = {key: value for key, value in status.items() if value is not None}

        self._emulator.store.update(arm_id, write)
