"""What is wrong with nodes that decide which others run, besides what their schema says.

Source: azure-ai-ml 1.35.2, ``_validate`` of ``ConditionNode``, ``ParallelFor`` and ``DoWhile``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import bindings, control_flow, job_io, node_components, places, references, schema_files
from airflow_provider_azml.spec.component_io import VALUE_TYPES
from airflow_provider_azml.spec.control_flow import IF_ELSE, PARALLEL_FOR
from airflow_provider_azml.spec.pipeline_graph import inputs_of
from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.pipeline_graph import Graph
    from airflow_provider_azml.spec.source import Source

_PREVIEW = (
    "is a private preview of Azure ML: azure-ai-ml takes it where AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED is true, "
    "and the service may refuse it"
)
_BODIES = ("command", "pipeline")
"""Types of nodes that loops run."""
_NO_JSON = "is neither JSON nor a reference such as ${{parent.inputs.<name>}}"


def problems(graph: Graph, name: str) -> Iterator[Problem]:
    """What is wrong with a node of this sort.

    Args:
        graph: The pipeline.
        name: The node's name.
    """
    node = graph.nodes[name]
    kind = lower(node.value["type"])
    yield node.problem(("type",), _PREVIEW, severity="note")
    yield from _unknown_keys(node, kind)
    if kind == IF_ELSE:
        yield from _condition_problems(graph, node)
        yield from _block_problems(graph, node)
        return
    yield from _body_problems(graph, node, name)
    yield from _items_problems(graph, node) if kind == PARALLEL_FOR else _round_problems(graph, node)


def given_by_loop(graph: Graph, name: str) -> set[str] | None:
    """The inputs that a loop gives to the node that it runs; ``None`` where only the run tells.

    Args:
        graph: The pipeline.
        name: The node's name; a node that no loop runs gets nothing.
    """
    loop = graph.loops.get(name)
    if loop is None:
        return set()
    given = control_flow.items(loop) if lower(loop.value.get("type")) == PARALLEL_FOR else ""
    gives = {str(key) for _, one in control_flow.each(given) for key in mapping(one)}
    return None if isinstance(given, str) else gives


def _unknown_keys(node: Source, kind: str) -> Iterator[Problem]:
    known = schema_files.part("pipeline_nodes.schema.json", f"/$defs/{kind}_node")["properties"]
    for key in node.value:
        if key not in known:
            close = places.closest(key, known)
            hint = f"did you mean {close!r}?" if close else "not sent"
            yield node.problem((key,), f"unknown key; {hint}", at_key=True, severity="error" if close else "warning")


def _condition_problems(graph: Graph, node: Source) -> Iterator[Problem]:
    condition = node.value.get("condition")
    if not isinstance(condition, str) or not bindings.holds_any(condition):
        return
    if not bindings.is_whole(condition):
        yield node.problem(("condition",), "is text around a reference, which holds no truth value", severity="warning")
        return
    kind = graph.typed(condition)["type"]
    target = next(bindings.found(condition), None)
    if target is None or kind in VALUE_TYPES or _is_remote(graph, target.node):
        return
    reason = f"is data of type {kind}; a decision wants a value: an output of type boolean"
    # what is in a file can at least be read, where the pipeline runs as tasks
    yield node.problem(("condition",), reason, severity="note" if kind == "uri_file" else "warning")


def _is_remote(graph: Graph, name: str | None) -> bool:
    """Whether a node runs a component that only the service knows."""
    node = graph.nodes.get(name or "")
    return node is None or (graph.components[str(name)] is None and node_components.key_of(node) in node.value)


def _block_problems(graph: Graph, node: Source) -> Iterator[Problem]:
    given = {key: control_flow.block(node, key) for key in control_flow.BLOCKS}
    if not any(node.value.get(key) for key in control_flow.BLOCKS):
        yield node.problem((), "true_block or false_block must name a node", at_key=True)
    for key, written in ((key, node.value.get(key)) for key in control_flow.BLOCKS):
        for text in written if isinstance(written, list) else [written]:
            yield from _led_problems(graph, node, key, text)
        if len(set(given[key])) < len(given[key]):
            yield node.problem((key,), "names a node twice", severity="warning")
    both = [one for one in given["true_block"] if one in given["false_block"]]
    if both:
        yield node.problem(("false_block",), f"{both[0]!r} is in true_block too; a node belongs to one of them")


def _led_problems(graph: Graph, node: Source, key: str, text: object) -> Iterator[Problem]:
    """What is wrong with a text that names a node to run."""
    if not isinstance(text, str):
        return
    found = bindings.node(text)
    if found is None:
        target = next(bindings.found(text), None)
        if target and target.node:
            reason = f"names something of a node; write ${{{{parent.jobs.{target.node}}}}}"
            yield node.problem((key,), reason, severity="warning")
    elif found not in graph.nodes:
        known = ", ".join(graph.nodes)
        yield node.problem((key,), f"${{{{parent.jobs.{found}}}}} is none of the nodes ({known})")


def _body_problems(graph: Graph, node: Source, name: str) -> Iterator[Problem]:
    yield from _led_problems(graph, node, "body", node.value.get("body"))
    found = control_flow.body(node)
    run = graph.nodes.get(found or "")
    if run is None or found == name:
        return
    kind = lower(run.value.get("type") or "command")
    if kind not in _BODIES:
        yield node.problem(("body",), f"{found!r} is of type {kind}; a loop runs a command or a pipeline component")
    elif run.value.get("component") is None:
        reason = f"{found!r} must run a component; put its command into the file of one"
        yield node.problem(("body",), reason)
    first = graph.loops.get(found or "")
    if first is not None and first.place[-1] != name:
        yield node.problem(("body",), f"{found!r} is the body of {first.place[-1]!r} already")


def _items_problems(graph: Graph, node: Source) -> Iterator[Problem]:
    given = control_flow.items(node)
    if isinstance(given, str):
        if isinstance(node.value.get("items"), str) and not bindings.is_whole(given):
            yield node.problem(("items",), _NO_JSON)
        return
    if not given:
        yield node.problem(("items",), "must have at least one item")
    component = graph.components.get(control_flow.body(node) or "")
    known = inputs_of(component) if component else None
    first: set[str] | None = None
    for number, item in control_flow.each(given):
        path = ("items", number) if not isinstance(node.value["items"], str) else ("items",)
        if not isinstance(item, dict):
            yield node.problem(path, f"item {number} is {shown(item)}; it must be a mapping of inputs")
            continue
        first = set(item) if first is None else first
        if set(item) != first:
            yield node.problem(path, f"item {number} gives other inputs than the first ({', '.join(sorted(first))})")
        yield from _item_problems(node, path, item, known)


def _item_problems(
    node: Source, path: tuple[str | int, ...], item: Mapping[str, Any], known: Mapping[str, Any] | None
) -> Iterator[Problem]:
    for name, value in item.items():
        if known is not None and name not in known:
            listed = ", ".join(known) or "none"
            yield node.problem(path, f"{name!r} is no input of the body's component (it has {listed})")
        where = mapping(value).get("path")
        # what stands in the file itself, its schema has seen
        if isinstance(node.value["items"], str) and not _is_input(value):
            yield node.problem(path, f"{name!r} is {shown(value)}; it must be a value, or data with a path")
        elif isinstance(where, str) and not references.is_remote(where) and not references.is_registered(where):
            reason = f"{name!r} is local data, which a loop does not upload; register it, or upload it to a datastore"
            yield node.problem(path, reason)
        elif isinstance(where, str):
            alone = replace(node, value={"inputs": {name: value}})
            reasons = [found.reason for found in job_io.input_problems(alone, ("inputs", name))]
            yield from (node.problem(path, f"{name!r}: {reason}") for reason in reasons)


def _is_input(value: object) -> bool:
    if isinstance(value, dict):
        return "value" in value or isinstance(value.get("path"), str)
    return isinstance(value, (str, bool, int, float))


def _round_problems(graph: Graph, node: Source) -> Iterator[Problem]:
    """What is wrong with how one round of a ``do_while`` leads to the next."""
    component = graph.components.get(control_flow.body(node) or "")
    if component is None:
        return
    outputs = mapping(component.value.get("outputs"))
    yield from _mapping_problems(node, inputs_of(component), outputs)
    condition = node.value.get("condition")
    if isinstance(condition, str):
        written = control_flow.port(condition, control_flow.body(node))
        kind = _kind(outputs, written)
        if kind is None:
            yield node.problem(("condition",), f"{written!r} is no output of the body ({', '.join(outputs) or 'none'})")
        elif kind not in VALUE_TYPES:
            yield node.problem(("condition",), f"{written!r} is data of type {kind}; it must be a value, say a boolean")


def _mapping_problems(node: Source, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for output, ports in control_flow.mapped(node).items():
        kind = _kind(outputs, output)
        if kind is None:
            yield node.problem(("mapping",), f"{output!r} is no output of the body ({', '.join(outputs) or 'none'})")
        for one in ports:
            wanted = _kind(inputs, one)
            if wanted is None:
                yield node.problem(("mapping",), f"{one!r} is no input of the body ({', '.join(inputs) or 'none'})")
            elif kind and kind not in VALUE_TYPES and wanted in VALUE_TYPES:
                yield node.problem(("mapping",), f"{output!r} is data, and {one!r} takes a value of type {wanted}")
            if taken.setdefault(one, output) != output:
                yield node.problem(("mapping",), f"{one!r} gets both {taken[one]!r} and {output!r}")


def _kind(ports: Mapping[str, Any], name: str) -> str | None:
    return str(mapping(ports[name]).get("type")) if name in ports else None
