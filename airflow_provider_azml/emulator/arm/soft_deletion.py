"""Workspaces that were deleted and can come back: out of everybody's sight, with what is kept of them.

Sources: https://learn.microsoft.com/azure/machine-learning/concept-soft-delete (what is kept, for how long);
``allowRecoverSoftDeletedWorkspace`` of the bicep type of a workspace, which azure-ai-ml's template has, too; the error
of a name that is taken, as https://github.com/Azure/ResourceModules/issues/3596 shows it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.behaviour import stop_what_runs
from airflow_provider_azml.emulator.arm.errors import bad_request
from airflow_provider_azml.emulator.moves import move

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.arm.errors import ArmError
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

RETENTION = timedelta(days=14)
RECOVER = "allowRecoverSoftDeletedWorkspace"
_PURGED = "scheduledPurgeDate"
_DELETED = "softDeletedAt"
_LOST = ("computes", "onlineEndpoints", "batchEndpoints", "serverlessEndpoints", "services")


async def soft_delete(emulator: Emulator, workspace_id: str) -> None:
    """Delete a workspace so that it can come back: what runs in it ends, computes and endpoints are gone for good."""
    store = emulator.store
    await end_all_work(emulator, workspace_id)
    for segment in _LOST:
        for document in store.children(f"{workspace_id}/{segment}"):
            store.delete(document["id"])
    now = emulator.clock.now()
    dates = {_DELETED: now.isoformat(), _PURGED: (now + RETENTION).isoformat()}
    store.update(workspace_id, lambda workspace: workspace["properties"].update(dates))
    purge(emulator, workspace_id)
    move(emulator.database, workspace_id, _aside(workspace_id))


async def end_all_work(emulator: Emulator, workspace_id: str) -> None:
    """End jobs, servers and schedules of a workspace, and let its nodes go."""
    for document in emulator.store.below(workspace_id):
        await stop_what_runs(emulator, document)
    for compute in emulator.store.children(f"{workspace_id}/computes"):
        emulator.computes.forget(compute["id"])


def soft_deleted(emulator: Emulator, workspace_id: str) -> Json | None:
    """The workspace that was deleted under this id, as long as it can come back."""
    workspace = emulator.store.get(_aside(workspace_id))
    if workspace is None:
        return None
    if datetime.fromisoformat(workspace["properties"][_PURGED]) <= emulator.clock.now():
        purge(emulator, workspace_id)
        return None
    kept = {key: value for key, value in workspace["properties"].items() if key not in (_DELETED, _PURGED)}
    return {**workspace, "properties": kept}


def bring_back(emulator: Emulator, workspace_id: str) -> None:
    """Bring a workspace back, with all that was kept of it; its schedules fire again from now on."""
    move(emulator.database, _aside(workspace_id), workspace_id)
    for schedule in emulator.store.children(f"{workspace_id}/schedules"):
        emulator.schedules.changed(schedule["id"])


def purge(emulator: Emulator, workspace_id: str) -> None:
    """Delete for good what is kept of a workspace."""
    emulator.store.delete(_aside(workspace_id))


def name_is_taken() -> ArmError:
    """The error of a workspace that would have the name of a soft-deleted one."""
    return bad_request(
        "Soft-deleted workspace exists. Please purge or recover it. https://aka.ms/wsoftdelete", code="BadRequest"
    )


def _aside(workspace_id: str) -> str:
    return f"/deleted{workspace_id}"
