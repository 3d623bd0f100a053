"""Requests to Resource Manager, and what becomes of them."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

    from tests.emulator.execution import Workspace


def fresh(prefix: str) -> str:
    return f"{prefix}{uuid.uuid4().hex[:8]}x"


def error(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def refused(workspace: Workspace, method: str, path: str, json: object = None, **options: Any) -> tuple[int, str]:
    answer = workspace.call(method, path, json=json, ok=False, **options)
    status, code = error(answer)
    assert answer.headers["x-ms-error-code"] == code
    return status, code


def settled(workspace: Workspace, arm_id: str) -> dict[str, Any]:
    """A resource once its ``provisioningState`` stays."""
    while True:
        body: dict[str, Any] = workspace.call("GET", arm_id).json()
        if body["properties"]["provisioningState"] in ("Succeeded", "Failed", "Canceled"):
            return body
        time.sleep(0.05)


def poll(workspace: Workspace, response: requests.Response) -> int:
    """Follow a ``Location`` to its end, and answer the last status."""
    url = response.headers["Location"].removeprefix(workspace.emulator.https_url).partition("?")[0]
    assert response.headers["Retry-After"] == "1"
    while (answer := workspace.call("GET", url, ok=False)).status_code == 202:
        time.sleep(0.05)
    return answer.status_code
