"""The step of flows that sends many payloads to one scoring URI."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

    from airflow_provider_azml.exceptions import ApiError
    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.scoring import Door


class Batch(Protocol):
    """Records that are sent with one request."""

    @property
    def body(self) -> bytes:
        """What is sent; empty where there is nothing to send."""

    def halves(self) -> tuple[Self, Self] | None:
        """Two batches in its place, or ``None`` where it cannot be parted."""


B = TypeVar("B", bound=Batch)


@dataclass(frozen=True)
class Whole:
    """A payload that is sent as it is.

    Args:
        body: The payload.
    """

    body: bytes = field(repr=False)

    def halves(self) -> None:
        """Nothing: it cannot be parted."""


@dataclass(frozen=True)
class Score(Generic[B]):
    """Send batches to a scoring URI, some at a time, over connections that stay open.

    The result is how many requests were sent again: where they were not taken, or where that does no harm; see
    :func:`~airflow_provider_azml.rest.resending.verdict`. For the blocking driver alone, which has an event loop in a
    thread for it.

    Args:
        door: Makes the flow that finds the scoring URI and what opens it; again when that runs out, or is refused.
        batches: What is sent; taken in that thread, one when there is room for it.
        answered: What is done in that thread with the answer to a batch, or the error in its place, in the order of
            the batches.
        glance: What is done every second meanwhile by the thread that waits; what it raises ends the step.
        concurrency: How many requests are under way at most.
        content_type: Of the batches.
        idempotent: Whether it does no harm to score a record twice.
        timeout_seconds: How long an answer may take, in seconds.
        tolerate_errors_seconds: How long nothing at all may be taken, in seconds.
    """

    door: Callable[[], Flow[Door]]
    batches: Iterator[B]
    answered: Callable[[B, bytes | ApiError], None]
    glance: Callable[[], None]
    concurrency: int = 1
    content_type: str = "application/json"
    idempotent: bool = False
    timeout_seconds: float = 300.0
    tolerate_errors_seconds: float = 600.0
