"""The small language in which v1 schedules say what a pipeline's parameters are at each run, put into Jinja.

``@formatDateTime(subtractFromTime(utcNow(),1,'Day'),'yyyy-MM-dd')`` becomes
``{{ macros.azml.format_date_time(macros.azml.subtract_from_time(dag_run.run_after, 1, 'Day'), 'yyyy-MM-dd') }}``.
The functions themselves are in ``moments``.

Source: the notebook aml-pipelines-schedule-with-pipeline-parameter-expressions in Azure/MachineLearningNotebooks. The
service evaluates an expression when it fires; a task may run later, and again, so *now* is the instant at which the run
was due: a retry or a late scheduler gets the same day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.v1 import moments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DUE = "dag_run.run_after"
_TRIGGER = {"scheduledTime": _DUE, "startTime": "dag_run.start_date"}
_CREATED_BY = "(dag_run.triggering_user_name or dag.owner)"
_WORD = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_BEGINS = re.compile(r"@\s*[A-Za-z_]\w*\s*\(")
_SPACE = re.compile(r"\s*")
_DEEPEST = 50


class ExpressionError(ValueError):
    """An expression that cannot be put into Jinja; the message says why."""


@dataclass(frozen=True)
class _Function:
    macro: str
    least: int
    most: int
    numbers: tuple[int, ...]
    """Which of its arguments are numbers; the others are texts."""


def _spelt(name: str) -> str:
    """A function's name as v1 spells it.

    Example:
        >>> _spelt("add_to_time")
        'addToTime'
    """
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _functions() -> Mapping[str, _Function]:
    found = {}
    for function in moments.FUNCTIONS:
        most = function.__code__.co_argcount
        names = function.__code__.co_varnames[:most]
        numbers = tuple(at for at, name in enumerate(names) if function.__annotations__[name] in ("int", "float"))
        least = most - len(function.__defaults__ or ())
        found[_spelt(function.__name__)] = _Function(function.__name__, least, most, numbers)
    return found


FUNCTIONS = _functions()
OTHERS = ("createdBy", "runId", "trigger", "utcNow")
"""What is no function of time: who, which run, and when."""


def is_expression(value: object) -> bool:
    """Whether v1 evaluates a parameter's value; a text that only begins with ``@`` is a text."""
    return isinstance(value, str) and _BEGINS.match(value) is not None


def jinja(expression: str) -> str:
    """A pipeline parameter expression as a Jinja expression between braces.

    Args:
        expression: E.g. ``@addDays(trigger().scheduledTime, 1)``.

    Raises:
        ExpressionError: It is none, or names a function that v1 does not have.

    Example:
        >>> jinja("@addDays(trigger().scheduledTime, 1)")
        '{{ macros.azml.add_days(dag_run.run_after, 1) }}'
    """
    reader = _Reader(expression, 1)
    written = reader.value(whole=True)
    reader.end()
    return f"{{{{ {written} }}}}"


class _Reader:
    """Reads an expression from left to right.

    Args:
        text: The expression.
        place: Where to begin.
    """

    def __init__(self, text: str, place: int) -> None:
        self._text = text
        self._place = place
        self._depth = 0

    def value(self, *, whole: bool = False) -> str:
        """The next value, in Jinja.

        Args:
            whole: It is all of the expression, so a point in time has to become text.
        """
        self._skip()
        if self._text.startswith("'", self._place):
            return self._string()
        if number := _NUMBER.match(self._text, self._place):
            self._place = number.end()
            return number[0]
        word = _WORD.match(self._text, self._place)
        if word is None:
            raise self._error("a function, a number or a text in '' is expected")
        self._place = word.end()
        return self._call(word[0], whole=whole)

    def end(self) -> None:
        """Insist that nothing follows."""
        self._skip()
        if self._place < len(self._text):
            raise self._error("nothing more is expected")

    def _call(self, name: str, *, whole: bool) -> str:
        if name not in FUNCTIONS and name not in OTHERS:
            known = ", ".join(sorted((*FUNCTIONS, *OTHERS)))
            raise ExpressionError(f"{name!r} is no function of pipeline parameter expressions, which are {known}")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError(f"more than {_DEEPEST} functions stand inside each other")
        arguments = self._arguments()
        self._depth -= 1
        if name in FUNCTIONS:
            function = FUNCTIONS[name]
            _check(name, len(arguments), function.least, function.most)
            _check_types(name, arguments, function.numbers)
            return f"macros.azml.{function.macro}({', '.join(arguments)})"
        if name == "trigger":
            _check(name, len(arguments), 0, 0)
            return _text_of(self._property(), whole=whole)
        _check(name, len(arguments), 0, 1 if name == "utcNow" else 0)
        if arguments:
            return f"macros.azml.format_date_time({_DUE}, {arguments[0]})"
        return {"createdBy": _CREATED_BY, "runId": "run_id"}.get(name) or _text_of(_DUE, whole=whole)

    def _property(self) -> str:
        self._expect(".")
        self._skip()
        word = _WORD.match(self._text, self._place)
        if word is None or word[0] not in _TRIGGER:
            raise self._error(f"trigger() has {' and '.join(_TRIGGER)}; one of them is expected")
        self._place = word.end()
        return _TRIGGER[word[0]]

    def _arguments(self) -> list[str]:
        self._expect("(")
        self._skip()
        if self._text.startswith(")", self._place):
            self._place += 1
            return []
        found = [self.value()]
        while True:
            self._skip()
            if not self._text.startswith(",", self._place):
                break
            self._place += 1
            found.append(self.value())
        self._expect(")")
        return found

    def _string(self) -> str:
        begin = self._place + 1
        end = begin
        while (end := self._text.find("'", end)) >= 0 and self._text.startswith("''", end):
            end += 2
        if end < 0:
            raise self._error("a text begins here and does not end")
        self._place = end + 1
        content = self._text[begin:end].replace("''", "'").replace("\\", "\\\\").replace("'", "\\'")
        # braces would end the expression for Jinja, or for whoever shields AML's own
        return "'" + content.replace("{", "\\x7b").replace("}", "\\x7d").replace("\n", "\\n") + "'"

    def _expect(self, mark: str) -> None:
        self._skip()
        if not self._text.startswith(mark, self._place):
            raise self._error(f"{mark!r} is expected")
        self._place += 1

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._place)
        self._place = found.end() if found else self._place

    def _error(self, reason: str) -> ExpressionError:
        return ExpressionError(f"at character {self._place + 1} of {self._text!r}: {reason}")


def _check(name: str, given: int, least: int, most: int) -> None:
    if not least <= given <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise ExpressionError(f"{name} takes {wanted} arguments, and has {given}")


def _check_types(name: str, arguments: Sequence[str], numbers: Sequence[int]) -> None:
    for at, argument in enumerate(arguments):
        if at in numbers and argument.startswith("'"):
            raise ExpressionError(f"argument {at + 1} of {name} is the text {argument}; it must be a number")
        if at not in numbers and _NUMBER.fullmatch(argument):
            raise ExpressionError(f"argument {at + 1} of {name} is the number {argument}; it must be a text in ''")


def _text_of(moment: str, *, whole: bool) -> str:
    return f"macros.azml.format_date_time({moment})" if whole else moment
