"""Endpoints as they are PUT again: what a PATCH cannot change, the PUT of the whole endpoint does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.rest.flows import Json

_KEPT = ("location", "tags", "kind", "sku")
_KEPT_OF_IDENTITY = ("type", "userAssignedIdentities")


def as_it_is(endpoint: Json, properties: Sequence[str]) -> Json:
    """The body that PUTs an endpoint as it is shown, less what the service alone writes.

    Args:
        endpoint: The endpoint, online or batch.
        properties: Which of its properties are sent, where it has them.

    Example:
        >>> as_it_is({"name": "iris", "location": "here", "properties": {"provisioningState": "Failed"}}, ["authMode"])
        {'location': 'here', 'properties': {}}
    """
    given: Json = endpoint["properties"]
    body = {name: endpoint[name] for name in _KEPT if endpoint.get(name) is not None}
    identity = endpoint.get("identity") or {}
    if identity:
        body["identity"] = {name: identity[name] for name in _KEPT_OF_IDENTITY if identity.get(name)}
    return {**body, "properties": {name: given[name] for name in properties if given.get(name) is not None}}
