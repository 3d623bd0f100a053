"""A retry finds what an earlier try submitted; a clear, another run or another deployment submits anew."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from airflow_provider_azml.exceptions import ApiError, JobNameTaken, NotFound
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlApplyOperator, AzmlRegisterModelOperator
from airflow_provider_azml.operators.submission import (
    FAIL_ON,
    Terms,
    experiment_name,
    job_name,
    ownership,
    seeded,
    submission_hash,
    submit_job,
)
from airflow_provider_azml.rest import flows, waiting
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.rest.deadlines import Deadlines
from airflow_provider_azml.spec.source import from_mapping
from airflow_provider_azml.spec.target import SUBMISSION, Target
from airflow_provider_azml.spec.versions import made_for
from airflow_provider_azml.spec.workspaces import create
from tests.rest.conftest import CountingCredential
from tests.rest.scripted_service import Answer, ScriptedService
from tests.spec.stand_in import WS

ENVIRONMENT = {"image": "local", "conda_file": {"name": "bare", "dependencies": ["python=3.11"]}}


def context(**changes: Any) -> Any:
    ti = {
        "id": "01-ti",
        "dag_id": "retrain_daily",
        "run_id": f"manual__{time.time_ns()}",
        "task_id": "train",
        "map_index": -1,
        "max_tries": 2,
        "try_number": 1,
    }
    start = changes.pop("start_date", datetime(2026, 1, 1, tzinfo=timezone.utc))
    instance = SimpleNamespace(**{**ti, **changes}, xcom_push=Mock())
    return {"ti": instance, "dag_run": SimpleNamespace(start_date=start)}


WORKSPACE = WorkspaceId("s", "rg", "ws")
FIXED = context(run_id="manual__1")


def test_a_name_is_readable_legal_and_the_same_for_every_try():
    name = job_name(FIXED)
    assert re.fullmatch(r"retrain-daily-train-[0-9a-f]{12}", name)
    assert job_name(context(run_id="manual__1", try_number=2, id="02-ti")) == name


@pytest.mark.parametrize(
    "change",
    [
        {"max_tries": 3},
        {"run_id": "manual__2"},
        {"task_id": "train_again"},
        {"dag_id": "retrain_weekly"},
        {"map_index": 0},
        {"start_date": datetime(2026, 1, 2, tzinfo=timezone.utc)},
    ],
)
def test_what_is_another_submission_has_another_hash(change):
    assert submission_hash(context(**{"run_id": "manual__1", **change})) != submission_hash(FIXED)


def test_two_deployments_of_airflow_do_not_share_names(monkeypatch):
    alone = submission_hash(FIXED)
    monkeypatch.setenv("AIRFLOW__AZML__DEPLOYMENT", "production")
    assert submission_hash(FIXED) != alone


def test_a_dag_id_with_dots_names_an_experiment_that_the_service_takes():
    assert experiment_name("team.retrain_v2") == "team-retrain_v2"


def test_a_name_stays_legal_whatever_the_ids_are():
    name = job_name(context(dag_id="Ünïcode.DAG " * 30, task_id="group.task__1"))
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,200}", name)


@pytest.fixture
def hook(azml_connection):
    opened = AzmlHook(azml_connection)
    yield opened
    opened.close()


@pytest.fixture
def submit(hook):
    """Submits a command as a try of a task would."""

    def once(of: Any, command: str = "true", *, terms: Terms = Terms(), **spec: Any) -> flows.Json:  # noqa: B008 (frozen)
        source = from_mapping({"command": command, "environment": ENVIRONMENT, **spec})
        return hook.run(submit_job(hook.target, source, job_name(of), ownership(of), terms)).body

    return once


def settled(hook: AzmlHook, job: flows.Json) -> str:
    arm_id = hook.workspace_id.child("job", job["name"])
    return hook.run(
        waiting.settle(waiting.Ticket(arm_id), poll_seconds=0.1, deadlines=Deadlines(time.time() + 60))
    ).status


def test_a_retry_attaches_to_the_active_job_and_takes_the_result_of_a_completed_one(hook, submit):
    task = context()
    job = submit(task, "sleep 1")
    assert submit(task)["name"] == job["name"] == f"{job_name(task)}-1"
    assert settled(hook, job) == "Completed"
    again = submit(task)
    assert (again["name"], again["properties"]["status"]) == (job["name"], "Completed")
    assert again["properties"]["properties"]["airflow.task_id"] == "train"


def test_a_retry_after_a_failure_is_the_next_attempt(hook, submit):
    task = context()
    assert settled(hook, submit(task, "false")) == "Failed"
    second = submit(task, "true")
    assert second["name"] == f"{job_name(task)}-2"
    assert settled(hook, second) == "Completed"
    assert submit(task)["name"] == second["name"]


def test_a_job_on_its_way_to_being_canceled_is_not_taken(hook, submit):
    task = context()
    first = submit(task, "sleep 60")
    hook.run(flows.act(hook.workspace_id.child("job", first["name"]), "cancel"))
    assert submit(task)["name"] == f"{job_name(task)}-2"


def test_a_name_given_by_the_user_is_the_users_alone(hook, submit):
    name = f"mine-{time.time_ns()}"
    first, other = context(), context()
    assert submit(first, name=name)["name"] == name
    assert submit(first, name=name)["name"] == name
    with pytest.raises(JobNameTaken, match=r"was not submitted by this task, but by \S+ in run \S+"):
        submit(other, name=name)


def test_a_name_given_by_the_user_is_not_taken_again_after_a_clear(hook, submit):
    name = f"mine-{time.time_ns()}"
    task = context()
    submit(task, name=name)
    task["ti"].max_tries += 1
    with pytest.raises(JobNameTaken, match="was submitted before this task was cleared"):
        submit(task, name=name)


def test_a_job_of_an_earlier_try_may_be_refused(hook, submit):
    task, terms = context(), Terms(on_existing="fail")
    job = submit(task, "sleep 60", terms=terms)
    assert submit(task, terms=terms)["name"] == job["name"]  # the same try
    task["ti"].id = "02-ti"
    with pytest.raises(JobNameTaken, match=r"of an earlier try\. With on_existing='attach' this try takes it up"):
        submit(task, terms=terms)
    hook.run(flows.act(hook.workspace_id.child("job", job["name"]), "cancel"))
    assert submit(task, terms=terms)["name"] == f"{job_name(task)}-2"


def test_a_job_that_failed_under_a_name_of_the_users_cannot_run_again(hook, submit):
    name = f"mine-{time.time_ns()}"
    task = context()
    assert settled(hook, submit(task, "false", name=name)) == "Failed"
    with pytest.raises(JobNameTaken, match="cannot run twice under one name") as caught:
        submit(task, name=name)
    assert "(GET " in str(caught.value)  # it was looked at, and nothing was sent
    assert "answered 200" in str(caught.value)


def test_a_job_that_the_service_refuses_is_an_error(hook, submit):
    with pytest.raises(ApiError, match="no-such-cluster"):
        submit(context(), compute="azureml:no-such-cluster")


def test_a_retry_makes_no_second_version_of_a_model(azml_connection, hook, tmp_path):
    (tmp_path / "model.txt").write_text("weights")
    task = context()
    name = f"model-{time.time_ns()}"
    results = [
        AzmlRegisterModelOperator(task_id="register", name=name, path=str(tmp_path)).execute(each)
        for each in (task, task, context())
    ]
    assert [result["version"] for result in results] == ["1", "1", "2"]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("environment", {"image": "local"}),
        ("data", {"type": "uri_file", "path": "azureml://datastores/workspaceblobstore/paths/a.csv"}),
        (
            "component",
            {
                "type": "command",
                "command": "true",
                "environment": "azureml:bare:1",
                "outputs": {"o": {"type": "uri_file"}},
            },
        ),
    ],
)
def test_a_retry_makes_no_second_version_of_anything(kind: str, spec: dict[str, Any], azml_connection, hook):
    task = context()
    named = {"name": f"{kind}_{time.time_ns()}", **spec}
    first, again = (AzmlApplyOperator(task_id="it", kind=kind, spec=named).execute(task) for _ in range(2))
    assert (first["version"], again) == ("1", first)
    assert len(hook.list(kind, name=named["name"])) == 1
    assert hook.get(kind, named["name"])["properties"]["tags"] == {SUBMISSION: submission_hash(task)}


def test_a_retry_makes_up_the_same_name_for_data_that_has_none(azml_connection):
    spec = {"type": "uri_file", "path": "azureml://datastores/workspaceblobstore/paths/a.csv"}
    task = context()
    first, again, other = (
        AzmlApplyOperator(task_id="it", spec=spec).execute(each)["id"] for each in (task, task, context())
    )
    assert first == again != other


def test_versions_older_than_the_run_are_not_read(tmp_path):
    service = ScriptedService(tmp_path)
    container = WorkspaceId("s", "rg", "ws").child("model", "iris")
    mine = {"name": "2", "properties": {"tags": {SUBMISSION: submission_hash(FIXED)}}}
    newer = {"name": "3", "properties": {"tags": {}}, "systemData": {"createdAt": "2026-01-01T09:00:00.1234567Z"}}
    older = {"name": "1", "properties": {"tags": {}}, "systemData": {"createdAt": "2025-12-31T09:00:00Z"}}
    next_link = f"{service.url}{container}/versions?$skip=x"
    service.answer(
        "GET",
        f"{container}/versions",
        Answer(body={"value": [newer], "nextLink": next_link}),
        Answer(body={"value": [mine]}),
        Answer(body={"value": [newer, older], "nextLink": next_link}),
        Answer(404, {"error": {"code": "NotFound", "message": "no such model"}}),
    )
    try:
        with Client(service.cloud, TokenCache(CountingCredential()), ca_bundle=service.ca_bundle) as client:
            found = [client.run(made_for(container, seeded(Target(WORKSPACE, service.cloud), FIXED))) for _ in range(3)]
    finally:
        service.close()
    assert found == [mine, None, None]
    assert len(service.asked) == 4


def test_a_retry_of_a_workspace_makes_up_the_same_names(tmp_path):
    """So that a worker that dies after the PUT leaves no second storage account behind."""
    service = ScriptedService(tmp_path)
    workspace = WorkspaceId("s", "rg", "ws")
    wanted = from_mapping({"name": "ws", "location": "westeurope"})

    def deployed(seed: str | None) -> tuple[str, bytes]:
        opened = Client(service.cloud, TokenCache(CountingCredential()), ca_bundle=service.ca_bundle)
        with opened as client, pytest.raises(NotFound):  # the PUT, which nothing is scripted for
            client.run(create(wanted, Target(workspace, service.cloud, seed)))
        return service.asked[-1].path, service.asked[-1].body

    try:
        assert deployed("one") == deployed("one") != deployed("two")
        assert deployed(None) != deployed(None)
    finally:
        service.close()


def test_a_retry_of_a_workspace_follows_the_template_that_is_being_deployed(tmp_path):
    service = ScriptedService(tmp_path)
    workspace = WorkspaceId("s", "rg", "ws")
    wanted = from_mapping({"name": "ws", "location": "westeurope"})
    try:
        with Client(service.cloud, TokenCache(CountingCredential()), ca_bundle=service.ca_bundle) as client:
            with pytest.raises(NotFound):
                client.run(create(wanted, Target(workspace, service.cloud, "one")))
            running = Answer(body={"properties": {"provisioningState": "Running"}})
            service.answer("GET", service.asked[-1].path, running)
            ticket = client.run(create(wanted, Target(workspace, service.cloud, "one")))
        assert ticket.arm_id == service.asked[-1].path
        assert [asked.method for asked in service.asked].count("PUT") == 1
    finally:
        service.close()


def test_an_attempt_comes_after_one_that_completed_in_spite_of_a_child(service):
    """Where a failed child fails the task."""
    task = context()
    owner = ownership(task)
    first, second = (f"{WS}/jobs/train-{attempt}" for attempt in (1, 2))
    discovery = {"properties": {"discoveryUrl": f"{service.url}/discovery"}}
    failed = {"value": [{"runId": "child", "runType": "azureml.StepRun", "status": "Failed"}]}
    service.holds({WS: discovery, "/discovery": {"api": service.url}})
    service.holds({f"/history/v1.0{WS}/runs/train-1/children": failed})
    service.holds({first: {"name": "train-1", "properties": {"status": "Completed", "properties": owner}}})
    source = from_mapping({"command": "true", "environment": "azureml:bare:1", "compute": "azureml:cpu"})
    with Client(service.cloud, TokenCache(CountingCredential()), ca_bundle=service.ca_bundle) as client:
        attached, submitted = (
            client.run(submit_job(Target(WORKSPACE, service.cloud), source, "train", owner, Terms(fail_on=fail_on)))
            for fail_on in FAIL_ON
        )
    assert (attached.arm_id, submitted.arm_id) == (first, second)
    assert [path for path, _ in service.puts()] == [second]
