from __future__ import annotations

import pytest

from airflow_provider_azml.rest import history
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from tests.rest.scripted_service import Answer

WORKSPACE = WorkspaceId("s", "rg", "ws")
DETAILS = f"/history/v1.0{WORKSPACE}/runs/train/details"


@pytest.fixture
def discovered(service):
    service.answer("GET", str(WORKSPACE), Answer(body={"properties": {"discoveryUrl": f"{service.url}/discovery"}}))
    service.answer("GET", "/discovery", Answer(body={"api": service.url}))
    return service


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["user_logs/std_log.txt", "system_logs/lifecycler.log"], "user_logs/std_log.txt"),
        (["user_logs/std_log_process_1.txt", "user_logs/std_log_process_0.txt"], "user_logs/std_log_process_0.txt"),
        (["azureml-logs/70_driver_log.txt"], "azureml-logs/70_driver_log.txt"),
        (["system_logs/lifecycler.log"], None),
        ([], None),
    ],
)
def test_the_log_of_the_users_code_is_found_among_all(names, expected):
    files = {name: name for name in names}
    assert history.log_url({"logFiles": files}) == expected


def test_only_the_end_of_a_long_log_is_fetched(service, drive):
    service.answer("HEAD", "/log", Answer(body=b"", headers={"Content-Length": "1000000"}))
    service.answer("GET", "/log", Answer(206, b"half a li\nline 1\nline 2\n"))
    details = {"logFiles": {"user_logs/std_log.txt": f"{service.url}/log?sig=s"}}
    assert drive(history.log_tail(details, 2)) == ["line 1", "line 2"]
    assert service.asked[-1].headers["x-ms-range"] == f"bytes={1000000 - 64 * 1024}-999999"
    assert "Authorization" not in service.asked[-1].headers


def test_metrics_are_numbers_or_what_json_has_no_number_for(discovered, drive):
    logged = [
        {"key": "accuracy", "value": 0.5},
        {"key": "loss", "value": "NaN"},
        {"key": "norm", "value": float("inf")},
    ]
    run = f"/mlflow/v2.0{WORKSPACE}/api/2.0/mlflow/runs/get"
    discovered.answer("GET", run, Answer(body={"run": {"data": {"metrics": logged}}}))
    assert drive(history.metrics(WORKSPACE, "train")) == {"accuracy": 0.5, "loss": "NaN", "norm": "inf"}


def test_a_failure_is_told_with_the_services_code_and_the_end_of_the_log(discovered, drive):
    log = {"user_logs/std_log.txt": f"{discovered.url}/log"}
    error = {"error": {"code": "UserError", "message": "Exit code 1."}}
    discovered.answer("GET", DETAILS, Answer(body={"error": error, "logFiles": log}))
    discovered.answer("HEAD", "/log", Answer(body=b"ValueError: no\n"))
    discovered.answer("GET", "/log", Answer(body=b"ValueError: no\n"))
    assert drive(history.failure(WORKSPACE, "train", lines=20)) == ("UserError", "Exit code 1.", ["ValueError: no"])


def test_a_log_that_cannot_be_read_does_not_hide_the_failure(discovered, drive):
    error = {"error": {"code": "UserError", "message": "Exit code 1."}}
    log = {"user_logs/std_log.txt": f"{discovered.url}/gone"}
    discovered.answer("GET", DETAILS, Answer(body={"error": error, "logFiles": log}))
    assert drive(history.failure(WORKSPACE, "train", lines=20)) == ("UserError", "Exit code 1.", [])


def test_a_run_that_is_gone_leaves_the_reason_open(discovered, drive):
    assert drive(history.failure(WORKSPACE, "train", lines=20)) == (None, None, [])
