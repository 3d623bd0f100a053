"""What Airflow is told of the tasks of an AML file, from sidecars and from whoever asks for the DAG.

The order of precedence: what stands later counts, key by key.

1. ``default_args`` of the DAG: of ``.airflow.yml``, of the file's own sidecar, of ``azml_dag``.
2. ``task_overrides`` of the folder's ``.airflow.yml``.
3. ``task_overrides`` of the file's own sidecar, say ``pipeline.airflow.yml``; for a schedule, of the sidecar of its
   job's file, then of its own.
4. ``task_overrides`` of the call in Python.

In each of 2 to 4: ``*``, then ``kind:<type>``, then patterns in the order in which they are written, then pipeline
components from the outside in, then the node itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_azml.dags.airflow_values import arguments_of, of_dag, of_task
from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.hooks.airflow_versions import AirflowException
from airflow_provider_azml.spec import overrides, sidecars
from airflow_provider_azml.spec.marks import Marks
from airflow_provider_azml.spec.places import closest
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.source import Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_ARGUMENTS = "<arguments>"
_DEFAULT_ARGS, _TAGS = "default_args", "tags"
_ONE_JOB = "cannot be had: Azure ML runs all nodes as one job, and orders them by their data alone; render='tasks' can"


@dataclass(frozen=True)
class _Rule:
    """What some tasks are told.

    Args:
        key: Which tasks.
        given: Keyword arguments of their operators.
        place: Where that was said.
    """

    key: str
    given: Mapping[str, Any]
    place: Source

    def fitting(self, dotted: str, operator: type[BaseOperator] | None) -> Iterator[tuple[str, Any]]:
        """What it tells a task of an operator; what is said of other tasks too may be nothing to this one.

        Raises:
            SpecError: It is said of this task alone, and the operator takes no such thing.
        """
        taken = self.given.keys() if operator is None else arguments_of(operator)
        for key, value in self.given.items():
            if key in taken:
                yield key, value
            elif self.key == dotted:
                reason = f"is nothing that {operator.__name__ if operator else 'it'} takes, which runs this node"
                raise SpecError([self.place.problem((overrides.OVERRIDES, dotted, key), reason, at_key=True)])


@dataclass(frozen=True)
class TaskSettings:
    """What Airflow is told of a DAG and its tasks.

    Args:
        after: Name of a task -> names of the tasks that are to run before it, besides those that it takes data of.
        dag: What the DAG is given by sidecars.
    """

    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dag: Mapping[str, Any] = field(default_factory=dict)
    _rules: Sequence[_Rule] = field(default=(), repr=False)
    _of_task: Mapping[str, Sequence[_Rule]] = field(default_factory=dict, repr=False)

    def for_task(
        self, dotted: str, kind: str | None = None, *, operator: type[BaseOperator] | None = None
    ) -> dict[str, Any]:
        """What a task is told, as keyword arguments of its operator.

        Args:
            dotted: Name of its node, after those of the pipeline components around it, with dots.
            kind: For a task that is no node: the type that ``kind:`` knows it by, if any.
            operator: Its operator, where that is not one that submits jobs: what it does not take is left out.

        Raises:
            SpecError: The operator does not take what this task alone is told.
        """
        rules = self._of_task.get(dotted)
        if rules is None:
            of_kind = f"{overrides.KIND}{kind}"
            rules = [rule for rule in self._rules if rule.key in (overrides.ALL, of_kind, dotted)]
        return {key: value for rule in rules for key, value in rule.fitting(dotted, operator)}

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
    beside: Mapping[str, str] | None = None,
    job: Path | None = None,
    as_one_job: bool = False,
) -> TaskSettings:
    """What Airflow is told of the tasks of an AML file.

    Args:
        file: The file, whose sidecars count; ``None`` where there is none.
        kinds: Name of each node's task, dotted -> type of the node.
        task_overrides: Which tasks -> keyword arguments of their operators, as in a sidecar, or as Airflow takes them.
        after: Task -> the tasks that are to run before it.
        upstream: Name of a task -> names of those that it takes data of, to find circles.
        beside: Name of each task that is no node -> the type that ``kind:`` knows it by. It has no place in `after`.
        job: The file of the job that a schedule submits, whose sidecar counts for its tasks too.
        as_one_job: Whether Azure ML runs all nodes as one job, and so decides on their order. The nodes of `job` need
            not be among the tasks then.

    Raises:
        SpecError: Something of it cannot be used; with file and line where it stands in a file.

    Example:
        >>> settings = settings_of(None, {"train": "command"}, {"*": {"retries": 2}, "train": {"pool": "gpu"}})
        >>> settings.for_task("train")
        {'retries': 2, 'pool': 'gpu'}
    """
    places = _places(file, task_overrides, after, job, names_of_job=not as_one_job)
    if not places:
        return TaskSettings()
    tasks = {**(beside or {}), **kinds}
    wrong = [problem for place in places for problem in place.wrong(tasks, kinds, as_one_job=as_one_job)]
    if wrong:
        raise SpecError(list(dict.fromkeys(wrong)))
    rules, dag = _made(places, tasks)
    of_tasks: dict[str, list[_Rule]] = {name: [] for name in tasks}
    for rule in rules:
        for name in overrides.meant(rule.key, tasks):
            of_tasks[name].append(rule)
    order = overrides.order([place.source for place in places], kinds, upstream or {})
    return TaskSettings(order, dag, rules, of_tasks)


@contextmanager
def refusals_of_airflow(file: Path) -> Iterator[None]:
    """Make what Airflow refuses a problem of the sidecars of a file, where there are any.

    Args:
        file: The file that a DAG is made of.

    Raises:
        SpecError: Airflow refuses what comes of the file, with its sidecars.
    """
    try:
        yield
    except (AirflowException, TypeError, ValueError) as error:
        told = [path for path in sidecars.sidecars_of(file) if path]
        if not told:
            raise
        reason = f"Airflow refuses the DAG that comes of this: {error}"
        raise SpecError([Problem(str(path), 0, 0, "", reason) for path in told]) from error


def settings_of_dag(file: Path) -> TaskSettings:
    """What sidecars tell the DAG of an AML file, and any task of it; nodes are looked at elsewhere.

    Args:
        file: The file.

    Raises:
        SpecError: A sidecar cannot be used, whatever the nodes are.
    """
    places = _places(file, None, None, None, names_of_job=False)
    wrong = [problem for place in places for problem in place.problems]
    if wrong:
        raise SpecError(wrong)
    rules, dag = _made(places, {})
    return TaskSettings(dag=dag, _rules=rules)


def _made(places: Sequence[_Place], kinds: Mapping[str, str]) -> tuple[list[_Rule], dict[str, Any]]:
    """What is said of tasks, and of the DAG, as Airflow takes it; what counts more comes later.

    Raises:
        SpecError: Something leads to nothing, e.g. the name of a callback; with all of that.
    """
    rules: list[_Rule] = []
    dag: dict[str, Any] = {}
    wrong: list[Problem] = []
    for place in places:
        given = mapping(place.source.value.get(overrides.OVERRIDES))
        for key in sorted(given, key=lambda key: overrides.rank(key, kinds)):
            try:
                rules.append(_Rule(key, of_task(place.source, (overrides.OVERRIDES, key)), place.source))
            except SpecError as error:
                wrong += error.problems
        try:
            dag = _over(dag, of_dag(place.source) if place.tells_dag else {})
        except SpecError as error:
            wrong += error.problems
    if wrong:
        raise SpecError(wrong)
    return rules, dag


@dataclass(frozen=True)
class _Place:
    """Where something was said.

    Args:
        source: What was said.
        problems: What is wrong with it, whatever it was said of.
        knows_names: Whether the nodes that it names must be there.
        tells_dag: Whether it tells something of the DAG too.
    """

    source: Source
    problems: Sequence[Problem]
    knows_names: bool = True
    tells_dag: bool = True

    def wrong(self, tasks: Mapping[str, str], nodes: Mapping[str, str], *, as_one_job: bool) -> Iterator[Problem]:
        """All that is wrong with it, for such tasks, of which some are those of nodes."""
        yield from self.problems
        yield from overrides.wrong_tasks(self.source, tasks, of_many=not self.knows_names)
        if not as_one_job:
            yield from overrides.wrong_order(self.source, nodes)
            return
        for key in mapping(self.source.value.get(overrides.AFTER)):
            yield self.source.problem((overrides.AFTER, key), _ONE_JOB, at_key=True)


def _places(
    file: Path | None,
    task_overrides: Mapping[str, Mapping[str, Any]] | None,
    after: Mapping[str, str | Sequence[str]] | None,
    job: Path | None,
    *,
    names_of_job: bool,
) -> list[_Place]:
    """Where something was said of the tasks of a file; what counts more comes later."""
    found: list[_Place] = []
    folder, own = sidecars.sidecars_of(file) if file else (None, None)
    of_job = sidecars.sidecars_of(job).own if job else None
    if folder:
        found.append(_Place(*sidecars.read(folder), knows_names=False))
    if of_job:
        found.append(_Place(*sidecars.read(of_job), knows_names=names_of_job, tells_dag=False))
    if own:
        found.append(_Place(*sidecars.read(own)))
    if task_overrides or after:
        found.append(_of_arguments(task_overrides or {}, after or {}))
    return found


def _over(under: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of a DAG over others."""
    made = {**under, **given}
    if _DEFAULT_ARGS in under and _DEFAULT_ARGS in given:
        made[_DEFAULT_ARGS] = {**under[_DEFAULT_ARGS], **given[_DEFAULT_ARGS]}
    if _TAGS in made:
        made[_TAGS] = sorted({*under.get(_TAGS, ()), *given.get(_TAGS, ())})
    return made


def _of_arguments(task_overrides: Mapping[str, Any], after: Mapping[str, Any]) -> _Place:
    """What was said in Python, as if it stood in a sidecar."""
    said: dict[str, Any] = {overrides.OVERRIDES: task_overrides, overrides.AFTER: after}
    made = {name: _plain(given) for name, given in said.items() if isinstance(given, Mapping)}
    place = Source({overrides.OVERRIDES: {}, overrides.AFTER: {}, **made}, Path(), marks=Marks(_ARGUMENTS))
    none = [
        place.problem((name,), f"is {given!r:.80}; it must be a mapping")
        for name, given in said.items()
        if name not in made
    ]
    return _Place(place, [*none, *_wrong_overrides(place), *_wrong_after(place)])


def _plain(given: Mapping[Any, Any]) -> dict[str, Any]:
    """A mapping as a file would hold it."""
    return {str(key): dict(value) if isinstance(value, Mapping) else value for key, value in given.items()}


def _wrong_overrides(place: Source) -> Iterator[Problem]:
    known = sidecars.keys_of_tasks() | arguments_of(BaseOperator)
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
