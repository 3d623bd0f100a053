"""Who and where everything is in an emulator; the secrets of a home are made once and kept in it."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.rest.arm_ids import WorkspaceId

if TYPE_CHECKING:
    from pathlib import Path

TENANT_ID = "22222222-2222-2222-2222-222222222222"
CLIENT_ID = "33333333-3333-3333-3333-333333333333"
PRINCIPAL_ID = "44444444-4444-4444-4444-444444444444"
SUBSCRIPTION_ID = "11111111-1111-1111-1111-111111111111"
RESOURCE_GROUP = "emulator"
WORKSPACE = "laptop"
LOCATION = "local"
AML_AUDIENCE = "https://ml.azure.emu"
DEFAULT_WORKSPACE = WorkspaceId(SUBSCRIPTION_ID, RESOURCE_GROUP, WORKSPACE)


@dataclass(frozen=True)
class Secrets:
    """The secrets of a home.

    Args:
        client_secret: Password of the one application that may ask for tokens.
        storage_key: Signs what opens the storage account.
    """

    client_secret: str = field(repr=False)
    storage_key: str = field(repr=False)


def secrets_of(home: Path) -> Secrets:
    """The secrets of a home; made, readable by its owner alone, when they are not there."""
    file = home / "secrets.json"
    if file.exists():
        return Secrets(**json.loads(file.read_text()))
    made = Secrets(client_secret=secrets.token_urlsafe(30), storage_key=secrets.token_urlsafe(48))
    write_private(file, json.dumps({"client_secret": made.client_secret, "storage_key": made.storage_key}))
    return made


def write_private(file: Path, content: str | bytes) -> None:
    """Write a file at once, readable by its owner alone."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content.encode() if isinstance(content, str) else content)
    new.replace(file)
