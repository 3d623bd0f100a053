"""Tenants, subscriptions and resource groups: one of the first two, as many of the last as are put."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.emulator.arm.api_versions import check_api_version
from airflow_provider_azml.emulator.arm.behaviour import answer, json_body, required
from airflow_provider_azml.emulator.arm.errors import ArmError, not_allowed
from airflow_provider_azml.emulator.arm.soft_deletion import soft_delete
from airflow_provider_azml.emulator.arm.targets import AML

if TYPE_CHECKING:
    from collections.abc import ItemsView

    from starlette.requests import Request

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_SUBSCRIPTION_ID = f"/subscriptions/{identity.SUBSCRIPTION_ID}"
BUILT_IN = "emulator"
"""What manages the groups that the emulator has for itself."""
_LISTED = ("id", "name", "type", "location", "tags", "kind", "sku", "identity", "managedBy")
_FILTER = re.compile(r"(resourceType|resourceGroup|name|location)\s+eq\s+'([^']+)'", re.IGNORECASE)


async def tenants(request: Request) -> Response:
    """List the one tenant."""
    check_api_version(request.query_params)
    tenant = {
        "id": f"/tenants/{identity.TENANT_ID}",
        "tenantId": identity.TENANT_ID,
        "tenantCategory": "Home",
        "displayName": "azml emulator",
        "defaultDomain": "azure.emu",
        "domains": ["azure.emu"],
    }
    return answer({"value": [tenant]})


def list_subscriptions() -> Response:
    """List the one subscription."""
    return answer({"value": [_subscription()], "count": {"type": "Total", "value": 1}})


def get_subscription() -> Response:
    """Show the one subscription."""
    return answer(_subscription())


def check(subscription: str) -> None:
    """Check that a subscription is the one that there is.

    Raises:
        ArmError: It is not.
    """
    if subscription.lower() != identity.SUBSCRIPTION_ID:
        raise ArmError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")


class ResourceGroups:
    """The resource groups of the subscription.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        if emulator.store.get(group_id(identity.RESOURCE_GROUP)) is None:
            self._store_group(identity.RESOURCE_GROUP, {"location": identity.LOCATION})

    def check(self, group: str) -> None:
        """Check that a resource group is there.

        Raises:
            ArmError: It is not.
        """
        if self._emulator.store.get(group_id(group)) is None:
            raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")

    def spelling(self, group: str) -> str:
        """The name of a resource group in the spelling in which it was made."""
        document = self._emulator.store.get(group_id(group))
        return str(document["name"]) if document else group

    async def answer(self, request: Request, group: str | None) -> Response:
        """Answer a request for all groups, or for one.

        Raises:
            ArmError: It is refused.
        """
        check_api_version(request.query_params)
        if group is None:
            found = self._emulator.store.children(f"{_SUBSCRIPTION_ID}/resourceGroups")
            return answer({"value": found})
        if request.method == "PUT":
            return await self._put(request, group)
        if request.method == "HEAD":
            found_one = self._emulator.store.get(group_id(group)) is not None
            return Response(status_code=204 if found_one else 404)
        self.check(group)
        document = self._emulator.store.get(group_id(group)) or {}
        if request.method == "GET":
            return answer(document)
        if document.get("managedBy") == BUILT_IN:
            raise _denied(group)
        if request.method == "PATCH":
            return answer(self._store_group(group, {**document, **await json_body(request)}))
        if request.method == "DELETE":
            headers = self._emulator.operations.begin(group_id(group), "DELETE", self._unmake(group))
            return Response(status_code=202, headers=headers)
        raise not_allowed(request.method, group_id(group), ["DELETE", "GET", "HEAD", "PATCH", "PUT"])

    async def _put(self, request: Request, group: str) -> Response:
        body = await json_body(request)
        required(body, "location")
        old = self._emulator.store.get(group_id(group))
        if (old or {}).get("managedBy") == BUILT_IN:
            raise _denied(group)
        return answer(self._store_group(group, body), 201 if old is None else 200)

    def resources(self, request: Request, scope: str) -> Response:
        """List the resources of the subscription, or of a group, that are in no other.

        Sources: https://learn.microsoft.com/rest/api/resources/resources/list-by-resource-group and list, for what
        ``$filter`` compares; ``az resource list`` names the group there.
        """
        check_api_version(request.query_params)
        if request.method != "GET":
            raise not_allowed(request.method, str(request.scope["path"]), ["GET"])
        asked = {
            name.lower(): value.lower() for name, value in _FILTER.findall(request.query_params.get("$filter", ""))
        }
        found = [
            {key: document[key] for key in _LISTED if key in document}
            for document in self._emulator.store.outermost(scope)
            if not document["type"].lower().startswith("microsoft.resources/") and asked.items() <= _facts(document)
        ]
        return answer({"value": found})

    async def _unmake(self, group: str) -> None:
        for document in self._emulator.store.outermost(group_id(group)):
            if document["type"].lower() == f"{AML}/workspaces".lower():
                await soft_delete(self._emulator, document["id"])
        self._emulator.store.delete(group_id(group))

    def _store_group(self, group: str, body: Json) -> Json:
        kept: Json = {key: body[key] for key in ("location", "tags", "managedBy") if key in body}
        return self._emulator.store.put(group_id(group), {**kept, "properties": {"provisioningState": "Succeeded"}})


def _facts(document: Json) -> ItemsView[str, str]:
    """What a filter may ask of a resource."""
    facts = {"resourcetype": document["type"], "resourcegroup": document["id"].split("/")[4], "name": document["name"]}
    return {name: str(value).lower() for name, value in {**facts, "location": document.get("location")}.items()}.items()


def _denied(group: str) -> ArmError:
    return ArmError(
        403,
        "DenyAssignmentAuthorizationFailed",
        f"The resource group '{group}' is the emulator's own and cannot be changed.",
    )


def group_id(group: str) -> str:
    """The ARM id of a resource group."""
    return f"{_SUBSCRIPTION_ID}/resourceGroups/{group}"


def _subscription() -> Json:
    return {
        "id": _SUBSCRIPTION_ID,
        "subscriptionId": identity.SUBSCRIPTION_ID,
        "tenantId": identity.TENANT_ID,
        "displayName": "azml emulator",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }
