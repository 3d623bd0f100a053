"""Keys of online endpoints that are waited for until they are others. No key leaves this module.

What travels is a salted digest of the former key, which tells a change and nothing else.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.readings import Reading

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Flow, Json

BEARS_SECONDS = 300.0
"""How long the former key is borne after it has been replaced."""
_ROUNDS = 10_000


def keys_of(endpoint_id: str) -> Flow[Json]:
    """The ``primaryKey`` and ``secondaryKey`` of an endpoint.

    Raises:
        ApiError: It has none, as its auth mode is another, or they may not be read.
    """
    response = yield from flows.act(endpoint_id, "list_keys")
    keys: Json = response.json()
    return keys


def wanted_of(field: str, key: str) -> Json:
    """The values that the goal takes.

    Args:
        field: ``primaryKey`` or ``secondaryKey``.
        key: The former key.
    """
    salt = secrets.token_hex(16)
    return {"field": field, "salt": salt, "former": _digest(salt, key)}


def find(endpoint_id: str, wanted: Json) -> Flow[Json]:
    """Whether the key is another by now; nothing of the key itself."""
    keys = yield from keys_of(endpoint_id)
    return {"changed": _digest(wanted["salt"], keys[wanted["field"]]) != wanted["former"]}


def read(body: Json, _: Json) -> Reading:
    """Whether the key is another by now; the former one is waited out for some time."""
    if body["changed"]:
        return Reading("Succeeded", "good")
    return Reading("former key", message="It still has the key from before.", bears_seconds=BEARS_SECONDS)


def _digest(salt: str, key: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", key.encode(), salt.encode(), _ROUNDS).hex()
