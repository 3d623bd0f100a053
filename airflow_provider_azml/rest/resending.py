"""Whether a payload may be sent again that was not answered with success: what is scored twice may be done twice."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from airflow_provider_azml.exceptions import ApiError

Verdict = Literal["wait", "again", "halves", "failed", "all"]
"""What follows from an answer that is no success.

``wait``: it was not taken, so it is sent again until it is. ``again``: it may have been scored, and is sent again all
the same. ``halves``: its records are sent in two parts. ``failed``: its records have failed. ``all``: no other payload
would fare better.
"""

_TRIES = 3
"""How often a payload is sent that may have been scored, where that is allowed."""
_NOT_TAKEN = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_FOR_ALL = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
OF_THE_SCRIPT = frozenset({HTTPStatus.FAILED_DEPENDENCY, HTTPStatus.BAD_GATEWAY})
"""HTTP statuses that say that the scoring script failed: of an endpoint, and of a web service of v1."""
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.GATEWAY_TIMEOUT})


def verdict(error: ApiError, *, unsent: bool, idempotent: bool, several: bool, tries: int) -> Verdict:
    """What follows from an answer that is no success, or from none.

    Args:
        error: The answer.
        unsent: Whether there was no connection to send the payload over.
        idempotent: Whether it does no harm to score a record twice.
        several: Whether the payload holds several records, so that it can be parted.
        tries: How often it has been sent.

    Example:
        >>> verdict(throttled, unsent=False, idempotent=False, several=True, tries=1)
        'wait'

    Source: the tables of HTTP status codes in
    https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints#http-status-codes: a payload
    that is answered 429 (in Kubernetes 503) was not passed on; 424 (502) is the script's, 408 (504) came too late.
    """
    status = error.status
    if unsent or status in _NOT_TAKEN:
        return "wait"
    if status in _FOR_ALL:
        return "all"
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:  # refused for its size, before anybody has looked at it
        return "halves" if several else "failed"
    if not idempotent:
        return "failed"
    if several and (status in OF_THE_SCRIPT or status == HTTPStatus.BAD_REQUEST):
        return "halves"
    passes = status is None or status in _PASSING | OF_THE_SCRIPT
    return "again" if passes and tries < _TRIES else "failed"
