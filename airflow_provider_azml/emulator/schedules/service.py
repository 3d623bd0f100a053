"""The schedules of an emulator: each is waited for, and fires when the emulator's clock says so."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.errors import ArmError
from airflow_provider_azml.emulator.database import is_disk_full
from airflow_provider_azml.emulator.schedules.actions import act
from airflow_provider_azml.emulator.schedules.triggers import firing

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.cron import Cron
    from airflow_provider_azml.spec.recurrence import Recurrence

_log = logging.getLogger(__name__)
_MADE = "schedules"
_INSTANT = datetime.resolution
MOST_AT_ONCE = 100
"""As many jobs as a schedule starts at most when the clock is moved over all their times."""


class Schedules:
    """Fires the schedules.

    When its clock is moved, a schedule fires for each time that it is moved over, for the last hundred at most. What
    was due while no emulator ran, or while the schedule was disabled, does not fire later. Nobody but the emulator says
    so: the service's clock cannot be moved, and it is never down.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._waiting: dict[str, asyncio.Task[None]] = {}
        # when the clock is moved, many are due at once; each may hold up clients for one job, not for one of each
        self._turns = asyncio.Lock()

    def recover(self) -> None:
        """At the start: wait for every schedule that is enabled."""
        for record in self._emulator.store.records(_MADE):
            self._wait(record["id"], self._emulator.clock.now())

    def changed(self, arm_id: str) -> None:
        """A schedule was made or changed: wait for what it says by now.

        Source: reference-yaml-schedule, and issue 429 of Azure/azureml-sdk-for-r: a recurrence without a start fires at
        once when it is made.
        """
        now = self._emulator.clock.now().replace(microsecond=0)
        schedule = self._emulator.store.get(arm_id)
        if schedule is None:
            return
        created = schedule["systemData"]["createdAt"]
        known = self._emulator.store.record(_MADE, arm_id.lower())
        is_new = known is None or known["created"] != created
        if is_new:
            made = {"id": arm_id, "created": created, "made": now.isoformat()}
            self._emulator.store.put_record(_MADE, arm_id.lower(), made)
        self._wait(arm_id, self._emulator.clock.now())
        trigger = schedule["properties"]["trigger"]
        if is_new and _is_enabled(schedule) and trigger["triggerType"] == "Recurrence" and not trigger.get("startTime"):
            self.fire(arm_id, now)

    def stop(self, arm_id: str) -> None:
        """Wait for a schedule no more."""
        if task := self._waiting.pop(arm_id.lower(), None):
            task.cancel()

    def forget(self, arm_id: str) -> None:
        """A schedule is gone."""
        self.stop(arm_id)
        self._emulator.store.delete_record(_MADE, arm_id.lower())

    def fire(self, arm_id: str, due: datetime) -> str | None:
        """Do what a schedule does; a job that is refused is logged, as there is nobody to tell.

        Returns:
            Name of the job, if one has been started.
        """
        schedule = self._emulator.store.get(arm_id)
        if schedule is None:
            return None
        try:
            name = act(self._emulator, schedule, due)
        except ArmError as error:
            _log.warning(
                "Schedule '%s' was due at %s, and its job was refused: %s", schedule["name"], due, error.message
            )
            return None
        except (OSError, sqlite3.OperationalError) as error:
            if not is_disk_full(error):
                raise
            _log.warning("Schedule '%s' was due at %s; nothing was started, as the disk is full", schedule["name"], due)
            return None
        if name is None:
            kind = schedule["properties"]["action"]["actionType"]
            _log.info("Schedule '%s' was due at %s; the emulator does no %s.", schedule["name"], due, kind)
        return name

    async def close(self) -> None:
        """Wait for no schedule any more."""
        tasks = [*self._waiting.values()]
        self._waiting.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wait(self, arm_id: str, since: datetime) -> None:
        self.stop(arm_id)
        schedule = self._emulator.store.get(arm_id)
        if schedule is None:
            self._emulator.store.delete_record(_MADE, arm_id.lower())
        elif _is_enabled(schedule):
            made = self._emulator.store.record(_MADE, arm_id.lower()) or {}
            times = firing(schedule["properties"]["trigger"], datetime.fromisoformat(made["made"]))
            task = asyncio.ensure_future(self._keep_firing(arm_id, times, since))
            task.add_done_callback(_tell_of_break)
            self._waiting[arm_id.lower()] = task

    async def _keep_firing(self, arm_id: str, times: Recurrence | Cron, since: datetime) -> None:
        while (due := times.next_after(since)) is not None:
            await self._emulator.clock.wait_until(due)
            async with self._turns:
                over = _until(times, due, self._emulator.clock.now())
            for one in over:
                async with self._turns:
                    self.fire(arm_id, one)
                    await asyncio.sleep(0)  # others are to be answered meanwhile
            since = over[-1]


def _until(times: Recurrence | Cron, first: datetime, now: datetime) -> deque[datetime]:
    """The times from one of them until now, the last of them when they are too many."""
    last = times.last_until(now) or first
    found = deque([last])
    while found[0] > first and len(found) < MOST_AT_ONCE:
        before = times.last_until(found[0] - _INSTANT)
        if before is None:
            break
        found.appendleft(before)
    return found


def _tell_of_break(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("A schedule has stopped, because the emulator itself broke.", exc_info=error)


def _is_enabled(schedule: Json) -> bool:
    return bool(schedule["properties"].get("isEnabled", True))
