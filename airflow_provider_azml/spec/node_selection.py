"""Which nodes of a pipeline a run is to run: chosen by names and patterns when it is triggered."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, TypeAlias

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec.places import closest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from airflow_provider_azml.spec.pipeline_plans import Edge, NodePath, PlannedPipeline

ONLY, SKIP, FORCE_RERUN = "azml_only", "azml_skip", "azml_force_rerun"
"""Params of a run: the nodes that run, if not all; those that do not; those that run whatever AML could reuse."""

Fate: TypeAlias = Literal["run", "reuse", "pass", "skip"]
"""What becomes of a node: it runs; it is left out, and one that runs takes its outputs; it is left out and nothing is
taken from it, but one that runs comes after it; or it is left out and nothing that runs comes after it."""

_GRAPH = "+"
_MOST_SHOWN = 20


@dataclass(frozen=True)
class Selection:
    """What becomes of each node of a pipeline.

    Args:
        run: Nodes that run.
        reused: Nodes that are left out, and whose outputs nodes take that run.
        passed: Other nodes that are left out, and after which nodes come that run.
        skipped: Nodes that are left out, with all that comes after them.
        forced: Nodes that run even if AML has done the same before.
    """

    run: frozenset[NodePath]
    reused: frozenset[NodePath] = frozenset()
    passed: frozenset[NodePath] = frozenset()
    skipped: frozenset[NodePath] = frozenset()
    forced: frozenset[NodePath] = frozenset()

    @property
    def left_out(self) -> frozenset[NodePath]:
        """Nodes that do not run."""
        return self.reused | self.passed | self.skipped

    def of(self, node: NodePath) -> Fate:
        """What becomes of a node."""
        if node in self.reused:
            return "reuse"
        if node in self.passed:
            return "pass"
        return "skip" if node in self.skipped else "run"


def selected(
    plan: PlannedPipeline, params: Mapping[str, object], after: Iterable[Edge] = (), elsewhere: Iterable[NodePath] = ()
) -> Selection:
    """What becomes of the nodes of a pipeline in a run with these params.

    Args:
        plan: The pipeline.
        params: Params of the run; ``azml_only``, ``azml_skip`` and ``azml_force_rerun`` are looked at.
        after: More edges, that order nodes which share no data.
        elsewhere: Nodes of other pipelines in the same DAG, for which the same params count.

    Raises:
        SpecError: A selector names no node, or nothing is left to run.
    """
    taken = [(before, node.path) for node in plan.leaves.values() for before in node.upstream]
    return chosen(
        plan.leaves,
        taken,
        order=[*plan.edges, *after],
        only=listed(params.get(ONLY)),
        skip=listed(params.get(SKIP)),
        force=listed(params.get(FORCE_RERUN)),
        elsewhere=elsewhere,
    )


def chosen(
    nodes: Collection[NodePath],
    taken: Iterable[Edge],
    *,
    order: Iterable[Edge] = (),
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
    force: Iterable[str] = (),
    elsewhere: Iterable[NodePath] = (),
) -> Selection:
    """What becomes of nodes.

    A selector is a node's name, with dots from the outermost pipeline inwards; ``*``, ``?`` and ``[...]`` stand for
    parts of it. The name of a nested pipeline stands for all its nodes. ``+`` in front adds all nodes before those that
    are selected, ``+`` behind all that come after them.

    Args:
        nodes: The nodes that run something, in the order of the file.
        taken: Pairs of a node and one that takes what it makes.
        order: More pairs of a node and one that comes after it.
        only: Selectors of the nodes that run; all run when there is none.
        skip: Selectors of nodes that do not run.
        force: Selectors of nodes that AML is to run again in any case, if they run.
        elsewhere: Nodes of other pipelines that may be meant as well.

    Raises:
        SpecError: A selector names no node, or nothing is left to run anywhere.

    Example:
        >>> chosen([("prep",), ("train",), ("score",)], [(("prep",), ("train",))], only=["tr*"])
        Selection(run=frozenset({('train',)}), reused=frozenset({('prep',)}), passed=frozenset(), ...)
    """
    taken = list(taken)
    graph = _Graph(nodes, [*taken, *order])
    others = _Graph(set(elsewhere) - set(nodes), ())
    wanted, unwanted, forced = (list(selectors) for selectors in (only, skip, force))
    problems = [
        Problem("<params>", 0, 0, param, _unknown(selector, nodes))
        for param, selectors in ((ONLY, wanted), (SKIP, unwanted), (FORCE_RERUN, forced))
        for selector in selectors
        if not graph.matching(selector) and not others.matching(selector)
    ]
    if problems:
        raise SpecError(problems)
    run = (graph.all_of(wanted) if wanted else frozenset(nodes)) - graph.all_of(unwanted)
    if nodes and not run and not others.nodes:
        raise SpecError([Problem("<params>", 0, 0, SKIP, f"{', '.join(unwanted)} leaves nothing to run")])
    left_out = frozenset(nodes) - run
    before = graph.before(run) - run
    reused = frozenset(one for one, other in taken if one in left_out and other in run)
    return Selection(run, reused, before - reused, left_out - before, graph.all_of(forced) & run)


def listed(value: object) -> list[str]:
    """The selectors that a param holds: a list, or a text with commas between them.

    Example:
        >>> listed("prep, train+")
        ['prep', 'train+']
    """
    if value is None:
        return []
    texts = value.split(",") if isinstance(value, str) else [str(one) for one in _members(value)]
    return [text.strip() for text in texts if text.strip()]


def _members(value: object) -> Iterator[object]:
    if isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    else:
        yield value


def _unknown(selector: str, nodes: Collection[NodePath]) -> str:
    """Why a selector cannot be meant."""
    name = selector.strip(_GRAPH)
    known = [".".join(node) for node in nodes]
    groups = {".".join(node[:depth]) for node in nodes for depth in range(1, len(node))}
    by_last = [dotted for dotted in known if dotted.rpartition(".")[2] == name]
    close = by_last[0] if len(by_last) == 1 else closest(name, [*known, *sorted(groups)])
    if close:
        return f"{name!r} is no node of the pipeline; did you mean {close!r}?"
    shown = ", ".join(known[:_MOST_SHOWN]) + (", ..." if len(known) > _MOST_SHOWN else "")
    return f"{name!r} is no node of the pipeline, which has {shown or 'none'}"


class _Graph:
    """The nodes of a pipeline, and what comes before and after them.

    Args:
        nodes: The nodes.
        edges: Pairs of a node and one that comes after it.
    """

    def __init__(self, nodes: Collection[NodePath], edges: Iterable[Edge]) -> None:
        self.nodes = nodes
        self._before: dict[NodePath, set[NodePath]] = {}
        self._after: dict[NodePath, set[NodePath]] = {}
        for one, other in edges:
            self._before.setdefault(other, set()).add(one)
            self._after.setdefault(one, set()).add(other)

    def all_of(self, selectors: Iterable[str]) -> frozenset[NodePath]:
        """The nodes that selectors stand for."""
        return frozenset().union(*(self._selected(selector) for selector in selectors))

    def matching(self, selector: str) -> frozenset[NodePath]:
        """The nodes that a selector names, by their own names or by those of the pipelines around them."""
        pattern = selector.strip(_GRAPH).strip()
        return frozenset(
            node
            for node in self.nodes
            if any(fnmatchcase(".".join(node[:depth]), pattern) for depth in range(1, len(node) + 1))
        )

    def before(self, nodes: Iterable[NodePath]) -> frozenset[NodePath]:
        """All that comes before nodes, with them."""
        return _reached(nodes, self._before)

    def _selected(self, selector: str) -> frozenset[NodePath]:
        named = self.matching(selector)
        found = named
        if selector.startswith(_GRAPH):
            found |= self.before(named)
        if selector.endswith(_GRAPH):
            found |= _reached(named, self._after)
        return found


def _reached(start: Iterable[NodePath], edges: Mapping[NodePath, set[NodePath]]) -> frozenset[NodePath]:
    found = set(start)
    waiting = list(found)
    while waiting:
        more = edges.get(waiting.pop(), set()) - found
        found |= more
        waiting += more
    return frozenset(found)
