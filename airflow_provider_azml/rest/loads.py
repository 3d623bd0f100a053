"""Loads of requests: payloads sent to an online endpoint beside and after each other, and how long each one took."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import scoring
from airflow_provider_azml.rest.flows import All, call
from airflow_provider_azml.rest.profiles import Load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.scoring import Door

REQUEST_SECONDS = 300.0


def drive(
    endpoint_id: str,
    payloads: Sequence[str],
    *,
    requests: int,
    concurrency: int,
    warm_up: int,
    deployment: str | None = None,
) -> Flow[Load]:
    """Send payloads in turn, and measure.

    Args:
        endpoint_id: ARM id of the endpoint.
        payloads: Bodies of requests, at least one; sent over and over until there have been enough.
        requests: How many are measured.
        concurrency: How many are under way at most.
        warm_up: How many are sent before, one after the other, and not measured.
        deployment: The deployment that is to answer, whatever the traffic split says.

    Raises:
        ApiError: The endpoint is not there, or has no scoring URI; a request that fails is counted.

    Source: ``az ml model profile`` of CLI v1 (https://learn.microsoft.com/azure/machine-learning/v1/how-to-deploy-profile-model):
    each row of the data is the body of a request.
    """
    door = yield from scoring.door(endpoint_id, deployment)
    yield from _lane(door, [payloads[number % len(payloads)] for number in range(warm_up)])
    bodies = [payloads[number % len(payloads)] for number in range(requests)]
    begun = time.monotonic()
    lanes = yield All([_lane(door, bodies[lane::concurrency]) for lane in range(min(concurrency, requests))])
    seconds = time.monotonic() - begun
    taken: list[float | None] = [one for lane in lanes for one in lane]
    latencies = [one for one in taken if one is not None]
    return Load(latencies, len(taken) - len(latencies), seconds)


def _lane(door: Door, bodies: Sequence[str]) -> Flow[list[float | None]]:
    """How long each of some requests took that are sent one after the other; ``None`` for those that failed."""
    taken: list[float | None] = []
    for body in bodies:
        step = replace(door.send(content=body.encode()), timeout_seconds=REQUEST_SECONDS)
        begun = time.monotonic()
        try:
            yield from call(step)
        except ApiError:
            taken.append(None)
        else:
            taken.append(time.monotonic() - begun)
    return taken
