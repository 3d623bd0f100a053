"""Dates in .NET's formats."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_azml.spec.v1.dotnet_formats import FormatError, formatted

MOMENT = datetime(2009, 6, 15, 13, 45, 30, 617542, tzinfo=timezone.utc)
AHEAD = timezone(timedelta(hours=-7))


# the examples of the two pages of .NET's documentation
@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("d", "6/15/2009"),
        ("D", "Monday, June 15, 2009"),
        ("f", "Monday, June 15, 2009 1:45 PM"),
        ("F", "Monday, June 15, 2009 1:45:30 PM"),
        ("g", "6/15/2009 1:45 PM"),
        ("G", "6/15/2009 1:45:30 PM"),
        ("M", "June 15"),
        ("o", "2009-06-15T13:45:30.6175420Z"),
        ("r", "Mon, 15 Jun 2009 13:45:30 GMT"),
        ("s", "2009-06-15T13:45:30"),
        ("t", "1:45 PM"),
        ("T", "1:45:30 PM"),
        ("u", "2009-06-15 13:45:30Z"),
        ("Y", "June 2009"),
        ("%d", "15"),
        ("ddd dddd", "Mon Monday"),
        ("f ff fff ffffff fffffff", "6 61 617 617542 6175420"),
        ("HH hh h H", "13 01 1 13"),
        ("M MM MMM MMMM", "6 06 Jun June"),
        ("y yy yyy yyyy yyyyy", "9 09 2009 2009 02009"),
        ("t tt g", "P PM A.D."),
        ("z zz zzz", "+0 +00 +00:00"),
        ("h \\h m \\m", "1 h 45 m"),
        ("'year' yyyy \"of our lord\"", "year 2009 of our lord"),
        ("yyyy/MM/dd", "2009/06/15"),
        ("yyyyMMddTHHmmssK", "20090615T134530Z"),
    ],
)
def test_a_format_is_dotnets(form: str, value: str) -> None:
    assert formatted(MOMENT, form) == value


def test_digits_that_are_nought_are_left_out_where_asked() -> None:
    assert formatted(MOMENT.replace(microsecond=500000), "ss.FFF") == "30.5"
    assert formatted(MOMENT.replace(microsecond=0), "ss.FFF") == "30"


def test_a_zone_is_written_as_far_as_it_is_known() -> None:
    assert formatted(MOMENT.astimezone(AHEAD), "o") == "2009-06-15T06:45:30.6175420-07:00"
    assert formatted(MOMENT.replace(tzinfo=None), "o") == "2009-06-15T13:45:30.6175420"
    assert formatted(MOMENT.astimezone(AHEAD), "R") == "Mon, 15 Jun 2009 13:45:30 GMT"


@pytest.mark.parametrize("form", ["", "q", "'open", "yyyy\\", "ffffffff"])
def test_what_dotnet_refuses_is_refused(form: str) -> None:
    with pytest.raises(FormatError):
        formatted(MOMENT, form)
