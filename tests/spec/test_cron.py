"""When cron expressions fire, as cron reads them and as the service does."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.cron import Cron, differs

UTC = dt.timezone.utc


def firings(it: Cron, since: str, number: int) -> list[str]:
    found: list[str] = []
    moment: dt.datetime | None = dt.datetime.fromisoformat(since).replace(tzinfo=UTC)
    while moment and len(found) < number:
        if (following := it.next_after(moment)) is not None:
            assert it.last_until(following) == following
            found.append(following.strftime("%m-%d %H:%M"))
        moment = following
    return found


def test_the_service_reads_days_and_months_as_any() -> None:
    expression = "15 16 1 1 *"
    assert differs(expression)
    assert firings(Cron(expression), "2026-01-07T00:00", 2) == ["01-01 16:15", "01-01 16:15"]
    assert firings(Cron(expression, fields="service"), "2026-01-07T00:00", 2) == ["01-07 16:15", "01-08 16:15"]
    assert firings(Cron("15 16 1 * mon", fields="service"), "2026-01-07T00:00", 2) == ["01-12 16:15", "01-19 16:15"]
    assert firings(Cron("0 0 30 2 *", fields="service"), "2026-01-07T00:00", 1) == ["01-08 00:00"]


def test_cron_takes_either_of_days_of_the_month_and_of_the_week() -> None:
    assert not differs("15 16 * * 1")
    assert firings(Cron("0 9 10 * sun"), "2026-01-07T00:00", 3) == ["01-10 09:00", "01-11 09:00", "01-18 09:00"]


def test_gaps_and_folds() -> None:
    daily = Cron("30 2 * * *", "W. Europe Standard Time")
    assert firings(daily, "2026-03-28T12:00", 2) == ["03-29 01:30", "03-30 00:30"]
    assert firings(daily, "2026-10-24T12:00", 2) == ["10-25 00:30", "10-26 01:30"]


def test_start_and_end_are_the_first_and_last_that_count() -> None:
    start, end = dt.datetime.fromisoformat("2026-07-01T09:00"), dt.datetime.fromisoformat("2026-07-02T09:00")
    it = Cron("0 9 * * *", "Europe/Berlin", start, end)
    assert firings(it, "2000-01-01T00:00", 9) == ["07-01 07:00", "07-02 07:00"]
    assert it.last_until(dt.datetime(2030, 1, 1, tzinfo=UTC)) == dt.datetime(2026, 7, 2, 7, tzinfo=UTC)
    assert it.last_until(dt.datetime(2026, 7, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"expression": "not a cron"}, "expression", "has 3 fields; it must have 5"),
        ({"expression": "* * * * * *"}, "expression", "has 6 fields"),
        ({"expression": "R * * * *"}, "expression", "has 'R'"),
        ({"expression": "0 0 L * *"}, "expression", "has 'L'"),
        ({"expression": "0 0 * * mon#1"}, "expression", "it takes numbers"),
        ({"expression": "61 * * * *"}, "expression", "is no cron expression"),
        ({"expression": "0 0 30 2 *"}, "expression", "never fires"),
        ({"fields": "quartz"}, "fields", "neither standard nor service"),
        ({"zone": "Mars/Base"}, "zone", "no time zone"),
        ({"start": dt.datetime(2026, 1, 1, tzinfo=UTC)}, "start", "has an offset"),
        ({"start": dt.datetime(2026, 1, 1), "end": dt.datetime(2025, 1, 1)}, "end", "before the start"),  # noqa: DTZ001
    ],
)
def test_what_can_never_be_is_refused_with_its_field(fields: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        Cron(**{"expression": "* * * * *", **fields})
    (problem,) = caught.value.problems
    assert problem.path == field
    assert says in problem.reason
