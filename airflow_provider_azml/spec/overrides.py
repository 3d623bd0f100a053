"""Which tasks of a pipeline the keys of ``task_overrides`` and of ``after`` mean, and in which order those count.

A key is ``*`` for all tasks, ``kind:`` and a type of nodes, a pattern such as ``train_*``, the name of a pipeline
component for all tasks in it, or the name of a node, after those around it with dots: ``train_group.fit``. In a pattern
``*``, ``?`` and ``[...]`` stand for any characters, dots too; one that a pipeline component looks like means all in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import control_flow
from airflow_provider_azml.spec.places import closest
from airflow_provider_azml.spec.rules import mapping

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.pipeline_plans import NodePath, PlannedNode, PlannedPipeline
    from airflow_provider_azml.spec.source import Source

ALL = "*"
KIND = "kind:"
OVERRIDES = "task_overrides"
AFTER = "after"
KINDS = (
    "command",
    "sweep",
    "parallel",
    "spark",
    "automl",
    "pipeline",
    "data_transfer",
    "if_else",
    "parallel_for",
    "do_while",
    "databricks",
    "azure_batch",
    "data_transfer_v1",
)
"""The types of nodes."""
_MOST_LISTED = 20


def kinds_of(plan: PlannedPipeline) -> dict[str, str]:
    """The nodes of a pipeline, by their names with dots: their types.

    Args:
        plan: The pipeline.
    """
    return {node.dotted: node.type for node in plan.leaves.values()}


def upstream_of(plan: PlannedPipeline) -> dict[str, list[str]]:
    """The nodes of a pipeline, by their names with dots: those that run before them whatever ``after`` says.

    Args:
        plan: The pipeline.
    """
    found: dict[str, list[str]] = {}
    for before, node in plan.edges:
        # a loop ends when what it runs has ended, and who waits for a loop waits for its end
        first, second = (node, before) if _runs(plan.leaves[before], node) else (before, node)
        found.setdefault(".".join(second), []).append(".".join(first))
    return found


def _runs(loop: PlannedNode, node: NodePath) -> bool:
    """Whether a node is a loop that runs another."""
    body = control_flow.body(loop.source) if control_flow.is_control_flow(loop.source) else None
    return body is not None and node[: len(loop.path)] == (*loop.path[:-1], body)


class Rank(NamedTuple):
    """How much a key counts: a later kind of key more, of pipeline components the inner one."""

    word: int
    depth: int = 0


def rank(key: str, kinds: Mapping[str, str]) -> Rank:
    """How much a key counts among those of one place.

    Args:
        key: The key.
        kinds: Name of a task -> type of its node.
    """
    if key == ALL:
        return Rank(0)
    if key.startswith(KIND):
        return Rank(1)
    if is_pattern(key):
        return Rank(2)
    return Rank(4) if key in kinds else Rank(3, key.count("."))


def is_pattern(key: str) -> bool:
    """Whether a key stands for all names that look like it."""
    return any(sign in key for sign in "*?[")


def meant(key: str, kinds: Mapping[str, str]) -> list[str]:
    """The tasks that a key means, in their order.

    Args:
        key: The key.
        kinds: Name of a task -> type of its node.

    Example:
        >>> meant("kind:sweep", {"prep": "command", "train.tune": "sweep"})
        ['train.tune']
    """
    if key == ALL:
        return list(kinds)
    if key.startswith(KIND):
        return [name for name, kind in kinds.items() if kind == key.removeprefix(KIND)]
    if key in kinds:
        return [key]
    if is_pattern(key):
        return [name for name in kinds if any(fnmatchcase(one, key) for one in (name, *_around(name)))]
    return [name for name in kinds if name.startswith(f"{key}.")]


def wrong_tasks(source: Source, kinds: Mapping[str, str], *, of_many: bool = False) -> Iterator[Problem]:
    """What is wrong with the keys of ``task_overrides``.

    Args:
        source: What was said.
        kinds: Name of a task -> type of its node.
        of_many: Whether it was said of more than this pipeline, so that a node need not be there.
    """
    for key in mapping(source.value.get(OVERRIDES)):
        reason = _unknown(key, kinds, of_many=of_many)
        if reason:
            yield source.problem((OVERRIDES, key), reason, at_key=True)


def wrong_order(source: Source, kinds: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with the names in ``after``.

    Args:
        source: What was said.
        kinds: Name of a task -> type of its node.
    """
    for key, before in mapping(source.value.get(AFTER)).items():
        reason = _unknown(key, kinds)
        if reason:
            yield source.problem((AFTER, key), reason, at_key=True)
        for path, name in _listed(key, before):
            reason = _unknown(name, kinds)
            if reason:
                yield source.problem(path, f"{name!r:.80}: {reason}")
            elif name == key:
                yield source.problem(path, "is to run after itself")


def _unknown(key: str, kinds: Mapping[str, str], *, of_many: bool = False) -> str:
    """Why a key means nothing, if it does not."""
    if key.startswith(KIND):
        kind, known = key.removeprefix(KIND), dict.fromkeys((*KINDS, *filter(None, kinds.values())))
        if kind in known:
            return ""
        return f"there are no nodes of type {kind!r:.80}; {_meant_or_known(kind, known, KIND)}"
    if of_many or key == ALL or meant(key, kinds):
        return ""
    known = dict.fromkeys((*kinds, *(around for name in kinds for around in _around(name))))
    return f"there is no such node; {_meant_or_known(key, known)}"


def _around(name: str) -> list[str]:
    """The pipeline components that a task is in, from the outside in."""
    parts = name.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


def _meant_or_known(key: str, known: Collection[str], before: str = "") -> str:
    inside = [name for name in known if name.rpartition(".")[2] == key]
    close = inside[0] if inside else closest(key, known)
    if close:
        return f"did you mean {before + close!r}?"
    names = list(known)
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"there are {', '.join(names[:_MOST_LISTED])}{more}" if names else "there are none"


def _listed(key: str, before: object) -> Iterator[tuple[Path, str]]:
    """The names that stand in one entry of ``after``, each with its place."""
    if isinstance(before, str):
        yield (AFTER, key), before
    elif isinstance(before, (list, tuple)):
        yield from (((AFTER, key, place), str(name)) for place, name in enumerate(before))


@dataclass(frozen=True)
class _Wish:
    """That a task is to run after another, and where that was said."""

    task: str
    before: str
    source: Source
    path: Path


def order(
    sources: Iterable[Source], kinds: Mapping[str, str], upstream: Mapping[str, Collection[str]]
) -> dict[str, tuple[str, ...]]:
    """The tasks that run before others because ``after`` says so: name of a task -> names of those before it.

    Args:
        sources: What was said, without problems.
        kinds: Name of a task -> type of its node.
        upstream: Name of a task -> names of those that it takes data of.

    Raises:
        SpecError: A task would have to wait for itself.
    """
    wishes = [wish for source in sources for wish in _wishes(source, kinds)]
    found: dict[str, dict[str, None]] = {}
    for wish in wishes:
        found.setdefault(wish.task, {})[wish.before] = None
    if wishes:
        _refuse_circles(wishes, upstream)
    return {name: tuple(found[name]) for name in kinds if name in found}


def _wishes(source: Source, kinds: Mapping[str, str]) -> Iterator[_Wish]:
    for key, before in mapping(source.value.get(AFTER)).items():
        for path, name in _listed(key, before):
            first = meant(name, kinds)
            for task in meant(key, kinds):
                yield from (_Wish(task, one, source, path) for one in first if one != task)


def _refuse_circles(wishes: Sequence[_Wish], upstream: Mapping[str, Collection[str]]) -> None:
    sorter: TopologicalSorter[str] = TopologicalSorter(upstream)
    for wish in wishes:
        sorter.add(wish.task, wish.before)
    try:
        sorter.prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        steps = set(pairwise(circle))
        at_fault = [wish for wish in wishes if (wish.before, wish.task) in steps]
        if not at_fault:  # of the data alone, which the pipeline's own check tells
            return
        reason = f"makes a circle, of which each runs before the next: {' -> '.join(circle)}"
        raise SpecError([wish.source.problem(wish.path, reason) for wish in at_fault]) from error
