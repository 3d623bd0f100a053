"""What is wrong with a pipeline as a whole: references that lead nowhere, circles, nodes that nothing can run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import (
    bindings,
    component_io,
    control_flow,
    node_components,
    node_problems,
    pipeline_nodes,
    places,
)
from airflow_provider_azml.spec.pipeline_graph import Graph, inputs_of, is_optional
from airflow_provider_azml.spec.pipeline_nodes import AUTOML, PIPELINE
from airflow_provider_azml.spec.rules import mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.bindings import Binding
    from airflow_provider_azml.spec.source import Source


_NO_REFERENCES = frozenset({"component", "trial", *control_flow.LEADING})
"""Keys of nodes under which nothing is taken from others: components refer to their own."""


def of_nodes(graph: Graph) -> Iterator[Problem]:
    """What is wrong with the nodes of a pipeline and with how they are joined."""
    for name, node in graph.nodes.items():
        yield from node_problems.problems(graph, name, of_component)
        own = {key: item for key, item in node.value.items() if key not in _NO_REFERENCES}
        for path, text in bindings.texts(own):
            if bindings.is_old(text) and path[0] in {"inputs", "outputs"}:
                wanted = text.replace("${{", "${{parent.", 1)
                yield node.problem(path, f"is in a form that the service no longer takes; write {wanted}")
            for target in dict.fromkeys(bindings.found(text)):
                reason = _unknown(graph, target)
                if reason:
                    yield node.problem(path, reason)
    yield from _circles(graph)


def of_component(source: Source) -> Iterator[Problem]:
    """What is wrong with a pipeline component besides what its schema says."""
    graph = Graph.of(source)
    yield from component_io.problems(source)
    yield from of_nodes(graph)
    yield from _optional_but_needed(graph)


def without_compute(pipeline: Source, seen: set[Path | None] | None = None) -> Iterator[Problem]:
    """The nodes, nested ones too, that have no compute in a pipeline that has none for them.

    Args:
        pipeline: The pipeline.
        seen: The files that were looked at already.
    """
    graph, seen = Graph.of(pipeline), seen if seen is not None else set()
    for name, node in graph.nodes.items():
        component = graph.components[name]
        if pipeline_nodes.type_of(node) == PIPELINE:
            if component and component.file not in seen:
                seen.add(component.file)
                yield from without_compute(component, seen)
        elif not node.value.get("compute") and not _needs_no_compute(node):
            reason = "'compute' is missing; give the node one, or the pipeline settings.default_compute"
            yield node.problem((), reason, at_key=True)


def needed_inputs(component: Source) -> Iterator[str]:
    """The inputs that nodes of a pipeline component use and whoever runs it must give."""
    jobs = mapping(component.value.get("jobs"))
    used = {target.name for _, text in bindings.texts(jobs) for target in bindings.found(text) if target.node is None}
    for name, declared in inputs_of(component).items():
        if name in used and node_problems.is_needed(declared):
            yield name


def _needs_no_compute(node: Source) -> bool:
    if control_flow.is_control_flow(node):
        return True
    return pipeline_nodes.type_of(node) == "spark" and node.value.get("resources") is not None


def _unknown(graph: Graph, target: Binding) -> str | None:
    """Why a reference leads nowhere, if it does."""
    known: Mapping[str, Any]
    if target.node is None:
        known = mapping(graph.source.value.get(target.place))
        whose = "the pipeline"
        written = f"parent.{target.place}.{target.name}"
    elif target.node not in graph.nodes:
        return f"${{{{parent.jobs.{target.node}...}}}} is none of the nodes{_meant(target.node, graph.nodes)}"
    else:
        ports = _ports(graph, target)
        if ports is None:
            return None
        known, whose = ports, f"node {target.node!r}"
        written = f"parent.jobs.{target.node}.{target.place}.{target.name}"
    if target.name in known or target.name.partition(".")[0] in known:
        return None
    return f"${{{{{written}}}}} is not among the {target.place or 'outputs'} of {whose}{_meant(target.name, known)}"


def _ports(graph: Graph, target: Binding) -> Mapping[str, Any] | None:
    """The inputs or outputs that a node has; ``None`` where only the service knows."""
    node = graph.nodes[str(target.node)]
    if control_flow.is_control_flow(node):
        return _ports_of_control(graph, node, target)
    component = graph.components[str(target.node)]
    if component is not None:
        return mapping(component.value.get(target.place))
    if node_components.key_of(node) in node.value or pipeline_nodes.type_of(node) == AUTOML:
        return None
    return mapping(node.value.get(target.place))


def _ports_of_control(graph: Graph, node: Source, target: Binding) -> Mapping[str, Any] | None:
    """What a loop over items gathers of its body; nothing else of this sort writes anything."""
    run = control_flow.body(node) or ""
    if pipeline_nodes.type_of(node) != control_flow.PARALLEL_FOR or target.place != "outputs":
        return {}
    return _ports(graph, replace(target, node=run)) if run in graph.nodes and graph.nodes[run] is not node else None


def _meant(name: str, known: Iterable[str]) -> str:
    """The name that was meant, or else those that there are."""
    names = [*map(str, known)]
    close = places.closest(name, names)
    return f"; did you mean {close!r}?" if close else f" ({', '.join(names) or 'none'})"


def _circles(graph: Graph) -> Iterator[Problem]:
    """Nodes that wait for each other; each circle is told once, at its first node."""
    waits = {
        name: [
            str(target.node)
            for _, text in bindings.texts(_taking(node))
            for target in bindings.found(text)
            if target.node in graph.nodes and target.place == "outputs"
        ]
        for name, node in graph.nodes.items()
    }
    for name, node in graph.nodes.items():
        for run in control_flow.led(node):
            waits.get(run, []).append(name)
    for way in _all_circles(waits):
        first = min(way[:-1], key=list(waits).index)
        yield graph.source.problem(("jobs", first), f"the nodes wait for each other: {' -> '.join(way)}", at_key=True)
    yield from _circles_of_inputs(graph)


def _circles_of_inputs(graph: Graph) -> Iterator[Problem]:
    """Inputs of nodes that are given by each other, so that nothing gives them a value."""
    places: dict[str, tuple[str, str]] = {}
    given: dict[str, list[str]] = {}
    for name, node in graph.nodes.items():
        for port, value in mapping(node.value.get("inputs")).items():
            found = (target for _, text in bindings.texts(value) for target in bindings.found(text))
            places[f"{name}.{port}"] = (name, str(port))
            given[f"{name}.{port}"] = [f"{one.node}.{one.name}" for one in found if one.node and one.place == "inputs"]
    known = {key: [one for one in others if one in given] for key, others in given.items()}
    for way in _all_circles(known):
        node_name, port = places[way[0]]
        reason = f"the inputs are given by each other: {' -> '.join(way)}"
        yield graph.source.problem(("jobs", node_name, "inputs", port), reason, at_key=True)


def _all_circles(edges: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """Each circle once, the first of it last again."""
    done: set[str] = set()
    for name in edges:
        way = _circle_from(name, edges, done)
        if way:
            yield way


def _taking(node: Source) -> Any:
    """The part of a node in which it takes from others."""
    if not control_flow.is_control_flow(node):
        return node.value.get("inputs")
    # whether a body runs again is its own saying
    keys = ("items",) if pipeline_nodes.type_of(node) == control_flow.DO_WHILE else ("condition", "items")
    return {key: node.value.get(key) for key in keys}


def _circle_from(start: str, waits: Mapping[str, list[str]], done: set[str]) -> list[str]:
    """A circle that can be reached from a node and was not seen yet, first node last again; empty if there is none."""
    way, left = [start], [iter(waits[start])] if start not in done else []
    on_way = {start}
    while left:
        following = next(left[-1], None)
        if following is None:
            left.pop()
            on_way.discard(way[-1])
            done.add(way.pop())
        elif following in on_way:
            done.update(way)
            return [*way[way.index(following) :], following]
        elif following not in done:
            way.append(following)
            on_way.add(following)
            left.append(iter(waits[following]))
    return []


def _optional_but_needed(graph: Graph) -> Iterator[Problem]:
    """Inputs of a pipeline that may be left out, and that a node hands on to a component which needs them."""
    declared = mapping(graph.source.value.get("inputs"))
    optional = {name for name, value in declared.items() if is_optional(value)}
    for name, node in graph.nodes.items():
        component = graph.components[name]
        for port, value in mapping(node.value.get("inputs")).items() if component and optional else ():
            given = value.get("path") if isinstance(value, dict) else value
            target = next(bindings.found(str(given)), None) if bindings.is_whole(given) else None
            taken = mapping(inputs_of(component).get(port)) if component else {}
            if not target or target.node or target.name not in optional or not taken:
                continue
            if not is_optional(taken):
                reason = f"{target.name!r} may be left out of the pipeline, but the component needs {port!r}"
                yield node.problem(("inputs", port), reason)
