"""What stands in sidecars, as Airflow takes it: durations, moments, schedules, and callbacks by their dotted names."""

from __future__ import annotations

import datetime as dt
import inspect
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.sdk import Asset, BaseOperator, timezone

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.asset_uris import SCHEME
from airflow_provider_azml.spec.rules import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

Convert: TypeAlias = "Callable[[Source, Path, Any], Any]"
"""Makes Airflow's value of one that stands in a source at a path."""

_ON_TASKS = ("execute", "success", "failure", "retry", "skipped")
_LONGEST = dt.timedelta(weeks=52)
_NOT_TOLD = frozenset({"self", "kwargs", "task_id", "dag", "task_group", "default_args", "do_xcom_push"})
"""Arguments of operators that whoever makes the tasks gives, or that the tasks need as they are."""


def of_task(source: Source, path: Path) -> dict[str, Any]:
    """What a task is told at a path of a source, as keyword arguments of its operator.

    Args:
        source: The source, without problems.
        path: Where it stands.

    Raises:
        SpecError: A dotted name leads to nothing.
    """
    return _converted(source, path, _OF_TASKS)


def of_dag(source: Source) -> dict[str, Any]:
    """What a source tells a DAG, as its keyword arguments.

    Raises:
        SpecError: A dotted name leads to nothing, or its schedule cannot be used.
    """
    return _converted(source, ("dag",), _OF_DAGS)


@cache
def arguments_of(operator: type[BaseOperator]) -> frozenset[str]:
    """What an operator can be told, whichever of its bases takes it."""
    made = [vars(base)["__init__"] for base in operator.__mro__ if "__init__" in vars(base)]
    return frozenset(name for one in made for name in inspect.signature(one).parameters) - _NOT_TOLD


def _converted(source: Source, path: Path, table: Mapping[str, Convert]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    wrong = []
    for key, value in mapping(source.value_at(path)).items():
        try:
            made[key] = table[key](source, (*path, key), value) if key in table else value
        except SpecError as error:
            wrong += error.problems
    if wrong:
        raise SpecError(wrong)
    return made


def _duration(source: Source, path: Path, value: Any) -> Any:  # what is no duration is for Airflow to refuse
    if isinstance(value, str):
        import isodate  # type: ignore[import-untyped]

        try:
            found = isodate.parse_duration(value)
        except (ValueError, OverflowError) as error:
            raise SpecError([source.problem(path, f"is {value!r:.80}, which is no duration: {error}")]) from error
        if not dt.timedelta(0) < found <= _LONGEST:
            reason = f"is {value!r:.80}; it must be more than no time and at most 52 weeks"
            raise SpecError([source.problem(path, reason)])
        return found
    return dt.timedelta(seconds=value) if isinstance(value, (int, float)) else value


def _moment(source: Source, path: Path, value: str) -> dt.datetime:
    try:
        return timezone.parse(value)
    except ValueError as error:
        raise SpecError([source.problem(path, f"is {value!r:.80}, which is no moment: {error}")]) from error


def _schedule(source: Source, path: Path, value: Any) -> Any:  # what a DAG takes as its schedule
    if isinstance(value, list):
        return [_asset(source, (*path, place), uri) for place, uri in enumerate(value)]
    if isinstance(value, dict):
        from airflow_provider_azml.dags.schedule import timetable  # noqa: PLC0415 (for such files alone)

        try:
            return timetable(value)
        except SpecError as error:
            wrong = [source.problem(path, f"{problem.path}: {problem.reason}") for problem in error.problems]
            raise SpecError(wrong) from error
    return value


def _asset(source: Source, path: Path, uri: str) -> Asset:
    try:
        made = Asset(uri)
        # with the group that azml_asset and outlets have, or else whichever is parsed last would change it
        return Asset(uri=made.uri, group=SCHEME) if made.uri.startswith(f"{SCHEME}://") else made
    except ValueError as error:
        raise SpecError([source.problem(path, f"is {uri!r:.80}, which is no URI of an asset: {error}")]) from error


def _callbacks(source: Source, path: Path, value: Any) -> Any:  # what operators and DAGs take as callbacks
    if not isinstance(value, list):
        return _callback(source, path, value)
    return [_callback(source, (*path, place), one) for place, one in enumerate(value)]


def _callback(source: Source, path: Path, value: Any) -> Any:
    if isinstance(value, str):
        return _named(source, path, value)
    if not isinstance(value, dict):
        return value
    found = _named(source, (*path, "callback"), value["callback"])
    arguments = mapping(value.get("arguments"))
    if not inspect.isclass(found):
        return partial(found, **arguments)
    try:
        return found(**arguments)
    except Exception as error:  # whatever a class refuses its arguments with
        raise SpecError([source.problem(path, f"{value['callback']} takes no such arguments: {error}")]) from error


def _named(source: Source, path: Path, dotted: str) -> Any:
    """What a dotted name leads to."""
    module, _, name = dotted.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except Exception as error:  # whatever happens where a module is imported
        reason = f"{dotted!r} leads to nothing: {type(error).__name__}: {error}"
        raise SpecError([source.problem(path, reason)]) from error
    if not callable(found):
        raise SpecError([source.problem(path, f"{dotted!r} is {found!r:.80}, which cannot be called")])
    return found


_OF_TASKS: Mapping[str, Convert] = {
    **dict.fromkeys(("retry_delay", "max_retry_delay", "execution_timeout"), _duration),
    **{f"on_{event}_callback": _callbacks for event in _ON_TASKS},
}


def _default_args(source: Source, path: Path, _: object) -> dict[str, Any]:
    return of_task(source, path)


_OF_DAGS: Mapping[str, Convert] = {
    "schedule": _schedule,
    "start_date": _moment,
    "end_date": _moment,
    "dagrun_timeout": _duration,
    "default_args": _default_args,
    "on_success_callback": _callbacks,
    "on_failure_callback": _callbacks,
}
