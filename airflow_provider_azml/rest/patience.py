"""How long errors in between are borne: an error of one look is not the end of what is looked at."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import AuthError, NotFound
from airflow_provider_azml.rest.flows import NO_JSON_OBJECT, NO_LIST, NO_STATUS, UNTRUSTED_HOST
from airflow_provider_azml.rest.pace import LONGEST_HOLD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.exceptions import ApiError

TOLERATE_ERRORS_SECONDS = 600.0
"""How long the service may be out of reach, unless a task says otherwise."""
REFUSAL_SECONDS = 60.0
"""How long a 401, 403 or 404 is borne: a role that has just been given or a resource that has just been made is not
seen everywhere at once."""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_NEVER_PASSING = frozenset({UNTRUSTED_HOST})
_EXPIRED = frozenset({"ExpiredAuthenticationToken", "TokenExpired"})
_GARBLED = frozenset({NO_JSON_OBJECT, NO_STATUS, NO_LIST})
_ENTRA, _ENTRAS_OWN = "AADSTS", "AADSTS900"
"""What codes of the token service begin with, and those of them that tell of its own troubles: it is busy, throttles,
or has no answer in time; see https://learn.microsoft.com/entra/identity-platform/reference-error-codes."""
FIRST_PAUSE_SECONDS = 1.0
"""The pause after a first error, in seconds, which doubles with each that follows; none is shorter. Tests of what comes
after an error set a smaller one."""
_MOST_DOUBLINGS = 6


@dataclass
class Patience:
    """Bears errors of looks for some time, and gives the pause before the next look.

    Args:
        tolerate_errors_seconds: How long passing errors are borne in a row: no answer, 408, 429, 5xx, an expired token.
        refusal_seconds: How long a refusal is borne: 401, 403, 404; never longer than passing errors.
        longest_pause_seconds: The longest pause after an error, unless the service asks for a longer one.
        now: A clock that never jumps, in seconds.

    Example:
        >>> patience = Patience(tolerate_errors_seconds=600)
        >>> pause = patience.bear(error)   # raises the error when it has lasted too long
        >>> patience.relieved()            # after an answer
    """

    tolerate_errors_seconds: float = TOLERATE_ERRORS_SECONDS
    refusal_seconds: float = REFUSAL_SECONDS
    longest_pause_seconds: float = 30.0
    now: Callable[[], float] = time.monotonic
    _since: float | None = field(default=None, init=False)
    _refused_since: float | None = field(default=None, init=False)
    _count: int = field(default=0, init=False)

    def bear(self, error: ApiError) -> float:
        """The pause before the next look, in seconds; a longer Retry-After of the error wins.

        Raises:
            ApiError: The error, when it will not pass, or has lasted too long.
        """
        now = self.now()
        if self._since is None:
            self._since = now
        if not _is_refusal(error):
            self._refused_since = None
        elif self._refused_since is None:
            self._refused_since = now
        left = self._left(error, now)
        if not left > 0:  # nor if it is no number
            raise error
        growing = min(FIRST_PAUSE_SECONDS * 2.0**self._count, self.longest_pause_seconds)
        self._count = min(self._count + 1, _MOST_DOUBLINGS)
        return min(max(min(error.retry_after, LONGEST_HOLD_SECONDS), growing), max(left, FIRST_PAUSE_SECONDS))

    def relieved(self) -> None:
        """Forget the errors, after a look that was answered."""
        self._since, self._refused_since, self._count = None, None, 0

    def _left(self, error: ApiError, now: float) -> float:
        """How much longer an error is borne, in seconds."""
        assert self._since is not None
        left = self._since + self.tolerate_errors_seconds - now
        if self._refused_since is not None:
            return min(left, self._refused_since + self.refusal_seconds - now)
        return left if _passes(error) else 0


def _passes(error: ApiError) -> bool:
    if error.code in _NEVER_PASSING:
        return False
    return error.status is None or error.status in _PASSING or error.code in _EXPIRED | _GARBLED


def _is_refusal(error: ApiError) -> bool:
    if isinstance(error, NotFound):
        return True
    if not isinstance(error, AuthError) or error.code in _EXPIRED:
        return False
    return error.status is not None or (error.code.startswith(_ENTRA) and not error.code.startswith(_ENTRAS_OWN))
