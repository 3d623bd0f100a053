"""Values as Python, laid out as ``ruff format`` lays them out, so that a file made of them need not be formatted.

What fits into a line is one; all else has a line for each of its members, with a comma behind the last, which
formatters take for the author's wish.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial, reduce
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

WIDTH = 120
STEP = 4
_LEAST = 40
"""Width that pieces of a text have at least, however far in they stand."""
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
Member: TypeAlias = "tuple[str, object]"
"""What stands before a member, and the member."""


@dataclass(frozen=True)
class Name:
    """An expression that has no parts to be laid out: a name, or attributes and calls of one.

    Args:
        text: The expression.
        imported: Module and name that it takes from elsewhere, if it does.
    """

    text: str
    imported: tuple[str, str | None] | None = None


@dataclass(frozen=True)
class Call:
    """A call.

    Args:
        called: What is called.
        given: Its arguments.
        named: Its keyword arguments.
        is_open: Whether each argument has a line of its own even where all would fit into one.
    """

    called: Name
    given: Sequence[object] = ()
    named: Mapping[str, object] = field(default_factory=dict)
    is_open: bool = False


class NotWritten(ValueError):
    """A value that cannot be written as Python."""


def imported(module: str, name: str) -> Name:
    """What a module has under a name."""
    return Name(name, (module, name))


def laid_out(value: object, *, indent: int = 0, before: int = 0, after: int = 0) -> str:
    """A value as Python.

    Args:
        value: The value.
        indent: How far in the line stands in which it begins.
        before: How many characters the line has before it.
        after: How many it has behind it.

    Raises:
        NotWritten: There is something in it that Python cannot be written for.

    Example:
        >>> laid_out({"lr": 0.1, "data": Name("DATA")})
        '{"lr": 0.1, "data": DATA}'
    """
    value = plain(value)
    flat = flattened(value)
    if before + len(flat) + after <= WIDTH and not (isinstance(value, Call) and value.is_open):
        return flat
    if isinstance(value, str):
        return _broken(value, indent)
    opened, members, closed = _parts(value)
    if not members:
        return flat
    inner = indent + STEP
    lines = [f"{' ' * inner}{name}{laid_out(one, indent=inner, before=inner + len(name), after=1)},"
             for name, one in members]  # fmt: skip
    return "\n".join([opened, *lines, f"{' ' * indent}{closed}"])


def flattened(value: object) -> str:
    """A value as Python on one line, however long."""
    value = plain(value)
    if isinstance(value, Name):
        return value.text
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    opened, members, closed = _parts(value)
    return f"{opened}{', '.join(name + flattened(one) for name, one in members)}{closed}"


def quoted(text: str) -> str:
    """A text in the quotation marks that formatters prefer."""
    mark = "'" if text.count('"') > text.count("'") else '"'
    shown = (_ESCAPES.get(one) or (f"\\{mark}" if one == mark else one if one.isprintable() else ascii(one)[1:-1])
             for one in text)  # fmt: skip
    return f"{mark}{''.join(shown)}{mark}"


def imports_of(values: Iterable[object]) -> Iterator[tuple[str, str | None]]:
    """The modules, and names of them, that values need."""
    for one in map(plain, values):
        if isinstance(one, Name):
            if one.imported:
                yield one.imported
        elif isinstance(one, Call):
            yield from imports_of([one.called, *one.given, *one.named.values()])
        elif isinstance(one, dict):
            yield from imports_of(one.values())
        elif isinstance(one, (list, tuple)):
            yield from imports_of(one)


def plain(value: object) -> object:
    """A value in the few types that can be laid out.

    Raises:
        NotWritten: It is of another type, and nobody knows how to make one like it.
    """
    if value is None or isinstance(value, (Name, Call, str, bool, int, float, list, tuple, dict)):
        return value
    for kind, convert in _PLAIN:
        if isinstance(value, kind):
            return convert(value)
    raise NotWritten(f"there is a {type(value).__name__} among its settings, which cannot be written as Python")


def _parts(value: object) -> tuple[str, list[Member], str]:
    if isinstance(value, Call):
        named = [(f"{name}=", one) for name, one in value.named.items()]
        return f"{value.called.text}(", [*(("", one) for one in value.given), *named], ")"
    if isinstance(value, dict):
        return "{", [(f"{laid_out(key)}: ", one) for key, one in value.items()], "}"
    if isinstance(value, tuple):
        return "(", [("", one) for one in value], ",)" if len(value) == 1 else ")"
    assert isinstance(value, list), value
    return "[", [("", one) for one in value], "]"


def _broken(text: str, indent: int) -> str:
    """A text that is too long for its line: in brackets, in as many pieces as it takes."""
    inner = " " * (indent + STEP)
    room = max(WIDTH - len(inner), _LEAST)
    pieces = [text] if len(quoted(text)) <= room else [*_pieces(text, room)]
    return "\n".join(["(", *(f"{inner}{quoted(piece)}" for piece in pieces), f"{' ' * indent})"])


def _pieces(text: str, room: int) -> Iterator[str]:
    """A text in pieces that fit, broken at ends of lines and between words where there are any."""
    for line in text.splitlines(keepends=True):
        rest = line
        while len(quoted(rest)) > room:
            most = reduce(lambda fits, end: end if len(quoted(rest[:end])) <= room else fits, range(1, room), 1)
            at = rest.rfind(" ", 1, most) + 1
            yield rest[: at or most]
            rest = rest[at or most :]
        yield rest


def _duration(value: dt.timedelta) -> Call:
    seconds = value.total_seconds()
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds and seconds % length == 0:
            return Call(imported("datetime", "timedelta"), (), {unit: int(seconds // length)})
    whole = int(seconds) if seconds == int(seconds) else seconds
    return Call(imported("datetime", "timedelta"), (), {"seconds": whole})


def _moment(value: dt.datetime) -> Call:
    parts = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
    while len(parts) > 3 and not parts[-1]:  # noqa: PLR2004 (year, month and day)
        parts.pop()
    zone = str(getattr(value.tzinfo, "name", None) or value.tzinfo or "UTC")
    if zone[:1] in "+-" or (zone.startswith("UTC") and zone != "UTC"):
        return _moment(value.astimezone(dt.timezone.utc))
    return Call(Name("pendulum.datetime", ("pendulum", None)), parts, {"tz": zone})


def _function(value: FunctionType | type) -> Name:
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    if not module or not name.isidentifier():
        raise NotWritten(f"{value!r:.80} cannot be written as Python; it has no name in a module")
    return imported(str(module), name)


def _partial(value: partial[object]) -> Call:
    return Call(imported("functools", "partial"), [plain(value.func), *value.args], value.keywords)


_PLAIN: Sequence[tuple[type | tuple[type, ...], Callable[[Any], object]]] = (
    (Mapping, dict),
    ((set, frozenset), sorted),
    (dt.timedelta, _duration),
    (dt.datetime, _moment),
    (partial, _partial),
    ((FunctionType, type), _function),
)
"""Types of values, and what makes a value that can be laid out of one."""
