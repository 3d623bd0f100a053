"""The secrets that AML files may hold, for Airflow to mask them wherever it shows what was rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECRETS_OF_CREDENTIALS = frozenset({
    "access_key",
    "account_key",
    "api_key",
    "certificate",
    "client_secret",
    "key",
    "pat",
    "password",
    "sas_token",
    "secret_access_key",
})
"""Keys under ``credentials`` that hold a secret."""
_SECRETS_ANYWHERE = frozenset({"admin_password", "api_key", "primaryKey", "secondaryKey"})
"""Keys that hold one wherever they stand, of files of CLI v1 too; the others are ordinary words."""
_OF_SECRETS = frozenset({"credentials", "baseImageRegistry"})
"""Keys of mappings in which those words are none."""
_NAMED_SECRETS = "secret_config"
"""Key of a mapping whose values are all secrets, under names that the author of a file chose."""


def secrets_in(value: object, *, inside: bool = False) -> Iterator[str]:
    """The secrets in a mapping."""
    if isinstance(value, list):
        for member in value:
            yield from secrets_in(member, inside=inside)
    if not isinstance(value, dict):
        return
    for key, member in value.items():
        is_secret = key in _SECRETS_ANYWHERE or (inside and key in _SECRETS_OF_CREDENTIALS)
        if is_secret and isinstance(member, str):
            yield member
        elif key == _NAMED_SECRETS and isinstance(member, dict):
            yield from (secret for secret in member.values() if isinstance(secret, str))
        else:
            yield from secrets_in(member, inside=inside or key in _OF_SECRETS)
