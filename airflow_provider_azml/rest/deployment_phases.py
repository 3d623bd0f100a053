"""How the making of an online deployment goes, by what its log says: steps, events of its container, its output."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Cause = Literal["out_of_memory", "script", "crash", "probe", "image_pull", "model_download"]
"""What keeps a container from serving."""
_STATUS, _EVENTS, _LOG = "Instance status:", "Container events:", "Container logs:"
_STEP = re.compile(r"(\w+): (\w+)")
_EVENT = re.compile(
    r"Kind: (?:[^,]*), Name: (?P<name>[^,]*), Type: (?P<type>[^,]*), Time: (?P<time>[^,]*), Message: ?(?P<message>.*)"
)
_LONGEST_MESSAGE = 500
_PROBE_FAILED = re.compile(r"\b(Liveness|Readiness|Startup) probe failed", re.IGNORECASE)
_PROBE_ENDED = re.compile(r"failed (liveness|startup) probe", re.IGNORECASE)
OUT_OF_MEMORY = ("was sent SIGKILL! Perhaps out of memory?", "OOMKilled")
"""What gunicorn and the cluster write when a process is killed for want of memory."""
_SCRIPT_FAILED = ("User's init function failed", "UserScriptImportException", "UserScriptError", "UserScriptException")
_CRASHED = ("Worker failed to boot",)
_RAISED = re.compile(r"(?:[A-Za-z_][\w.]*\.)?[A-Za-z_]\w*(?:Error|Exception|Exit|Interrupt)(?:: .*)?")
_OF_SERVER = "azureml_inference_server_http."
_FETCHED: Sequence[tuple[str, str, Cause]] = (
    ("UserContainerImagePull", "ImagePullFailed", "image_pull"),
    ("ModelDownload", "DownloadFailed", "model_download"),
)
"""Step that fetches something, the event that it did not succeed, and what that means."""
STEP_NAMES: Mapping[str, str] = {
    "SystemSetup": "instance",
    "UserContainerImagePull": "image pull",
    "ModelDownload": "model download",
    "UserContainerStart": "container start",
}
"""What the steps are called here."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a container.

    Args:
        name: What, in a word, e.g. ``LivenessProbeFailed``.
        is_warning: Whether it is none that is usual.
        time: When, as the service wrote it.
        message: What, in the service's words.
    """

    name: str
    is_warning: bool
    time: str
    message: str

    @property
    def is_probe(self) -> bool:
        """Whether a probe failed."""
        return bool(_PROBE_FAILED.search(self.message))

    @property
    def ended_by_probe(self) -> str | None:
        """Which probe had the container ended, in lower case; ``None`` where none did."""
        found = _PROBE_ENDED.search(self.message)
        return found[1].lower() if found else None


@dataclass(frozen=True)
class Phases:
    """What the log of a deployment tells.

    Args:
        steps: Step of the making -> how it is, as the service says it; empty before there is an instance, and for
            deployments in a Kubernetes cluster.
        events: What happened to the container, oldest first.
        log: The lines that the container wrote.
    """

    steps: Mapping[str, str] = field(default_factory=dict)
    events: Sequence[Event] = ()
    log: Sequence[str] = ()

    def has(self, *words: str) -> bool:
        """Whether the container wrote one of these."""
        return any(word in line for line in self.log for word in words)


def read(content: str) -> Phases:
    r"""What a deployment's log tells.

    Args:
        content: What ``getLogs`` answers for the container that serves.

    Example:
        >>> read("Instance status:\nSystemSetup: Succeeded\nModelDownload: InProgress").steps
        {'SystemSetup': 'Succeeded', 'ModelDownload': 'InProgress'}

    Sources: logs of the service in Azure/azureml-examples#3444 and MicrosoftLearning/mslearn-azure-ml#100, and in the
    example of ``Get-AzMLWorkspaceOnlineDeploymentLog``; names of events:
    https://learn.microsoft.com/azure/machine-learning/how-to-monitor-online-endpoints.
    """
    steps: dict[str, str] = {}
    events: list[Event] = []
    log: list[str] = []
    part = ""
    for line in content.splitlines():
        if line in (_STATUS, _EVENTS, _LOG) and part != _LOG:
            part = line
        elif part == _STATUS:
            if found := _STEP.fullmatch(line.strip()):
                steps[found[1]] = found[2]
        elif part == _EVENTS:
            _add_event(events, line)
        else:
            log.append(line)
    return Phases(steps, events, log)


def cause(phases: Phases, message: str = "") -> Cause | None:
    """What keeps a deployment's container from serving; ``None`` where its log does not tell.

    A probe of a container that has crashed fails too, so what the container says of itself comes first.

    Args:
        phases: What its log tells.
        message: What the service said when the deployment failed.

    Sources: what azureml-inference-server-http and gunicorn log when a scoring script cannot start or a worker is
    killed; ``DownloadFailed`` and ``ImagePullFailed``: logs of the service that users show.
    """
    names = {event.name for event in phases.events}
    for step, failed, found in _FETCHED:
        if failed in names and phases.steps.get(step) != "Succeeded":
            return found
    if phases.has(*OUT_OF_MEMORY) or any("OOMKilled" in f"{each.name} {each.message}" for each in phases.events):
        return "out_of_memory"
    if phases.has(*_SCRIPT_FAILED):
        return "script"
    if phases.has(*_CRASHED) or ("BackOff" in names and not any(each.ended_by_probe for each in phases.events)):
        return "crash"
    if any(each.is_probe or each.ended_by_probe for each in phases.events) or _PROBE_FAILED.search(message):
        return "probe"
    return None


def failed_probe(phases: Phases, message: str = "") -> str:
    """Which probe a container did not answer, in lower case: what the service named last."""
    for event in reversed(phases.events):
        if ended := event.ended_by_probe:
            return ended
    told = [message, *(event.message for event in reversed(phases.events))]
    found = next(filter(None, map(_PROBE_FAILED.search, told)), None)
    return found[1].lower() if found else "liveness"


def raised(phases: Phases) -> str | None:
    """The error that the scoring script raised, as its log shows it; ``None`` where it shows none."""
    told = [line.strip() for line in phases.log]
    ends = [number for number, line in enumerate(told) if line.startswith(_OF_SERVER)]
    end = ends[-1] if ends else len(told)
    own = next((line for line in reversed(told[:end]) if _RAISED.fullmatch(line)), None)
    if own is None and ends:  # the server itself refused the script
        own = told[end].partition(": ")[2]
    return own[:_LONGEST_MESSAGE] if own else None


def _add_event(events: list[Event], line: str) -> None:
    """Take a line of the events in; one that is none of its own belongs to the message of the one before."""
    found = _EVENT.fullmatch(line)
    if found:
        kind, message = found["type"].strip(), found["message"].strip()[:_LONGEST_MESSAGE]
        events.append(Event(found["name"].strip(), kind != "Normal", found["time"].strip(), message))
    elif events and line.strip():
        longer = f"{events[-1].message} {line.strip()}"[:_LONGEST_MESSAGE]
        events[-1] = replace(events[-1], message=longer)
