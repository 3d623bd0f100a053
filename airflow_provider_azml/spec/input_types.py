"""What nodes give to inputs of components that is of another type: data where a value is wanted, and the like.

Only what can be nothing else is told: azure-ai-ml sends all of it, and the service takes text for many things.

Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-component-command, the types of inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.spec import bindings, control_flow, node_components, pipeline_nodes
from airflow_provider_azml.spec.component_io import VALUE_TYPES
from airflow_provider_azml.spec.input_values import TEXT, fits
from airflow_provider_azml.spec.pipeline_graph import inputs_of
from airflow_provider_azml.spec.pipeline_levels import data_type, written
from airflow_provider_azml.spec.pipeline_nodes import AUTOML
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.bindings import Binding
    from airflow_provider_azml.spec.pipeline_graph import Graph

_NUMBERS = frozenset({"integer", "number"})


def problems(graph: Graph, name: str) -> Iterator[Problem]:
    """The inputs of a node that are given something of another type than its component takes.

    Args:
        graph: The pipeline.
        name: The node's name.
    """
    node, component = graph.nodes[name], graph.components[name]
    known = inputs_of(component) if component else {}
    for port, given in mapping(node.value.get("inputs")).items():
        reason = _reason(graph, given, data_type(mapping(known[port]).get("type"))) if port in known else None
        if reason:
            yield node.problem(("inputs", port), reason)


def _reason(graph: Graph, given: object, wanted: str) -> str | None:
    """Why an input does not take what it is given, if it does not."""
    said = given.get("path", given.get("value")) if isinstance(given, dict) else given
    if not bindings.is_whole(said):
        if isinstance(said, (str, bool, int, float)) and _is_no_number(said, wanted):
            return f"is {shown(said)}, and {_taker(wanted)}"
        return None
    target = next(bindings.found(str(said)), None)
    if target is None:
        return None
    item = None if target.node else mapping(graph.source.value.get(target.place)).get(target.name)
    literal = item.get("value") if isinstance(item, dict) else item
    if isinstance(literal, (str, bool, int, float)):
        misfit = _is_no_number(literal, wanted) or not (wanted in VALUE_TYPES or isinstance(literal, str))
        return f"{written(target)} is {shown(literal)}, and {_taker(wanted)}" if misfit else None
    found = _declared(graph, target)
    if found is None or TEXT in {found, wanted} or (found in VALUE_TYPES) == (wanted in VALUE_TYPES):
        return None
    return f"{written(target)} is {_a(found)}, and {_taker(wanted)}"


def _is_no_number(value: str | float, wanted: str) -> bool:
    if isinstance(value, str) and "{{" in value:
        return False
    return wanted in _NUMBERS and not fits(wanted, value)


def _declared(graph: Graph, target: Binding) -> str | None:
    """The type of an input of the pipeline or of an output of a node; ``None`` where the file does not tell."""
    owner = graph.source
    if target.node is not None:
        node = graph.nodes.get(target.node)
        if node is None or control_flow.is_control_flow(node) or pipeline_nodes.type_of(node) == AUTOML:
            return None
        component = graph.components[target.node]
        if component is None and node_components.key_of(node) in node.value:
            return None
        owner = component or node
    if target.name not in mapping(owner.value.get(target.place)):
        return None
    return data_type(graph.typed(written(target))["type"])


def _a(kind: str) -> str:
    return f"a value of type {kind}" if kind in VALUE_TYPES else f"data of type {kind}"


def _taker(wanted: str) -> str:
    return f"the component's input takes {_a(wanted)}"
