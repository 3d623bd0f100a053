"""Schedules: kept, switched and shown; the emulator fires none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.behaviour import Behaviour, required

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.rest.flows import Json


class Schedule(Behaviour):
    """A schedule.

    Source: ``ScheduleProperties`` of the 2024-04-01 OpenAPI file: trigger and action are required, and ``isEnabled`` is
    true by default.
    """

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check that it says when and what."""
        document = super().accept(target, body, old)
        required(body, "properties", "trigger")
        required(body, "properties", "action")
        document["properties"].setdefault("isEnabled", True)
        return document
