"""Online deployments: what their containers log, and why one failed."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import arm_ids, deployment_failures, deployment_phases, flows, image_builds
from airflow_provider_azml.rest.awaited_endpoints import CHECK_FAILED
from airflow_provider_azml.rest.deployment_phases import Phases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.exceptions import RunFailed
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Outcome

_log = logging.getLogger(__name__)
_CONTAINERS = ("InferenceServer", "StorageInitializer")
"""Containers of a deployment: the one that serves, and the one that downloads the model before it."""
_READ_LINES = 200
"""How much of a log is read to find out why a deployment failed: what matters may stand before the last lines."""


class _Why(NamedTuple):
    """The reason in plain words, where anything tells; the end of the log that shows it, and whose that is."""

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


def failure(outcome: Outcome, *, lines: int, studio_url: str | None = None) -> Flow[RunFailed]:
    """The exception for an endpoint or deployment that ended badly: what the service says, why, and the log.

    Args:
        outcome: How it ended.
        lines: How many lines of the log are wanted at most.
        studio_url: Where to look at it.

    Example:
        >>> client.run(failure(outcome, lines=20)).explanation
        "the scoring script failed when it was loaded: KeyError: 'weights'; fix it or its environment"
    """
    shown = outcome if outcome.body else replace(outcome, body=(yield from _shown(outcome.arm_id)))
    told = shown if shown.code else (yield from _with_code(shown))
    found = yield from _why(told, lines=lines)
    return told.failure(studio_url=studio_url, **found._asdict())


def _why(outcome: Outcome, *, lines: int) -> Flow[_Why]:
    """Why it failed, as far as code, message and logs tell; of an endpoint the code alone does."""
    made = arm_ids.parse(outcome.arm_id)
    code, message = outcome.code, outcome.message
    if made.kind != "online_deployment":
        return _Why(deployment_failures.explanation(code, message, Phases(), outcome.body))
    build = deployment_failures.build_log(message)
    if build:
        tail = yield from image_builds.log_tail(made.workspace, *build, lines=lines)
        reason = deployment_failures.explanation(code, message, Phases(), outcome.body)
        return _Why(reason, tail, "its image's build")
    content = yield from _content(outcome.arm_id, "InferenceServer", _READ_LINES)
    if code == CHECK_FAILED:  # it serves; what its start was like says nothing of it
        return _Why("; ".join((yield from restarts(outcome.arm_id))) or None, content.splitlines()[-lines:])
    phases = deployment_phases.read(content)
    reason = deployment_failures.explanation(code, message, phases, outcome.body)
    if deployment_phases.cause(phases) == "model_download" or not content:
        downloads = yield from _content(outcome.arm_id, "StorageInitializer", lines)
        if downloads:
            return _Why(reason, downloads.splitlines()[-lines:], "its storage initializer")
    return _Why(reason, content.splitlines()[-lines:])


def _shown(arm_id: str) -> Flow[Json]:
    """The resource, for who has only heard how it ended; empty where it is gone or cannot be had."""
    try:
        return (yield from flows.find(arm_id)) or {}
    except ApiError as error:
        _log.debug("%s cannot be had: %s", arm_id, error)
        return {}


def _with_code(outcome: Outcome) -> Flow[Outcome]:
    """The outcome with what the operation said that failed, for who has only seen the deployment itself.

    Source: ``properties.properties.AzureAsyncOperationUri`` of online deployments, as ``az ml online-deployment show``
    prints them, which leads to the operation of the last PUT.
    """
    url = ((outcome.body.get("properties") or {}).get("properties") or {}).get("AzureAsyncOperationUri")
    if not isinstance(url, str):
        return outcome
    sent = flows.request("GET", url)
    try:
        told = flows.json_object(sent, (yield from flows.call(flows.Send(sent))))
    except ApiError as refused:
        _log.debug("Why %s failed is not told any more: %s", outcome.arm_id, refused)
        return outcome
    error = told.get("error")
    if str(told.get("status")).lower() != "failed" or not isinstance(error, dict):
        return outcome
    return replace(outcome, code=error.get("code"), message=error.get("message"))


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
