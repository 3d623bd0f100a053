"""How many jobs fare, by one request: run history of the AML data plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import AuthError
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.flows import UNTRUSTED_HOST, Flow, Json, Send, call, request
from airflow_provider_azml.rest.history import NO_DATA_PLANE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.exceptions import ApiError
    from airflow_provider_azml.rest.arm_ids import WorkspaceId

MOST_JOBS = 100
"""How many jobs one request asks for."""
_PASSING = frozenset({401, 408, 425, 429})
_OUT_OF_REACH = frozenset({UNTRUSTED_HOST, NO_DATA_PLANE})


@dataclass(frozen=True)
class RunStates:
    """What run history knows of some jobs.

    Args:
        runs: Its run (``status``, ``queueingInfo``...) by each job's name; those that it does not know are missing.
        size: Length of the answer, in bytes.
        requests_left: How many such requests the service still takes for now.
    """

    runs: Mapping[str, Json] = field(default_factory=dict)
    size: int = 0
    requests_left: float = float("inf")


def run_states(api: str, workspace: WorkspaceId, jobs: Sequence[str]) -> Flow[RunStates]:
    """Ask run history once for many jobs; an error is the caller's to bear.

    Args:
        api: URL of the workspace's data plane, see :func:`history.data_plane`.
        workspace: The workspace.
        jobs: Names of jobs, not more than ``MOST_JOBS``.

    Example:
        >>> states = yield from run_states(api, workspace, ["train-1", "train-2"])
        >>> states.runs["train-1"]["status"]
        'Running'

    Source: ``POST batchrundata`` of the run history client that azure-ai-ml 1.35.2 carries, ``BatchRunDataRequest`` and
    ``BatchRunDataResult``; a run without metadata is as good as unknown.
    """
    asked = {job: {"runId": job, "selectRunMetadata": True} for job in jobs}
    sent = request(
        "POST",
        f"{api}/history/v1.0{workspace}/batchrundata",
        params={"api-version": "v1.0"},
        json={"requests": asked},
    )
    response = yield from call(Send(sent, scope="aml", retry="never"))
    results = flows.json_object(sent, response).get("successfulResults")
    told = results.items() if isinstance(results, dict) else ()
    runs = {job: result["runMetadata"] for job, result in told if _tells(result)}
    return RunStates(runs, len(response.content), flows.requests_left(response))


def _tells(result: object) -> bool:
    run = result.get("runMetadata") if isinstance(result, dict) else None
    return isinstance(run, dict) and isinstance(run.get("status"), str)


def without_token(error: ApiError) -> bool:
    """Whether there was no token for run history; Resource Manager takes another."""
    return isinstance(error, AuthError) and error.status is None


def refused(error: ApiError) -> bool:
    """Whether run history does not take such requests, from here or at all, so that asking again is of no use."""
    if error.code in _OUT_OF_REACH or without_token(error):
        return True
    return error.status is not None and 400 <= error.status < 500 and error.status not in _PASSING  # noqa: PLR2004 (HTTP)
