"""What a task tells of what it made: small JSON, by kind."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import arm_ids, compute_states, flows, history
from airflow_provider_azml.rest.best_trials import best_trial, completed, output_uri
from airflow_provider_azml.rest.waiting import status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.rest.flows import Flow, Json

_log = logging.getLogger(__name__)


def told(arm_id: str, body: Json, studio_url: str) -> Flow[Json]:
    """The result of a task, with what only the service knows.

    Args:
        arm_id: What was made or waited for.
        body: It, as the service shows it; empty where that is to be asked.
        studio_url: Where studio shows it.
    """
    shown = body or (yield from flows.get(arm_id))
    made = arm_ids.parse(arm_id)
    if made.kind != "job":
        return result(arm_id, shown, studio_url)
    plane = history.DataPlane(made.workspace)
    try:
        metrics = yield from history.metrics(plane, made.name)
    except ApiError as error:
        _log.warning("The job is done, but its metrics cannot be read: %s", error)
        metrics = {}
    shown = yield from completed(plane, shown)
    return result(arm_id, shown, studio_url, metrics)


def result(arm_id: str, body: Json, studio_url: str, metrics: Mapping[str, float | str] | None = None) -> Json:
    """The result of a task.

    Args:
        arm_id: What was made.
        body: It, as the service shows it.
        studio_url: Where studio shows it.
        metrics: Metrics, of a job.
    """
    made = arm_ids.parse(arm_id)
    told = _TOLD.get(made.kind)
    return {
        "name": made.name,
        **({"version": made.version} if made.row.versioned else {}),
        "id": arm_id,
        "status": status_of(arm_id, body) or "Succeeded",
        "studio_url": studio_url,
        **(told(body) if told else {}),
        **({"metrics": dict(metrics or {})} if made.kind == "job" else {}),
    }


def _of_job(body: Json) -> Json:
    properties = body["properties"]
    best = best_trial(body)
    return {
        "experiment_name": properties.get("experimentName"),
        "outputs": {name: output_uri(body["name"], name) for name in properties.get("outputs") or {}},
        **({"best_trial": best} if best else {}),
    }


def _of_endpoint(body: Json) -> Json:
    return {"scoring_uri": body["properties"].get("scoringUri")}


_TOLD: Mapping[str, Callable[[Json], Json]] = {
    "job": _of_job,
    "data": lambda body: {"path": body["properties"].get("dataUri"), "type": body["properties"].get("dataType")},
    "compute": compute_states.told,
    "model": lambda body: {"path": body["properties"].get("modelUri")},
    "online_endpoint": _of_endpoint,
    "batch_endpoint": _of_endpoint,
    "schedule": lambda body: {"is_enabled": body["properties"].get("isEnabled")},
    "workspace": lambda body: {"location": body.get("location")},
}
"""Kind -> what is told besides what is told of all."""
