"""Schedule files of CLI v1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.source import read
from airflow_provider_azml.spec.v1 import schedules

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.spec.source import Source

# as `az ml pipeline create-schedule` took it; Source: azure-docs, v1/reference-pipeline-yaml, "Schedules"
RECURRENCE = """\
Schedule:
  description: Test create with recurrence
  recurrence:
    frequency: Week
    interval: 1
    start_time: 2019-06-07T10:50:00
    time_zone: W. Europe Standard Time
    hours: [1]
    minutes: [0]
    time_of_day: null
    week_days: [Friday]
  pipeline_parameters:
    a: 1
    day: "@formatDateTime(utcNow(), 'yyyy-MM-dd')"
  wait_for_provisioning: True
  wait_timeout: 3600
  datastore_name: ~
  polling_interval: ~
  data_path_parameter_name: ~
  continue_on_step_failure: None
  path_on_datastore: ~
"""
CHANGES = """\
Schedule:
  description: Test create with datastore
  recurrence: ~
  pipeline_parameters: {}
  datastore_name: workspaceblobstore
  polling_interval: 15
  data_path_parameter_name: input_data
  continue_on_step_failure: true
  path_on_datastore: file/path/
"""


def source(folder: Path, text: str) -> Source:
    file = folder / "schedule.yml"
    file.write_text(text)
    return read(file)


def test_a_recurrence_is_put_into_the_words_of_today(tmp_path: Path) -> None:
    weekly = source(tmp_path, RECURRENCE)
    assert schedules.is_schedule(weekly)
    assert schedules.check(weekly) == []
    assert schedules.trigger(weekly) == {
        "type": "recurrence",
        "frequency": "week",
        "interval": 1,
        "time_zone": "W. Europe Standard Time",
        "start_time": "2019-06-07T10:50:00",
        "schedule": {"hours": [1], "minutes": [0], "week_days": ["Friday"]},
    }
    assert schedules.changes(weekly) is None
    assert schedules.parameters(weekly) == {
        "a": 1,
        "day": "{{ macros.azml.format_date_time(dag_run.run_after, 'yyyy-MM-dd') }}",
    }
    assert schedules.settings(weekly) == {}


def test_a_time_of_day_is_an_hour_and_a_minute(tmp_path: Path) -> None:
    daily = source(tmp_path, "Schedule: {recurrence: {frequency: Day, interval: 2, time_of_day: '09:30'}}")
    schedules.check(daily)
    trigger = schedules.trigger(daily)
    assert trigger is not None
    assert trigger["schedule"] == {"hours": [9], "minutes": [30]}


def test_changes_of_a_datastore_are_told(tmp_path: Path) -> None:
    changes = source(tmp_path, CHANGES)
    schedules.check(changes)
    assert schedules.trigger(changes) is None
    assert schedules.changes(changes) == schedules.Changes("workspaceblobstore", "file/path", 900, "input_data")
    assert schedules.settings(changes) == {"continue_on_step_failure": True}
    plain = source(tmp_path, "Schedule: {datastore_name: d}")
    assert schedules.changes(plain) == schedules.Changes("d", "", 300, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Schedule: {description: x}", "1:11: Schedule: recurrence and datastore_name are missing; give one"),
        (
            "Schedule:\n  recurrence: {frequency: Day, interval: 1}\n  datastore_name: d",
            "2:3: Schedule.recurrence: recurrence and datastore_name are both given; give one",
        ),
        (
            "Schedule:\n  recurrence:\n    frequency: Minute\n    interval: 1\n    hours: 1",
            "5:5: Schedule.recurrence.hours: counts with frequency Day or Week alone",
        ),
        (
            "Schedule:\n  recurrence:\n    frequency: Day\n    interval: 1\n    week_days: [Friday]",
            "5:5: Schedule.recurrence.week_days: counts with frequency Week alone",
        ),
        (
            "Schedule:\n  recurrence: {frequency: Day, interval: 1, hours: 1, time_of_day: '09:30'}",
            "Schedule.recurrence.hours: stands beside time_of_day",
        ),
        ("Schedule:\n  recurrence: {frequency: Day, interval: 0}", "Schedule.recurrence.interval"),
        ("Schedule:\n  recurrence: {frequency: day, interval: 1}", "Schedule.recurrence.frequency"),
        (
            "Schedule:\n  recurrence: {frequency: Day, interval: 1, time_zone: Mars}",
            "Schedule.recurrence.time_zone: there is no time zone 'Mars'",
        ),
        ("Schedule:\n  recurrence: {frequency: Day, interval: 1, start_time: soon}", "'soon' is no time"),
        ("Schedule:\n  recurrence: {frequency: Day, interval: 1, hours: 24}", "Schedule.recurrence.hours"),
        (
            "Schedule:\n  recurrence: {frequency: Day, interval: 1}\n  polling_interval: 5",
            "3:3: Schedule.polling_interval: counts with datastore_name alone",
        ),
        (
            "Schedule:\n  datastore_name: d\n  pipeline_parameters:\n    x: '@concat(1)'",
            "4:8: Schedule.pipeline_parameters.x: 'concat' is no function",
        ),
        ("Schedule:\n  datastore_name: d\n  interval: 3", "3:3: Schedule.interval: unknown key"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(SpecError) as refused:
        schedules.check(source(tmp_path, text))
    assert problem in str(refused.value)
