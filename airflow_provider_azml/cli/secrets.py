"""What is not shown of the bodies that would be sent: a terminal is scrolled back, and a build keeps its log."""

from __future__ import annotations

from typing import Any

HIDDEN = "<secret>"
_HOLDERS = frozenset({"credentials", "secrets"})
_ALWAYS = frozenset({"adminUserPassword", "azureml.connection_information", "password", "privateKeyData"})
"""Fields that hold a secret wherever they stand; among the properties of a distillation job is a connection."""
_NO_SECRETS = frozenset({
    "accessKeyId",
    "authType",
    "authorityUrl",
    "clientId",
    "credentialsType",
    "resourceId",
    "resourceUrl",
    "secretsType",
    "tenantId",
    "thumbprint",
    "username",
})
"""Fields of credentials that anybody may see. Source: the bodies of datastores and connections in the OpenAPI files."""


def hidden(value: Any, *, inside: bool = False) -> Any:  # any part of a body
    """A body with its secrets hidden.

    Args:
        value: The body, or a part of it.
        inside: Whether it is a part of credentials.
    """
    if isinstance(value, list):
        return [hidden(item, inside=inside) for item in value]
    if isinstance(value, dict):
        return {key: _member(key, member, inside) for key, member in value.items()}
    return HIDDEN if inside and isinstance(value, str) else value


def _member(key: str, member: Any, inside: bool) -> Any:  # as above
    if key in _NO_SECRETS:
        return member
    return hidden(member, inside=inside or key in _HOLDERS or key in _ALWAYS)
