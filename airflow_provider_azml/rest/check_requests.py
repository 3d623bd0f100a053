"""Requests of checks: sent to an endpoint or one of its deployments, timed, and judged."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError, AuthError
from airflow_provider_azml.rest import scoring
from airflow_provider_azml.rest.checks import Answer, Check, Report, Sample, prepare, report, wrong
from airflow_provider_azml.rest.excerpts import quoted
from airflow_provider_azml.rest.flows import UNTRUSTED_HOST, All, Sleep, Work, error_of, retry_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azure.core.rest import HttpResponse

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.scoring import Door

MOST_AT_ONCE = 8
"""How many requests of a check are under way at most, whoever drives the flow."""
_REFUSED = frozenset({401, 403})
_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_SMALL = 65_536
"""Bytes of an answer that is judged in no time; a longer one would hold an event loop up."""


class _NoAnswer(Exception):
    """A request got no answer, however often it was sent."""


def perform(
    endpoint_id: str, deployment: str | None, checks: Sequence[Json], *, compared_with: str | None = None
) -> Flow[Report]:
    """Send the requests of checks, and judge what is answered.

    The checks are done one after the other, in their order. After one that gets no answer at all the rest is not done.

    Args:
        endpoint_id: ARM id of the online endpoint.
        deployment: Name of the deployment that is checked, whatever the traffic split says; ``None`` for the endpoint,
            through its traffic.
        checks: The checks, as ``spec.checks.checked`` makes them.
        compared_with: Name of the deployment that serves now, whose answers ``compare`` is about; without one those
            comparisons are passed over.

    Returns:
        What is wrong, and what there is to tell. That a request gets no answer, or a wrong one, is no error but wrong.

    Raises:
        ApiError: The endpoint is not there, has no scoring URI, its key may not be read, or it does not let the
            identity in.

    Example:
        >>> client.run(perform(endpoint_id, "green", checked("iris.checks.yml"), compared_with="blue")).passed
        True
    """
    if not checks:
        return Report()
    try:
        return (yield from _performed(endpoint_id, deployment, checks, compared_with))
    except AuthError as error:
        if error.status is None:
            raise
        # its keys may have been regenerated since they were read
        return (yield from _performed(endpoint_id, deployment, checks, compared_with))


def _performed(endpoint_id: str, deployment: str | None, checks: Sequence[Json], other: str | None) -> Flow[Report]:
    door = yield from scoring.door(endpoint_id, deployment)
    reference = None
    if other is not None and other != deployment:
        reference = replace(door, headers={**door.headers, scoring.CHOSEN: other})
    return (yield from put_to(door, checks, reference=reference))


def put_to(door: Door, checks: Sequence[Json], *, reference: Door | None = None) -> Flow[Report]:
    """As :func:`perform`, for whoever knows where payloads are taken.

    Args:
        door: Where they are taken.
        checks: The checks, as ``spec.checks.checked`` makes them.
        reference: Where answers come from that ``compare`` is about.

    Raises:
        ApiError: It does not let the identity in.
    """
    told = Report()
    yield Work(prepare)  # importing what judges takes longer than an event loop may be held up
    for place, check in enumerate(map(Check.of, checks)):
        now, problems = (yield from _now(reference, check)) if reference and check.compare else (None, ())
        samples = yield from _samples(door, check, now)
        told += report(check, samples, problems, compared=reference is not None)
        left = len(checks) - place - 1
        if left and any(sample.seconds is None for sample in samples):
            return told + Report(lines=(f"{left} more check{'s are' if left > 1 else ' is'} not done",))
    return told


def _now(reference: Door, check: Check) -> Flow[tuple[Answer | None, tuple[str, ...]]]:
    """The answer to compare with, or else why there is none."""
    try:
        answer = yield from _answered(reference, check)
    except _NoAnswer as error:
        problems: tuple[str, ...] = (str(error),)
    else:
        is_json = replace(check, compare=(), expect=(), response_schema=True)
        problems = yield from _judged(reference, is_json, answer, None)
        if not problems:
            return answer, ()
    return None, tuple(f"nothing to compare with, of the deployment that serves now: {said}" for said in problems)


def _samples(door: Door, check: Check, now: Answer | None) -> Flow[list[Sample]]:
    """What became of the requests of a check, in lanes beside each other."""
    count = min(check.concurrency, check.requests, MOST_AT_ONCE)
    shares = [len(range(lane, check.requests, count)) for lane in range(count)]
    lanes: list[list[Sample]] = yield All([_lane(door, check, now, share) for share in shares])
    return [sample for lane in lanes for sample in lane]


def _lane(door: Door, check: Check, now: Answer | None, count: int) -> Flow[list[Sample]]:
    """What became of requests that are sent one after the other, until one gets no answer."""
    samples: list[Sample] = []
    try:
        if check.is_timed:  # opens the connection, and wakes what sleeps
            yield from _answered(door, check)
        for _ in range(count):
            answer = yield from _answered(door, check)
            samples.append(Sample(answer.seconds, (yield from _judged(door, check, answer, now))))
    except _NoAnswer as error:
        samples.append(Sample(None, (str(error),)))
    return samples


def _judged(door: Door, check: Check, answer: Answer, now: Answer | None) -> Flow[tuple[str, ...]]:
    if len(answer.content) <= _SMALL:
        return wrong(check, answer, now, _secret(door))
    problems: tuple[str, ...] = yield Work(lambda: wrong(check, answer, now, _secret(door)))
    return problems


def _secret(door: Door) -> str:
    return door.headers.get("Authorization", "").removeprefix("Bearer ")


def _answered(door: Door, check: Check) -> Flow[Answer]:
    """What a request is answered, sent again while the service is busy.

    Raises:
        AuthError: The front door does not let the identity in; of a model's own 401 it makes a 424.
        _NoAnswer: It gets none.
    """
    step = replace(door.send(content=check.body), timeout_seconds=check.timeout_seconds)
    left, pause = check.tries, _PAUSE
    while True:
        left -= 1
        begun, asked_for = time.monotonic(), 0.0
        try:
            response: HttpResponse = yield step
        except ApiError as error:
            if isinstance(error, AuthError) or error.code == UNTRUSTED_HOST:
                raise
            if not left:
                raise _NoAnswer(f"got no answer: {error.code}: {quoted(error.message)}") from error
        else:
            answer = Answer(response.status_code, response.content, time.monotonic() - begun, response.headers)
            if answer.status in _REFUSED and answer.status != check.status:
                raise error_of(step.request, response)
            if not (left and check.is_busy(answer.status)):
                return answer
            asked_for = retry_after(response)
        yield Sleep(min(asked_for or pause, _LONGEST_PAUSE))
        pause *= 2
