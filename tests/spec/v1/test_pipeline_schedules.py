"""Schedule files of CLI v1 as the v1 interface takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.source import as_written
from airflow_provider_azml.spec.v1 import pipeline_schedules
from tests.spec.v1.test_schedules import CHANGES, RECURRENCE

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.spec.v1.pipeline_schedules import PipelineSchedule


def said(folder: Path, text: str) -> PipelineSchedule:
    file = folder / "schedule.yml"
    file.write_text(text)
    return pipeline_schedules.read(as_written(file))


def test_a_recurrence(tmp_path: Path) -> None:
    found = said(tmp_path, RECURRENCE)
    assert found.recurrence == {
        "Frequency": "Week",
        "Interval": 1,
        "StartTime": "2019-06-07T10:50:00",
        "TimeZone": "W. Europe Standard Time",
        "Schedule": {"Hours": [1], "Minutes": [0], "WeekDays": ["Friday"]},
    }
    assert (found.datastore, found.continue_on_step_failure) == (None, None)
    assert found.description == "Test create with recurrence"
    assert found.parameters == {"a": 1, "day": "@formatDateTime(utcNow(), 'yyyy-MM-dd')"}


def test_changes_of_a_datastore(tmp_path: Path) -> None:
    found = said(tmp_path, CHANGES)
    assert (found.recurrence, found.continue_on_step_failure) == (None, True)
    assert found.datastore == {
        "DataStoreName": "workspaceblobstore",
        "PollingInterval": 15,
        "DataPathParameterName": "input_data",
        "PathOnDataStore": "file/path",
    }


def test_what_says_nothing_more_is_null(tmp_path: Path) -> None:
    found = said(tmp_path, "Schedule: {recurrence: {frequency: Hour, interval: 2}}")
    assert found.recurrence == {"Frequency": "Hour", "Interval": 2, "TimeZone": "UTC", "Schedule": None}


def test_a_wrong_file_is_refused_with_its_lines(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"schedule\.yml:\d+"):
        said(tmp_path, RECURRENCE.replace("Week", "Fortnight"))
