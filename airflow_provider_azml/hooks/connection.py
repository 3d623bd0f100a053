"""What an Airflow connection of type ``azml`` says, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import ConnectionIncomplete
from airflow_provider_azml.rest.credentials import AUTHS, Identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.clouds import Cloud


@dataclass(frozen=True, kw_only=True)
class ConnectionSettings:
    """The fields of a connection, as the provider uses them.

    Args:
        conn_id: The connection's id.
        auth: How to sign in, one of ``AUTHS``.
        cloud: ``public``, ``government``, ``china``, or the URL of a metadata endpoint.
        client_id: Login.
        client_secret: Password.
        fields: The rest, by their names in the connection's extra; absent ones are missing here.
    """

    conn_id: str
    auth: str
    cloud: str
    client_id: str | None
    client_secret: str | None
    fields: Mapping[str, str]

    def __repr__(self) -> str:
        return f"ConnectionSettings({self.conn_id!r}, auth={self.auth!r}, cloud={self.cloud!r})"

    def identity(self, cloud: Cloud, *, custom_cloud: bool) -> Identity:
        """Who signs in to a cloud."""
        managed = self.fields.get("managed_identity_client_id")
        return Identity(
            auth=self.auth,
            authority=cloud.authority,
            custom_cloud=custom_cloud,
            tenant_id=self.fields.get("tenant_id"),
            client_id=managed if self.auth == "managed_identity" else self.client_id or managed,
            client_secret=self.client_secret,
            client_certificate_path=self.fields.get("client_certificate_path"),
            ca_bundle=self.fields.get("ca_bundle"),
        )


FIELDS = (
    "tenant_id",
    "subscription_id",
    "resource_group",
    "workspace",
    "cloud",
    "auth",
    "client_certificate_path",
    "managed_identity_client_id",
    "ca_bundle",
)
"""Names in the connection's extra."""

_NEEDED = {
    "client_secret": ("login", "password", "tenant_id"),
    "client_certificate": ("login", "client_certificate_path", "tenant_id"),
}
_MEANING = {"login": "login (the client id)", "password": "password (the client secret)"}


def settings_of(conn_id: str, login: str | None, password: str | None, extra: Mapping[str, Any]) -> ConnectionSettings:
    """Read a connection; the way to sign in is taken from what is filled in when ``auth`` is not.

    Raises:
        ConnectionIncomplete: Something is missing, misspelt or of no known value; all of it is named.
    """
    fields = {name: str(extra[name]) for name in FIELDS if extra.get(name) not in (None, "")}
    auth = fields.pop("auth", None) or _guess(login, password, fields)
    filled = {**fields, "login": login, "password": password}
    problems = [f"auth={auth!r} is none of {', '.join(AUTHS)}"] if auth not in AUTHS else []
    missing = [_MEANING.get(name, name) for name in _NEEDED.get(auth, ()) if not filled.get(name)]
    if missing:
        problems.append(f"auth={auth} needs {' and '.join(missing)}")
    if problems:
        raise ConnectionIncomplete(
            f"connection {conn_id!r} cannot be used: {'; '.join(problems)}. "
            "Edit it under Admin > Connections or in its AIRFLOW_CONN_ variable"
        )
    return ConnectionSettings(
        conn_id=conn_id,
        auth=auth,
        cloud=fields.pop("cloud", "public"),
        client_id=login or None,
        client_secret=password or None,
        fields=fields,
    )


def _guess(login: str | None, password: str | None, fields: Mapping[str, str]) -> str:
    if "client_certificate_path" in fields:
        return "client_certificate"
    if login or password:
        return "client_secret"
    return "managed_identity" if "managed_identity_client_id" in fields else "default"
