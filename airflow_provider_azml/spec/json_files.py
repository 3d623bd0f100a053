"""Files of JSON that a specification names, such as payloads, and what JSON cannot hold."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import marks, yaml_text
from airflow_provider_azml.spec.source import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_azml.spec.source import Source

_YAML = (".yml", ".yaml")


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Args:
        value: Its value, as JSON; ``None`` where there are problems.
        problems: Why it cannot be used.
    """

    value: object
    problems: Sequence[Problem] = ()


def read(source: Source, path: marks.Path, named: str, *, yaml: bool = False) -> Content:
    """The content of a file of JSON.

    Args:
        source: What names it; a relative path starts from its folder.
        path: Where in it; a file that cannot be read is a problem of that place.
        named: The file.
        yaml: Whether YAML is taken too, of files that are called so.
    """
    shown = source.shown(named)
    try:
        text = text_of(source.local(named))
    except SpecError as error:
        reasons = [problem.reason for problem in error.problems]
        return Content(None, [source.problem(path, f"{str(shown)!r}: {reason}") for reason in reasons])
    if yaml and shown.suffix.lower() in _YAML:
        return _of_yaml(text, str(shown))
    return _of_json(text, str(shown))


def _of_json(text: str, file: str) -> Content:
    try:
        return Content(json.loads(text, parse_constant=_refused, parse_float=_finite))
    except json.JSONDecodeError as error:
        return Content(None, [Problem(file, error.lineno, error.colno, "", f"no JSON: {error.msg}")])
    except RecursionError:
        return Content(None, [Problem(file, 1, 1, "", "nested too deeply")])
    except ValueError as error:
        return Content(None, [Problem(file, 1, 1, "", f"no JSON: {error}")])


def _refused(word: str) -> NoReturn:
    raise ValueError(f"{word:.40} is no number that can be sent")


def _finite(word: str) -> float:
    return value if math.isfinite(value := float(word)) else _refused(word)


def _of_yaml(text: str, file: str) -> Content:
    try:
        value, _ = yaml_text.parse(text, file)
    except SpecError as error:
        return Content(None, error.problems)
    return Content(value)


def unfit(source: Source, path: marks.Path, value: object) -> Iterator[Problem]:
    """The values inside of one that JSON cannot hold, though YAML can: dates.

    Args:
        source: What holds it.
        path: Where.
        value: The value.
    """
    for place, member in marks.members(value, path):
        if isinstance(member, dt.date):
            yield source.problem(place, f"is {member}, which YAML takes for a date and JSON does not have; quote it")
