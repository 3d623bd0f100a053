"""Scripts of faults: YAML files, or the same content as JSON, checked as a whole."""

from __future__ import annotations

import json
import math
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.emulator.faults import kinds
from airflow_provider_azml.emulator.faults.plan import FaultPlan, FaultsError, Outcome, Rule
from airflow_provider_azml.emulator.faults.short_form import short_plan
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import source, yaml_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_SUFFIXES = (".yml", ".yaml", ".json")
_LAST_STATUS = 599
_FIRST_STATUS = 400


@dataclass(frozen=True)
class _Kind:
    make: Callable[[Json], kinds.Fault]
    keys: Sequence[str]
    about: str = "path"
    required: Sequence[str] = ()


def _latency(given: Json) -> kinds.Fault:
    seconds = given["seconds"]
    return kinds.Latency(*seconds) if isinstance(seconds, list) else kinds.Latency(seconds, seconds)


_KINDS: Mapping[str, _Kind] = {
    "latency": _Kind(_latency, ("method", "seconds"), required=("seconds",)),
    "status": _Kind(
        lambda given: kinds.Refusal(
            given["status"],
            given.get("retry_after_seconds", kinds.RETRY_AFTER_SECONDS),
            given.get("code"),
            given.get("message"),
        ),
        ("method", "status", "retry_after_seconds", "code", "message"),
        required=("status",),
    ),
    "reset": _Kind(lambda _: kinds.Reset(), ("method",)),
    "lost_answer": _Kind(lambda _: kinds.LostAnswer(), ("method",)),
    "truncated_answer": _Kind(lambda given: kinds.Truncation(given.get("bytes")), ("method", "bytes")),
    "late_view": _Kind(lambda given: kinds.LateView(given["seconds"]), ("method", "seconds"), required=("seconds",)),
    "expired_token": _Kind(lambda _: kinds.ExpiredToken(), ("method",)),
    "short_token": _Kind(
        lambda given: kinds.ShortToken(math.ceil(given["seconds"])), ("seconds",), required=("seconds",)
    ),
    "stuck_operation": _Kind(lambda given: kinds.StuckOperation(given.get("seconds", math.inf)), ("method", "seconds")),
    "failed_operation": _Kind(
        lambda given: kinds.FailedOperation(**{
            key: given[key] for key in ("seconds", "code", "message") if key in given
        }),
        ("method", "seconds", "code", "message"),
    ),
    "lost_worker": _Kind(lambda given: kinds.LostWorker(given.get("seconds", 0)), ("seconds",), about="job"),
    "preemption": _Kind(lambda given: kinds.Preemption(given.get("seconds", 0)), ("seconds",), about="compute"),
    "silent_server": _Kind(lambda given: kinds.SilentServer(given.get("seconds", math.inf)), ("seconds",)),
    "out_of_memory": _Kind(lambda given: kinds.OutOfMemory(given.get("seconds", 0)), ("seconds",)),
    "slow_step": _Kind(lambda given: kinds.SlowStep(given["seconds"]), ("method", "seconds"), required=("seconds",)),
}
_ALWAYS = ("fault", "name", "probability", "times", "skip", "seed")


def plan_of(option: str) -> FaultPlan:
    """The plan that the option of the command line names.

    Args:
        option: The path of a script, which its ending tells, or the short form.

    Raises:
        FaultsError: Something in it is wrong.
    """
    return read_script(Path(option)) if option.lower().endswith(_SUFFIXES) else short_plan(option)


def read_script(file: Path) -> FaultPlan:
    """The plan of a file.

    Raises:
        FaultsError: It cannot be read, or something in it is wrong: all of it at once, with file and line.
    """
    try:
        return _plan(source.read(file))
    except SpecError as error:
        raise FaultsError(str(error)) from error


def script_of(text: str) -> FaultPlan:
    """The plan of a script that was sent, as JSON or YAML.

    Raises:
        FaultsError: Something in it is wrong: all of it at once.
    """
    try:
        value, marks = yaml_text.parse(text, "<request>")
        if not isinstance(value, dict):
            raise FaultsError("the body must be an object")
        return _plan(source.Source(value, Path(), marks=marks))
    except SpecError as error:
        raise FaultsError(str(error)) from error


def _plan(script: Source) -> FaultPlan:
    problems = [
        script.problem((key,), f"unknown; a script has {_listed(('rules', 'seed'))}", at_key=True)
        for key in script.value
        if key not in ("rules", "seed")
    ]
    rules = script.value.get("rules")
    if not isinstance(rules, list):
        problems.append(script.problem(("rules",), "must be a list of rules"))
        rules = []
    problems += _checked(script, (), {"seed"})
    for place, rule in enumerate(rules):
        problems += _problems_of_rule(script, ("rules", place), rule)
    if problems:
        raise SpecError(problems)
    return FaultPlan([_rule(rule, script.value.get("seed"), place) for place, rule in enumerate(rules)], script=True)


def _rule(given: Json, seed: int | None, place: int) -> Rule:
    kind = _KINDS[given["fault"]]
    own_seed = given.get("seed", None if seed is None else f"{seed}/{place}")
    methods = given.get("method", [])
    return Rule(
        [Outcome(given["fault"], kind.make(given), given.get("probability", 1.0))],
        re.compile(given.get(kind.about, "")),
        methods=frozenset(method.upper() for method in ([methods] if isinstance(methods, str) else methods)),
        everywhere="path" in given or given["fault"] == "short_token",
        skip=given.get("skip", 0),
        times=given.get("times"),
        chance=random.Random(own_seed),  # noqa: S311 (None: its own luck each time)
        written=given,
    )


def _problems_of_rule(script: Source, path: tuple[str | int, ...], rule: object) -> list[Problem]:
    if not isinstance(rule, dict):
        return [script.problem(path, "must be a mapping with a fault")]
    kind = _KINDS.get(rule["fault"]) if isinstance(rule.get("fault"), str) else None
    if kind is None:
        at = (*path, "fault") if "fault" in rule else path
        return [script.problem(at, f"fault must be one of {_listed(_KINDS)}")]
    known = (*_ALWAYS, kind.about, *kind.keys)
    problems = [
        script.problem((*path, key), f"unknown; a rule of {rule['fault']} has {_listed(known)}", at_key=True)
        for key in rule
        if key not in known
    ]
    problems += [
        script.problem(path, f"a rule of {rule['fault']} needs {key}") for key in kind.required if key not in rule
    ]
    return problems + _checked(script, path, set(known), spread=rule["fault"] == "latency")


def _checked(script: Source, path: tuple[str | int, ...], keys: set[str], *, spread: bool = False) -> list[Problem]:
    """What is wrong with the values of a mapping in the script."""
    given = script.value_at(path)
    assert isinstance(given, dict)
    problems = []
    for key in keys & given.keys():
        fits, wanted = _VALUES[key]
        value = given[key]
        if not (fits(value) or (spread and key == "seconds" and _is_span(value))):
            problems.append(script.problem((*path, key), f"must be {wanted}, not {value!r:.80}"))
    return problems


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_span(value: Any) -> bool:
    two = 2
    return isinstance(value, list) and len(value) == two and all(map(_is_seconds, value)) and value[0] <= value[1]


def _is_pattern(value: Any) -> bool:
    try:
        re.compile(value)
    except (re.error, TypeError):
        return False
    return True


def _is_method(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_VALUES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "fault": (_is_text, "text"),
    "name": (_is_text, "text"),
    "code": (_is_text, "text"),
    "message": (_is_text, "text"),
    "probability": (lambda value: _is_seconds(value) and value <= 1, "a number from 0 to 1"),
    "times": (_is_whole, "a whole number that is not negative"),
    "skip": (_is_whole, "a whole number that is not negative"),
    "seed": (_is_whole, "a whole number that is not negative"),
    "bytes": (_is_whole, "a whole number that is not negative"),
    "status": (
        lambda value: _is_whole(value) and _FIRST_STATUS <= value <= _LAST_STATUS,
        f"an HTTP status from {_FIRST_STATUS} to {_LAST_STATUS}",
    ),
    "seconds": (_is_seconds, "a number of seconds (for latency also a list of the least and the most)"),
    "retry_after_seconds": (_is_seconds, "a number of seconds"),
    "path": (_is_pattern, "a regular expression"),
    "job": (_is_pattern, "a regular expression"),
    "compute": (_is_pattern, "a regular expression"),
    "method": (_is_method, "a method or a list of methods"),
}


def _listed(words: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(words)


def is_script(text: str) -> bool:
    """Whether a request's body is a script, and not the short form."""
    try:
        value = json.loads(text)
    except ValueError:
        return not text.lstrip().startswith(("{", "["))
    return isinstance(value, dict) and "rules" in value
