"""MLflow in a job: the real client against the tracking server of the workspace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

SCRIPT = """
import json, os, mlflow
from mlflow.tracking import MlflowClient

mlflow.log_param("lr", 0.1)
mlflow.log_params({"depth": 3, "name": "x"})
for step in range(3):
    mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
mlflow.log_metrics({"accuracy": 0.9, "weird": float("nan")})
mlflow.set_tag("stage", "test")
mlflow.log_text("hello", "notes/hello.txt")
with mlflow.start_run(nested=True, run_name="child") as child:
    mlflow.log_metric("inner", 1)
mlflow.end_run()

client = MlflowClient()
job = client.get_run(os.environ["AZUREML_RUN_ID"])
history = [(m.step, m.value) for m in client.get_metric_history(job.info.run_id, "loss")]
found = client.search_runs(
    [job.info.experiment_id], "metrics.accuracy > 0.5 and tags.stage = 'test'", order_by=["metrics.accuracy DESC"]
)
children = client.search_runs([job.info.experiment_id], f"tags.mlflow.parentRunId = '{job.info.run_id}'")
missing = client.get_experiment_by_name("nothing of this name")
other = client.get_experiment(client.create_experiment("another " + job.info.run_id)).name
artifact = mlflow.artifacts.load_text(job.info.artifact_uri + "/notes/hello.txt")
listed = [entry.path for entry in client.list_artifacts(job.info.run_id, "notes")]
try:
    client.log_param(job.info.run_id, "lr", 0.2)
    refused = None
except mlflow.exceptions.MlflowException as error:
    refused = error.error_code
model = client.create_logged_model(job.info.experiment_id, name="model", source_run_id=job.info.run_id)
with open("weights", "w") as file:
    file.write("42")
client.log_model_artifact(model.model_id, "weights")
client.finalize_logged_model(model.model_id, "READY")
client.create_registered_model("iris-" + job.info.run_id)
version = client.create_model_version(
    "iris-" + job.info.run_id, f"models:/{model.model_id}", job.info.run_id, model_id=model.model_id
)
again = mlflow.artifacts.load_text(client.get_model_version_download_uri(version.name, version.version) + "/weights")
client.update_model_version(version.name, version.version, description="fine")
client.set_model_version_tag(version.name, version.version, "good", "yes")
client.set_model_version_tag(version.name, version.version, "bad", "no")
client.delete_model_version_tag(version.name, version.version, "bad")
kept = client.get_model_version(version.name, version.version)
(nested,) = children
client.delete_run(nested.info.run_id)
deleted = client.get_run(nested.info.run_id).info.lifecycle_stage
of_job = f"tags.mlflow.parentRunId = '{job.info.run_id}'"
gone = mlflow.search_runs([job.info.experiment_id], of_job, output_format="list", run_view_type=2)
client.restore_run(nested.info.run_id)
print("RESULT" + json.dumps({
    "kept": [kept.description, kept.tags], "deleted": deleted, "gone": [run.info.run_name for run in gone],
    "params": job.data.params, "metrics": {k: str(v) for k, v in job.data.metrics.items()}, "history": history,
    "found": [run.info.run_id for run in found], "children": [run.info.run_name for run in children],
    "missing": missing, "other": other, "artifact": artifact, "listed": listed, "refused": refused,
    "status": job.info.status, "version": version.version, "again": again,
}))
"""


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


@pytest.fixture(scope="module")
def job(workspace: Workspace) -> str:
    code = workspace.code({"train.py": SCRIPT})
    return workspace.run("python train.py", codeId=code)


@pytest.fixture(scope="module")
def result(workspace: Workspace, job: str) -> Any:
    (line,) = [line for line in workspace.log(job).splitlines() if line.startswith("RESULT")]
    return json.loads(line.removeprefix("RESULT"))


def test_a_model_that_mlflow_registers_is_listed_by_resource_manager(
    workspace: Workspace, job: str, result: dict[str, Any]
) -> None:
    assert result["version"] == "1"
    container = workspace.get("model", f"iris-{job}")["properties"]
    assert (container["latestVersion"], container["nextVersion"]) == ("1", "2")


def test_what_is_logged_is_read_back(job: str, result: dict[str, Any]) -> None:
    assert result["params"] == {"lr": "0.1", "depth": "3", "name": "x"}
    assert result["metrics"] == {"loss": str(1 / 3), "accuracy": "0.9", "weird": "nan"}
    assert result["history"] == [[0, 1.0], [1, 0.5], [2, 1 / 3]]
    assert result["found"] == [job]
    assert result["children"] == ["child"]
    assert result["refused"] == "INVALID_PARAMETER_VALUE"


def test_runs_are_deleted_and_restored(result: dict[str, Any]) -> None:
    assert (result["deleted"], result["gone"]) == ("deleted", ["child"])


def test_versions_of_models_are_described(result: dict[str, Any]) -> None:
    assert result["kept"] == ["fine", {"good": "yes"}]


def test_experiments_are_found_and_made(job: str, result: dict[str, Any]) -> None:
    assert result["missing"] is None
    assert result["other"] == f"another {job}"


def test_artifacts_are_artifacts_of_the_job(workspace: Workspace, job: str, result: dict[str, Any]) -> None:
    assert result["artifact"] == "hello"
    assert result["listed"] == ["notes/hello.txt"]
    assert workspace.artifact(job, "notes/hello.txt") == "hello"
    assert "model/weights" in workspace.artifacts(job)


def test_a_logged_model_can_be_registered_and_is_a_model_of_the_workspace(
    workspace: Workspace, job: str, result: dict[str, Any]
) -> None:
    assert result["version"] == "1"
    assert result["again"] == "42"
    model = workspace.get("model", f"iris-{job}", "1")["properties"]
    assert model["modelType"] == "mlflow_model"
    assert model["jobName"] == job
    assert workspace.run_and_read("cat ${{inputs.x}}/weights", workspace.id.child("model", f"iris-{job}", "1")) == "42"


def test_a_run_that_the_script_ended_early_is_not_the_end_of_the_job(result: dict[str, Any]) -> None:
    assert result["status"] == "RUNNING"


def test_run_history_has_children_and_tags(workspace: Workspace, job: str) -> None:
    children = workspace.history(f"runs/{job}/children")["value"]
    assert [child["displayName"] for child in children] == ["child"]
    assert children[0]["status"] == "Completed"
    assert workspace.get("job", job)["properties"]["tags"]["stage"] == "test"


def test_metrics_are_there_for_holders_of_a_token(workspace: Workspace, job: str) -> None:
    path = f"/mlflow/v2.0{workspace.id}/api/2.0/mlflow/runs/get"
    run = workspace.call("GET", path, params={"run_id": job}).json()["run"]
    assert {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}["accuracy"] == 0.9
    assert run["info"]["status"] == "FINISHED"
    anonymous = workspace.session.get(f"{workspace.emulator.url}{path}", params={"run_id": job}, timeout=60)
    assert anonymous.status_code == 401


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        (("GET", "runs/get?run_id=none"), 404, "RESOURCE_DOES_NOT_EXIST"),
        (("GET", "experiments/get?experiment_id=none"), 404, "RESOURCE_DOES_NOT_EXIST"),
        (("GET", "runs/get"), 400, "INVALID_PARAMETER_VALUE"),
        (("POST", "traces/start"), 404, "ENDPOINT_NOT_FOUND"),
    ],
)
def test_errors_are_mlflows(workspace: Workspace, call: tuple[str, str], status: int, code: str) -> None:
    method, path = call
    answer = workspace.call(method, f"/mlflow/v1.0{workspace.id}/api/2.0/mlflow/{path}", ok=False)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
