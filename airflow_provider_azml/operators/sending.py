"""Requests that start something whenever they are sent: what they start is looked for before they are sent again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_azml.exceptions import ApiError, Conflict
from airflow_provider_azml.operators.submission import APPEARING_SECONDS
from airflow_provider_azml.rest.flows import Sleep
from airflow_provider_azml.rest.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.rest.flows import Flow

T = TypeVar("T")
_log = logging.getLogger(__name__)
_BROKEN = 500
_PASSING = frozenset({408, 425, 429})
"""HTTP statuses of requests that the service did not look into, though it says 4xx."""


def sent_once(
    send: Callable[[], Flow[T]], find: Callable[[], Flow[T | None]], called: str, *, tolerate_errors_seconds: float
) -> Flow[T]:
    """Start something. It is not sent again before it is sure that the service does not have it.

    Args:
        send: Starts it, by one request.
        find: Looks whether the service has it.
        called: What it is called in the log, e.g. ``run train-1``.
        tolerate_errors_seconds: How long it is borne that the service is out of reach, in seconds.

    Raises:
        ApiError: The service refused it, or was out of reach for too long.
    """
    patience = Patience(tolerate_errors_seconds, refusal_seconds=0)
    while True:
        try:
            return (yield from send())
        except ApiError as error:
            there = yield from _appeared(find, called, error, patience)
        if there is not None:
            return there


def _appeared(find: Callable[[], Flow[T | None]], called: str, error: ApiError, patience: Patience) -> Flow[T | None]:
    """What was refused or not answered and is there all the same; where it is not, it may be sent again.

    Raises:
        ApiError: It was refused, or the service is out of reach for too long.
    """
    refused = error.status is not None and error.status < _BROKEN and error.status not in _PASSING
    for pause in APPEARING_SECONDS if not refused or isinstance(error, Conflict) else ():
        there = yield from _found(find, called, patience)
        if there is not None:
            return there
        yield Sleep(pause)
    there = yield from _found(find, called, patience)
    if there is not None:
        return there
    if refused:
        raise error
    pause = patience.bear(error)
    _log.warning("Starting %s again in %.0f s: %s", called, pause, error)
    yield Sleep(pause)
    return None


def _found(find: Callable[[], Flow[T | None]], called: str, patience: Patience) -> Flow[T | None]:
    """Look until there is an answer.

    Raises:
        ApiError: There was none for too long.
    """
    while True:
        try:
            return (yield from find())
        except ApiError as error:
            pause = patience.bear(error)
            _log.warning("Looking for %s again in %.0f s: %s", called, pause, error)
            yield Sleep(pause)
