"""``AzmlHook.v1`` against the emulator: runs run, models are kept, web services serve."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import ApiError, Conflict, NotFound, RunFailed
from airflow_provider_azml.hooks import v1
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlScoreOperator
from airflow_provider_azml.rest import waiting
from airflow_provider_azml.rest.following import Follower
from airflow_provider_azml.rest.v1 import services, tickets
from airflow_provider_azml.sensors import AzmlWaitForServiceHealthySensor
from tests.airflow.running import run
from tests.emulator.execution import Workspace
from tests.emulator.model_management import ModelManagement

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

CONFIGURATION = {
    "script": "train.py",
    "target": "cpu",
    "environment": {"python": {"userManagedDependencies": True}},
}
COMPONENT = {
    "type": "pipeline",
    "name": "published_of_tests",
    "inputs": {"word": {"type": "string", "default": "none"}},
    "jobs": {
        "say": {
            "type": "command",
            "command": "echo ${{inputs.word}}",
            "environment": {"image": "local"},
            "inputs": {"word": "${{parent.inputs.word}}"},
        }
    },
}


@pytest.fixture
def hook(azml_connection: str, monkeypatch: pytest.MonkeyPatch) -> AzmlHook:
    for module in (v1, services):  # what is near needs no long pauses
        monkeypatch.setattr(module, "_POLL_SECONDS", 0.2)
    return AzmlHook(azml_connection)


@pytest.fixture
def project(hook: AzmlHook, tmp_path: Path) -> Path:
    hook.apply({"name": "cpu", "type": "amlcompute", "size": "Standard_DS3_v2"}, kind="compute")
    (tmp_path / "train.py").write_text("print('trained')\n")
    return tmp_path


@pytest.fixture
def management(azml_emulator: RunningEmulator) -> ModelManagement:
    return ModelManagement(Workspace(azml_emulator).ensure())


def test_a_run_is_started_found_and_told_of(hook: AzmlHook, project: Path) -> None:
    (project / "noise.bin").write_bytes(os.urandom(6 << 20))  # more than Resource Manager takes
    run_id = f"run-{time.time_ns()}"
    assert hook.v1.start_run("of-hook", CONFIGURATION, project, run_id=run_id) == run_id
    with pytest.raises(Conflict, match=run_id):
        hook.v1.start_run("of-hook", CONFIGURATION, project, run_id=run_id)
    ended = hook.v1.wait_for_run("of-hook", run_id)
    assert (ended["runId"], ended["status"]) == (run_id, "Completed")
    assert "trained" in hook.job_logs(run_id)
    assert run_id in {each["runId"] for each in hook.v1.runs("of-hook")}
    assert "of-hook" in {each["name"] for each in hook.v1.experiments()}
    assert hook.v1.experiment("of-hook")["name"] == "of-hook"
    amended = hook.v1.amend_run("of-hook", run_id, tags={"area": "tests"}, display_name="Of the hook")
    assert (amended["tags"]["area"], amended["displayName"]) == ("tests", "Of the hook")
    assert hook.v1.run_details(run_id)["status"] == "Completed"
    assert hook.v1.run_children(run_id) == []
    assert any(each["path"].startswith("user_logs/") for each in hook.v1.artifacts(run_id))


def test_what_a_run_writes_is_told_as_it_is_waited_for(hook: AzmlHook, project: Path) -> None:
    run_id = hook.v1.start_run("of-hook", CONFIGURATION, project)
    ticket, said = tickets.run(hook.workspace_id, "of-hook", run_id), []
    follower = Follower(ticket.arm_id, lambda _, line: said.append(line), stream_logs=True)
    assert hook.run(waiting.settle(ticket, poll_seconds=0.1, follow=follower.look)).succeeded
    assert "trained" in said
    assert f"{run_id} is Completed" in said


def test_a_sweep_is_begun_by_its_configuration_and_cancelled(hook: AzmlHook, project: Path) -> None:
    (project / "train.py").write_text("import sys, time; print(sys.argv[1:]); time.sleep(60)\n")
    first = hook.v1.start_run("of-hook", CONFIGURATION, project)
    hook.v1.cancel_run("of-hook", first)
    snapshot = hook.v1.run(first)["properties"]["ContentSnapshotId"]
    config = {
        "name": "of-hook",
        "platform": "AML",
        "platform_config": {"Definition": {"Overrides": CONFIGURATION, "SnapshotId": snapshot}},
        "generator_config": {"name": "RANDOM", "parameter_space": {"--lr": ["uniform", [0, 1]]}},
        "policy_config": {"name": "DEFAULT"},
        "primary_metric_config": {"name": "acc", "goal": "MAXIMIZE"},
        "max_concurrent_jobs": 1,
        "max_total_jobs": 2,
        "max_duration_minutes": 10,
    }
    run_id = f"sweep-{time.time_ns()}"
    assert hook.v1.tune("of-hook", config, run_id=run_id)["platform_config"]["ParentRunId"] == run_id
    hook.v1.cancel_tuning("of-hook", run_id)
    with pytest.raises(RunFailed, match=f"run '{run_id}' ended as Canceled"):
        hook.v1.wait_for_run("of-hook", run_id)


def test_a_run_that_is_cancelled_is_no_success(hook: AzmlHook, project: Path) -> None:
    (project / "train.py").write_text("import time; time.sleep(60)\n")
    run_id = hook.v1.start_run("of-hook", CONFIGURATION, project)
    hook.v1.cancel_run("of-hook", run_id)
    with pytest.raises(RunFailed, match=f"run '{run_id}' ended as Canceled"):
        hook.v1.wait_for_run("of-hook", run_id)


def test_models_are_kept_in_one_place_for_both_generations(hook: AzmlHook, tmp_path: Path) -> None:
    name = f"of-hook-{time.time_ns()}"
    (tmp_path / "model.pkl").write_text("weights")
    model = hook.v1.register_model(name, tmp_path / "model.pkl", about={"kvTags": {"area": "tests"}})
    assert model["id"] == f"{name}:1"
    assert hook.get("model", name, version="1")["properties"]["tags"]["area"] == "tests"
    assert [each["id"] for each in hook.v1.models({"name": name})] == [f"{name}:1"]
    patch = [{"op": "replace", "path": "/description", "value": "one of tests"}]
    assert hook.v1.update_model(f"{name}:1", patch)["description"] == "one of tests"
    hook.v1.delete_model(f"{name}:1")
    hook.v1.delete_model(f"{name}:1")
    assert hook.v1.model(f"{name}:1") is None


def in_a_dag(operator: type[Any], **arguments: Any) -> Any:
    with DAG("of-v1", schedule=None, default_args={"deferrable": True}) as dag:
        operator(task_id="it", **arguments)
    finished = run(dag)
    assert finished.errors == {}
    return finished.value("it")


def test_a_web_service_lives_from_its_deployment_to_its_deletion(hook: AzmlHook, management: ModelManagement) -> None:
    model = management.model("factor-of-hook", {"factor.txt": "2"})
    request = management.request("of-hook", [model], authEnabled=True)
    service = hook.v1.deploy_service(request)
    assert service is not None
    assert (service["state"], service["computeType"]) == ("Healthy", "ACI")
    with pytest.raises(Conflict):
        hook.v1.deploy_service(request)
    assert "of-hook" in {each["name"] for each in hook.v1.services({"computeType": "ACI"})}
    assert in_a_dag(AzmlWaitForServiceHealthySensor, service_name="of-hook")["status"] == "Healthy"
    answer = {"answer": [2.0, 5.0], "greeting": "hello"}
    assert hook.score("of-hook", {"data": [1, 2.5]}, generation="v1") == answer
    assert in_a_dag(AzmlScoreOperator, service_name="of-hook", payload={"data": [1, 2.5]}) == answer
    before = hook.v1.service_keys("of-hook")
    assert hook.v1.regenerate_service_key("of-hook", "Primary")["secondaryKey"] == before["secondaryKey"]
    assert hook.v1.score("of-hook", {"data": [1]}) == {"answer": [2.0], "greeting": "hello"}
    with pytest.raises(ApiError, match="502"):
        hook.v1.score("of-hook", {"nothing": 1})
    assert "KeyError" in hook.v1.service_logs("of-hook")
    changed = hook.v1.update_service("of-hook", [{"op": "replace", "path": "/description", "value": "changed"}])
    assert changed is not None
    assert changed["description"] == "changed"
    hook.v1.delete_service("of-hook")
    hook.v1.delete_service("of-hook")
    with pytest.raises(NotFound):
        hook.v1.service("of-hook")


def test_a_service_whose_script_cannot_begin_has_failed_with_its_reason(
    hook: AzmlHook, management: ModelManagement
) -> None:
    model = management.model("factor-of-hook", {"factor.txt": "2"})
    failing = "def init():\n    raise RuntimeError('no such weights')\ndef run(raw):\n    return 1\n"
    with pytest.raises(RunFailed, match="web service 'failing-of-hook' ended as Failed"):
        hook.v1.deploy_service(management.request("failing-of-hook", [model], failing))
    hook.v1.delete_service("failing-of-hook")


def test_datastores_are_those_of_the_workspace(hook: AzmlHook) -> None:
    assert "workspaceblobstore" in {each["name"] for each in hook.v1.datastores()}
    assert hook.v1.datastore()["name"] == "workspaceblobstore"
    with pytest.raises(NotFound):
        hook.v1.datastore("no-such-datastore")


def test_a_published_pipeline_is_run_and_scheduled_by_its_id(hook: AzmlHook) -> None:
    hook.apply(COMPONENT, kind="component")
    (pipeline,) = [each for each in hook.v1.published_pipelines() if each["Name"] == "published_of_tests"][:1]
    run_id = hook.v1.submit_pipeline(pipeline["Id"], "of-hook", {"word": "published"})
    assert hook.v1.wait_for_run("of-hook", run_id)["status"] == "Completed"
    recurrence = {"Frequency": "Day", "Interval": 1, "TimeZone": "UTC", "Schedule": {"Hours": [3], "Minutes": [0]}}
    made = hook.v1.create_schedule(
        "nightly", pipeline["Id"], "of-hook", recurrence=recurrence, parameters={"word": "night"}
    )
    assert made["Id"] in {each["Id"] for each in hook.v1.schedules()}
    assert made["Id"] in {each["Id"] for each in hook.v1.schedules(pipeline["Id"])}
    assert hook.v1.schedule(made["Id"])["Name"] == "nightly"
    assert hook.v1.set_schedule(made["Id"], enabled=False)["EntityStatus"] == "Disabled"
    assert made["Id"] not in {each["Id"] for each in hook.v1.schedules()}
    (first,) = hook.v1.schedule_runs(made["Id"])  # without a start time, the first is at once
    assert hook.v1.wait_for_run("of-hook", first["Id"])["status"] == "Completed"


@pytest.mark.parametrize("arguments", [{}, {"path": "a", "run_id": "b"}, {"run_id": "b"}])
def test_a_model_is_registered_from_one_thing(hook: AzmlHook, arguments: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="from path, or from run_id and asset_path"):
        hook.v1.register_model("m", **arguments)  # type: ignore[arg-type]
