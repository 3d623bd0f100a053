"""Sensors of computes and models in a DAG, poking and in the triggerer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import NotFound, RunFailed, SpecError
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowSensorTimeout
from airflow_provider_azml.sensors import AzmlComputeSensor, AzmlModelVersionSensor
from tests.airflow.running import run
from tests.operators.conftest import SignedIn
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sensors.conftest import Workspace

BOTH_WAYS = pytest.mark.parametrize("deferrable", [False, True])
COMPUTES = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws/computes"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignedIn]:
    """A service that answers what a test gives it."""
    scripted = SignedIn(tmp_path).open()
    monkeypatch.setenv("AIRFLOW_CONN_AZML_DEFAULT", scripted.connection)
    yield scripted
    scripted.close()


def in_a_dag(deferrable: bool) -> DAG:
    defaults = {"deferrable": deferrable, "poll_seconds": 0.2, "retries": 2}
    return DAG("waiting", schedule=None, default_args=defaults, params={"state": "Running"})


def instance(state: str, **inner: Any) -> Answer:
    properties = {"state": state, **inner}
    body = {"computeType": "ComputeInstance", "provisioningState": "Succeeded", "properties": properties}
    return Answer(body={"name": "ci", "properties": body})


@BOTH_WAYS
def test_states_of_computes(service: SignedIn, deferrable: bool) -> None:
    quota = {"error": {"code": "QuotaExceeded", "message": "No cores are left."}}
    service.answer("GET", f"{COMPUTES}/starting", instance("Starting"), instance("Starting"), instance("Running"))
    service.answer("GET", f"{COMPUTES}/broken", instance("Starting"), instance("Unusable", errors=[quota]))
    with in_a_dag(deferrable) as dag:
        AzmlComputeSensor(task_id="starting", compute_name="starting", state="{{ params.state }}")
        AzmlComputeSensor(task_id="broken", compute_name="broken", state="Running")
        AzmlComputeSensor(task_id="skipped", compute_name="broken", state="Running", soft_fail=True)
        AzmlComputeSensor(task_id="wrong", compute_name="starting", state="Steady")
        AzmlComputeSensor(task_id="unknown", compute_name="starting", state="On")
    finished = run(dag)
    result = finished.value("starting")
    assert (result["name"], result["status"], result["state"]) == ("starting", "Succeeded", "Running")
    assert finished.states["skipped"] == "skipped"
    (broken,) = finished.errors["broken"]
    assert isinstance(broken, AirflowFailException)
    assert isinstance(broken.__cause__, RunFailed)
    assert "compute 'broken' ended as Unusable (QuotaExceeded: No cores are left.)" in str(broken)
    (wrong,) = finished.errors["wrong"]
    assert "it is a compute instance, which never is 'Steady'" in str(wrong)
    (unknown,) = finished.errors["unknown"]
    assert isinstance(unknown.__cause__, SpecError)
    assert "state: is 'On'; it must be 'Running', 'Stopped' or 'Steady'" in str(unknown)


@BOTH_WAYS
def test_errors_in_between_fail_nothing(service: SignedIn, deferrable: bool) -> None:
    busy = Answer(503, {"error": {"code": "ServerBusy", "message": "later"}})
    service.answer("GET", f"{COMPUTES}/ci", busy, instance("Starting"), busy, instance("Running"))
    with in_a_dag(deferrable) as dag:
        AzmlComputeSensor(task_id="it", compute_name="ci", state="Running", retries=0)
    assert run(dag).states == {"it": "success"}


@BOTH_WAYS
def test_real_clusters_and_models(workspace: Workspace, tmp_path: Path, deferrable: bool) -> None:
    (tmp_path / "model.txt").write_text("a model")
    model = f"iris-{deferrable}".lower()
    workspace.hook.apply({"name": "cpu", "type": "amlcompute", "size": "Standard_DS3_v2"}, kind="compute")
    for stage in ("Production", "Development"):
        workspace.register(model, str(tmp_path), stage=stage, tags={"stage": stage})
    with in_a_dag(deferrable) as dag:
        AzmlComputeSensor(task_id="steady", compute_name="cpu", state="Steady")
        AzmlComputeSensor(task_id="too_small", compute_name="cpu", min_nodes=1000)
        AzmlComputeSensor(task_id="missing", compute_name="nobodys")
        AzmlModelVersionSensor(task_id="any", name=model)
        AzmlModelVersionSensor(task_id="first", name=model, version="1")
        AzmlModelVersionSensor(task_id="production", name=model, stage="Production", tags={"stage": "Production"})
        AzmlModelVersionSensor(task_id="newer", name=model, newer_than="{{ 1 }}")
        AzmlModelVersionSensor(task_id="late", name=model, newer_than="2", timeout=0.5)
        AzmlModelVersionSensor(task_id="both", name=model, newer_than="2", version="3")
    finished = run(dag)
    found = {name: finished.value(name)["version"] for name in ("any", "first", "production", "newer")}
    assert found == {"any": "2", "first": "1", "production": "1", "newer": "2"}
    first = finished.value("first")
    assert (first["name"], first["id"].rpartition("/models/")[2]) == (model, f"{model}/versions/1")
    assert first["path"].startswith("azureml://")
    assert finished.value("steady")["state"] == "Steady"
    (too_small,) = finished.errors["too_small"]
    assert "it never has the 1000 nodes of min_nodes" in str(too_small)
    (missing,) = finished.errors["missing"]
    assert isinstance(missing.__cause__, NotFound)
    assert isinstance(finished.errors["late"][0], AirflowSensorTimeout)
    assert "newer_than: is given besides version" in str(finished.errors["both"][0])
    assert {finished.tries(task_id) for task_id in finished.states} == {1}
