"""Profiles of models of v1: asked for, and looked at until they are measured.

Source: ``Profiles_*`` of the 2019-09-30 model management file, and ``ModelProfile`` of azureml-core 1.61, which asks
for them at ``profiles``, by name, and takes the newest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.readings import Reading
from airflow_provider_azml.rest.v1 import awaited_services, data_plane, services

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

PROFILE: Literal["profile"] = "profile"
"""The goal: that a profile is measured. Its ARM id is that of an online endpoint of its name."""
_PLACE = "profiles"
_SUCCEEDED = "Succeeded"


def create(place: WorkspaceId | DataPlane, request: Json) -> Flow[None]:
    """Ask for a profile, by one request that is sent once.

    Args:
        place: The workspace.
        request: ``name``, ``environmentImageRequest``, ``inputDatasetId`` or ``inputData``,
            ``containerResourceRequirements``...

    Source: ``POST profiles``: 202.
    """
    yield from data_plane.ask(place, "modelmanagement", "POST", _PLACE, json=request, retry="never")


def find(place: WorkspaceId | DataPlane, name: str) -> Flow[Json | None]:
    """The newest profile of a name, or ``None`` if there is none."""
    params = {"name": name, "orderBy": "CreatedAtDesc", "count": "1"}
    page = (yield from data_plane.found(place, "modelmanagement", _PLACE, params=params)) or {}
    found: list[Json] = list(page.get("value") or ())
    return found[0] if found else None


def find_each(plane: DataPlane, arm_id: str, asked: Sequence[Json]) -> Flow[list[Json | None]]:
    """A profile, for all who wait for it."""
    profile = yield from find(plane, arm_ids.parse(arm_id).name)
    return [profile for _ in asked]


def read(body: Json, _: Json) -> Reading:
    """Whether a profile is measured, never will be, or may."""
    state = str(body.get("state") or "")
    if state == _SUCCEEDED:
        return Reading(state, "good")
    if state not in services.ENDED:
        return Reading(state or "NotStarted")
    told = [" ".join(filter(None, each)) for each in awaited_services.reasons(body.get("error"))]
    code = (body.get("error") or {}).get("code")
    return Reading(state, "bad", code=code, message="; ".join(told) or None)
