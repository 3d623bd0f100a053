"""What Airflow is told of the tasks of an AML file, from sidecars and from whoever asks for the DAG.

The order of precedence: what stands later counts, key by key.

1. ``default_args`` of the DAG: of ``.airflow.yml``, of the file's own sidecar, of ``azml_dag``.
2. ``task_overrides`` of the folder's ``.airflow.yml``.
3. ``task_overrides`` of the file's own sidecar, say ``pipeline.airflow.yml``.
4. ``task_overrides`` of the call in Python.

In each of 2 to 4: ``*``, then ``kind:<type>``, then patterns in the order in which they are written, then pipeline
components from the outside in, then the node itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.dags.airflow_values import arguments_of_operators, of_dag, of_task
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import overrides, sidecars
from airflow_provider_azml.spec.marks import Marks
from airflow_provider_azml.spec.places import closest
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.source import Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem

_ARGUMENTS = "<arguments>"
_DEFAULT_ARGS, _TAGS = "default_args", "tags"


@dataclass(frozen=True)
class _Rule:
    """What some tasks are told.

    Args:
        key: Which tasks.
        given: Keyword arguments of their operators.
    """

    key: str
    given: Mapping[str, Any]


@dataclass(frozen=True)
class TaskSettings:
    """What Airflow is told of a DAG and its tasks.

    Args:
        after: Name of a task -> names of the tasks that are to run before it, besides those that it takes data of.
        dag: What the DAG is given by sidecars.
    """

    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dag: Mapping[str, Any] = field(default_factory=dict)
    _rules: Sequence[_Rule] = ()
    _of_task: Mapping[str, Sequence[_Rule]] = field(default_factory=dict)

    def for_task(self, dotted: str, kind: str | None = None) -> dict[str, Any]:
        """What a task is told, as keyword arguments of its operator.

        Args:
            dotted: Name of its node, after those of the pipeline components around it, with dots.
            kind: For a task that is no node: the type that ``kind:`` knows it by, if any.
        """
        rules = self._of_task.get(dotted)
        if rules is None:
            of_kind = f"{overrides.KIND}{kind}"
            rules = [rule for rule in self._rules if rule.key in (overrides.ALL, of_kind)]
        return {key: value for rule in rules for key, value in rule.given.items()}

    def for_dag(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the DAG is given: by sidecars, and over that by whoever asks for it; ``tags`` of both.

        Args:
            given: What it is given by whoever asks for it.
        """
        return _over(self.dag, given)


def settings_of(
    file: Path | None,
    kinds: Mapping[str, str],
    task_overrides: Mapping[str, Mapping[str, Any]] | None = None,
    after: Mapping[str, str | Sequence[str]] | None = None,
    *,
    upstream: Mapping[str, Collection[str]] | None = None,
) -> TaskSettings:
    """What Airflow is told of the tasks of an AML file.

    Args:
        file: The file, whose sidecars count; ``None`` where there is none.
        kinds: Name of each task, dotted -> type of its node.
        task_overrides: Which tasks -> keyword arguments of their operators, as in a sidecar, or as Airflow takes them.
        after: Task -> the tasks that are to run before it.
        upstream: Name of a task -> names of those that it takes data of, to find circles.

    Raises:
        SpecError: Something of it cannot be used; with file and line where it stands in a file.

    Example:
        >>> settings = settings_of(None, {"train": "command"}, {"*": {"retries": 2}, "train": {"pool": "gpu"}})
        >>> settings.for_task("train")
        {'retries': 2, 'pool': 'gpu'}
    """
    read = [sidecars.read(path) for path in sidecars.sidecars_of(file)] if file else []
    if task_overrides or after:
        read.append(_of_arguments(task_overrides or {}, after or {}))
    if not read:
        return TaskSettings()
    wrong = [problem for place in read for problem in (*place.problems, *_wrong_names(place.source, kinds))]
    if wrong:
        raise SpecError(list(dict.fromkeys(wrong)))
    places = [place.source for place in read]
    rules = [rule for place in places for rule in _rules(place, kinds)]
    of_task: dict[str, list[_Rule]] = {name: [] for name in kinds}
    for rule in rules:
        for name in overrides.meant(rule.key, kinds):
            of_task[name].append(rule)
    dag: dict[str, Any] = {}
    for place in places:
        dag = _over(dag, of_dag(place))
    return TaskSettings(overrides.order(places, kinds, upstream or {}), dag, rules, of_task)


def _wrong_names(place: Source, kinds: Mapping[str, str]) -> Iterator[Problem]:
    of_many = place.file is not None and sidecars.is_of_folder(place.file)
    yield from overrides.problems(place, kinds, of_many=of_many)


def _rules(place: Source, kinds: Mapping[str, str]) -> list[_Rule]:
    """What a place tells tasks, the more special later."""
    given = mapping(place.value.get(overrides.OVERRIDES))
    keys = sorted(given, key=lambda key: overrides.rank(key, kinds))
    return [_Rule(key, of_task(place, (overrides.OVERRIDES, key))) for key in keys]


def _over(under: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of a DAG over others."""
    made = {**under, **given}
    if _DEFAULT_ARGS in under and _DEFAULT_ARGS in given:
        made[_DEFAULT_ARGS] = {**under[_DEFAULT_ARGS], **given[_DEFAULT_ARGS]}
    if _TAGS in made:
        made[_TAGS] = sorted({*under.get(_TAGS, ()), *given.get(_TAGS, ())})
    return made


def _of_arguments(task_overrides: Mapping[str, Any], after: Mapping[str, Any]) -> sidecars.Sidecar:
    """What was said in Python, as if it stood in a sidecar."""
    said = {overrides.OVERRIDES: dict(task_overrides), overrides.AFTER: dict(after)}
    place = Source(said, Path(), marks=Marks(_ARGUMENTS))
    return sidecars.Sidecar(place, [*_wrong_overrides(place), *_wrong_after(place)])


def _wrong_overrides(place: Source) -> Iterator[Problem]:
    known = sidecars.keys_of_tasks() | arguments_of_operators()
    for key, given in place.value[overrides.OVERRIDES].items():
        if not isinstance(given, dict):
            yield place.problem((overrides.OVERRIDES, key), f"is {given!r:.80}; it must be a mapping")
            continue
        for name in given.keys() - known:
            close = closest(str(name), sorted(known))
            hint = f"; did you mean {close!r}?" if close else ""
            yield place.problem((overrides.OVERRIDES, key, name), f"unknown key{hint}")


def _wrong_after(place: Source) -> Iterator[Problem]:
    for key, before in place.value[overrides.AFTER].items():
        listed = before if isinstance(before, (list, tuple)) else [before]
        if not all(isinstance(name, str) for name in listed):
            yield place.problem((overrides.AFTER, key), f"is {before!r:.80}; it must be a name, or a list of names")
