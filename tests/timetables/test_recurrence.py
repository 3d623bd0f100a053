"""Timetables as Airflow asks them: runs to come, runs that were missed, runs by hand, and what the database keeps."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG
from airflow.timetables.base import DataInterval, TimeRestriction
from pendulum import DateTime, instance, parse

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.timetables.recurrence import AzmlCronTimetable, AzmlRecurrenceTimetable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_azml.timetables.recurrence import AzmlTimetable

BERLIN = "W. Europe Standard Time"
EVERY_OTHER_MONDAY = AzmlRecurrenceTimetable(
    frequency="Week",
    interval=2,
    hours=9,
    minutes=[30],
    week_days="Monday",
    start_time="2026-03-02T00:00:00",
    time_zone=BERLIN,
)
CRON = AzmlCronTimetable("0 9 1 * *", cron_fields="service", time_zone=BERLIN)
ALL = (
    EVERY_OTHER_MONDAY,
    CRON,
    AzmlRecurrenceTimetable(frequency="minute"),
    AzmlRecurrenceTimetable(frequency="month", month_days=[1, 31], end_time="2099-01-01 00:00:00"),
)


def at(text: str) -> DateTime:
    found = parse(text)
    assert isinstance(found, DateTime)
    return found


def shown(moments: Iterable[dt.datetime]) -> list[str]:
    return [moment.strftime("%Y-%m-%dT%H:%M") for moment in moments]


def now() -> DateTime:
    return instance(dt.datetime.now(dt.timezone.utc))


def runs(
    timetable: AzmlTimetable, earliest: str | None, latest: str | None = None, *, catchup: bool = True
) -> Iterator[DateTime]:
    """The runs of a DAG one after the other, as a scheduler makes them that is late."""
    restriction = TimeRestriction(at(earliest) if earliest else None, at(latest) if latest else None, catchup)
    last = None
    while found := timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction):
        last = found.data_interval
        assert last == DataInterval.exact(found.run_after)
        assert found.run_after.timezone_name == "UTC"
        yield found.run_after


def test_with_catchup_all_times_since_the_start_date_run() -> None:
    found = shown(runs(EVERY_OTHER_MONDAY, "2026-01-01", "2026-04-15"))
    assert found == ["2026-03-02T08:30", "2026-03-16T08:30", "2026-03-30T07:30", "2026-04-13T07:30"]


def test_a_start_date_does_not_move_what_has_a_start() -> None:
    assert [str(moment)[:10] for moment in runs(EVERY_OTHER_MONDAY, "2026-03-20", "2026-04-01")] == ["2026-03-30"]


def test_without_a_start_counting_begins_at_the_start_date_else_in_january_2000() -> None:
    timetable = AzmlRecurrenceTimetable(frequency="day", interval=3)
    found = shown(runs(timetable, "2026-01-01T06:00:00Z", "2026-01-08"))
    assert found == ["2026-01-01T06:00", "2026-01-04T06:00", "2026-01-07T06:00"]
    first = next(runs(timetable, None, catchup=False))
    assert ((first - at("2000-01-03")).days % 3, first.hour) == (0, 0)


def test_the_first_run_without_catchup_is_the_next_one_to_come() -> None:
    before = now()
    first = next(runs(EVERY_OTHER_MONDAY, "2026-01-01", catchup=False))
    assert before < first <= now().add(weeks=2)


def test_of_what_was_missed_without_catchup_the_last_one_runs() -> None:
    hourly = AzmlRecurrenceTimetable(frequency="hour", start_time="2026-01-01T00:00:00")
    restriction = TimeRestriction(at("2026-01-01"), None, catchup=False)
    last = DataInterval.exact(at("2026-01-02"))
    before = now()
    info = hourly.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
    assert info
    assert info.run_after in (before.start_of("hour"), now().start_of("hour"))  # another may begin meanwhile
    after = hourly.next_dagrun_info(last_automated_data_interval=info.data_interval, restriction=restriction)
    assert after
    assert after.run_after == info.run_after.add(hours=1)


def test_a_time_that_has_just_come_is_not_lost_when_the_file_is_parsed_anew() -> None:
    """Until a DAG has run, Airflow asks for its first run at every parse, also between the time and the run."""
    just = now().subtract(seconds=20)
    start = just.subtract(days=7).format("YYYY-MM-DDTHH:mm:ss")
    daily = AzmlRecurrenceTimetable(frequency="day", start_time=start)
    assert next(runs(daily, "2020-01-01", catchup=False)) == just.start_of("second")


def test_nothing_runs_after_the_end_of_either() -> None:
    timetable = AzmlRecurrenceTimetable(
        frequency="day", start_time="2026-01-01T00:00:00", end_time="2026-01-03T00:00:00"
    )
    assert len([*runs(timetable, None)]) == 3
    assert len([*runs(timetable, "2025-01-01", "2026-01-02")]) == 2


def test_a_run_by_hand_has_its_own_instant_for_an_interval() -> None:
    moment = at("2026-01-01T12:34:56")
    assert EVERY_OTHER_MONDAY.infer_manual_data_interval(run_after=moment) == DataInterval.exact(moment)


def test_days_and_months_of_cron_are_ignored_only_when_asked() -> None:
    assert shown(runs(CRON, "2026-06-30", "2026-07-01T12:00:00")) == [
        "2026-06-30T07:00",
        "2026-07-01T07:00",
    ]
    standard = AzmlCronTimetable("0 9 1 * *", time_zone=BERLIN)
    assert shown(runs(standard, "2026-06-30", "2026-08-01")) == ["2026-07-01T07:00"]


def test_they_say_in_words_what_they_do() -> None:
    assert EVERY_OTHER_MONDAY.summary == f"every 2 weeks on Monday at 09:30, {BERLIN}"
    assert EVERY_OTHER_MONDAY.description == (
        f"Fires every 2 weeks on Monday at 09:30, {BERLIN}, counted from 2026-03-02 00:00; "
        "the first time on or after 2026-03-02 00:00"
    )
    assert CRON.summary == f"0 9 * * *, {BERLIN}"
    assert "days and months are ignored" in CRON.description
    many = AzmlRecurrenceTimetable(frequency="month", week_days=["friday"], month_days=[13], hours=range(24), minutes=0)
    assert many.summary.startswith("every month on Friday that is day 13 at minute 0 of hour 0, 1, 2, ")
    assert AzmlRecurrenceTimetable(frequency="hour", interval=12).summary == "every 12 hours, UTC"
    assert AzmlRecurrenceTimetable(frequency="day").description == (
        "Fires every day, UTC; counted from the DAG's start date, which also says what is left open; "
        "without one, from 2000-01-03 00:00"
    )
    assert AzmlRecurrenceTimetable(frequency="week", hours=9).summary == "every week at hour 9, UTC"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"frequency": "hour", "hours": 9}, "hours: frequency hour takes none"),
        ({"frequency": "day", "interval": 0}, "interval: 0 must be"),
        ({"frequency": "day", "start_time": "soon"}, "start_time: 'soon' is no time"),
        ({"frequency": "day", "time_zone": "Mars/Base"}, "there is no time zone"),
        ({"frequency": "month", "month_days": 32}, "month_days: 32 must be an integer from 1 to 31"),
    ],
)
def test_what_can_never_run_is_refused_in_the_file(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        AzmlRecurrenceTimetable(**fields)


@pytest.mark.parametrize("timetable", ALL, ids=lambda it: it.summary)
def test_airflows_database_keeps_them(timetable: AzmlTimetable) -> None:
    from tests.airflow.versions import DagSerialization

    dag = DAG("timed", schedule=timetable, start_date=at("2026-01-01"), catchup=False)
    stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    found = DagSerialization.from_dict(stored).timetable
    assert found == timetable
    assert hash(found) == hash(timetable)
    assert (found.summary, found.description) == (timetable.summary, timetable.description)
    assert DagSerialization.to_dict(DAG("timed", schedule=found, start_date=at("2026-01-01"), catchup=False)) == stored
    assert found != AzmlRecurrenceTimetable(frequency="hour", interval=7)


def test_backfills_take_the_times_in_between() -> None:
    from tests.airflow.versions import DagSerialization

    dag = DAG("timed", schedule=EVERY_OTHER_MONDAY, start_date=at("2020-01-01"), catchup=False)
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    infos = stored.iter_dagrun_infos_between(at("2026-03-10"), at("2026-04-13T07:30:00"))
    assert shown(info.run_after for info in infos) == ["2026-03-16T08:30", "2026-03-30T07:30", "2026-04-13T07:30"]


@pytest.mark.filterwarnings("ignore:Could not import graphviz")
def test_airflows_command_line_shows_the_next_runs(capsys: pytest.CaptureFixture[str]) -> None:
    from airflow.cli.cli_parser import get_parser
    from airflow.cli.commands.dag_command import dag_next_execution

    from tests.airflow.running import store

    start_date = dt.datetime(2999, 1, 1, 9, tzinfo=dt.timezone.utc)
    store(DAG("timed", schedule=AzmlRecurrenceTimetable(frequency="day", interval=3), start_date=start_date))
    dag_next_execution(get_parser().parse_args(["dags", "next-execution", "timed", "--num-executions", "3"]))
    found = [line for line in capsys.readouterr().out.splitlines() if line.startswith("2999")]
    assert [line[:16].replace(" ", "T") for line in found] == [f"2999-01-{day}T09:00" for day in ("01", "04", "07")]
