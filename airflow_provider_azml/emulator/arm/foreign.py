"""Resources of other providers, e.g. the storage account of a workspace: stored, and nothing more."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from starlette.responses import Response

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.emulator.arm import private_endpoints
from airflow_provider_azml.emulator.arm.behaviour import answer, json_body
from airflow_provider_azml.emulator.arm.errors import not_allowed, not_found, parent_not_found

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_HOLDERS = ("privatednszones", "privateendpoints")
"""Types whose resources have others in them, which the commands of a private workspace make one after the other."""


class ForeignResources:
    """All resources that are not Azure ML's.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def answer(self, request: Request, parts: list[str]) -> Response:
        """Answer a request.

        Args:
            request: The request.
            parts: The segments of its path.

        Raises:
            ArmError: It is refused.
        """
        parts = ["subscriptions", parts[1], "resourceGroups", parts[3], "providers", *parts[5:]]
        arm_id = "/" + "/".join(parts)
        store = self._emulator.store
        if len(parts) % 2:
            if request.method == "GET":
                return answer({"value": store.children(arm_id)})
            raise not_allowed(request.method, arm_id, ["GET"])
        old = store.get(arm_id)
        if request.method == "PUT":
            _check_holder(self._emulator, parts)
            return answer(put(self._emulator, arm_id, await json_body(request)), 200 if old else 201)
        if request.method == "DELETE":
            private_endpoints.disconnect(self._emulator, arm_id)
            return Response(status_code=200 if store.delete(arm_id) else 204)
        if request.method not in ("GET", "HEAD"):
            raise not_allowed(request.method, arm_id, ["DELETE", "GET", "HEAD", "PUT"])
        if old is None:
            raise not_found(arm_id)
        return answer(old)


def put(emulator: Emulator, arm_id: str, body: Json) -> Json:
    """Store a resource of another provider."""
    kept = {key: value for key, value in body.items() if key not in ("id", "name", "type", "apiVersion", "dependsOn")}
    properties = {**(kept.get("properties") or {}), **_given(arm_id), "provisioningState": "Succeeded"}
    stored = emulator.store.put(arm_id, {**kept, "properties": properties})
    private_endpoints.connect(emulator, arm_id, stored)
    return stored


def _check_holder(emulator: Emulator, parts: list[str]) -> None:
    """Refuse what has nothing to be in.

    Source: https://github.com/hashicorp/terraform-provider-azurerm/issues/7993
    """
    kind, names = parts[6], parts[7:]
    holder = "/" + "/".join(parts[:8])
    if kind.lower() in _HOLDERS and names[1:] and emulator.store.get(holder) is None:
        raise parent_not_found("write", kind, holder)


def _given(arm_id: str) -> Json:
    """What other resources look up of one, and its provider alone can say."""
    if "/providers/microsoft.managedidentity/userassignedidentities/" not in arm_id.lower():
        return {}
    named = (str(uuid.uuid5(uuid.NAMESPACE_URL, f"{arm_id.lower()}/{what}")) for what in ("principal", "client"))
    return {"tenantId": identity.TENANT_ID, "principalId": next(named), "clientId": next(named)}
