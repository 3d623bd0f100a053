"""Which iteration of an AutoML run is chosen, and which model of it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.rest.v1 import automl
from tests.rest.scripted_service import Answer
from tests.rest.v1.conftest import WORKSPACE, scripted

RUN = "AutoML_9fe201fe-89fd-41cc"
LOGGED = (
    {"accuracy": 0.8, "log_loss": 0.4},
    {"accuracy": 0.9, "log_loss": 0.5},
    {"accuracy": "NaN", "log_loss": 0.1},
    {"accuracy": 0.99, "log_loss": 0.01},
)
ENDS = ("Completed", "Completed", "Completed", "Failed")


@pytest.fixture
def iterations(plane):
    """An AutoML run of four iterations, the last of which failed."""

    def scripts(**of_parent: Any) -> None:
        scripted(plane, "history/v1.0", "GET", f"runs/{RUN}", Answer(body={"runId": RUN, **of_parent}))
        children = [{"runId": f"{RUN}_{number}", "status": status} for number, status in enumerate(ENDS)]
        scripted(plane, "history/v1.0", "GET", f"runs/{RUN}/children", Answer(body={"value": children}))
        metrics = "api/2.0/mlflow/runs/get"
        told = [{"run": {"data": {"metrics": [{"key": k, "value": v} for k, v in each.items()]}}} for each in LOGGED]
        for child, answer in zip(children, told, strict=True):
            scripted(plane, "history/v1.0", "GET", f"runs/{child['runId']}", Answer(body=child))
            container = f"artifacts/ExperimentRun/dcid.{child['runId']}"
            left = {"value": [{"path": "outputs/model.pkl"}, {"path": "outputs/mlflow-model/MLmodel"}]}
            scripted(plane, "artifact/v2.0", "GET", container, Answer(body=left))
            plane.by_query[f"run_id={child['runId']}"] = Answer(body=answer)
        scripted(plane, "mlflow/v2.0", "GET", metrics, Answer(404))

    serve = plane.serve
    plane.by_query = {}

    def by_query(handler: Any) -> None:
        query = handler.path.partition("?")[2]
        if query in plane.by_query:
            plane._send(handler, plane.by_query[query])
        else:
            serve(handler)

    plane.serve = by_query
    return scripts


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        ({}, 1),
        ({"metric": "accuracy"}, 1),
        ({"metric": "log_loss"}, 2),
        ({"iteration": 0}, 0),
        ({"iteration": 3}, 3),
    ],
)
def test_the_best_by_a_metric_is_chosen_or_that_of_a_number(iterations, drive, wanted, number):
    iterations(properties={"primary_metric": "accuracy"})
    chosen = drive(automl.chosen(WORKSPACE, RUN, **wanted))
    assert (chosen.run_id, chosen.model_path) == (f"{RUN}_{number}", "outputs/model.pkl")


def test_the_run_itself_says_which_is_best(iterations, drive):
    iterations(tags={"automl_best_child_run_id": f"{RUN}_0"})
    chosen = drive(automl.chosen(WORKSPACE, RUN, model_path="outputs/mlflow-model/"))
    assert (chosen.run_id, chosen.model_path, chosen.model_name) == (
        f"{RUN}_0",
        "outputs/mlflow-model",
        "AutoML9fe201fe8best",
    )


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"metric": "AUC_weighted"}, "has logged AUC_weighted; they have logged accuracy, log_loss"),
        ({"iteration": 7}, f"{RUN}_7"),
        ({"iteration": 0, "model_path": "outputs/else"}, "has left nothing at 'outputs/else'"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(iterations, drive, wanted, reason):
    iterations(properties={"primary_metric": "accuracy"})
    with pytest.raises(NotFound, match=reason):
        drive(automl.chosen(WORKSPACE, RUN, **wanted))
