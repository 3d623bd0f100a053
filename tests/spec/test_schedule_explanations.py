"""What schedule files say, in words and as times."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.cron_words import words
from airflow_provider_azml.spec.schedule_explanations import explain
from airflow_provider_azml.spec.source import from_mapping, read

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.spec.schedule_explanations import Explanation

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.timezone.utc)
BERLIN = "W. Europe Standard Time"
FRIDAYS = "{frequency: Week, interval: 1, week_days: [Friday], time_of_day: '10:50', start_time: '2027-01-08T10:50:00'}"


def explained(trigger: dict[str, Any], **options: Any) -> Explanation:
    schedule = {"name": "it", "trigger": trigger, "create_job": "azureml:brave_moon"}
    return explain(from_mapping(schedule), **{"after": NOW, **options})


def recurrence(frequency: str, interval: int = 1, zone: str = "UTC", **more: Any) -> dict[str, Any]:
    made = {"type": "recurrence", "frequency": frequency, "interval": interval, "time_zone": zone}
    pattern = {key: more.pop(key) for key in ("hours", "minutes", "week_days", "month_days") if key in more}
    return {**made, **more, **({"schedule": pattern} if pattern else {})}


def cron(expression: str, zone: str = "UTC", **more: Any) -> dict[str, Any]:
    return {"type": "cron", "expression": expression, "time_zone": zone, **more}


def times(explanation: Explanation) -> list[str]:
    return [f"{firing.at:%m-%d %H:%M%z} {firing.note}".strip() for firing in explanation.firings]


def test_words_zone_job_and_times() -> None:
    found = explained(
        recurrence("week", 2, BERLIN, hours=9, minutes=[0, 30], week_days=["monday"], start_time="2027-01-04T00:00:00"),
        count=3,
    )
    assert found.facts == [
        ("fires", "every 2 weeks on Monday at 09:00 and 09:30"),
        ("zone", "W. Europe Standard Time, which is Europe/Berlin"),
        ("start", "Mon 2027-01-04 00:00"),
        ("submits", "the job brave_moon again"),
    ]
    assert times(found) == ["01-04 09:00+0100", "01-04 09:30+0100", "01-18 09:00+0100"]
    assert found.warnings == ()


def test_a_time_that_clocks_leave_out_and_one_that_comes_twice() -> None:
    daily = recurrence("day", 1, BERLIN, hours=2, minutes=30, start_time="2027-01-01T00:00:00")
    spring = explained(daily, after="2027-03-27T12:00:00", count=2)
    assert times(spring) == ["03-28 03:30+0200 instead of 02:30", "03-29 02:30+0200"]
    autumn = explained(daily, after="2027-10-30T12:00:00", count=2)
    assert times(autumn) == ["10-31 02:30+0200 the first of two", "11-01 02:30+0100"]
    assert explained(daily).warnings == (
        "On Sun 2027-03-28 clocks go from 02:00 to 03:00: instead of 02:30 it fires at 03:30.",
        (
            "On Sun 2027-10-31 clocks go back from 03:00 to 02:00: at 02:30, which they show twice, it fires the first "
            "time alone (+02:00)."
        ),
    )


def test_what_is_shifted_onto_another_time_fires_once() -> None:
    found = explained(cron("0 2,3 * * *", "Europe/Berlin"), after="2027-03-28T00:00:00", count=2)
    assert times(found) == ["03-28 03:00+0200 instead of 02:00", "03-29 02:00+0200"]
    assert "instead of 02:00 it fires at 03:00; where it fires then anyway, it fires once." in found.warnings[0]


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (
            12,
            ["fires 60 minutes later by the clock. The last before is Sat 2027-03-27 21:00 +01:00, the first after"],
        ),
        (1, []),  # an hour later is the next hour
        (7, []),  # no two days are alike anyway
    ],
)
def test_elapsed_time_is_moved_with_the_clocks(interval: int, expected: list[str]) -> None:
    found = explained(recurrence("hour", interval, "Europe/Berlin", start_time="2026-12-01T09:00:00"))
    assert len(found.warnings) == len(expected)
    assert all(part in told for part, told in zip(expected, found.warnings, strict=True))


@pytest.mark.parametrize(
    ("trigger", "warned"),
    [
        (
            recurrence("month", hours=9, minutes=0, month_days=[15, 31], start_time="2027-01-01T00:00:00"),
            "no day 31 in",
        ),
        (recurrence("month", start_time="2027-01-29T00:00:00"), "no day 29 in February, but in leap years."),
        (recurrence("month", 6, start_time="2027-01-31T00:00:00"), None),  # January and July
        (cron("0 9 30 * *"), "no day 30 in February."),
        (cron("0 9 */2 * *"), None),
    ],
)
def test_short_months(trigger: dict[str, Any], warned: str | None) -> None:
    told = [told for told in explained(trigger, cron_fields="standard").warnings if "There is no day" in told]
    assert len(told) == (warned is not None)
    assert all(str(warned) in one for one in told)


def test_fields_that_the_service_ignores_are_told_with_both_meanings() -> None:
    trigger = cron("0 9 1 * *")
    found = explained(trigger, count=1)
    assert times(found) == ["12-01 09:00+0000"]
    assert found.facts[0] == ("fires", "at 09:00 on day 1 of the month (cron '0 9 1 * *')")
    (told,) = found.warnings
    assert "Cron reads '0 9 1 * *': at 09:00 on day 1 of the month. Azure ML reads '0 9 * * *': every day at" in told
    assert "Shown are cron's; say which is meant: --cron-fields service shows the others" in told
    service = explained(trigger, count=1, cron_fields="service")
    assert times(service) == ["11-22 09:00+0000"]
    assert "Shown are Azure ML's: --cron-fields standard shows the others" in service.warnings[0]


@pytest.mark.parametrize(
    ("trigger", "warned"),
    [
        (recurrence("day", start_time="2026-01-01T09:00:00"), "Its start is past: it fires at the next of its times."),
        (cron("0 9 * * *", end_time="2026-01-01T00:00:00"), "It fires no more: its end, Thu 2026-01-01 00:00, is past"),
        (cron("0 9 * * *", start_time="2027-01-01T10:00:00", end_time="2027-01-02T08:00:00"), "It never fires: none"),
        (cron("0 9 * * *", end_time="2026-12-01T00:00:00"), "for the last time at Mon 2026-11-30 09:00 +00:00."),
        (recurrence("day", 3, hours=9, minutes=0), "counting begins at the DAG's start_date"),
        (cron("0 9 * * *", BERLIN, start_time="2027-01-01T10:00:00Z"), "trigger.start_time (line 0): Z is not sent"),
    ],
)
def test_starts_and_ends(trigger: dict[str, Any], warned: str) -> None:
    assert warned in explained(trigger).warnings[0]


def test_a_schedule_of_v1_leaves_a_start_out_that_is_one_of_its_times(tmp_path: Path) -> None:
    file = tmp_path / "fridays.yml"
    file.write_text(f"Schedule:\n  description: Fridays\n  recurrence: {FRIDAYS}\n")
    found = explain(read(file), after=NOW, count=1)
    assert (found.name, found.description, times(found)) == ("fridays", "Fridays", ["01-15 10:50+0000"])
    assert found.warnings[0].startswith("Its start, Fri 2027-01-08 10:50, is itself one of its times.")
    assert "--job FILE checks it" in dict(found.facts)["submits"]
    file.write_text("Schedule:\n  recurrence: {frequency: Day, interval: 1, start_time: '2027-01-08T10:50:00'}\n")
    assert times(explain(read(file), after=NOW, count=1)) == ["01-08 10:50+0000"]


def test_changes_of_data_and_monitors_are_explained_too(tmp_path: Path) -> None:
    file = tmp_path / "new.yml"
    file.write_text(
        "Schedule: {datastore_name: lake, path_on_datastore: in, polling_interval: 15, data_path_parameter_name: new}\n"
    )
    found = explain(read(file), after=NOW)
    assert (found.zone, found.firings) == (None, ())
    assert dict(found.facts)["fires"] == (
        "when files in folder 'in' of datastore 'lake' are added or changed, looking every 15 minutes; 'new' takes the "
        "path of what changed"
    )
    file.write_text("Schedule: {datastore_name: lake, interval: 2}\n")
    with pytest.raises(SpecError, match=r"new\.yml:1:34: Schedule\.interval: unknown"):
        explain(read(file), after=NOW)
    file.write_text("Schedule: {datastore_name: lake, name: new}\n")
    with pytest.raises(SpecError, match=r"new\.yml:1:34: Schedule\.name: is a key of CLI v2; v1 files have none"):
        explain(read(file), after=NOW)
    monitor = {
        "name": "drift",
        "trigger": cron("0 9 * * *"),
        "create_monitor": {
            "compute": {"instance_type": "standard_e4s_v3", "runtime_version": "3.4"},
            "monitoring_target": {"ml_task": "classification", "endpoint_deployment_id": "azureml:sales:blue"},
        },
    }
    watched = explain(from_mapping(monitor), after=NOW, count=1)
    assert (times(watched), watched.facts[-1]) == (
        ["11-22 09:00+0000"],
        ("submits", "a monitor, which runs on the service alone"),
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 9 * * *", "every day at 09:30"),
        ("0 9,17 * * 1-5", "at 09:00 and 17:00 on Monday to Friday"),
        ("*/15 9-17 * * 6,0", "every 15 minutes of hour 9 to 17 on Saturday and Sunday"),
        ("0 0-23 * * *", "at minute 0 of every hour"),
        ("* * * * *", "every minute"),
        ("0 9 1,15 * *", "at 09:00 on day 1 and 15 of the month"),
        ("0 9 1 1 1", "at 09:00 on day 1 of the month or on Monday in January"),
        ("0 9 */2 * 1", "as cron reads '0 9 */2 * 1'"),
        ("*/7 8 * jan,jul *", "every day at minute 0, 7, 14, 21, 28, 35, 42, 49 and 56 of hour 8 in January and July"),
    ],
)
def test_cron_in_words(expression: str, expected: str) -> None:
    assert words(expression) == expected
