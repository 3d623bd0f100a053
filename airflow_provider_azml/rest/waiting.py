"""Long acts of the service: beginning one, and waiting until it has ended."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_azml.exceptions import NotFound, WaitTimeout
from airflow_provider_azml.rest import arm_ids, flows
from airflow_provider_azml.rest.flows import Flow, Json, Send, Sleep, call, request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.rest import HttpResponse


@dataclass(frozen=True)
class Ticket:
    """An act that the service has accepted: all that is needed to wait for it, in any process.

    Args:
        arm_id: The resource that is acted on.
        operation_url: Where the service tells how the act goes, if it named a place.
        body: The resource as the service last showed it; empty after a delete.
    """

    arm_id: str
    operation_url: str | None = None
    body: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How an act ended.

    Args:
        arm_id: The resource.
        status: The service's word for it; ``Deleted`` when the resource is gone.
        body: The resource; empty when it is gone.
        code: The service's error code, where the act failed.
        message: The service's reason, where the act failed.
    """

    arm_id: str
    status: str
    body: Json = field(default_factory=dict)
    code: str | None = None
    message: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the status is one of the good ones of the resource's row."""
        return self.status in arm_ids.parse(self.arm_id).row.good | {"Deleted"}


def status_of(arm_id: str, body: Json) -> str | None:
    """The status word in a resource's body, by the path in its row; ``None`` when the row has no status."""
    value: object = body
    for key in arm_ids.parse(arm_id).row.status:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def submit(arm_id: str, body: Json, *, headers: Mapping[str, str] | None = None) -> Flow[Ticket]:
    """PUT a resource; the ticket says where its making can be followed."""
    response = yield from flows.put(arm_id, body, headers=headers)
    return ticket(arm_id, response)


def ticket(arm_id: str, response: HttpResponse) -> Ticket:
    """The ticket that an accepted request amounts to."""
    row = arm_ids.parse(arm_id).row
    operation_url = response.headers.get("Azure-AsyncOperation") or (
        response.headers.get("Location") if response.status_code == 202 else None  # noqa: PLR2004 (202 Accepted)
    )
    has_body = response.status_code != 204 and "json" in response.headers.get("Content-Type", "")  # noqa: PLR2004
    body = response.json() if has_body and row else {}
    return Ticket(arm_id, operation_url, body if isinstance(body, dict) else {})
