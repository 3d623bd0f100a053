"""What opens the scoring URI of an online endpoint: its keys, or tokens for it."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.auth import TokenRefused

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

KEYS = "endpoint_keys"
NAMES = {"primary": "primaryKey", "secondary": "secondaryKey"}
TOKEN_SECONDS = 24 * 3600


def make_keys(emulator: Emulator, endpoint_id: str, asked: Json | None) -> None:
    """Give an endpoint keys, the ones that its maker asked for or new ones, unless it has some."""
    if emulator.store.record(KEYS, endpoint_id.lower()) is None:
        keys = {name: (asked or {}).get(name) or _key() for name in NAMES.values()}
        emulator.store.put_record(KEYS, endpoint_id.lower(), keys)


def keys_of(emulator: Emulator, endpoint_id: str) -> Json:
    """The ``primaryKey`` and ``secondaryKey`` of an endpoint."""
    return emulator.store.record(KEYS, endpoint_id.lower()) or {}


def change_key(emulator: Emulator, endpoint_id: str, name: str, value: str | None) -> None:
    """Replace one key, by a given value or by a new one.

    azure-ai-ml sends the key as it is when it asks for a new one.
    """
    keys = keys_of(emulator, endpoint_id)
    keys[name] = value if value and value != keys.get(name) else _key()
    emulator.store.put_record(KEYS, endpoint_id.lower(), keys)


def drop_keys(emulator: Emulator, endpoint_id: str) -> None:
    """Forget the keys of an endpoint that is gone."""
    emulator.store.delete_record(KEYS, endpoint_id.lower())


def issue_token(emulator: Emulator, endpoint_id: str) -> str:
    """A token that opens an endpoint whose ``authMode`` is ``AMLToken``."""
    return emulator.auth.issue(_audience(endpoint_id), seconds=TOKEN_SECONDS)


def opens(emulator: Emulator, endpoint: Json, authorization: str | None) -> bool:
    """Whether the Authorization header of a scoring request opens an endpoint.

    Args:
        emulator: The emulator.
        endpoint: The endpoint as the store has it.
        authorization: The header's value.

    Returns:
        For ``Key``: whether it is one of the keys. For ``AMLToken``: whether it is a token of ``issue_token``. For
        ``AADToken``: whether it is a token for the AML audience.
    """
    mode = endpoint["properties"].get("authMode", "Key")
    if mode == "Key":
        scheme, _, key = (authorization or "").partition(" ")
        known = keys_of(emulator, endpoint["id"]).values()
        return scheme.lower() == "bearer" and any(hmac.compare_digest(key.strip().encode(), k.encode()) for k in known)
    audiences = emulator.auth.aml_audiences if mode == "AADToken" else (_audience(endpoint["id"]),)
    try:
        emulator.auth.check(authorization, audiences)
    except TokenRefused:
        return False
    return True


def _audience(endpoint_id: str) -> str:
    return f"endpoint:{endpoint_id.lower()}"


def _key() -> str:
    return secrets.token_urlsafe(32)
