"""Who takes the inputs of a pipeline: which inputs of which nodes, and what their components declare of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import bindings, node_components
from airflow_provider_azml.spec.pipeline_graph import inputs_of
from airflow_provider_azml.spec.rules import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec import marks
    from airflow_provider_azml.spec.pipeline_graph import Graph
    from airflow_provider_azml.spec.source import Source

_COMPONENTS = frozenset({"component", "trial"})
"""Keys of nodes under which references are to what the component itself has."""


@dataclass(frozen=True)
class Use:
    """A place where a node takes an input of the pipeline.

    Args:
        node: Name of the node.
        port: What the node's component declares of the input that takes it; empty where that is not known, or where it
            is taken otherwise than as an input.
    """

    node: str
    port: Json


def uses_of(graph: Graph) -> Mapping[str, Sequence[Use]]:
    """Who takes each input of a pipeline.

    Args:
        graph: The pipeline.

    Returns:
        The uses of each input that has any, in the order of the file.
    """
    uses: dict[str, list[Use]] = {}
    for name, node in graph.nodes.items():
        ports = _ports(node, graph.components[name])
        for path, text in bindings.texts({key: item for key, item in node.value.items() if key not in _COMPONENTS}):
            for target in bindings.found(text):
                if target.node is None and target.place == "inputs":
                    uses.setdefault(target.name, []).append(Use(name, _port(ports, path, text)))
    return uses


def _ports(node: Source, component: Source | None) -> Json:
    if component is None or node.value.get(node_components.key_of(node)) is None:
        return {}
    return inputs_of(component)


def _port(ports: Json, path: marks.Path, text: str) -> Json:
    is_input = path[0] == "inputs" and path[2:] in ((), ("path",))
    return mapping(ports.get(str(path[1]))) if is_input and bindings.is_whole(text) else {}
