from __future__ import annotations

import pytest
from azure.ai.ml.operations import _job_ops_helper

from airflow_provider_azml.rest import history
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from tests.rest.scripted_service import Answer

WORKSPACE = WorkspaceId("s", "rg", "ws")


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


@pytest.mark.parametrize(
    ("names", "job_type", "expected"),
    [
        (["user_logs/std_log.txt", "azureml-logs/20_image_build_log.txt"], "Command", ["user_logs/std_log.txt"]),
        (["user_logs/std_log_1.txt", "user_logs/std_log_0.txt"], "Command", ["user_logs/std_log_0.txt"]),
        (
            ["user_logs/std_log_process_01.txt", "user_logs/std_log_process_00.txt"],
            None,
            ["user_logs/std_log_process_00.txt"],
        ),
        (
            ["azureml-logs/70_driver_log.txt", "azureml-logs/55_x.txt"],
            None,
            ["azureml-logs/55_x.txt", "azureml-logs/70_driver_log.txt"],
        ),
        (
            ["logs/azureml/executionlogs.txt", "logs/azureml/stdoutlogs.txt"],
            "Pipeline",
            ["logs/azureml/executionlogs.txt"],
        ),
        (["azureml-logs/hyperdrive.txt", "azureml-logs/20_x.txt"], "Sweep", ["azureml-logs/hyperdrive.txt"]),
        (["system_logs/lifecycler/lifecycler.log"], "Command", []),
    ],
)
def test_the_logs_that_are_streamed_are_those_that_azure_ai_ml_shows(names, job_type, expected):
    assert history.streamed(names, job_type) == expected
    theirs = _job_ops_helper._get_sorted_filtered_logs(names, job_type or "Command", {})
    assert theirs == expected


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
