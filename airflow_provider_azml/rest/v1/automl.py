"""The best iteration of an AutoML run, and the model that it has left.

Source: ``AutoMLRun.register_model`` of azureml-train-automl-client, in public copies of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.rest import families, history
from airflow_provider_azml.rest.flows import All
from airflow_provider_azml.rest.v1 import artifacts, models, runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

MLFLOW_MODEL = "outputs/mlflow-model"
_MODEL = "outputs/model.pkl"
_BEST = "automl_best_child_run_id"
_LOWER_IS_BETTER = ("_error", "log_loss")
"""How metrics end of which less is better; of all others it is more.

Source: the tables of https://learn.microsoft.com/azure/machine-learning/how-to-understand-automated-ml
"""
_NAME_LENGTH, _RUN_LENGTH = 29, 15


@dataclass(frozen=True)
class Iteration:
    """An iteration of an AutoML run.

    Args:
        run_id: Its own run.
        model_path: Where among its artifacts its model is.
        model_name: What its model is called where nobody says otherwise.
    """

    run_id: str
    model_path: str
    model_name: str


def chosen(
    place: WorkspaceId | DataPlane,
    run_id: str,
    *,
    metric: str | None = None,
    iteration: int | None = None,
    model_path: str | None = None,
) -> Flow[Iteration]:
    """The iteration that is wanted: of that number, or the best by a metric, by default the run's primary one.

    Args:
        place: The workspace.
        run_id: Id of the AutoML run.
        metric: The metric.
        iteration: The number, from 0.
        model_path: Where its model is; by default where the iteration says, or where such models usually are.

    Raises:
        NotFound: There is no such run or iteration, none has logged the metric, or it has left no model there.
    """
    run = yield from runs.get(place, run_id)
    if iteration is not None:
        child = yield from runs.get(place, f"{run_id}_{iteration}")
    else:
        child = yield from _best(place, run, metric)
    left = yield from _model(place, child, model_path)
    which = "best" if metric is None else metric
    composed = f"{run_id.replace('_', '').replace('-', '')[:_RUN_LENGTH]}{which if iteration is None else iteration}"
    own = (child.get("properties") or {}).get("model_name")
    return Iteration(str(child["runId"]), left, str(own or composed.replace("_", "")[:_NAME_LENGTH]))


def _best(place: WorkspaceId | DataPlane, run: Json, metric: str | None) -> Flow[Json]:
    """The best iteration by a metric; by the primary one as the run itself says, where it does."""
    run_id = str(run["runId"])
    told = (run.get("tags") or {}).get(_BEST)
    if metric is None and told:
        return (yield from runs.get(place, str(told)))
    wanted = metric or (run.get("properties") or {}).get("primary_metric")
    children = [child for child in (yield from families.all_of(place, run_id)) if child.get("status") == "Completed"]
    logged = yield All([history.metrics(place, str(child["runId"])) for child in children])
    scored = [
        (float(values[wanted]), child)
        for values, child in zip(logged, children, strict=True)
        if wanted in values and math.isfinite(float(values[wanted]))
    ]
    if scored:
        lowest = str(wanted).endswith(_LOWER_IS_BETTER)
        return (min if lowest else max)(scored, key=lambda pair: pair[0])[1]
    names = sorted({name for values in logged for name in values})
    raise _missing(
        run_id,
        "MetricNotFound",
        f"no completed iteration of AutoML run {run_id!r} has logged {wanted or 'a primary metric'}; "
        f"they have logged {', '.join(names) or 'nothing'}",
    )


def _model(place: WorkspaceId | DataPlane, child: Json, path: str | None) -> Flow[str]:
    """Where an iteration has left its model."""
    run_id = str(child["runId"])
    container = str(child.get("dataContainerId") or artifacts.container_of(run_id))
    if path:
        yield from models.check_asset(place, run_id, container, path)
        return path.strip("/")
    there = [str(each["path"]) for each in (yield from artifacts.each(place, artifacts.OF_RUNS, container))]
    own = (child.get("properties") or {}).get("model_output_path")
    usual: Sequence[str] = [str(each).strip("/") for each in (own, _MODEL, MLFLOW_MODEL) if each]
    for each in usual:
        if any(name == each or name.startswith(f"{each}/") for name in there):
            return each
    raise _missing(run_id, "ModelNotFound", f"iteration {run_id!r} has left no model; looked for {', '.join(usual)}")


def _missing(run_id: str, code: str, message: str) -> NotFound:
    return NotFound(
        method="GET",
        url=f"runs/{run_id}",
        status=404,
        code=code,
        message=message,
        hint="Check metric, iteration and asset_path.",
    )
