"""What errors say, and in which order."""

from __future__ import annotations

import traceback

import pytest

from airflow_provider_azml.exceptions import (
    ApiError,
    AuthError,
    NotFound,
    Problem,
    RunFailed,
    SpecError,
    TrafficRefused,
    WaitTimeout,
)
from airflow_provider_azml.rest.traffic_changes import changed_by_others

QUOTING = "Execution failed. User process 'bash' exited with status code 1. Error: "


def api_error(kind: type[ApiError] = ApiError, *, status: int | None, **fields: str) -> str:
    return str(kind(method="GET", url="https://arm/it", status=status, code="Code", message="It went wrong.", **fields))


def test_an_error_of_the_service_starts_with_the_reason() -> None:
    told = api_error(status=404, hint="Make it.", request_id="7")
    assert told == "Code: It went wrong. Make it. (GET https://arm/it answered 404, request id 7)"
    assert api_error(status=404) == "Code: It went wrong. (GET https://arm/it answered 404)"


def test_a_code_that_is_the_name_of_its_class_is_told_once() -> None:
    """A traceback tells the class, which may be the code of the service, or is one of ours."""
    iris = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    iris += "/onlineEndpoints/iris"
    refused = TrafficRefused(method="GET", url=iris, status=200, code="TrafficRefused", message="It is being deleted.")
    changed = changed_by_others(iris, "it shows blue 100 %")
    missing = NotFound(method="GET", url=iris, status=404, code="NotFound", message="There is none.")
    for error in refused, changed, missing:
        (told,) = traceback.format_exception_only(error)
        assert told.count(type(error).__name__) == 1
        assert told.startswith(f"{type(error).__module__}.{type(error).__name__}: {error.message}"[:-1])


def test_where_no_answer_came_it_says_so() -> None:
    assert api_error(status=None) == "Code: It went wrong. (GET https://arm/it got no answer)"
    assert api_error(AuthError, status=None) == "Code: It went wrong. (GET https://arm/it gave no token)"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (f"{QUOTING}epoch 1\nValueError: no flowers", QUOTING.removesuffix(" Error: ")),
        (f"{QUOTING}something else", f"{QUOTING}something else"),
        ("Killed by the service", "Killed by the service"),
    ],
)
def test_the_log_is_told_once(message: str, reason: str) -> None:
    failed = RunFailed(
        kind="job", name="j", status="Failed", code="UserError", message=message, log_tail=["epoch 1", "no flowers"]
    )
    assert str(failed).splitlines() == [
        f"job 'j' ended as Failed (UserError: {reason})",
        "The last 2 lines of its log:",
        "  epoch 1",
        "  no flowers",
    ]


def test_what_is_wrong_with_a_file_does_not_hide_among_notes() -> None:
    note = Problem("sklearn.runconfig", 2, 1, "docker.enabled", "not sent: jobs always run in a container", "note")
    wrong = SpecError([Problem("sklearn.runconfig", 6, 9, "target", "is missing"), note])
    assert str(wrong) == "sklearn.runconfig:6:9: target: is missing"
    assert wrong.problems[0] == note


def test_the_log_of_a_child_is_told_as_such() -> None:
    failed = RunFailed(kind="job", name="j", status="Failed", log_tail=["epoch 1", "no"], log_of="step 'train'")
    assert str(failed).splitlines()[1:] == ["The last 2 lines of the log of step 'train':", "  epoch 1", "  no"]


def test_a_wait_that_took_too_long_is_told_by_its_setting() -> None:
    """Not by its seconds: those before the task was deferred are not in them."""
    assert str(WaitTimeout(kind="job", name="j", last_status="Running", seconds=2)) == (
        "job 'j' was still Running when timeout_seconds ran out, and goes on; "
        "raise timeout_seconds, or look at it in Azure ML studio"
    )
