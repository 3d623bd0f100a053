"""Resource providers: which there are, whether the subscription is registered with them, and what they can do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.emulator.arm.api_versions import AML_VERSIONS, check_api_version
from airflow_provider_azml.emulator.arm.behaviour import answer
from airflow_provider_azml.emulator.arm.errors import ArmError, conflict, not_allowed
from airflow_provider_azml.emulator.arm.targets import AML
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.resources import Resource

_CHANGES = "provider_registrations"
_CHANGE_SECONDS = 1.0
_VERBS = {"read": "Read", "write": "Create or update", "delete": "Delete"}
_OTHERS = {
    "Microsoft.Authorization": ("roleAssignments",),
    "Microsoft.Batch": ("batchAccounts",),
    "Microsoft.Cache": ("redis",),
    "Microsoft.Compute": ("virtualMachines",),
    "Microsoft.ContainerInstance": ("containerGroups",),
    "Microsoft.ContainerRegistry": ("registries",),
    "Microsoft.ContainerService": ("managedClusters",),
    "Microsoft.DocumentDB": ("databaseAccounts",),
    "Microsoft.Insights": ("components",),
    "Microsoft.KeyVault": ("vaults",),
    "Microsoft.ManagedIdentity": ("userAssignedIdentities",),
    "Microsoft.Network": ("privateDnsZones", "privateEndpoints", "virtualNetworks"),
    "Microsoft.Notebooks": ("notebookWorkspaces",),
    "Microsoft.OperationalInsights": ("workspaces",),
    "Microsoft.PolicyInsights": ("policyStates",),
    "Microsoft.Relay": ("namespaces",),
    "Microsoft.Resources": ("deployments", "resourceGroups", "subscriptions"),
    "Microsoft.Search": ("searchServices",),
    "Microsoft.Storage": ("storageAccounts",),
}
"""Those that workspaces depend on, by the troubleshooting page of workspace creation, with what of them is used."""


class ResourceProviders:
    """The resource providers, all of which the subscription is registered with from the start.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._store = emulator.store

    def answer(self, request: Request, rest: list[str]) -> Response:
        """Answer a request for the providers of the subscription.

        Args:
            request: The request.
            rest: What follows ``/subscriptions/{id}/providers`` in its path: nothing, a namespace, or that and an act.

        Raises:
            ArmError: It is refused.

        Source: https://learn.microsoft.com/rest/api/resources/providers
        """
        wanted = "POST" if rest[1:] else "GET"
        if request.method != wanted:
            raise not_allowed(request.method, str(request.scope["path"]), [wanted])
        if not rest:
            return answer({"value": [self._shown(one) for one in (AML, *_OTHERS)]})
        namespace = _namespace(rest[0])
        if rest[1:]:
            state = "Registered" if rest[1] == "register" else "NotRegistered"
            if self._state(namespace) != state:
                change = {"state": state, "at": time.time() + _CHANGE_SECONDS}
                self._store.put_record(_CHANGES, namespace, change)
        return answer(self._shown(namespace))

    def check(self, namespace: str) -> None:
        """Check that the subscription is registered with a provider, before something of it is made.

        Raises:
            ArmError: It is not.
        """
        known = next((one for one in (AML, *_OTHERS) if one.lower() == namespace.lower()), None)
        if known is not None and self._state(known) == "NotRegistered":
            raise conflict(
                f"The subscription is not registered to use namespace '{known}'. "
                "See https://aka.ms/rps-not-found for how to register subscriptions.",
                code="MissingSubscriptionRegistration",
            )

    def _state(self, namespace: str) -> str:
        change = self._store.record(_CHANGES, namespace)
        if change is None:
            return "Registered"
        if time.time() < change["at"]:
            return "Registering" if change["state"] == "Registered" else "Unregistering"
        return str(change["state"])

    def _shown(self, namespace: str) -> Json:
        found = {**provider(namespace), "registrationState": self._state(namespace)}
        return {"id": f"/subscriptions/{identity.SUBSCRIPTION_ID}/providers/{namespace}", **found}


def provider(namespace: str) -> Json:
    """A resource provider, as it is for every subscription."""
    types = _types() if namespace == AML else _OTHERS[namespace]
    versions = sorted(AML_VERSIONS, reverse=True) if namespace == AML else ["2024-01-01"]
    return {
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": [
            {"resourceType": one, "locations": [identity.LOCATION], "apiVersions": versions, "capabilities": "None"}
            for one in types
        ],
    }


def tenant_view(request: Request) -> Response:
    """Answer a request for the providers of the tenant.

    Raises:
        ArmError: It is refused.
    """
    check_api_version(request.query_params)
    if request.method != "GET":
        raise not_allowed(request.method, str(request.scope["path"]), ["GET"])
    match str(request.scope["path"]).strip("/").split("/")[1:]:
        case []:
            return answer({"value": [provider(one) for one in (AML, *_OTHERS)]})
        case [namespace]:
            return answer(provider(_namespace(namespace)))
        case [namespace, "operations"] if _namespace(namespace) == AML:
            return answer({"value": list(_operations())})
    raise ArmError(404, "InvalidResourceType", f"The emulator has nothing at '{request.scope['path']}'.")


def _namespace(given: str) -> str:
    for known in (AML, *_OTHERS):
        if known.lower() == given.lower():
            return known
    raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{given}' is invalid.")


def _types() -> list[str]:
    return [_type(row) for row in RESOURCES.values() if row.provider in (None, AML) and row.parent != "subscription"]


def _type(row: Resource) -> str:
    above = "" if row.parent == "resource_group" else f"{_type(RESOURCES[row.parent])}/"
    return f"{above}{row.segment}{'/versions' if row.versioned else ''}"


def _operations() -> Iterator[Json]:
    for row in RESOURCES.values():
        if row.provider not in (None, AML) or row.parent == "subscription":
            continue
        name = row.kind.replace("_", " ")
        acts = {**{f"{verb}": f"{text} {name}" for verb, text in _VERBS.items()}}
        acts |= {f"{segment}/action": f"{act.replace('_', ' ')} of {name}" for act, segment in row.actions.items()}
        for act, text in acts.items():
            display = {"provider": "Microsoft Machine Learning Services", "resource": _type(row), "operation": text}
            yield {"name": f"{AML}/{_type(row)}/{act}", "isDataAction": False, "display": display}
