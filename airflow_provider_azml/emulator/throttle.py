"""The rates at which Resource Manager takes requests."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.errors import ArmError
from airflow_provider_azml.emulator.identity import PRINCIPAL_ID, SUBSCRIPTION_ID
from airflow_provider_azml.emulator.refusals import ARM, first_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LIMITS = {"reads": (250, 25), "writes": (200, 10), "deletes": (200, 10)}
_KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}


@dataclass
class Bucket:
    """A token bucket.

    Args:
        size: How many tokens it holds.
        per_second: How many it gains.
        clock: Says what time it is, in seconds.

    Example:
        >>> bucket = Bucket(250, 25)
        >>> bucket.take(), bucket.left
        (True, 249)
    """

    size: int
    per_second: float
    clock: Callable[[], float] = time.monotonic
    _tokens: float = field(init=False)
    _looked: float = field(init=False)

    def __post_init__(self) -> None:
        self._tokens, self._looked = float(self.size), self.clock()

    @property
    def left(self) -> int:
        """How many whole tokens it had when one was last asked for."""
        return math.floor(self._tokens)

    @property
    def wait_seconds(self) -> int:
        """After how many whole seconds there will be one, if there is none."""
        return max(1, math.ceil((1 - self._tokens) / self.per_second))

    def take(self) -> bool:
        """Take a token; whether there was one."""
        now = self.clock()
        self._tokens = min(self.size, self._tokens + (now - self._looked) * self.per_second)
        self._looked = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Throttle:
    """Takes no more requests than Resource Manager would, of one principal in one region.

    Source: "Understand how Azure Resource Manager throttles requests": buckets of 250 reads, 200 writes and 200
    deletes that regain 25, 10 and 10 a second, the header with what remains, ``Retry-After`` with the 429.
    """

    def __init__(self) -> None:
        self._buckets = {kind: Bucket(*limits) for kind, limits in _LIMITS.items()}

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an application answer, if there is a token for the request."""
        if first_part(scope["path"]) not in ARM:
            await app(scope, receive, send)
            return
        kind = _KINDS.get(scope["method"], "writes")
        bucket = self._buckets[kind]
        if not bucket.take():
            await _refusal(kind, bucket.wait_seconds).response()(scope, receive, send)
            return
        header = (f"x-ms-ratelimit-remaining-subscription-{kind}".encode(), str(bucket.left).encode())

        async def send_with_rest(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        await app(scope, receive, send_with_rest)


def _refusal(kind: str, seconds: int) -> ArmError:
    message = (
        f"Number of '{kind}' for subscription '{SUBSCRIPTION_ID}' actor '{PRINCIPAL_ID}' exceeded. Please try again "
        f"after '{seconds}' seconds after additional tokens are available."
    )
    return ArmError(429, "SubscriptionRequestsThrottled", message, headers={"Retry-After": str(seconds)})
