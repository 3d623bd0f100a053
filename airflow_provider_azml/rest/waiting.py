"""Long acts of the service: beginning one, and waiting until it has ended."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import RunFailed, WaitTimeout
from airflow_provider_azml.rest import arm_ids, flows
from airflow_provider_azml.rest.flows import Flow, Json, Send, Sleep, call, request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from azure.core.rest import HttpResponse

_log = logging.getLogger(__name__)
_ENDED = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True)
class Ticket:
    """An act that the service has accepted: all that is needed to wait for it, in any process.

    Args:
        arm_id: The resource that is acted on.
        operation_url: Where the service tells how the act goes, if it named a place.
        body: The resource as the service last showed it; empty after a delete.
        deleting: Whether the act is a delete, so that the resource's absence is its good end.
    """

    arm_id: str
    operation_url: str | None = None
    body: Json = field(default_factory=dict)
    deleting: bool = False


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

    def failure(self, *, studio_url: str | None = None, log_tail: Sequence[str] = ()) -> RunFailed:
        """The exception for an act that ended badly."""
        made = arm_ids.parse(self.arm_id)
        return RunFailed(
            kind=made.kind.replace("_", " "),
            name=made.name,
            status=self.status,
            code=self.code,
            message=self.message,
            studio_url=studio_url,
            log_tail=log_tail,
        )


def status_of(arm_id: str, body: Json) -> str | None:
    """The status word in a resource's body, by the path in its row; ``None`` when the row has no status."""
    value: object = body
    for key in arm_ids.parse(arm_id).row.status:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def submit(arm_id: str, body: Json, *, token_header: str | None = None) -> Flow[Ticket]:
    """PUT a resource; the ticket says where its making can be followed."""
    response = yield from flows.put(arm_id, body, token_header=token_header)
    return ticket(arm_id, response)


def ticket(arm_id: str, response: HttpResponse, *, deleting: bool = False) -> Ticket:
    """The ticket that an accepted request amounts to."""
    accepted = response.status_code == HTTPStatus.ACCEPTED
    operation_url = response.headers.get("Azure-AsyncOperation") or (
        response.headers.get("Location") if accepted else None
    )
    return Ticket(arm_id, operation_url, _object(response), deleting)


def ended(pending: Ticket) -> Outcome | None:
    """How an act ended, when its answer said so at once."""
    if pending.deleting and not pending.operation_url:
        return Outcome(pending.arm_id, "Deleted")
    if pending.operation_url or not pending.body:
        return None
    status = status_of(pending.arm_id, pending.body)
    row = arm_ids.parse(pending.arm_id).row
    if status is None and not row.status:
        status = "Succeeded"
    return Outcome(pending.arm_id, status, pending.body) if status in row.terminal else None


def settle(
    pending: Ticket,
    *,
    poll_seconds: float,
    deadline: float | None = None,
    on_status: Callable[[str], None] = lambda _: None,
    now: Callable[[], float] = time.time,
) -> Flow[Outcome]:
    """Wait until an act has ended, well or badly.

    Args:
        pending: The accepted act.
        poll_seconds: Pause between two looks, in seconds; a longer Retry-After of the service wins.
        deadline: When to give up, in seconds since the epoch.
        on_status: Called with each status that differs from the one before.
        now: The clock.

    Raises:
        WaitTimeout: The deadline passed first.
        NotFound: The resource vanished while it was waited for.
    """
    began, last = now(), ""
    while True:
        glance = yield from look(pending)
        if glance.status != last:
            on_status(glance.status)
            last = glance.status
        if glance.outcome:
            return glance.outcome
        pause = max(poll_seconds, glance.retry_after)
        if deadline is not None and now() + pause > deadline:
            name = arm_ids.parse(pending.arm_id)
            raise WaitTimeout(kind=name.kind, name=name.name, last_status=last, seconds=now() - began)
        yield Sleep(pause)


@dataclass(frozen=True)
class Glance:
    """What one look at a pending act showed; ``outcome`` is set once it has ended, ``retry_after`` is in seconds."""

    status: str
    outcome: Outcome | None = None
    retry_after: float = 0


def look(pending: Ticket) -> Flow[Glance]:
    """Look once at how an act goes."""
    if not pending.operation_url:
        return (yield from _look_at_resource(pending))
    response = yield from call(Send(request("GET", pending.operation_url)))
    document = _object(response)
    status = str(document.get("status") or "")
    if response.status_code == HTTPStatus.ACCEPTED or (status and status.lower() not in _ENDED):
        return Glance(status or "InProgress", None, _retry_after(response))
    if status and status.lower() != "succeeded" and not document.get("properties", {}).get("provisioningState"):
        error = document.get("error") or {}
        body = (yield from flows.find(pending.arm_id)) or {}
        outcome = Outcome(pending.arm_id, status, body, error.get("code"), error.get("message"))
        return Glance(status, outcome)
    return (yield from _look_at_resource(pending))


def _look_at_resource(pending: Ticket) -> Flow[Glance]:
    if pending.deleting:
        return Glance("Deleted", Outcome(pending.arm_id, "Deleted"))
    response = yield from call(Send(request("GET", pending.arm_id, params=flows.version_of(pending.arm_id))))
    body = _object(response)
    row = arm_ids.parse(pending.arm_id).row
    status = status_of(pending.arm_id, body)
    if status is None:
        return Glance("Succeeded", Outcome(pending.arm_id, "Succeeded", body))
    if status in row.terminal:
        return Glance(status, Outcome(pending.arm_id, status, body))
    if status not in row.active:
        _log.warning("%s has the unknown status %r; waiting on", pending.arm_id, status)
    return Glance(status, None, _retry_after(response))


def _retry_after(response: HttpResponse) -> float:
    try:
        return float(response.headers.get("Retry-After", 0))
    except ValueError:  # an HTTP date, which the service does not send here
        return 0


def _object(response: HttpResponse) -> Json:
    if not response.content or "json" not in response.headers.get("Content-Type", ""):
        return {}
    body = response.json()
    return body if isinstance(body, dict) else {}
