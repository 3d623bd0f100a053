"""A pipeline as a graph: which nodes wait for which, and whether all of it can run."""

from __future__ import annotations

import json
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.pipelines.decisions import BLOCKS, IF_ELSE, block, led
from airflow_provider_azml.emulator.pipelines.nodes import PipelineError, component_spec, is_on, nodes_of
from airflow_provider_azml.spec import bindings
from airflow_provider_azml.spec.bindings import Binding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_azml.emulator.pipelines.nodes import Find, Node
    from airflow_provider_azml.rest.flows import Json

RUNNABLE = ("automl", "command", "parallel", "pipeline", "spark", "sweep")
REPEATING = ("condition", "do_while", "parallel_for")
CONTROL_FLOW = (IF_ELSE, *REPEATING)
ENDS = ("on_init", "on_finalize")
"""Settings that name the node which runs before, and after, all others."""
_DEEPEST = 20
_MOST_NODES = 10_000


def order_of(nodes: Mapping[str, Node], first: str = "") -> TopologicalSorter[str]:
    """The order in which nodes may run: they wait for what they take from each other, and for what decides on them.

    Args:
        nodes: The nodes, by name.
        first: The one that all others wait for, if there is one.

    Raises:
        PipelineError: They wait for each other.
    """
    waits = {key: {target.node for target in _references(node) if target.node} for key, node in nodes.items()}
    for key, node in nodes.items():
        for other in led(node):
            waits[other].add(key)
    if first:
        waits |= {key: {*others, first} for key, others in waits.items() if key != first}
    order = TopologicalSorter(waits)
    try:
        order.prepare()
    except CycleError as error:
        raise PipelineError(f"its jobs wait for each other: {' -> '.join(error.args[1])}", "jobs") from error
    return order


def check(properties: Json, find: Find, depth: int = 0) -> int:
    """Check that a pipeline can run, with the pipelines that are its nodes.

    Args:
        properties: ``properties`` of the pipeline job, or the specification of a pipeline component.
        find: Finds components.
        depth: How many pipelines this one is nested in.

    Returns:
        How many nodes it has in all.

    Raises:
        PipelineError: It cannot.
    """
    nodes = nodes_of(properties, find)
    if not nodes:
        raise PipelineError("it has no jobs", "jobs")
    if depth > _DEEPEST:
        raise PipelineError("its components are nested in each other without end", "jobs")
    known = {**(component_spec(properties, find).get("inputs") or {}), **(properties.get("inputs") or {})}
    count = len(nodes)
    for key, node in nodes.items():
        _check_kind(node)
        for target in _references(node):
            _check_reference(key, target, nodes, known)
        for other in led(node):
            _check_reference(key, Binding("", "", other), nodes, known)
        _check_inputs(node)
        if node.kind == "pipeline":
            try:
                count += check(node.spec, find, depth + 1)
            except PipelineError as error:
                raise PipelineError(f"in its job '{key}', {error}", f"jobs.{key}") from error
        if count > _MOST_NODES:
            raise PipelineError(
                f"it has more than {_MOST_NODES} jobs in all, which is the emulator's own limit", "jobs"
            )
    _check_ends(nodes, properties.get("settings") or {})
    order_of(nodes)
    return count


def _check_ends(nodes: Mapping[str, Node], settings: Json) -> None:
    """Check the nodes that are to run before and after all others.

    Source: azure-ai-ml 1.35.2, ``set_pipeline_settings``: they "should not have data connections to regular nodes".
    """
    for name in ENDS:
        key = str(settings.get(name) or "")
        if key and key not in nodes:
            raise PipelineError(f"its {name} '{key}' is none of its jobs ({_listed(nodes)})", f"settings.{name}")
        tied = {other for other, node in nodes.items() for target in _references(node) if target.node == key}
        if key and (tied or any(target.node for target in _references(nodes[key]))):
            raise PipelineError(f"its {name} job '{key}' takes something from others, or they from it", f"jobs.{key}")


def _check_kind(node: Node) -> None:
    if node.kind == IF_ELSE:
        _check_decision(node)
        return
    if node.kind in REPEATING:
        reason = f"is of type '{node.kind}': the emulator does not repeat; run it on Azure ML"
    elif node.kind not in RUNNABLE:
        reason = f"is of type '{node.kind}'; the emulator runs {', '.join(RUNNABLE)}"
    elif not node.spec and node.kind != "automl":
        reason = "names no component"
    elif node.given.get("partition_keys") or node.spec.get("partition_keys"):
        reason = "has partition_keys; the emulator runs parallel jobs over files alone"
    else:
        return
    raise PipelineError(f"its job '{node.key}' {reason}", f"jobs.{node.key}")


def _check_decision(node: Node) -> None:
    """Check that a node that decides can.

    Source: azure-ai-ml 1.35.2, ``ConditionNodeSchema.simplify_blocks`` and ``ConditionNode._validate_params``.
    """
    both = set(block(node, BLOCKS[0])) & set(block(node, BLOCKS[1]))
    if not isinstance(node.given.get("condition"), (str, bool)):
        reason = "has no condition"
    elif not led(node):
        reason = "names no node in true_block or false_block"
    elif both:
        reason = f"names '{min(both)}' in both blocks"
    else:
        return
    raise PipelineError(f"its job '{node.key}' {reason}", f"jobs.{node.key}")


def _check_reference(key: str, target: Binding, nodes: Mapping[str, Node], inputs: Mapping[str, object]) -> None:
    if target.node is None:
        # an output may be declared by being bound to, and of a component's optional input nobody need know
        if target.place == "outputs" or target.name in inputs:
            return
        reason = f"the pipeline's input '{target.name}' ({_listed(inputs)})"
    elif target.node not in nodes:
        reason = f"'{target.node}', which is none of its jobs ({_listed(nodes)})"
    else:
        node = nodes[target.node]
        ports = {**(node.spec.get(target.place) or {}), **(node.given.get(target.place) or {})}
        if target.name in ports or target.place not in ("inputs", "outputs"):
            return
        reason = f"'{target.name}', which is none of the {target.place} of '{target.node}' ({_listed(ports)})"
    raise PipelineError(f"its job '{key}' refers to {reason}", f"jobs.{key}")


def _check_inputs(node: Node) -> None:
    """Check that all that a component needs is given."""
    given: Json = node.given.get("inputs") or {}
    for name, declared in node.inputs.items():
        if name not in given and declared.get("default") is None and not is_on(declared.get("optional")):
            target = f"jobs.{node.key}.inputs"
            raise PipelineError(f"its job '{node.key}' lacks the required input '{name}'", target)


def _references(node: Node) -> Iterator[Binding]:
    given = node.given.get("condition") if node.kind == IF_ELSE else node.given
    return bindings.found(json.dumps(given, ensure_ascii=False))


def _listed(names: Iterable[str]) -> str:
    return f"it has: {', '.join(names) or 'none'}"
