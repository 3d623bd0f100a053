"""Asynchronous operations of model management: what ``Operation-Location`` leads to."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING

from starlette.responses import Response

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.history.data_plane import Operation
from airflow_provider_azml.emulator.v1.model_errors import ModelManagementError, error_document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_azml.emulator.history.data_plane import Call
    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

_log = logging.getLogger(__name__)
_RECORDS = "model_management_operations"
_RUNNING = ("NotStarted", "Running")
PREFIX = "/modelmanagement/v1.0"
RETRY_AFTER = "1"


class WorkFailed(Exception):
    """Raised by the work of an operation that ends badly.

    Args:
        error: Why, as ``error_document`` makes it.
    """

    def __init__(self, error: Json) -> None:
        super().__init__(error["message"])
        self.error = error


class AsyncOperations:
    """All asynchronous operations of an emulator's model management.

    Args:
        store: Holds their documents.
        https_url: The emulator, as polling clients reach it.
    """

    def __init__(self, store: Store, https_url: str) -> None:
        self._store = store
        self._https_url = https_url
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def begin(
        self, workspace: WorkspaceId, resource: str, kind: str, work: Callable[[str], Awaitable[None]]
    ) -> tuple[str, Response]:
        """Start an operation on a resource; one that is still at work on it is cancelled first.

        Args:
            workspace: The workspace.
            resource: Path of the resource below the workspace, e.g. ``services/iris``.
            kind: Type of the operation, e.g. ``Service``.
            work: Does what was asked for; is given the operation's id.

        Returns:
            The operation's id, and the answer that says where it can be followed.

        Sources: ``Operation-Location`` and ``AsyncOperationStatus`` of the 2019-09-30 model management file and of
        azureml-core, which takes the last part of the path and asks for that.
        """
        name = str(uuid.uuid4())
        path = f"{PREFIX}{workspace}"
        document = {
            "id": name,
            "operationType": kind,
            "state": "NotStarted",
            "createdTime": timestamp(),
            "resourceLocation": f"{path}/{resource}",
            "parentRequestId": uuid.uuid4().hex,
        }
        self._store.put_record(_RECORDS, name, document)
        key = f"{workspace}/{resource}".lower()
        task = asyncio.create_task(self._run(name, self._under_way.get(key), work))
        self._under_way[key] = task
        task.add_done_callback(lambda done: self._forget(key, name, done))
        location = f"{self._https_url}{path}/operations/{name}"
        return name, Response(status_code=202, headers={"Operation-Location": location, "Retry-After": RETRY_AFTER})

    def note(self, name: str, step: str, state: str = "Running") -> None:
        """Say what an operation is about.

        Args:
            name: The operation.
            step: ``BuildEnvironment`` or ``DeployService``, as azureml-core knows them.
            state: State of the step.
        """
        details = {"subOperationType": step, "subOperationState": state}
        self._change(name, {"operationDetails": details})

    async def cancel(self, workspace: WorkspaceId, resource: str) -> None:
        """Cancel what is at work on a resource, and wait until it is gone."""
        task = self._under_way.get(f"{workspace}/{resource}".lower())
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def operations(self) -> list[Operation]:
        """What can be asked."""
        return [Operation("GET", r"operations/(?P<id>[^/]+)", self._get)]

    def recover(self) -> None:
        """At the start: what ran when an emulator ended without notice has failed."""
        error = error_document(500, "InternalServerError", "The emulator was stopped before this had ended.")
        for document in self._store.records(_RECORDS):
            if document["state"] in _RUNNING:
                self._change(document["id"], {"state": "Failed", "error": error, "endTime": timestamp()})

    async def close(self) -> None:
        """Cancel what runs."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _get(self, call: Call) -> Json:
        document = self._store.record(_RECORDS, call.names["id"])
        path = f"{PREFIX}{call.workspace}/".lower()
        if document is None or not document["resourceLocation"].lower().startswith(path):
            message = f"The operation '{call.names['id']}' was not found in workspace '{call.workspace.name}'."
            raise ModelManagementError(404, "OperationNotFound", message)
        return document

    async def _run(self, name: str, before: asyncio.Task[None] | None, work: Callable[[str], Awaitable[None]]) -> None:
        end: Json = {"state": "Cancelled"}
        try:
            if before is not None:
                before.cancel()
                await asyncio.wait([before])
            self._change(name, {"state": "Running"})
            await work(name)
            end = {"state": "Succeeded"}
        except WorkFailed as failed:
            end = {"state": "Failed", "error": failed.error}
        except Exception:  # noqa: BLE001 (whoever polls is told, and the log has it)
            _log.exception("operation %s broke", name)
            broken = error_document(500, "InternalServerError", "The emulator itself broke; its log has the reason.")
            end = {"state": "Failed", "error": broken}
        finally:
            self._change(name, {**end, "endTime": timestamp()})

    def _change(self, name: str, fields: Json) -> None:
        document = self._store.record(_RECORDS, name) or {"id": name}
        self._store.put_record(_RECORDS, name, {**document, **fields})

    def _forget(self, key: str, name: str, task: asyncio.Task[None]) -> None:
        """Called when a task is done, also when it was cancelled before its first step."""
        if (self._store.record(_RECORDS, name) or {}).get("state") in _RUNNING:
            self._change(name, {"state": "Cancelled", "endTime": timestamp()})
        if self._under_way.get(key) is task:
            del self._under_way[key]
