"""What one body of a resource means to somebody who waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Reading:
    """What a resource's body shows.

    Args:
        status: A word or some words for it; the service's own where it has one.
        end: How the wait has ended, if it has.
        known: Whether the table has the word.
        code: The service's error code, where it ended badly, or may.
        message: The service's reason, where it ended badly, or may.
        bears_seconds: Of a state that is no end, but may become a bad one: how long it is borne, in seconds; ``None``
            for as long as the wait lasts.
        again_seconds: In how many seconds the next look is due, where that is nothing for whoever waits to say.
    """

    status: str
    end: Literal["good", "bad"] | None = None
    known: bool = True
    code: str | None = None
    message: str | None = None
    bears_seconds: float | None = None
    again_seconds: float | None = None


def failed(status: str, body: dict[str, Any]) -> Reading:
    """A bad end, with the reasons that stand in the resource's own body."""
    reasons = list(errors(body))
    if not reasons:
        return Reading(status, "bad")
    code, message = reasons[0]
    told = [message, *(f"{code}: {message}" for code, message in reasons[1:])]
    return Reading(status, "bad", code=code or None, message=" ".join(told))


def errors(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Codes and messages of the errors that a resource shows.

    Source: ``Compute.provisioningErrors`` ("Errors during provisioning"), ``AmlComputeProperties.errors`` and
    ``ComputeInstanceProperties.errors``, lists of ``ErrorResponse`` of the 2024-04-01 OpenAPI file.
    """
    properties = body.get("properties") or {}
    inner = properties.get("properties") or {}
    for response in [*(properties.get("provisioningErrors") or ()), *(inner.get("errors") or ())]:
        error = response.get("error") or response
        if error.get("code") or error.get("message"):
            yield str(error.get("code") or ""), str(error.get("message") or "")
