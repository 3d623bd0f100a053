"""Jobs of schedules, looked for by the time that they were started for."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import schedules
from airflow_provider_azml.rest.v1 import pipeline_schedules
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = dt.datetime(2026, 3, 1, 3, tzinfo=dt.timezone.utc)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[StandIn]:
    it = StandIn(tmp_path)
    yield it
    it.close()


def job(day: int) -> dict[str, Any]:
    return {"name": f"job-{day}", "properties": {"displayName": f"nightly-202603{day:02}T030004Z"}}


def test_the_job_of_a_time_is_looked_for_until_jobs_are_older(service: StandIn) -> None:
    by_hand = {"name": "other", "properties": {"displayName": "tried by hand"}}
    pages = [[job(9), by_hand, job(8)], [job(7), job(5)], [job(4)]]
    for number, page in enumerate(pages):
        link = {"nextLink": f"{service.url}/page{number + 1}"}
        service.answer("GET", f"/page{number}" if number else f"{WS}/jobs", Answer(body={"value": page, **link}))
    found = {}
    for day in (9, 7, 6):
        service.asked.clear()
        due = DAY + dt.timedelta(days=day - 1)
        found[day] = (service.run(schedules.job_for(TARGET.workspace, "nightly", due)), len(service.asked))
    assert found == {9: (job(9), 1), 7: (job(7), 2), 6: (None, 2)}
    assert service.asked[0].query.endswith("scheduled=true&scheduleId=nightly")


@pytest.mark.parametrize("body", [{"value": []}, []])
def test_schedules_of_v1_come_as_a_list_or_in_a_page(service: StandIn, body: object) -> None:
    service.holds({WS: {"properties": {"discoveryUrl": f"{service.url}/d"}}, "/d": {"api": service.url}})
    service.answer("GET", f"/pipelines/v1.0{WS}/Schedules", Answer(body=body))
    assert service.run(pipeline_schedules.each(TARGET.workspace)) == []


def test_an_answer_that_is_no_list_of_schedules_is_told_of(service: StandIn) -> None:
    service.holds({WS: {"properties": {"discoveryUrl": f"{service.url}/d"}}, "/d": {"api": service.url}})
    service.answer("GET", f"/pipelines/v1.0{WS}/Schedules", Answer(body=b"<html>a proxy</html>"))
    with pytest.raises(ApiError, match="the answer is no JSON list: '<html>a proxy"):
        service.run(pipeline_schedules.each(TARGET.workspace))
