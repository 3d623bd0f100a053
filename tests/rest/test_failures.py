from __future__ import annotations

import pytest

from airflow_provider_azml.exceptions import RunFailed
from airflow_provider_azml.rest.error_classes import error_class, inner_codes
from airflow_provider_azml.rest.failures import Failure, failing_children, failure
from tests.rest.jobs import STD_LOG, WORKSPACE, details, discover, run_path
from tests.rest.scripted_service import Answer

EXITED = "Execution failed. User process exited with status code 1. Please check log file 'user_logs/std_log.txt'"
FAILED_CHILDREN = {"error": {"code": "UserError", "message": "Pipeline has failed child jobs. Failed nodes: /train."}}


def error(code, message, **more):
    return {"error": {"error": {"code": code, "message": message, **more}}}


def step(name, status="Completed", *, ended="2024-01-01T00:00:00Z", parent="pipeline", **fields):
    return {
        "runId": f"id-{name}",
        "parentRunId": parent,
        "runType": "azureml.StepRun",
        "displayName": name,
        "status": status,
        "endTimeUtc": ended,
        **fields,
    }


@pytest.fixture
def workspace(service):
    discover(service)
    return service


def has(service, job, *children):
    service.answer("GET", f"{run_path(job)}/children", Answer(body={"value": list(children)}))


def has_log(service, job, text, **fields):
    service.answer("GET", f"{run_path(job)}/details", details(service, job, STD_LOG, **fields))
    service.answer("HEAD", f"/{job}/{STD_LOG}", Answer(body=text))
    service.answer("GET", f"/{job}/{STD_LOG}", Answer(body=text))


def test_a_job_fails_by_its_own_code_with_the_end_of_its_log(workspace, drive):
    has_log(workspace, "train", b"one\nValueError: no\n", status="Failed", **error("UserError", EXITED))
    has(workspace, "train")
    why = drive(failure(WORKSPACE, "train", lines=1))
    assert why == Failure("UserError", EXITED, "user_error", ("ValueError: no",))


def test_a_pipeline_fails_by_the_step_that_failed_first(workspace, drive):
    workspace.answer("GET", f"{run_path('pipeline')}/details", details(workspace, "pipeline", error=FAILED_CHILDREN))
    has(
        workspace,
        "pipeline",
        step("prepare"),
        step("check", "Failed", ended="2024-01-01T00:09:00Z", **error("UserError", "later")),
        step("train", "Failed", ended="2024-01-01T00:05:00Z", **error("UserError", EXITED)),
        step("score", "Canceled"),
    )
    has(workspace, "id-train")
    has_log(workspace, "id-train", b"ValueError: no\n")
    why = drive(failure(WORKSPACE, "pipeline", lines=20))
    assert why.code == "UserError"
    assert why.message == f"step 'train' (job id-train) failed (and 1 more): UserError: {EXITED}"
    assert (why.error_class, why.log_tail) == ("user_error", ("ValueError: no",))
    assert why.log_of == "step 'train'"
    shown = str(RunFailed(kind="job", name="pipeline", status="Failed", code=why.code, message=why.message))
    assert shown.count("UserError") == 1


def test_a_failure_is_followed_down_into_a_sweep_of_a_pipeline(workspace, drive):
    workspace.answer("GET", f"{run_path('pipeline')}/details", details(workspace, "pipeline", error=FAILED_CHILDREN))
    has(workspace, "pipeline", step("tune", "Failed", **error("UserError", "Trials have failed.")))
    trial = {
        "runId": "id-tune_1",
        "parentRunId": "id-tune",
        "status": "Failed",
        **error("SystemError", "Disk is full."),
    }
    has(workspace, "id-tune", trial)
    has(workspace, "id-tune_1")
    has_log(workspace, "id-tune_1", b"writing\n")
    why = drive(failure(WORKSPACE, "pipeline", lines=20))
    assert why.message == "step 'tune' > trial 'id-tune_1' (job id-tune_1) failed: SystemError: Disk is full."
    assert (why.code, why.error_class, why.log_tail) == ("SystemError", "system_error", ("writing",))


def test_a_cancelled_pipeline_says_that_and_not_what_its_steps_say(workspace, drive):
    said = error("UserError", "The job was canceled on request.")
    workspace.answer(
        "GET", f"{run_path('pipeline')}/details", details(workspace, "pipeline", status="Canceled", **said)
    )
    assert drive(failure(WORKSPACE, "pipeline", lines=20)).message == "The job was canceled on request."


def test_a_child_whose_log_cannot_be_read_still_tells_its_reason(workspace, drive):
    workspace.answer("GET", f"{run_path('pipeline')}/details", details(workspace, "pipeline", error=FAILED_CHILDREN))
    has(workspace, "pipeline", step("train", "Failed", **error("UserError", EXITED)))
    has(workspace, "id-train")
    workspace.answer("GET", f"{run_path('id-train')}/details", Answer(403))
    why = drive(failure(WORKSPACE, "pipeline", lines=20))
    assert why.message == f"step 'train' (job id-train) failed: UserError: {EXITED}"
    assert why.log_tail == ()


def test_a_nested_run_that_failed_is_not_the_reason(workspace, drive):
    has_log(workspace, "train", b"ValueError: no\n", **error("UserError", EXITED))
    nested = {"runId": "5c0f", "parentRunId": "train", "status": "Failed", **error("UserError", "A try.")}
    has(workspace, "train", nested)
    assert drive(failure(WORKSPACE, "train", lines=20)).message == EXITED
    assert drive(failing_children(WORKSPACE, "train")) == []


def test_children_that_cannot_be_asked_for_leave_the_jobs_own_reason(workspace, drive):
    has_log(workspace, "train", b"end\n", **error("SystemError", "The node is gone."))
    workspace.answer("GET", f"{run_path('train')}/children", Answer(403))
    why = drive(failure(WORKSPACE, "train", lines=20))
    assert why == Failure("SystemError", "The node is gone.", "system_error", ("end",))


def test_a_run_that_is_gone_leaves_the_reason_open(workspace, drive):
    assert drive(failure(WORKSPACE, "train", lines=20)) == Failure()


def test_children_of_a_completed_job_that_failed_are_all_found(workspace, drive):
    url = f"{workspace.url}{run_path('sweep')}/children"
    trials = [{"runId": f"sweep_{number}", "parentRunId": "sweep", "status": "Completed"} for number in range(4)]
    trials[3] |= {"status": "Failed", **error("UserError", EXITED)}
    trials[1] |= {"status": "NotResponding"}
    workspace.answer(
        "GET",
        f"{run_path('sweep')}/children",
        Answer(body={"value": trials[:2], "nextLink": f"{url}?page=2"}),
        Answer(body={"value": trials[2:], "nextLink": None}),
    )
    found = drive(failing_children(WORKSPACE, "sweep"))
    assert [str(child) for child in found] == [
        "trial 'sweep_1' (job sweep_1) ended as NotResponding",
        f"trial 'sweep_3' (job sweep_3) failed: UserError: {EXITED}",
    ]


def test_the_reason_of_a_compute_is_not_lost_behind_its_first_line(workspace, drive):
    said = "AzureMLCompute job failed.\nPreemptionError: Nodes of this job got pre-empted."
    has_log(workspace, "train", b"epoch 1\n", **error("UserError", said))
    has(workspace, "train")
    why = drive(failure(WORKSPACE, "train", lines=20))
    assert why.error_class == "preemption"
    shown = RunFailed(
        kind="job", name="train", status="Failed", code=why.code, message=why.message, log_tail=why.log_tail
    )
    assert "PreemptionError: Nodes of this job got pre-empted." in str(shown)


@pytest.mark.parametrize(
    ("code", "inner", "message", "expected"),
    [
        ("UserError", [], EXITED, "user_error"),
        ("ValidationError", [], "", "user_error"),
        ("SystemError", [], None, "system_error"),
        ("ServiceError", [], "AzureMLCompute job failed. OrchestrateJobError: Failed to execute", "system_error"),
        ("TransientError", [], "", "system_error"),
        ("RequestThrottled", [], "", "system_error"),
        (
            "UserError",
            [],
            "AzureMLCompute job failed. PreemptionError: Nodes of this job got pre-empted.",
            "preemption",
        ),
        ("ServiceError", ["PreemptionError"], "", "preemption"),
        ("UserError", ["ClusterCoreQuotaReached"], "", "quota"),
        ("OutOfQuota", [], "", "quota"),
        (None, [], "OutOfQuota: Not enough cluster CPU quota. The amount requested is 8", "quota"),
        ("UserError", [], "Exception with status code JobNodeCountExceedsCoreQuota, The specified", "quota"),
        ("UserError", [], "Operation results in exceeding quota limits of Microsoft.BatchAI/clusters.", "quota"),
        ("UserError", [], "The specified subscription has a total vCPU quota of 0 and cannot", "quota"),
        ("UserError", [], f"{EXITED} for error details. Error: OutOfQuota: no quota was exceeded", "user_error"),
        ("UserError", [], "Error: got preempted by PreemptionError", "user_error"),
        ("BadArgument", [], "", None),
        (None, [], None, None),
    ],
)
def test_whose_fault_it_is(code, inner, message, expected):
    assert error_class(code, inner, message) == expected


def test_inner_codes_come_from_the_outside_inwards():
    said = {
        "innerError": {"code": "A", "innerError": {"code": "B"}},
        "details": [{"code": "C", "innerError": {"code": "D"}}],
    }
    assert inner_codes(said) == ["A", "B", "C", "D"]
    assert inner_codes({"innerError": None, "details": None}) == []
