"""Hyperparameter tuning of v1.

Source: ``hyperdrive.json`` of the 2019-09-30 OpenAPI files, and azureml-train-core 1.62.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.v1 import data_plane
from airflow_provider_azml.rest.v1.multipart import Form, Part, Pieces

if TYPE_CHECKING:
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json

CONFIG = "config.json"


def create(place: WorkspaceId | DataPlane, experiment: str, config: Json, *, run_id: str | None = None) -> Flow[Json]:
    """Begin a sweep, by one request that is sent once.

    Args:
        place: The workspace.
        experiment: Name of the experiment.
        config: ``name``, ``platform``, ``platform_config``, ``generator_config``, ``policy_config``,
            ``primary_metric_config``, ``max_concurrent_jobs``, ``max_total_jobs``, ``max_duration_minutes``.
        run_id: Id of its run; by default the service makes one.

    Returns:
        The sweep: ``status``, ``platform_config`` (``ParentRunId`` is its run)...

    Source: ``POST {armScope}/runs``, the part ``config``: 201; ``hdruns/{runId}`` for an id of one's own, as
    azureml-train-core has it.
    """
    form = Form([Part("config", CONFIG, Pieces(json.dumps(config).encode()), "application/json")])
    below = ("hdruns", run_id) if run_id else ("runs",)
    response = yield from data_plane.ask(
        place,
        "hyperdrive",
        "POST",
        "experiments",
        experiment,
        *below,
        content=b"".join(form),
        headers=form.headers,
        retry="never",
    )
    result: Json = flows.json_object(response.request, response)["result"]
    return result


def cancel(place: WorkspaceId | DataPlane, experiment: str, run_id: str) -> Flow[None]:
    """Cancel a sweep.

    Raises:
        NotFound: There is none.

    Source: ``POST {armScope}/runs/{runId}/cancel``, with the host of run history in ``RunHistoryHost``.
    """
    plane = DataPlane.of(place)
    host = urlsplit((yield from plane.url(""))).netloc
    below = ("experiments", experiment, "runs", run_id, "cancel")
    yield from data_plane.ask(plane, "hyperdrive", "POST", *below, headers={"RunHistoryHost": f"https://{host}"})
