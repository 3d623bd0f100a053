"""Dates as .NET writes them by a format, in the culture en-US, in which the service evaluates expressions.

Sources: https://learn.microsoft.com/dotnet/standard/base-types/standard-date-and-time-format-strings and
https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROUND_TRIP = "yyyy-MM-ddTHH:mm:ss.fffffffK"
_SORTABLE = "yyyy-MM-ddTHH:mm:ss"
_STANDARD = {
    "d": "M/d/yyyy",
    "D": "dddd, MMMM d, yyyy",
    "f": "dddd, MMMM d, yyyy h:mm tt",
    "F": "dddd, MMMM d, yyyy h:mm:ss tt",
    "g": "M/d/yyyy h:mm tt",
    "G": "M/d/yyyy h:mm:ss tt",
    "m": "MMMM d",
    "M": "MMMM d",
    "o": ROUND_TRIP,
    "O": ROUND_TRIP,
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": _SORTABLE,
    "t": "h:mm tt",
    "T": "h:mm:ss tt",
    "u": "yyyy-MM-dd HH:mm:ss'Z'",
    "U": "dddd, MMMM d, yyyy h:mm:ss tt",
    "y": "MMMM yyyy",
    "Y": "MMMM yyyy",
}
_IN_UTC = frozenset("rRuU")
_TOKEN = re.compile(
    r"(?P<text>'[^']*'|\"[^\"]*\")|\\(?P<escaped>.)|%(?P<single>[dfFghHKmMstyz])|(?P<run>([dfFghHKmMstyz])\5*)"
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_NOON = 12
_MOST_DIGITS = 7
_NAME = 4
_SHORT_NAME = 3


class FormatError(ValueError):
    """A format that .NET refuses."""


def formatted(moment: datetime, form: str) -> str:
    """A moment, written by a .NET format.

    Args:
        moment: The moment; without a zone it is written as one of unspecified kind.
        form: One standard specifier such as ``o``, or a custom pattern such as ``yyyy-MM-dd``.

    Raises:
        FormatError: .NET refuses the format; the message says why.

    Example:
        >>> formatted(datetime(2018, 2, 1, tzinfo=timezone.utc), "D")
        'Thursday, February 1, 2018'
    """
    if len(form) == 1:
        if form not in _STANDARD:
            raise FormatError(f"{form!r} is none of the standard formats {', '.join(_STANDARD)}")
        if form in _IN_UTC and moment.tzinfo is not None:
            moment = moment.astimezone(timezone.utc)
        form = _STANDARD[form]
    if not form:
        raise FormatError("the format is empty")
    written, place = [], 0
    while place < len(form):
        found = _TOKEN.match(form, place)
        if found is None:
            if form[place] in "'\"\\%":
                raise FormatError(f"{form!r} ends inside of what {form[place]} begins")
            written.append(form[place])
            place += 1
            continue
        written.append(_token(found, moment, written))
        place = found.end()
    return "".join(written)


def _token(found: re.Match[str], moment: datetime, before: list[str]) -> str:
    if found["text"] is not None:
        return found["text"][1:-1]
    if found["escaped"] is not None:
        return found["escaped"]
    run = found["single"] or found["run"]
    if run[0] in "fF" and len(run) > _MOST_DIGITS:
        raise FormatError(f"{run!r} asks for more than {_MOST_DIGITS} digits of a second")
    if run[0] == "F":
        digits = _fraction(moment, len(run)).rstrip("0")
        if not digits and before and before[-1] == ".":
            before[-1] = ""
        return digits
    return _WRITERS[run[0]](moment, len(run))


def _named(names: tuple[str, ...], place: int, length: int) -> str:
    return names[place] if length >= _NAME else names[place][:_SHORT_NAME]


def _day(moment: datetime, length: int) -> str:
    return _number(moment.day, length) if length < _SHORT_NAME else _named(_DAYS, moment.weekday(), length)


def _month(moment: datetime, length: int) -> str:
    return _number(moment.month, length) if length < _SHORT_NAME else _named(_MONTHS, moment.month - 1, length)


def _year(moment: datetime, length: int) -> str:
    return str(moment.year % 100).zfill(length) if length < _SHORT_NAME else str(moment.year).zfill(length)


def _number(value: int, length: int) -> str:
    return str(value).zfill(min(length, 2))


def _fraction(moment: datetime, length: int) -> str:
    return f"{moment.microsecond:06}0"[:length]


def _half(moment: datetime, length: int) -> str:
    return ("AM" if moment.hour < _NOON else "PM")[: min(length, 2)]


def _offset(moment: datetime, length: int) -> str:
    shift = moment.utcoffset()
    minutes = 0 if shift is None else int(shift.total_seconds() // 60)
    hours = _number(abs(minutes) // 60, length)
    rest = f":{abs(minutes) % 60:02}" if length >= _SHORT_NAME else ""
    return f"{'-' if minutes < 0 else '+'}{hours}{rest}"


def _kind(moment: datetime, length: int) -> str:  # noqa: ARG001 (K is written the same however long)
    if moment.tzinfo is None:
        return ""
    return "Z" if moment.tzinfo is timezone.utc else _offset(moment, _SHORT_NAME)


_WRITERS: Mapping[str, Callable[[datetime, int], str]] = {
    "d": _day,
    "f": _fraction,
    "g": lambda _moment, _length: "A.D.",
    "h": lambda moment, length: _number(moment.hour % _NOON or _NOON, length),
    "H": lambda moment, length: _number(moment.hour, length),
    "K": _kind,
    "m": lambda moment, length: _number(moment.minute, length),
    "M": _month,
    "s": lambda moment, length: _number(moment.second, length),
    "t": _half,
    "y": _year,
    "z": _offset,
}
