"""Run history and MLflow, of the AML data plane: what a job logged, what runs below it, its metrics."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.doors import Doors
from airflow_provider_azml.rest.flows import Flow, Json, Send, call, request
from airflow_provider_azml.rest.log_lines import LogLines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TAIL_BYTES = 64 * 1024
_LOG_NAMES = tuple(
    re.compile(pattern)
    for pattern in (r"user_logs/std_log[\w.-]*\.txt", r"azureml-logs/\d+[\w.-]*\.txt", r"logs/azureml/[\w.-]+\.txt")
)
"""What users' output is called, newest scheme first. Source: azure-ai-ml 1.35.2, ``jobs.stream``."""
_FIRST_PROCESS = re.compile(r"user_logs/std_log\D*0*(?:_ps)?\.txt")
_OLDER_RUNTIME: Mapping[str | None, re.Pattern[str]] = {
    "Pipeline": re.compile(r"logs/azureml/executionlogs\.txt"),
    "Sweep": re.compile(r"azureml-logs/hyperdrive\.txt"),
    None: re.compile(r"azureml-logs/\d{2}.+\.txt"),
}
_CHILDREN_PER_PAGE = 100
_VERSION: Mapping[str, str] = {"api-version": "v1.0"}
NO_DATA_PLANE = "NoDataPlane"
"""Our code for a workspace that does not tell where its data plane is."""


def data_plane(workspace: WorkspaceId) -> Flow[str]:
    """URL of the workspace's data plane, without a slash at the end.

    Raises:
        ApiError: The service cannot be asked, or does not say.

    Source: ``properties.discoveryUrl`` answers ``{"api": ...}`` without a token (recorded exchange).
    """
    shown = request("GET", str(workspace), params=flows.version_of(str(workspace)))
    discovery_url = yield from _told(Send(shown), "properties", "discoveryUrl")
    api = yield from _told(Send(request("GET", discovery_url), scope="anonymous"), "api")
    return api.rstrip("/")


def _told(asking: Send, *place: str) -> Flow[str]:
    """The text at a place in the JSON object that a request is answered with."""
    response = yield from call(asking)
    value: object = flows.json_object(asking.request, response)
    for key in place:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, str) and value:
        return value
    raise flows.odd_answer(asking.request, response, NO_DATA_PLANE, f"the answer has no {'.'.join(place)}")


@dataclass(slots=True)
class DataPlane:
    """Where a workspace's data plane is, found out once for all who share this.

    Args:
        workspace: The workspace.
        api: Its URL, once it is known.
        doors: Doors of endpoints in it that payloads are sent through.
        logs_from: When it is the next one's turn to read the log of a deployment, in seconds of a monotonic clock:
            that is a POST, of which Resource Manager takes few, and thousands may wait for deployments.
    """

    workspace: WorkspaceId
    api: str | None = None
    doors: Doors = field(default_factory=Doors, repr=False, compare=False)
    logs_from: float = field(default=0.0, repr=False, compare=False)

    @classmethod
    def of(cls, place: WorkspaceId | DataPlane) -> DataPlane:
        """The data plane of a workspace, or the one that is given."""
        return cls(place) if isinstance(place, WorkspaceId) else place

    def url(self, service: str, below: str = "") -> Flow[str]:
        """URL of something of the workspace in one of its services.

        Args:
            service: The service and its version, e.g. ``/history/v1.0``.
            below: The path below the workspace.
        """
        if self.api is None:
            self.api = yield from data_plane(self.workspace)
        return f"{self.api}{service}{self.workspace}{below}"

    def get(self, service: str, below: str, params: Mapping[str, str]) -> Flow[Json]:
        """What one of its services answers.

        Args:
            service: The service and its version, e.g. ``/history/v1.0``.
            below: The path below the workspace.
            params: Query parameters.
        """
        return (yield from self.follow((yield from self.url(service, below)), params))

    def ask(self, service: str, below: str, params: Mapping[str, str], question: Json) -> Flow[Json]:
        """What one of its services answers to what is posted, where to post it twice does no more than to post it once.

        Args:
            service: The service and its version, e.g. ``/data/v1.0``.
            below: The path below the workspace.
            params: Query parameters.
            question: The body that is posted.
        """
        sent = request("POST", (yield from self.url(service, below)), params=params, json=question)
        return flows.json_object(sent, (yield from call(Send(sent, scope="aml"))))

    def follow(self, url: str, params: Mapping[str, str] | None = None) -> Flow[Json]:
        """What a URL of it answers."""
        sent = request("GET", url, params=params)
        return flows.json_object(sent, (yield from call(Send(sent, scope="aml"))))


def set_tags(place: WorkspaceId | DataPlane, job: str, tags: Mapping[str, str]) -> Flow[None]:
    """Give a job's run tags; those that it has besides stay.

    Source: MLflow REST API, ``runs/log-batch``, by which azureml-mlflow sets many (recorded exchange).
    """
    told = [{"key": key, "value": value} for key, value in tags.items()]
    yield from DataPlane.of(place).ask(
        "/mlflow/v2.0", "/api/2.0/mlflow/runs/log-batch", {}, {"run_id": job, "tags": told}
    )


def run_details(place: WorkspaceId | DataPlane, job: str) -> Flow[Json]:
    """What run history knows of a job: ``status``, ``error``, ``warnings``, ``logFiles`` (name -> SAS URL)."""
    return (yield from DataPlane.of(place).get("/history/v1.0", f"/runs/{quote(job)}/details", _VERSION))


def run(place: WorkspaceId | DataPlane, job: str) -> Flow[Json]:
    """The run of a job: ``status``, ``runType``, ``properties``, ``queueingInfo``..."""
    return (yield from DataPlane.of(place).get("/history/v1.0", f"/runs/{quote(job)}", _VERSION))


def children(place: WorkspaceId | DataPlane, job: str, page: str | None = None) -> Flow[tuple[list[Json], str | None]]:
    """Runs right below a job, one page of them, and what asks for the next page.

    Args:
        place: Where the job is.
        job: Its name.
        page: What the page before named; by default the first page is asked for.

    Source: ``runs_get_child`` and ``PaginatedRunList`` of azure-ai-ml's run history client.
    """
    if page and page.startswith("https://"):
        document = yield from DataPlane.of(place).follow(page)
    else:
        params = {**_VERSION, "$top": str(_CHILDREN_PER_PAGE), **({"$continuationtoken": page} if page else {})}
        document = yield from DataPlane.of(place).get("/history/v1.0", f"/runs/{quote(job)}/children", params)
    following = document.get("nextLink") or document.get("continuationToken")
    return document.get("value") or [], following if following != page else None


def streamed(files: Iterable[str], job_type: str | None = None) -> list[str]:
    """The log files that are shown of a job as they grow, in the order in which they are.

    Args:
        files: The names of all its log files.
        job_type: ``Pipeline`` or ``Sweep``; anything else for what runs itself.

    Example:
        >>> streamed(["system_logs/cs.log", "user_logs/std_log_process_1.txt", "user_logs/std_log_process_0.txt"])
        ['user_logs/std_log_process_0.txt']

    Source: azure-ai-ml 1.35.2, ``_get_sorted_filtered_logs`` and ``JobLogPattern``. Of the older runtime's, the first
    (``20_image_build_log.txt``) is written by either while the image of a job is made.
    """
    named = sorted(files)
    own = [name for name in named if _FIRST_PROCESS.match(name)]
    older = _OLDER_RUNTIME.get(job_type, _OLDER_RUNTIME[None])
    return own or [name for name in named if older.match(name)]


def log_url(details: Json) -> str | None:
    """URL of the log that the user's code writes, or ``None`` while there is none."""
    files: dict[str, str] = details.get("logFiles") or {}
    for pattern in _LOG_NAMES:
        names = sorted(name for name in files if pattern.fullmatch(name))
        if names:
            return files[names[0]]
    return None


def log_text(details: Json) -> Flow[str]:
    """The whole log of a job, empty while there is none."""
    url = log_url(details)
    if not url:
        return ""
    response = yield from call(Send(request("GET", url), scope="anonymous"))
    return response.text("utf-8")


def log_tail(details: Json, lines: int) -> Flow[list[str]]:
    """The last lines of a job's log; of a long log only its end is fetched."""
    url = log_url(details)
    return (yield from tail(url, lines)) if url else []


def tail(url: str, lines: int) -> Flow[list[str]]:
    """The last lines of a text, given its URL with a SAS; of a long one only the end is fetched."""
    head = yield from call(Send(request("HEAD", url), scope="anonymous"))
    size = int(head.headers.get("Content-Length", 0))
    if not size:
        return []
    part = {"x-ms-range": f"bytes={max(0, size - _TAIL_BYTES)}-{size - 1}"}
    response = yield from call(Send(request("GET", url, headers=part), scope="anonymous"))
    text = LogLines()
    return [*text.feed(response.content), *text.end()][-lines:]


def metrics(place: WorkspaceId | DataPlane, job: str) -> Flow[dict[str, float | str]]:
    """The last value of each metric that a job logged; what JSON has no number for (``nan``, ``inf``) is text.

    Source: MLflow REST API, ``runs/get``, below ``mlflow/v2.0`` of the data plane as azureml-mlflow addresses it.
    """
    found = yield from DataPlane.of(place).get("/mlflow/v2.0", "/api/2.0/mlflow/runs/get", {"run_id": job})
    logged = found["run"]["data"].get("metrics") or ()
    return {metric["key"]: _number(metric["value"]) for metric in logged}


def _number(value: float | str) -> float | str:
    return value if isinstance(value, str) or math.isfinite(value) else str(value)
