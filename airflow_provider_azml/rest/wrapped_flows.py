"""Flows made of other flows: with their steps done by somebody else, begun already, or sent once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest.flows import All, Send

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.rest.flows import Flow, Step

T = TypeVar("T")


def around(flow: Flow[T], do: Callable[[Step], Flow[Any]]) -> Flow[T]:
    """A flow whose every step is done by another flow.

    Args:
        flow: The flow.
        do: What is done for a step: it yields the step, or what stands for it, and answers the step's result. Steps
            inside of ``All`` are not asked about.

    Example:
        >>> client.run(around(submission, lambda step: (yield step)))
    """
    result: object = None
    error: ApiError | None = None
    try:
        while True:
            try:
                step = flow.send(result) if error is None else flow.throw(error)
            except StopIteration as stop:
                value: T = stop.value
                return value
            result, error = None, None
            try:
                result = yield from do(step)
            except ApiError as caught:
                error = caught
    finally:
        flow.close()


def resumed(flow: Flow[T], step: Step) -> Flow[T]:
    """The rest of a flow whose first step was taken from it already."""
    try:
        while True:
            try:
                result = yield step
            except ApiError as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        flow.close()


def once(flow: Flow[T], *, timeout_seconds: float) -> Flow[T]:
    """The same flow, each of its requests sent once and for so long: for whoever has a clock of his own for retries.

    Args:
        flow: Any flow.
        timeout_seconds: How long a request may take that has no time of its own, in seconds.
    """

    def do(step: Step) -> Flow[object]:
        return (yield _sent_once(step, timeout_seconds))

    return around(flow, do)


def _sent_once(step: Step, timeout_seconds: float) -> Step:
    if isinstance(step, Send):
        return replace(step, retry="never", timeout_seconds=step.timeout_seconds or timeout_seconds)
    if isinstance(step, All):
        return All([once(flow, timeout_seconds=timeout_seconds) for flow in step.flows])
    return step
