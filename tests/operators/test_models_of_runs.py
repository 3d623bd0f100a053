"""Models that runs have left, registered as CLI v1 did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import NotFound, SpecError
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlRegisterModelOperator
from airflow_provider_azml.rest.v1 import runs
from tests.airflow.running import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.airflow.running import Finished

RUN = "mnist-with-a-model"
SCRIPT = "import os; os.makedirs('outputs'); open('outputs/model.pkl', 'w').write('weights')\n"
CONFIGURATION = {
    "script": "train.py",
    "target": "cpu",
    "environment": {"python": {"userManagedDependencies": True}},
}


@pytest.fixture
def run_id(azml_connection: str, tmp_path: Path) -> str:
    """A run of v1 that has left a model; the same for all tests of a session."""
    hook = AzmlHook(azml_connection)
    if hook.run(runs.find(hook.v1.place, RUN)) is None:
        hook.apply({"name": "cpu", "type": "amlcompute", "size": "Standard_DS3_v2"}, kind="compute")
        (tmp_path / "train.py").write_text(SCRIPT)
        hook.v1.start_run("mnist", CONFIGURATION, tmp_path, run_id=RUN)
    assert hook.v1.wait_for_run("mnist", RUN)["status"] == "Completed"
    return RUN


def registered(**arguments: Any) -> Finished:
    with DAG("registering", schedule=None) as dag:
        AzmlRegisterModelOperator(task_id="it", tags={"area": "mnist"}, **arguments)
    return run(dag)


def test_what_a_run_has_left_becomes_a_version(run_id: str, azml_connection: str) -> None:
    name = f"mnist-{time.time_ns()}"
    finished = registered(name=name, run_id=run_id, experiment_name="mnist", asset_path="outputs/model.pkl")
    assert finished.errors == {}
    hook = AzmlHook(azml_connection)
    (version,) = hook.list("model", name=name)
    assert version["properties"]["tags"]["area"] == "mnist"
    assert version["properties"]["modelUri"].endswith("outputs/model.pkl")
    model = hook.v1.model(f"{name}:1")
    assert model is not None
    assert model["kvTags"]["area"] == "mnist"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"asset_path": "outputs/else.pkl"}, r"has left nothing at 'outputs/else\.pkl'; it has .*outputs/model\.pkl"),
        ({"asset_path": "outputs/model.pkl", "run_id": "no-such-run"}, "no-such-run"),
    ],
)
def test_what_a_run_has_not_left_is_told_before_anything_is_registered(
    run_id: str, arguments: dict[str, Any], reason: str
) -> None:
    (error,) = registered(name="mnist", **{"run_id": run_id, **arguments}).errors["it"]
    assert isinstance(error.__cause__, NotFound)
    with pytest.raises(NotFound, match=reason):
        raise error.__cause__


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"run_id": "a"}, "asset_path"),
        ({"run_id": "a", "automl_run_id": "b", "asset_path": "m"}, "automl_run_id"),
        ({"run_id": "a", "asset_path": "m", "metric": "accuracy"}, "metric"),
        ({"automl_run_id": "b", "metric": "accuracy", "iteration": 1}, "iteration"),
        ({"automl_run_id": "b", "iteration": "first"}, "iteration"),
        ({"asset_path": "m", "path": "local"}, "asset_path"),
        ({"experiment_name": "m", "path": "local"}, "experiment_name"),
    ],
)
def test_what_is_said_twice_or_by_half_is_refused_by_name(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(SpecError, match=f"{named}: "):
        AzmlRegisterModelOperator(task_id="it", name="m", **arguments).check_arguments()


def test_a_location_besides_a_run_is_refused(run_id: str) -> None:
    (error,) = registered(name="mnist", run_id=run_id, asset_path="outputs/model.pkl", path="local").errors["it"]
    assert "path: is given besides a run" in str(error)
