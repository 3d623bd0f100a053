"""Pipeline parameter expressions of v1 schedules, put into Jinja and rendered by it."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from types import SimpleNamespace

import jinja2
import pytest

from airflow_provider_azml.spec.v1 import moments
from airflow_provider_azml.spec.v1.expressions import FUNCTIONS, OTHERS, ExpressionError, is_expression, jinja

DUE = datetime(2026, 3, 1, 6, 30, tzinfo=timezone.utc)
BEGUN = datetime(2026, 3, 1, 6, 30, 7, 250000, tzinfo=timezone.utc)
CONTEXT = {
    "macros": SimpleNamespace(azml=SimpleNamespace(**{one.__name__: one for one in moments.FUNCTIONS})),
    "dag_run": SimpleNamespace(run_after=DUE, start_date=BEGUN, triggering_user_name=None),
    "dag": SimpleNamespace(owner="data-team"),
    "run_id": "scheduled__2026-03-01",
}


def rendered(expression: str) -> str:
    return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(jinja(expression)).render(CONTEXT)


def test_there_are_the_twenty_one_functions_of_the_documentation() -> None:
    assert len(FUNCTIONS) + len(OTHERS) + 1 == 21  # trigger() has two


# the expressions of the notebook and of the reference of Azure Data Factory's functions, with the answers given there
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("@formatDateTime(subtractFromTime(utcNow(),1,'Day'),'yyyy-MM-dd')", "2026-02-28"),
        ("@trigger().scheduledTime", "2026-03-01T06:30:00.0000000Z"),
        ("@trigger().startTime", "2026-03-01T06:30:07.2500000Z"),
        ("@addMinutes(trigger().scheduledTime, 10)", "2026-03-01T06:40:00.0000000Z"),
        ("@utcNow()", "2026-03-01T06:30:00.0000000Z"),
        ("@utcNow('D')", "Sunday, March 1, 2026"),
        ("@createdBy()", "data-team"),
        ("@runId()", "scheduled__2026-03-01"),
        ("@dayOfMonth('2022-01-01 08:00:00')", "1"),
        ("@dayOfWeek('2022-01-01 08:00:00')", "6"),
        ("@dayOfWeek(utcNow())", "0"),
        ("@dayOfYear('2018-03-15T13:27:36Z')", "74"),
        ("@addDays('2018-03-15T00:00:00Z', -5)", "2018-03-10T00:00:00.0000000Z"),
        ("@addHours('2018-03-15T00:00:00Z', 10)", "2018-03-15T10:00:00.0000000Z"),
        ("@addSeconds('2018-03-15T00:00:00Z', -5)", "2018-03-14T23:59:55.0000000Z"),
        ("@addToTime('2018-01-01T00:00:00Z', 1, 'Month', 'D')", "Thursday, February 1, 2018"),
        ("@addToTime('2018-01-31T00:00:00Z', 1, 'Month')", "2018-02-28T00:00:00.0000000Z"),
        ("@subtractFromTime('2018-01-02T00:00:00Z', 1, 'Day', 'D')", "Monday, January 1, 2018"),
        ("@convertFromUtc('2018-01-01T08:00:00.0000000Z', 'Pacific Standard Time')", "2018-01-01T00:00:00.0000000"),
        ("@convertFromUtc('2018-01-01T08:00:00.0000000Z','Pacific Standard Time','D')", "Monday, January 1, 2018"),
        ("@convertToUtc('01/01/2018 00:00:00', 'Pacific Standard Time')", "2018-01-01T08:00:00.0000000Z"),
        (
            "@convertTimeZone('2018-01-01T08:00:00.0000000Z', 'UTC', 'Pacific Standard Time')",
            "2018-01-01T00:00:00.0000000",
        ),
        ("@startOfDay('2018-03-15T13:30:30Z')", "2018-03-15T00:00:00.0000000Z"),
        ("@startOfHour('2018-03-15T13:30:30Z')", "2018-03-15T13:00:00.0000000Z"),
        ("@startOfMonth('2018-03-15T13:30:30Z', 'yyyyMMdd')", "20180301"),
        ("@formatDateTime('03/15/2018 12:00:00', 'yyyy-MM-ddTHH:mm:ss')", "2018-03-15T12:00:00"),
    ],
)
def test_an_expression_means_what_it_meant(expression: str, value: str) -> None:
    assert rendered(expression) == value


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("@utcnow()", "'utcnow' is no function"),
        ("@concat('a', 'b')", "'concat' is no function of pipeline parameter expressions, which are addDays, "),
        ("@addDays(utcNow())", "addDays takes 2 to 3 arguments, and has 1"),
        ("@addDays(utcNow(), '1')", "argument 2 of addDays is the text '1'; it must be a number"),
        ("@formatDateTime(20260131)", "argument 1 of formatDateTime is the number 20260131; it must be a text in ''"),
        ("@trigger()", "'.' is expected"),
        ("@trigger().endTime", "trigger() has scheduledTime and startTime"),
        ("@addDays(utcNow(), 'x", "a text begins here and does not end"),
        ("@addDays(utcNow(), 1))", "nothing more is expected"),
        ("@addDays(utcNow(), )", "a function, a number or a text in '' is expected"),
        ("@" + "addDays(" * 60, "more than 50 functions"),
    ],
)
def test_what_is_no_expression_is_named(expression: str, reason: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(reason)):
        jinja(expression)


@pytest.mark.parametrize("value", ["@", "@daily", "a@b.com", "utcNow()", 5, None, "@{utcNow()}"])
def test_a_text_is_a_text(value: object) -> None:
    assert not is_expression(value)


def test_a_wrong_unit_or_timestamp_or_format_is_an_error_of_the_run() -> None:
    with pytest.raises(ValueError, match="'Fortnight' is no unit of time: Second"):
        rendered("@addToTime(utcNow(), 1, 'Fortnight')")
    with pytest.raises(ValueError, match="'soon' is no timestamp"):
        rendered("@addDays('soon', 1)")
    with pytest.raises(ValueError, match="'q' is none of the standard formats"):
        rendered("@utcNow('q')")
