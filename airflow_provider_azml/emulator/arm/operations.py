"""Long-running operations: begun by a request, done by a coroutine, followed by polling, as the service does it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import uuid
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.database import AGAIN_SECONDS, is_disk_full
from airflow_provider_azml.emulator.faults.kinds import FailedOperation
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from airflow_provider_azml.emulator.faults.faults import Faults
    from airflow_provider_azml.emulator.faults.kinds import StuckOperation
    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.resources import Header

log = logging.getLogger(__name__)
COLLECTION = "operations"
RETRY_AFTER = "1"
_CHANGES = ("PUT", "PATCH", "DELETE")
_CANCELED = "OperationCanceled"
_FAMILIES = {"compute": "computeOperation", "workspace": "workspaceOperation"}
_KEPT = timedelta(days=7)
"""How long one that has ended can be looked up at least; the time is the emulator's own choice."""
_EVER_SECONDS = 100 * 366 * 24 * 3600
_UNSETTLED = ("Creating", "Updating", "Deleting")
Status = Literal["Succeeded", "Failed", "Canceled"]


class OperationFailed(Exception):
    """Raised by the work of an operation that ends badly.

    Args:
        code: The service's error code, e.g. ``ResourceNotReady``.
        message: What happened, and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


_STOPPED = OperationFailed("InternalServerError", "The emulator was stopped before this had ended; repeat it.")
_BROKEN = OperationFailed("InternalServerError", "The emulator itself broke; its log has the reason.")


class Operations:
    """All long-running operations of an emulator.

    Args:
        store: Holds the resources, and the operations' own documents.
        https_url: The emulator, as polling clients reach it.
        location: The region that status URLs name.
        faults: Which of them get stuck or fail.
    """

    def __init__(self, store: Store, https_url: str, location: str, faults: Faults) -> None:
        self._store = store
        self._faults = faults
        self._https_url = https_url
        self._location = location
        self._tasks: set[asyncio.Task[Json | None]] = set()
        self._changing: dict[str, asyncio.Task[Json | None]] = {}

    def begin(self, arm_id: str, verb: str, work: Coroutine[Any, Any, Json | None]) -> dict[str, str]:
        """Start an operation on a resource, and say where it can be followed.

        A PUT or PATCH sets the resource's ``provisioningState`` by how the work ends: ``Succeeded`` when it returns,
        ``Failed`` when it raises OperationFailed, ``Canceled`` when it is cancelled. A PUT, PATCH or DELETE first
        cancels what one of these still does to the same resource.

        Args:
            arm_id: The resource; it is in the store already, unless the work puts it there.
            verb: ``PUT``, ``PATCH``, ``DELETE``, or the name of an action in the resource's row.
            work: Does what was asked for; what it returns is the answer at the end of polling a ``Location``.

        Returns:
            The headers of the answer: ``Azure-AsyncOperation`` or ``Location``, as the resource's row says, and
            ``Retry-After``.
        """
        row = arm_ids.parse(arm_id).row
        header = row.long_running[verb]
        name = str(uuid.uuid4())
        self._store.put_record(
            COLLECTION,
            name,
            {"name": name, "status": "InProgress", "startTime": timestamp(), "resource": arm_id, "verb": verb},
        )
        changes = verb in _CHANGES
        before = self._changing.get(arm_id.lower()) if changes else None
        task = asyncio.create_task(_after(before, work, self._faults.operation(verb, arm_id)))
        self._tasks.add(task)
        if changes:
            self._changing[arm_id.lower()] = task
        task.add_done_callback(lambda done: self._finish(name, arm_id, verb, work, done))
        headers = {header: self._url(arm_id, row.kind, name, header), "Retry-After": RETRY_AFTER}
        if row.kind in ("online_endpoint", "online_deployment", "batch_endpoint", "batch_deployment"):
            headers["x-ms-async-operation-timeout"] = "PT1H"
        return headers

    async def cancel(self, arm_id: str) -> None:
        """Cancel what makes, changes or deletes a resource, if anything does, and wait until it is gone."""
        task = self._changing.get(arm_id.lower())
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def document(self, name: str) -> Json | None:
        """What is known of an operation: ``status``, ``startTime``, ``endTime``, ``error`` and more."""
        return self._store.record(COLLECTION, name)

    def recover(self) -> None:
        """At the start: what ran when an emulator ended without notice has failed, and nobody asks for what is old."""
        last = timestamp(datetime.now(timezone.utc) - _KEPT)
        for document in self._store.records(COLLECTION):
            if document["status"] == "InProgress":
                self._end(document["name"], document["resource"], document["verb"], _STOPPED)
            elif document.get("endTime", last) < last:
                self._store.delete_record(COLLECTION, document["name"])
        # what was put by an operation on something else, or just before its own operation was noted
        for resource in self._store.below("/subscriptions"):
            if resource.get("properties", {}).get("provisioningState") in _UNSETTLED:
                self._store.update(resource["id"], lambda document: _settle(document, "Failed"))

    async def close(self) -> None:
        """Cancel what runs."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _finish(
        self, name: str, arm_id: str, verb: str, work: Coroutine[Any, Any, Json | None], task: asyncio.Task[Json | None]
    ) -> None:
        """Called when a task is done, also when it was cancelled before its first step."""
        work.close()
        # what has been overtaken by another operation says no more about the resource
        overtaken = self._changing.get(arm_id.lower()) not in (None, task)
        error = _failure(task, f"{verb} of {arm_id}")
        try:
            self._end(name, arm_id, verb, error, settles=not overtaken, result=None if error else task.result())
        except (OSError, sqlite3.OperationalError) as full:
            if not is_disk_full(full):
                raise
            log.warning("the disk is full: the end of the %s of %s is not known before there is room", verb, arm_id)
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._finish, name, arm_id, verb, work, task)
            return
        self._tasks.discard(task)
        if not overtaken:
            self._changing.pop(arm_id.lower(), None)

    def _end(
        self,
        name: str,
        arm_id: str,
        verb: str,
        error: OperationFailed | None,
        *,
        settles: bool = True,
        result: Json | None = None,
    ) -> None:
        status: Status = "Succeeded" if error is None else "Canceled" if error.code == _CANCELED else "Failed"
        document = self._store.record(COLLECTION, name) or {"name": name, "resource": arm_id, "verb": verb}
        document |= {"status": status, "endTime": timestamp()}
        if result is not None:
            document["result"] = result
        if error is not None:
            document["error"] = {"code": error.code, "message": error.message}
        self._store.put_record(COLLECTION, name, document)
        if settles and verb in _CHANGES and not (verb == "DELETE" and status == "Succeeded"):
            self._store.update(arm_id, lambda resource: _settle(resource, status))

    def _url(self, arm_id: str, kind: str, name: str, header: Header) -> str:
        target = arm_ids.parse(arm_id)
        version = target.row.api_version
        if kind == "template_deployment":
            return f"{self._https_url}{arm_id}/operationStatuses/{name}?api-version={version}"
        if kind == "resource_group":
            subscription = f"/subscriptions/{target.subscription_id}"
            return f"{self._https_url}{subscription}/operationresults/{name}?api-version={version}"
        family = _FAMILIES.get(kind, "mfeOperation")
        place = f"{family}sStatus" if header == "Azure-AsyncOperation" else f"{family}Results"
        return (
            f"{self._https_url}/subscriptions/{target.subscription_id}/providers/Microsoft.MachineLearningServices"
            f"/locations/{self._location}/{place}/{name}?api-version={version}"
        )


def _settle(resource: Json, status: Status) -> None:
    resource.setdefault("properties", {})["provisioningState"] = status


def _failure(task: asyncio.Task[Json | None], what: str) -> OperationFailed | None:
    """Why a task that is done did not succeed."""
    if task.cancelled():
        return OperationFailed(_CANCELED, f"{what} was cancelled.")
    error = task.exception()
    if error is None or isinstance(error, OperationFailed):
        if error is not None:
            log.info("%s failed: %s", what, error)
        return error
    log.error("%s broke", what, exc_info=error)
    return _BROKEN


async def _after(
    before: asyncio.Task[Json | None] | None,
    work: Coroutine[Any, Any, Json | None],
    fault: StuckOperation | FailedOperation | None,
) -> Json | None:
    if before is not None:
        before.cancel()
        await asyncio.wait([before])
    if fault is not None:
        await asyncio.sleep(min(fault.seconds, _EVER_SECONDS))
    if isinstance(fault, FailedOperation):
        raise OperationFailed(fault.code, fault.message)
    return await work
