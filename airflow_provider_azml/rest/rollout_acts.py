"""What a rollout does next; each act is one thing that is asked of the service, or the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class MakeEndpoint:
    """Make the endpoint."""


@dataclass(frozen=True)
class Await:
    """Wait until nothing is being done to it.

    Args:
        what: ``endpoint`` or ``deployment``.
        gone: Whether it is being deleted, and waited for to be gone.
    """

    what: Literal["endpoint", "deployment"]
    gone: bool = False


@dataclass(frozen=True)
class Deploy:
    """Make the deployment.

    Args:
        before: The traffic as it is now.
        replaced: Whether it takes the place of one of the same name.
    """

    before: Mapping[str, int]
    replaced: bool = False


@dataclass(frozen=True)
class NoteBefore:
    """Write down on the deployment that the traffic before its first step is another by now.

    Args:
        before: The traffic as it is now.
    """

    before: Mapping[str, int]


@dataclass(frozen=True)
class Watch:
    """Have the deployment checked.

    Args:
        seconds: For how long; 0 for once.
    """

    seconds: float = 0


@dataclass(frozen=True)
class Move:
    """Change the traffic.

    Args:
        share: Percentage that the deployment gets.
        wanted: The traffic that is wanted.
        shown: The traffic as it is now.
        mark: The endpoint's tag from then on.
    """

    share: int
    wanted: Mapping[str, int]
    shown: Mapping[str, int]
    mark: str


@dataclass(frozen=True)
class Retire:
    """Delete a deployment that got traffic before.

    Args:
        name: Its name.
    """

    name: str


@dataclass(frozen=True)
class Finish:
    """Everything is as it should be."""


@dataclass(frozen=True)
class GiveUp:
    """The rollout has failed: say so; where it had traffic, that is as it was before.

    Args:
        reason: Why.
    """

    reason: str


@dataclass(frozen=True)
class Disturbed:
    """Somebody else has changed the traffic: say so, and change nothing.

    Args:
        expected: The traffic as it should be.
        shown: The traffic as it is.
    """

    expected: Mapping[str, int]
    shown: Mapping[str, int]


Act: TypeAlias = MakeEndpoint | Await | Deploy | NoteBefore | Watch | Move | Retire | Finish | GiveUp | Disturbed
