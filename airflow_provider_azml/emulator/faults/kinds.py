"""What can go wrong; each kind belongs to one occasion, on which rules are asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

Occasion: TypeAlias = Literal["request", "token", "operation", "job", "compute", "server", "step"]
RETRY_AFTER_SECONDS = 1.0


@dataclass(frozen=True)
class Latency:
    """A request is answered late.

    Args:
        least: After so many seconds at least.
        most: And at most.
    """

    least: float
    most: float


@dataclass(frozen=True)
class Refusal:
    """A request is answered with an error, without anything being done.

    Args:
        status: HTTP status.
        retry_after_seconds: When to come again; said with 429 and 503.
        code: The error's code; the service's usual one when not given.
        message: Its words; that the emulator was told to when not given.
    """

    status: int
    retry_after_seconds: float = RETRY_AFTER_SECONDS
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Reset:
    """The connection is reset before anything is done."""


@dataclass(frozen=True)
class LostAnswer:
    """What was asked for is done, and the connection is reset then."""


@dataclass(frozen=True)
class Truncation:
    """What was asked for is done, and the connection ends in the middle of the answer's body.

    Args:
        size: How many bytes of the body come; half of them when not given.
    """

    size: int | None = None


@dataclass(frozen=True)
class LateView:
    """What a request changes is done, and whoever reads it sees for some time what was there before.

    Args:
        seconds: For so long.
    """

    seconds: float


@dataclass(frozen=True)
class ExpiredToken:
    """A request is refused because of its token, however long that is still valid."""


@dataclass(frozen=True)
class ShortToken:
    """A token is issued that is not valid for long.

    Args:
        seconds: How long it is.
    """

    seconds: int


@dataclass(frozen=True)
class StuckOperation:
    """A long-running operation stays in progress before anything is done.

    Args:
        seconds: For so long; for ever when not given.
    """

    seconds: float = math.inf


@dataclass(frozen=True)
class FailedOperation:
    """A long-running operation fails, without anything being done.

    Args:
        seconds: After so long.
        code: The error's code.
        message: Its words.
    """

    seconds: float = 0.0
    code: str = "InternalServerError"
    message: str = "The emulator was told to let this operation fail."


@dataclass(frozen=True)
class LostWorker:
    """The process of a job ends without a word.

    Args:
        seconds: So long after the job has begun to run.
    """

    seconds: float = 0.0


@dataclass(frozen=True)
class Preemption:
    """A cluster loses its nodes.

    Args:
        seconds: So long after a job has begun to run there.
    """

    seconds: float = 0.0


@dataclass(frozen=True)
class SilentServer:
    """The server of a deployment or a web service answers nothing, from its start on.

    Args:
        seconds: For so long; until it is started again when not given.
    """

    seconds: float = math.inf


@dataclass(frozen=True)
class OutOfMemory:
    """The worker of a server is killed, as the kernel does when there is no memory left.

    Args:
        seconds: So long after the server has answered for the first time.
    """

    seconds: float = 0.0


@dataclass(frozen=True)
class SlowStep:
    """A step of the making of a deployment takes longer.

    Args:
        seconds: By so long.
    """

    seconds: float


Fault: TypeAlias = (
    Latency
    | Refusal
    | Reset
    | LostAnswer
    | Truncation
    | LateView
    | ExpiredToken
    | ShortToken
    | StuckOperation
    | FailedOperation
    | LostWorker
    | Preemption
    | SilentServer
    | OutOfMemory
    | SlowStep
)
OCCASIONS: dict[type[Fault], Occasion] = {
    Latency: "request",
    Refusal: "request",
    Reset: "request",
    LostAnswer: "request",
    Truncation: "request",
    LateView: "request",
    ExpiredToken: "request",
    ShortToken: "token",
    StuckOperation: "operation",
    FailedOperation: "operation",
    LostWorker: "job",
    Preemption: "compute",
    SilentServer: "server",
    OutOfMemory: "server",
    SlowStep: "step",
}
