"""Run history and MLflow, of the AML data plane: what a job logged, why it failed, its metrics."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.flows import Flow, Json, Send, call, request

if TYPE_CHECKING:
    from airflow_provider_azml.rest.arm_ids import WorkspaceId

_TAIL_BYTES = 64 * 1024
_LOG_NAMES = tuple(
    re.compile(pattern)
    for pattern in (r"user_logs/std_log[\w.-]*\.txt", r"azureml-logs/\d+[\w.-]*\.txt", r"logs/azureml/[\w.-]+\.txt")
)
"""What users' output is called, newest scheme first. Source: azure-ai-ml 1.35.2, ``jobs.stream``."""


def data_plane(workspace: WorkspaceId) -> Flow[str]:
    """URL of the workspace's data plane, without a slash at the end.

    Source: ``properties.discoveryUrl`` answers ``{"api": ...}`` without a token (recorded exchange).
    """
    body = yield from flows.get(str(workspace))
    response = yield from call(Send(request("GET", body["properties"]["discoveryUrl"]), scope="anonymous"))
    return str(response.json()["api"]).rstrip("/")


def run_details(workspace: WorkspaceId, job: str) -> Flow[Json]:
    """What run history knows of a job: ``status``, ``error``, ``warnings``, ``logFiles`` (name -> SAS URL)."""
    api = yield from data_plane(workspace)
    url = f"{api}/history/v1.0{workspace}/runs/{quote(job)}/details"
    response = yield from call(Send(request("GET", url, params={"api-version": "v1.0"}), scope="aml"))
    details: Json = response.json()
    return details


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
    if not url:
        return []
    head = yield from call(Send(request("HEAD", url), scope="anonymous"))
    size = int(head.headers.get("Content-Length", 0))
    if not size:
        return []
    part = {"x-ms-range": f"bytes={max(0, size - _TAIL_BYTES)}-{size - 1}"}
    response = yield from call(Send(request("GET", url, headers=part), scope="anonymous"))
    return response.content.decode("utf-8", "replace").splitlines()[-lines:]


def metrics(workspace: WorkspaceId, job: str) -> Flow[dict[str, float | str]]:
    """The last value of each metric that a job logged; what JSON has no number for (``nan``, ``inf``) is text.

    Source: MLflow REST API, ``runs/get``, below ``mlflow/v2.0`` of the data plane as azureml-mlflow addresses it.
    """
    api = yield from data_plane(workspace)
    url = f"{api}/mlflow/v2.0{workspace}/api/2.0/mlflow/runs/get"
    response = yield from call(Send(request("GET", url, params={"run_id": job}), scope="aml"))
    logged = response.json()["run"]["data"].get("metrics") or ()
    return {metric["key"]: _number(metric["value"]) for metric in logged}


def _number(value: float | str) -> float | str:
    return value if isinstance(value, str) or math.isfinite(value) else str(value)


def failure(workspace: WorkspaceId, job: str, *, lines: int) -> Flow[tuple[str | None, str | None, list[str]]]:
    """Why a job failed: the service's error code, its message, and the end of the log.

    What cannot be read any more (a deleted run, a storage account behind a firewall) is left out: the failure that
    is being explained matters more.
    """
    try:
        details = yield from run_details(workspace, job)
    except ApiError:
        return None, None, []
    error: Json = (details.get("error") or {}).get("error") or {}
    try:
        tail = yield from log_tail(details, lines)
    except ApiError:
        tail = []
    return error.get("code"), error.get("message"), tail
