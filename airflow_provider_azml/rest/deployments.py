"""Online deployments: what their containers log, and why one failed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import arm_ids, deployment_failures, deployment_phases, flows, image_builds
from airflow_provider_azml.rest.deployment_phases import Phases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Outcome

_log = logging.getLogger(__name__)
_CONTAINERS = ("InferenceServer", "StorageInitializer")
"""Containers of a deployment: the one that serves, and the one that downloads the model before it."""
_READ_LINES = 200
"""How much of a log is read to find out why a deployment failed: what matters may stand before the last lines."""


class Why(NamedTuple):
    """Why a deployment failed.

    Args:
        explanation: The reason in plain words, and what to do; ``None`` where nothing tells.
        log_tail: The end of the log that shows it.
        log_of: Whose log that is, where it is not the deployment's own.
    """

    explanation: str | None = None
    log_tail: Sequence[str] = ()
    log_of: str | None = None


def log_tail(deployment_id: str, *, lines: int) -> Flow[list[str]]:
    """The last lines that a deployment logged, of the container that has any; none for anything but a deployment.

    A log that cannot be had is left out: it is asked for to explain a failure, which matters more.

    Source: ``POST .../getLogs {"containerType", "tail"}`` answers ``{"content"}`` (recorded exchange).
    """
    if arm_ids.parse(deployment_id).kind != "online_deployment":
        return []
    for container in _CONTAINERS:
        content = yield from _content(deployment_id, container, lines)
        if content:
            return content.splitlines()[-lines:]
    return []


def why(outcome: Outcome, *, lines: int) -> Flow[Why]:
    """Why an endpoint or deployment failed, as far as code, message and logs tell; of an endpoint the code alone.

    Args:
        outcome: How it ended.
        lines: How many lines of the log are wanted at most.

    Example:
        >>> client.run(why(outcome, lines=20)).explanation
        "the scoring script failed when it was loaded: KeyError: 'weights'; fix it or its environment"
    """
    made = arm_ids.parse(outcome.arm_id)
    if made.kind != "online_deployment":
        return Why(deployment_failures.explanation(outcome.code, outcome.message, Phases(), outcome.body))
    build = deployment_failures.build_log(outcome.message)
    if build:
        tail = yield from image_builds.log_tail(made.workspace, *build, lines=lines)
        reason = deployment_failures.explanation(outcome.code, outcome.message, Phases(), outcome.body)
        return Why(reason, tail, "its image's build")
    content = yield from _content(outcome.arm_id, "InferenceServer", _READ_LINES)
    phases = deployment_phases.read(content)
    reason = deployment_failures.explanation(outcome.code, outcome.message, phases, outcome.body)
    if deployment_phases.cause(phases) == "model_download" or not content:
        downloads = yield from _content(outcome.arm_id, "StorageInitializer", lines)
        if downloads:
            return Why(reason, downloads.splitlines()[-lines:], "its storage initializer")
    return Why(reason, content.splitlines()[-lines:])


def restarts(deployment_id: str) -> Flow[list[str]]:
    """What had the container of a deployment started again, in plain words; nothing where nothing had.

    Args:
        deployment_id: ARM id of the deployment.
    """
    phases = deployment_phases.read((yield from _content(deployment_id, "InferenceServer", _READ_LINES)))
    found: list[str] = []
    probe = next((event.ended_by_probe for event in reversed(phases.events) if event.ended_by_probe), None)
    if probe:
        deployment: Json = (yield from flows.find(deployment_id)) or {}
        found.append(deployment_failures.of_probe(probe, deployment))
    if phases.has(*deployment_phases.OUT_OF_MEMORY):
        found.append(deployment_failures.OF_MEMORY)
    elif not probe and any(event.name == "BackOff" for event in phases.events):
        found.append("the container ended by itself and was started again; its log says why")
    return found


def _content(deployment_id: str, container: str, lines: int) -> Flow[str]:
    try:
        response = yield from flows.act(deployment_id, "get_logs", {"containerType": container, "tail": lines})
    except ApiError as error:
        _log.debug("The log of %s cannot be had: %s", deployment_id, error)
        return ""
    return str(response.json().get("content") or "").rstrip()
