"""Managed identities as ARM has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.rules import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json

_KINDS = {
    "system_assigned": "SystemAssigned",
    "user_assigned": "UserAssigned",
    "none": "None",
    "system_assigned,user_assigned": "SystemAssigned,UserAssigned",
}


def managed_identity(value: Mapping[str, Any]) -> Json:
    """The identity of a resource.

    Args:
        value: The identity as the file has it: identities that the user made are a list of ``resource_id`` in most
            files, and the keys of a mapping in a workspace's.
    """
    body: Json = {"type": words(_KINDS)(value.get("type") or "system_assigned")}
    users = value.get("user_assigned_identities") or ()
    arm_ids = [user if isinstance(user, str) else user["resource_id"] for user in users]
    return {**body, "userAssignedIdentities": {arm_id: {} for arm_id in arm_ids}} if arm_ids else body
