"""Resource providers: namespaces that a subscription has to be registered with before it can have their resources."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.rest import arm_ids, flows
from airflow_provider_azml.rest.flows import All, Send, call, request
from airflow_provider_azml.rest.readings import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_azml.rest.flows import Flow, Json

NEEDED = (
    "Microsoft.MachineLearningServices",
    "Microsoft.Storage",
    "Microsoft.ContainerRegistry",
    "Microsoft.KeyVault",
    "Microsoft.Insights",
    "Microsoft.Notebooks",
)
"""What a workspace needs. Source: "Resource provider errors" of
https://learn.microsoft.com/azure/machine-learning/how-to-manage-workspace-cli, and the application insights that every
workspace has."""
_API_VERSION = "2021-04-01"
_REGISTERED = "Registered"
_NAMESPACE = re.compile(r"[A-Za-z0-9]+(\.[A-Za-z0-9]+)+")


def checked(wanted: Json) -> Json:
    """The namespaces that are wanted, as templates leave them -> as :func:`find` and :func:`read` take them.

    Raises:
        SpecError: One is no namespace.
    """
    given = wanted.get("namespaces") or list(NEEDED)
    names = [given] if isinstance(given, str) else given
    for name in names:
        if not isinstance(name, str) or not _NAMESPACE.fullmatch(name):
            reason = f"{name!r:.80} is no namespace; write Microsoft.Storage, say"
            raise SpecError([Problem("<arguments>", 0, 0, "namespaces", reason)])
    return {"namespaces": list(dict.fromkeys(names))}


def register(arm_id: str, namespaces: Iterable[str]) -> Flow[None]:
    """Register a subscription with providers; those that it is registered with are left alone.

    Args:
        arm_id: ARM id of any resource group of the subscription.
        namespaces: The providers.

    Raises:
        ApiError: There is no such provider, or the identity may not register it.

    Source: https://learn.microsoft.com/rest/api/resources/providers/register
    """
    yield All([_register(arm_ids.parse(arm_id).subscription_id, name) for name in namespaces])


def find(arm_id: str, wanted: Json) -> Flow[Json]:
    """How far a subscription is registered with the namespaces that are wanted."""
    subscription = arm_ids.parse(arm_id).subscription_id
    found = yield All([_state(subscription, name) for name in wanted["namespaces"]])
    return {"providers": dict(zip(wanted["namespaces"], found, strict=True))}


def read(body: Json, _: Json) -> Reading:
    """Whether it is registered with all."""
    waited_for = [name for name, state in body["providers"].items() if state != _REGISTERED]
    return Reading("Registering" if waited_for else _REGISTERED, None if waited_for else "good")


def _register(subscription: str, namespace: str) -> Flow[None]:
    if (yield from _state(subscription, namespace)) != _REGISTERED:
        url = f"{_url(subscription, namespace)}/register"
        yield from call(Send(request("POST", url, params={"api-version": _API_VERSION})))


def _state(subscription: str, namespace: str) -> Flow[str]:
    sent = request("GET", _url(subscription, namespace), params={"api-version": _API_VERSION})
    body = flows.json_object(sent, (yield from call(Send(sent))))
    return str(body.get("registrationState") or "")


def _url(subscription: str, namespace: str) -> str:
    return f"/subscriptions/{subscription}/providers/{namespace}"
