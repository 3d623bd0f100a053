"""When recurrences fire: each rule by itself, and all of them together against an enumeration of ten years."""

from __future__ import annotations

import datetime as dt
import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.recurrence import Recurrence
from tests.spec import recurrence_enumeration as slow

if TYPE_CHECKING:
    from collections.abc import Sequence

UTC = dt.timezone.utc
WEEK_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour
    "America/Santiago",  # at midnight
    "Asia/Kolkata",
    "Africa/Casablanca",  # four times a year
    "Pacific/Chatham",
)
CHUNKS, PER_CHUNK, MOMENTS = 10, 1000, 6


def local(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


def recurrence(frequency: str, interval: int = 1, start: str | None = None, **fields: Any) -> Recurrence:
    end = local(fields.pop("end", None))
    return Recurrence(frequency, interval, start=local(start), end=end, **{"zone": "Europe/Berlin", **fields})


def firings(it: Recurrence, since: str, number: int) -> list[str]:
    """The first times after one of UTC, in UTC; what comes before each is the one before it."""
    found: list[str] = []
    moment: dt.datetime | None = dt.datetime.fromisoformat(since).replace(tzinfo=UTC)
    while moment and len(found) < number:
        if (following := it.next_after(moment)) is not None:
            assert it.last_until(following) == following
            assert it.last_until(following - dt.timedelta(microseconds=1)) == (
                moment if found else it.last_until(moment)
            )
            found.append(following.strftime("%m-%d %H:%M"))
        moment = following
    return found


def test_minutes_and_hours_are_elapsed_time_from_the_start() -> None:
    hours = recurrence("Hour", 12, "2026-03-28T09:00:00")
    assert firings(hours, "2026-03-28T00:00", 4) == ["03-28 08:00", "03-28 20:00", "03-29 08:00", "03-29 20:00"]
    minutes = recurrence("minute", 90, "2026-10-25T01:00:00")
    assert firings(minutes, "2026-10-25T00:00", 3) == ["10-25 00:30", "10-25 02:00", "10-25 03:30"]


def test_days_keep_the_time_of_day() -> None:
    assert firings(recurrence("day", 1, "2026-03-28T09:00"), "2026-03-28T00:00", 3) == [
        "03-28 08:00",
        "03-29 07:00",
        "03-30 07:00",
    ]


def test_weeks_begin_on_monday_and_are_counted_from_the_starts() -> None:
    """The start is a Wednesday: its week counts, and the Monday before it is past."""
    it = recurrence("week", 2, "2026-01-07T00:00", hours=[9], minutes=[0], week_days=["Monday", "sunday"], zone="UTC")
    assert firings(it, "2026-01-01T00:00", 4) == ["01-11 09:00", "01-19 09:00", "01-25 09:00", "02-02 09:00"]


def test_without_days_it_is_the_starts() -> None:
    assert firings(recurrence("week", 1, "2026-01-07T10:30", zone="UTC"), "2026-01-01T00:00", 2) == [
        "01-07 10:30",
        "01-14 10:30",
    ]


def test_each_hour_goes_with_each_minute() -> None:
    it = recurrence("day", 1, "2026-01-01T00:00", hours=[18, 6], minutes=[30, 0], zone="UTC")
    assert firings(it, "2026-01-01T00:00", 5) == [
        "01-01 06:00",
        "01-01 06:30",
        "01-01 18:00",
        "01-01 18:30",
        "01-02 06:00",
    ]


def test_hours_without_minutes_take_the_starts_minute_and_the_reverse() -> None:
    assert firings(recurrence("day", 1, "2026-01-01T09:20", hours=[10], zone="UTC"), "2026-01-01T00:00", 1) == [
        "01-01 10:20"
    ]
    assert firings(recurrence("day", 1, "2026-01-01T09:20", minutes=[5], zone="UTC"), "2026-01-01T00:00", 1) == [
        "01-02 09:05"
    ]


def test_months_without_the_day_are_left_out() -> None:
    assert firings(recurrence("month", 1, "2026-01-31T09:00", zone="UTC"), "2026-01-01T00:00", 3) == [
        "01-31 09:00",
        "03-31 09:00",
        "05-31 09:00",
    ]


def test_week_days_of_a_month_are_all_of_them_and_with_month_days_those_that_are_both() -> None:
    mondays = recurrence("month", 2, "2026-01-01T00:00", hours=[9], minutes=[0], week_days=["monday"], zone="UTC")
    assert firings(mondays, "2026-01-20T00:00", 3) == ["01-26 09:00", "03-02 09:00", "03-09 09:00"]
    both = recurrence("month", 1, "2026-01-01T00:00", week_days=["friday"], month_days=[13], zone="UTC")
    assert firings(both, "2026-01-01T00:00", 3) == ["02-13 00:00", "03-13 00:00", "11-13 00:00"]


def test_what_stands_in_a_gap_is_as_much_later_and_fires_once() -> None:
    it = recurrence("day", 1, "2026-03-01T00:00", hours=[2, 3], minutes=[0, 30])
    assert firings(it, "2026-03-28T12:00", 4) == ["03-29 01:00", "03-29 01:30", "03-30 00:00", "03-30 00:30"]


def test_what_comes_twice_fires_the_first_time() -> None:
    it = recurrence("day", 1, "2026-10-01T02:30")
    assert firings(it, "2026-10-24T12:00", 2) == ["10-25 00:30", "10-26 01:30"]


def test_a_day_that_is_left_out_as_a_whole() -> None:
    it = recurrence("day", 1, "2011-12-28T09:00", zone="Samoa Standard Time")
    assert firings(it, "2011-12-28T00:00", 4) == ["12-28 19:00", "12-29 19:00", "12-30 19:00", "12-31 19:00"]


def test_a_start_that_is_past_does_not_fire_and_nothing_fires_after_the_end() -> None:
    it = recurrence("day", 3, "2026-01-01T09:00", end="2026-01-10T09:00", zone="UTC")
    assert firings(it, "2026-01-01T09:00", 9) == ["01-04 09:00", "01-07 09:00", "01-10 09:00"]
    assert it.next_after(dt.datetime(2026, 1, 10, 9, tzinfo=UTC)) is None
    assert it.last_until(dt.datetime(2027, 1, 1, tzinfo=UTC)) == dt.datetime(2026, 1, 10, 9, tzinfo=UTC)
    assert it.last_until(dt.datetime(2025, 12, 31, tzinfo=UTC)) is None


def test_without_a_start_counting_begins_at_the_anchor_or_in_january_2000() -> None:
    assert firings(recurrence("week", 2, zone="UTC"), "2000-01-01T00:00", 2) == ["01-03 00:00", "01-17 00:00"]
    anchored = recurrence("day", 5, anchor=dt.datetime(2026, 1, 6, 23, 30, tzinfo=UTC))
    assert firings(anchored, "2025-12-27T00:00", 3) == ["12-27 23:30", "01-01 23:30", "01-06 23:30"]
    assert anchored.next_after(dt.datetime(2026, 7, 1, tzinfo=UTC)).minute == 30  # 00:30 there, 22:30 here


@pytest.mark.parametrize("frequency", ["minute", "hour", "day", "week", "month"])
def test_what_comes_once_in_a_calendar_has_no_next_time(frequency: str) -> None:
    once = recurrence(frequency, 2**31 - 1, "2026-01-01T00:00", zone="UTC")
    start = dt.datetime(2026, 1, 1, tzinfo=UTC)
    assert (once.next_after(start - dt.timedelta(days=1)), once.last_until(start)) == (start, start)
    assert frequency == "minute" or once.next_after(start) is None
    assert once.last_until(start - dt.timedelta(days=1)) is None


def test_windows_names_in_any_case_and_iana_names() -> None:
    for name in ("W. Europe Standard Time", "w. europe standard TIME", "Europe/Berlin"):
        assert firings(recurrence("day", 1, "2026-07-01T09:00", zone=name), "2026-07-01T00:00", 1) == ["07-01 07:00"]
    for name in ("Kamchatka Standard Time", "Mid-Atlantic Standard Time", "UTC+12", "UTC"):
        assert recurrence("day", zone=name).next_after(dt.datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"frequency": "year"}, "frequency", "none of minute, hour, day, week, month"),
        ({"interval": 0}, "interval", "1 or more"),
        ({"interval": True}, "interval", "1 or more"),
        ({"interval": 2**31}, "interval", "of 32 bits"),
        ({"hours": [25]}, "hours", "from 0 to 23"),
        ({"minutes": [-1]}, "minutes", "from 0 to 59"),
        ({"frequency": "month", "month_days": [32]}, "month_days", "from 1 to 31"),
        ({"frequency": "week", "week_days": ["mon"]}, "week_days", "none of monday"),
        ({"frequency": "minute", "hours": [9]}, "hours", "write frequency day or week or month"),
        ({"frequency": "hour", "minutes": [0]}, "minutes", "frequency hour takes none"),
        ({"week_days": ["monday"]}, "week_days", "write frequency week or month"),
        ({"frequency": "week", "month_days": [1]}, "month_days", "write frequency month"),
        ({"zone": "Mars/Base"}, "zone", "no time zone 'Mars/Base'"),
        ({"zone": "Europe/Berlim"}, "zone", "is it 'Europe/Berlin'?"),
        ({"zone": "W Europe Standard Time"}, "zone", "is it 'W. Europe Standard Time'?"),
        ({"zone": "America"}, "zone", "no time zone"),
        ({"zone": "../etc"}, "zone", "no time zone"),
        ({"zone": ""}, "zone", "no time zone"),
        ({"start": local("2026-02-01"), "end": local("2026-01-01")}, "end", "before the start"),
        ({"start": dt.datetime(2026, 2, 1, tzinfo=UTC)}, "start", "without one"),
        (
            {"frequency": "month", "interval": 12, "month_days": [30, 31], "start": local("2026-02-01")},
            "month_days",
            "no month that it comes to has day 30, 31",
        ),
        (
            {"frequency": "month", "interval": 24, "month_days": [29], "start": local("2025-02-01")},
            "month_days",
            "has day 29",
        ),
        (
            {"frequency": "month", "interval": 3, "start": local("2026-02-01"), "month_days": [31]},
            None,
            "",
        ),
    ],
)
def test_what_can_never_be_is_refused_with_its_field(fields: dict[str, Any], field: str | None, says: str) -> None:
    if field is None:
        Recurrence(**{"frequency": "day", **fields})
        return
    with pytest.raises(SpecError) as caught:
        Recurrence(**{"frequency": "day", **fields})
    (problem,) = caught.value.problems
    assert problem.path == field
    assert says in problem.reason


def drawn(random: Random, values: Sequence[Any], most: int) -> list[Any]:
    return random.sample(values, random.randint(0, most)) if random.random() < 0.7 else []


def any_recurrence(random: Random) -> dict[str, Any]:
    frequency = random.choice(("minute", "hour", "day", "week", "month"))
    calendar = frequency not in ("minute", "hour")
    start = dt.datetime.combine(dt.date(random.randint(2023, 2033), random.randint(1, 12), 28), dt.time())
    start += dt.timedelta(days=random.randint(-27, 3), minutes=random.choice((0, 90, 150, random.randrange(slow.DAY))))
    early = range(4) if random.random() < 0.5 else range(24)
    return {
        "zone": random.choice(ZONES),
        "frequency": frequency,
        "interval": random.choice((1, 1, 2, 3, 5, random.randint(1, 90)))
        if frequency != "month"
        else random.randint(1, 7),
        "hours": drawn(random, early, 3) if calendar else [],
        "minutes": drawn(random, range(60), 3) if calendar else [],
        "week_days": drawn(random, WEEK_DAYS, 4) if frequency in ("week", "month") else [],
        "month_days": drawn(random, range(1, 32), 4) if frequency == "month" else [],
        "start": start if random.random() < 0.7 else None,
        "end": start + dt.timedelta(days=random.randint(1, 2000)) if random.random() < 0.3 else None,
        "anchor": start,
    }


def any_moment(random: Random, changes: Sequence[int]) -> int:
    first, past = (slow.minutes(dt.datetime.combine(day, dt.time())) for day in (slow.FIRST, slow.PAST))
    if changes and random.random() < 0.5:
        return random.choice(changes) + random.randint(-2 * slow.DAY, 2 * slow.DAY)
    return random.randrange(first, past)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_ten_thousand_recurrences_fire_as_an_enumeration_of_ten_years_says(chunk: int) -> None:
    random = Random(chunk)
    for _ in range(PER_CHUNK):
        fields = any_recurrence(random)
        try:
            it = Recurrence(**fields)
        except SpecError as error:
            assert "no month that it comes to" in str(error)  # noqa: PT017 (the few that draw a day that never comes)
            assert not slow.enumeration(**as_enumerated(fields)).days
            continue
        expected = slow.enumeration(**as_enumerated(fields))
        for _ in range(MOMENTS):
            minute = any_moment(random, expected.clocks.changes())
            moment = slow.moment(minute)
            assert slow.within(it.next_after(moment)) == expected.next_after(minute), (fields, moment)
            assert slow.within(it.last_until(moment)) == expected.last_until(minute), (fields, moment)


def as_enumerated(fields: dict[str, Any]) -> dict[str, Any]:
    return {("minutes_of_hour" if name == "minutes" else name): value for name, value in fields.items()}


@pytest.mark.parametrize(
    "it",
    [
        recurrence("minute", 7),
        recurrence("day", 3, "1901-01-01T00:00", hours=range(24), minutes=range(60)),
        recurrence("week", 2, "1901-01-01T00:00", hours=range(24), minutes=range(60), week_days=WEEK_DAYS),
        recurrence("month", 1, "1901-01-31T00:00", week_days=["monday"], month_days=[31]),
        recurrence("month", 12, "1904-02-29T00:00"),
    ],
    ids=["minute", "day", "week", "month", "leap years"],
)
def test_the_next_time_is_found_in_a_millisecond_whatever_the_age(it: Recurrence) -> None:
    moments = [dt.datetime(2026, 1, 1, tzinfo=UTC) + dt.timedelta(days=11, hours=5) * past for past in range(200)]
    it.next_after(moments[0])
    began = time.process_time()
    for moment in moments:
        assert it.next_after(moment)
    assert (time.process_time() - began) / len(moments) < 0.001
