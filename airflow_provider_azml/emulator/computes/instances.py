"""Compute instances: they start and stop when somebody says so, by their schedules, and when nobody uses them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.emulator import durations
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.computes.power_schedules import next_act

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_azml.emulator.clock import Clock
    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.rest.flows import Json

Trigger = Literal["User", "Schedule", "IdleShutdown"]
_BETWEEN = {"Create": "Creating", "Start": "Starting", "Stop": "Stopping", "Restart": "Restarting"}
_STATES = {"Create": "Running", "Start": "Running", "Stop": "Stopped", "Restart": "Running"}
_LEFT = {"Creating": "CreateFailed", **dict.fromkeys(("Starting", "Stopping", "Restarting"), "Stopped")}


class Instances:
    """What all compute instances do over time.

    Sources: ``ComputeInstanceState``, ``ComputeInstanceLastOperation`` (``operationTrigger`` User, Schedule,
    IdleShutdown) and ``ComputeStartStopSchedule`` of the 2024-04-01 OpenAPI file; ``idleTimeBeforeShutdown`` as
    azure-ai-ml sends it. How long an instance takes to start or stop is the emulator's own, and so is that a job waits
    for one that does not run.

    Args:
        store: The emulator's memory.
        clock: The time that they go by.
        node_seconds: How long one takes to start, and to stop.
        stopped: Told the id of one that stops, for the jobs that run on it.
    """

    def __init__(self, store: Store, clock: Clock, node_seconds: float, stopped: Callable[[str], None]) -> None:
        self._store = store
        self._clock = clock
        self._takes = timedelta(seconds=node_seconds)
        self._stopped = stopped
        self._jobs: dict[str, set[str]] = {}
        self._awaited: dict[str, list[asyncio.Future[None]]] = {}
        self._idle_since: dict[str, datetime] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}

    def take(self, job_id: str, compute_id: str) -> asyncio.Future[None]:
        """Let a job have an instance.

        Returns:
            Done once that runs, and at once for a compute that is none.
        """
        up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        inner = self._inner(compute_id)
        if inner is not None:
            self._jobs.setdefault(compute_id.lower(), set()).add(job_id.lower())
        if inner is None or inner["state"] == "Running":
            up.set_result(None)
        else:
            self._awaited.setdefault(compute_id.lower(), []).append(up)
        return up

    def leave(self, job_id: str, compute_id: str) -> None:
        """Take note that a job does not use an instance any more."""
        jobs = self._jobs.get(compute_id.lower(), set())
        if job_id.lower() in jobs:
            jobs.discard(job_id.lower())
            self.changed(compute_id)

    def is_busy(self, compute_id: str) -> bool:
        """Whether a job uses an instance."""
        return bool(self._jobs.get(compute_id.lower()))

    def begin(self, compute_id: str, operation: str, trigger: Trigger = "User") -> None:
        """Let an instance say that it is on the way to another state.

        Args:
            compute_id: The instance.
            operation: Create, Start, Stop or Restart.
            trigger: Who wants it.
        """
        self._say(compute_id, _BETWEEN[operation], last_operation(operation, "InProgress", trigger))
        if operation in ("Stop", "Restart"):
            self._stopped(compute_id)

    async def finish(self, compute_id: str, operation: str, trigger: Trigger = "User") -> None:
        """Get an instance to that state, in the time that it takes."""
        await self._clock.wait_until(self._clock.now() + self._takes)
        self._say(compute_id, _STATES[operation], last_operation(operation, "Succeeded", trigger))
        self.changed(compute_id)
        if _STATES[operation] == "Running":
            for up in self._awaited.pop(compute_id.lower(), []):
                with suppress(asyncio.InvalidStateError):  # whoever waited may have been cancelled
                    up.set_result(None)

    def changed(self, compute_id: str) -> None:
        """Count the time in which nobody uses an instance from now on; look anew at what it is to do by itself."""
        key = compute_id.lower()
        self._idle_since[key] = self._clock.now()
        watch = self._watches.get(key)
        if watch is not None and watch is asyncio.current_task():
            return
        if watch is not None:
            watch.cancel()
        self._watches[key] = asyncio.create_task(self._watch(compute_id))

    def forget(self, compute_id: str) -> None:
        """Let an instance go that is deleted."""
        key = compute_id.lower()
        for known in (self._jobs, self._awaited, self._idle_since):
            known.pop(key, None)
        if watch := self._watches.pop(key, None):
            watch.cancel()

    def recover(self) -> None:
        """At the start: instances that were on the way to a state when an emulator ended do not get there."""
        for compute in self._store.below("/subscriptions", "computes"):
            properties = compute.get("properties", {})
            if properties.get("computeType") == "ComputeInstance":
                if properties["properties"].get("state") in _LEFT:
                    self._store.update(compute["id"], _leave)
                self.changed(compute["id"])

    async def close(self) -> None:
        """Stop watching."""
        watches = [*self._watches.values()]
        for watch in watches:
            watch.cancel()
        if watches:
            await asyncio.wait(watches)

    async def _watch(self, compute_id: str) -> None:
        """Do what an instance does by itself, for as long as there is anything."""
        since = self._clock.now()
        while (due := self._next(compute_id, since)) is not None:
            moment, operation, trigger = due
            await self._clock.wait_until(moment)
            since = max(since, moment)
            if self._may(compute_id, operation, trigger):
                self.begin(compute_id, operation, trigger)
                await self.finish(compute_id, operation, trigger)

    def _next(self, compute_id: str, since: datetime) -> tuple[datetime, str, Trigger] | None:
        inner = self._inner(compute_id)
        if inner is None:
            return None
        found: list[tuple[datetime, str, Trigger]] = []
        if inner.get("idleTimeBeforeShutdown") and inner["state"] == "Running" and not self.is_busy(compute_id):
            idle = timedelta(seconds=durations.seconds(inner["idleTimeBeforeShutdown"]))
            found.append((self._idle_since[compute_id.lower()] + idle, "Stop", "IdleShutdown"))
        if act := next_act(inner.get("schedules"), since):
            found.append((*act, "Schedule"))
        return min(found, default=None)

    def _may(self, compute_id: str, operation: str, trigger: Trigger) -> bool:
        inner = self._inner(compute_id)
        if inner is None or (trigger == "IdleShutdown" and self.is_busy(compute_id)):
            return False
        return bool(inner["state"] == ("Running" if operation == "Stop" else "Stopped"))

    def _inner(self, compute_id: str) -> Json | None:
        compute = self._store.get(compute_id) if compute_id else None
        properties: Json = (compute or {}).get("properties", {})
        inner: Json | None = properties.get("properties")
        return inner if properties.get("computeType") == "ComputeInstance" else None

    def _say(self, compute_id: str, state: str, last: Json) -> None:
        def change(document: Json) -> None:
            document["properties"]["properties"] |= {"state": state, "lastOperation": last}

        self._store.update(compute_id, change)


def last_operation(operation: str, status: str, trigger: Trigger = "User") -> Json:
    """The ``lastOperation`` of an instance."""
    return {
        "operationName": operation,
        "operationTime": timestamp(),
        "operationStatus": status,
        "operationTrigger": trigger,
    }


def _leave(document: Json) -> None:
    inner = document["properties"]["properties"]
    operation = inner.get("lastOperation") or {}
    inner |= {
        "state": _LEFT[inner["state"]],
        "lastOperation": {**operation, "operationStatus": f"{operation.get('operationName', 'Create')}Failed"},
    }
