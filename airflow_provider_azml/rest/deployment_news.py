"""What is told of an online deployment while it is waited for: the phase it is in, and what goes wrong with it."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_azml.exceptions import ApiError, SpecError
from airflow_provider_azml.rest import arm_ids, deployment_failures, deployment_phases, flows, image_builds
from airflow_provider_azml.rest.resources import PROVISIONED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_azml.rest.deployment_phases import Event, Phases
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.image_builds import ImageLog
    from airflow_provider_azml.rest.waiting import Glance

T = TypeVar("T")
_SERVER, _STORAGE = "InferenceServer", "StorageInitializer"
_TAIL_LINES = 100
_DOWNLOAD_LINES = 10
_BUILD_LINES = 50
_LONGEST_LINE = 1000
_IMAGE_SECONDS = 30.0
_QUIET_SECONDS = 60.0
"""Pauses between two questions: for the image, and for the events of a deployment that is up."""
_SPACING_SECONDS = 0.5
"""Between two readings of logs for all who wait for deployments of a workspace in this process: Resource Manager takes
some 10 writes a second, https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling"""
_STEPS = {
    ("SystemSetup", "InProgress"): "setting up the instance",
    ("SystemSetup", "Succeeded"): "the instance is set up",
    ("UserContainerImagePull", "InProgress"): "pulling the container image",
    ("UserContainerImagePull", "Succeeded"): "the container image is pulled",
    ("ModelDownload", "InProgress"): "downloading model and code",
    ("ModelDownload", "Succeeded"): "model and code are downloaded",
    ("UserContainerStart", "InProgress"): "starting the container",
    ("UserContainerStart", "Succeeded"): "the container is up",
}


class DeploymentNews:
    """Tells the phases of a deployment: the build of its image, image pull, model download, container start, probes.

    Each is told once. What a deployment that is up already has behind it is told by nobody; what happens to its
    container from then on is.

    Args:
        deployment_id: ARM id of the deployment.
        tell: Called with a level of :mod:`logging` and a line.
    """

    __slots__ = (
        "_before",
        "_build_due",
        "_build_log",
        "_building",
        "_deployment",
        "_due",
        "_id",
        "_is_built",
        "_is_refused",
        "_known",
        "_name",
        "_tell",
        "_turn",
        "_was_up",
    )

    def __init__(self, deployment_id: str, tell: Callable[[int, str], None]) -> None:
        self._id = deployment_id
        self._name = arm_ids.parse(deployment_id).name
        self._tell = tell
        self._deployment: Json | None = None
        self._known: dict[tuple[str, str], int] | None = None
        self._before: dict[tuple[str, str], int] = {}
        self._building: bool | None = None
        self._build_log: ImageLog | None = None
        self._turn: float | None = None
        self._was_up: bool | None = None
        self._is_built: bool | None = None
        self._is_refused = False
        self._due = self._build_due = 0.0

    def look(self, plane: DataPlane, glance: Glance, *, now: float) -> Flow[None]:
        """Tell what is new.

        Args:
            plane: Where the deployment's workspace is.
            glance: What the look at the deployment showed.
            now: The moment, in seconds of a monotonic clock.

        Raises:
            ApiError: The service cannot be asked.
        """
        is_up = glance.status in PROVISIONED
        if self._was_up is None:
            self._was_up = is_up
        if not self._may_ask(plane, glance, now):
            return
        self._due, self._turn = now + _QUIET_SECONDS if is_up else 0.0, None
        phases = deployment_phases.read((yield from self._content(_SERVER, _TAIL_LINES)))
        if self._known is None:
            self._known = dict.fromkeys(phases.steps.items(), 1) if self._was_up else {}
            self._before = _counted(phases.events) if self._was_up else {}
        if phases.steps or phases.events:
            yield from self._end_of_build(plane)
            self._tell_steps(phases, self._known)
            yield from self._tell_events(phases.events, self._known)
        elif not is_up and (now >= self._build_due or glance.outcome is not None):
            self._build_due = now + (_IMAGE_SECONDS if not self._building else 0.0)
            yield from self._look_at_image(plane)

    def _may_ask(self, plane: DataPlane, glance: Glance, now: float) -> bool:
        """Whether the log is read at this look: at the end in any case, unless all has been well."""
        if glance.outcome is not None:
            return not (self._was_up and glance.outcome.succeeded)
        if now < self._due:
            return False
        if self._turn is None:  # who comes later gets a later one, so that nobody is passed over
            self._turn = max(now, plane.logs_from)
            plane.logs_from = self._turn + _SPACING_SECONDS
        return now >= self._turn

    def _tell_steps(self, phases: Phases, known: dict[tuple[str, str], int]) -> None:
        for step, state in phases.steps.items():
            if state != "Waiting" and not known.get((step, state)):
                known[step, state] = 1
                what = _STEPS.get((step, state), f"{deployment_phases.STEP_NAMES.get(step, step)} is {state}")
                self._say(logging.INFO, what)

    def _tell_events(self, events: Sequence[Event], known: dict[tuple[str, str], int]) -> Flow[None]:
        """Tell events that are warnings: each kind when it comes, and again whenever there are twice as many."""
        fetched = False
        for key, count in _counted(events).items():
            new = count - self._before.get(key, 0)
            if new < max(2 * known.get(key, 0), 1):
                continue
            known[key] = new
            name, message = key
            times = f" ({new} times so far)" if new > 1 else ""
            self._say(logging.WARNING, f"{name}: {message}{times}")
            fetched = fetched or name == "DownloadFailed"
            probe = next((each.ended_by_probe for each in events if (each.name, each.message) == key), None)
            if probe:
                yield from self._read_deployment()
                self._say(logging.WARNING, deployment_failures.of_probe(probe, self._deployment or {}))
        if fetched:
            content = yield from self._content(_STORAGE, _DOWNLOAD_LINES)
            for line in content.splitlines()[-_DOWNLOAD_LINES:]:
                self._say(logging.WARNING, f"storage initializer: {line[:_LONGEST_LINE]}")

    def _look_at_image(self, plane: DataPlane) -> Flow[None]:
        """Tell whether the image has to be built, and what its build says."""
        yield from self._read_deployment()
        environment = str(((self._deployment or {}).get("properties") or {}).get("environmentId") or "")
        if self._is_built is None:
            self._is_built = yield from self._asked(image_builds.is_built(environment))
        there = (yield from self._asked(image_builds.exists(plane, environment))) if self._is_built else None
        if there is False:
            if not self._building:
                made = arm_ids.parse(environment)
                self._say(logging.INFO, f"building the image of environment {made.name}:{made.version}")
            self._building = True
            yield from self._tell_build(plane)
        elif self._building:
            yield from self._end_of_build(plane)

    def _end_of_build(self, plane: DataPlane) -> Flow[None]:
        if self._building:
            yield from self._tell_build(plane, ended=True)
            self._building = False
            self._say(logging.INFO, "the image is built")

    def _tell_build(self, plane: DataPlane, *, ended: bool = False) -> Flow[None]:
        if self._build_log is None:
            self._build_log = yield from self._asked(image_builds.newest_log(plane.workspace, self._begun()))
            if self._build_log is None:
                return
            self._say(logging.INFO, f"the build is logged in {self._build_log.path} of the workspace's storage:")
        lines = (yield from self._asked(self._build_log.new_lines(ended=ended))) or []
        if len(lines) > _BUILD_LINES:
            self._say(logging.INFO, f"image build: ({len(lines) - _BUILD_LINES} lines left out here)")
        for line in lines[-_BUILD_LINES:]:
            self._say(logging.INFO, f"image build: {line[:_LONGEST_LINE]}")

    def _asked(self, question: Flow[T]) -> Flow[T | None]:
        """What is told of an image; ``None`` from the first refusal on, lest the phases be left out as well."""
        if self._is_refused:
            return None
        try:
            return (yield from question)
        except (ApiError, SpecError) as error:
            if isinstance(error, ApiError) and (error.status is None or error.status >= HTTPStatus.TOO_MANY_REQUESTS):
                raise
            self._is_refused = True
            self._say(logging.INFO, f"how the image is built cannot be told: {error}")
            return None

    def _begun(self) -> str:
        """When the deployment was last changed: when its image began to be built, at the latest."""
        told = (self._deployment or {}).get("systemData") or {}
        return str(told.get("lastModifiedAt") or told.get("createdAt") or "")

    def _read_deployment(self) -> Flow[None]:
        if self._deployment is None:
            self._deployment = (yield from flows.find(self._id)) or {}

    def _content(self, container: str, lines: int) -> Flow[str]:
        """The log of a container; empty while there is none."""
        try:
            response = yield from flows.act(self._id, "get_logs", {"containerType": container, "tail": lines})
        except ApiError as error:
            if error.status in _NO_LOG_YET:
                return ""
            raise
        return str(response.json().get("content") or "")

    def _say(self, level: int, what: str) -> None:
        self._tell(level, f"{self._name}: {what}")


_NO_LOG_YET = frozenset({400, 404, 409})
"""HTTP statuses of the question for a log before there is a container: "you get a message to try again later",
https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints#get-container-logs"""


def _counted(events: Sequence[Event]) -> dict[tuple[str, str], int]:
    """How often each warning is among events."""
    counts: dict[tuple[str, str], int] = {}
    for event in events:
        if event.is_warning or event.ended_by_probe:
            counts[event.name, event.message] = counts.get((event.name, event.message), 0) + 1
    return counts
