"""What references inside a pipeline lead to, through the pipeline components that it is made of.

A pipeline may run pipeline components, whose nodes refer to what their own pipeline is given. Here such references are
followed outwards, to inputs of the whole pipeline, and inwards, to the node that really writes an output.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_azml.spec import bindings, node_components
from airflow_provider_azml.spec.pipeline_graph import Graph, inputs_of
from airflow_provider_azml.spec.pipeline_nodes import AUTOML, PIPELINE, type_of
from airflow_provider_azml.spec.rules import lower, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.bindings import Binding
    from airflow_provider_azml.spec.source import Source

NodePath: TypeAlias = tuple[str, ...]
"""Names of nodes, from the outermost pipeline inwards."""
OF_A_COMPONENT = ("component", "trial")
"""Keys of a node under which a component may stand, whose references are its own."""

OLDER_TYPES = {"path": "uri_folder", "anyfile": "uri_file", "anydirectory": "uri_folder"}
"""Types that components of earlier generations declare -> what they are called today."""


@dataclass(frozen=True)
class OutputOf:
    """An output of a node.

    Args:
        node: The node that writes it.
        name: Its name there.
    """

    node: NodePath
    name: str


@dataclass(frozen=True)
class InputOf:
    """An input of the whole pipeline.

    Args:
        name: Its name.
    """

    name: str


@dataclass(frozen=True)
class Level:
    """A pipeline among those that are nested in each other.

    Args:
        graph: Its nodes.
        path: The nodes that lead to it; empty for the whole pipeline.
        holder: What gives it its inputs: the job, or the node of the pipeline around it.
        above: The pipeline around it.
    """

    graph: Graph
    path: NodePath
    holder: Source
    above: Level | None = None

    @cached_property
    def declared(self) -> Json:
        """The inputs that it declares, where it is a component; empty for a job that has its own nodes."""
        return inputs_of(self.graph.source) if self.graph.source is not self.holder else {}

    @cached_property
    def inner(self) -> Mapping[str, Level]:
        """The pipelines that nodes run whose own nodes are known, by the names of the nodes that run them."""
        brought = self.graph.components
        return {
            name: Level(Graph.of(component), (*self.path, name), node, self)
            for name, node in self.graph.nodes.items()
            if type_of(node) == PIPELINE and (component := brought[name]) is not None
        }

    def given(self, name: str) -> Any:  # any part of an AML file
        """What an input of this pipeline is given by whoever runs it, or else its default."""
        value = mapping(self.holder.value.get("inputs")).get(name)
        return mapping(self.declared.get(name)).get("default") if value is None else value

    def writer(self, node: str, output: str) -> OutputOf | None:
        """The node that really writes an output; ``None`` where none of a component's nodes does."""
        if node not in self.graph.nodes:
            return None
        inner = self.inner.get(node)
        if inner is None:
            return OutputOf((*self.path, node), output)
        for name, source in inner.graph.nodes.items():
            for own, value in mapping(source.value.get("outputs")).items():
                target = reference(value)
                if target and target.node is None and (target.place, target.name) == ("outputs", output):
                    return inner.writer(name, own)
        return None

    def type_of_output(self, target: Binding) -> str | None:
        """The type of the data that a node writes; ``None`` where neither file nor component says it.

        Args:
            target: A reference to an output of a node.
        """
        node, component = self.graph.nodes.get(str(target.node)), self.graph.components.get(str(target.node))
        if node is None or component or not (type_of(node) == AUTOML or node.value.get(node_components.key_of(node))):
            return data_type(self.graph.typed(written(target))["type"])
        given = mapping(node.value.get("outputs")).get(target.name)
        is_said = reference(given) is not None or mapping(given).get("type")
        return data_type(self.graph.typed(given)["type"]) if is_said else None

    def leads_to(self, target: Binding) -> Iterator[OutputOf | InputOf]:
        """The inputs of the whole pipeline and outputs of nodes that a reference takes something of.

        Args:
            target: The reference, as it stands in this pipeline.
        """
        left: list[tuple[Level, Binding]] = [(self, target)]
        seen: set[tuple[NodePath, Binding]] = set()  # a few references may lead to one in more ways than can be counted
        while left:
            level, one = left.pop()
            if (level.path, one) in seen:
                continue
            seen.add((level.path, one))
            if one.node is not None and one.place == "outputs":
                found = level.writer(one.node, one.name)
                if found:
                    yield found
            elif one.node is None and one.place == "inputs" and level.above is None:
                yield InputOf(one.name)
            elif one.place == "inputs":
                at, value = level.input_at(one)
                inside = [inner for _, text in bindings.texts(value) for inner in bindings.found(text)]
                left += [(at, inner) for inner in reversed(inside)]

    def _input(self, target: Binding) -> tuple[Level, Any]:
        """What an input is given that a reference leads to, and the pipeline in which that is written."""
        if target.node is not None:
            node, component = self.graph.nodes.get(target.node), self.graph.components.get(target.node)
            value = mapping(node.value.get("inputs")).get(target.name) if node else None
            if value is None and component is not None:
                value = mapping(mapping(component.value.get("inputs")).get(target.name)).get("default")
            return self, value
        if self.above is None or target.place != "inputs":
            return self, None
        return self.above, self.given(target.name)

    def input_at(self, target: Binding) -> tuple[Level, Any]:
        """As an input of this pipeline or of one of its nodes is given: the value, and where it is written.

        Args:
            target: A reference to an input.
        """
        if target.node is None and self.above is None:
            return self, self.given(target.name)
        return self._input(target)


def of_job(source: Source) -> Level | None:
    """The outermost pipeline of a pipeline job; ``None`` where only the service knows its nodes.

    Raises:
        SpecError: Its component cannot be read.
    """
    if source.value.get("component") is None:
        return Level(Graph.of(source), (), source)
    component = node_components.declared(source)
    return Level(Graph.of(component), (), source) if component else None


def reference(value: object) -> Binding | None:
    """The reference that an input or output is, if it is nothing else."""
    path = value.get("path") if isinstance(value, dict) else value
    return next(bindings.found(str(path)), None) if bindings.is_whole(path) else None


def written(target: Binding) -> str:
    """A reference as files have it.

    Example:
        >>> written(Binding("outputs", "data", "prep"))
        '${{parent.jobs.prep.outputs.data}}'
    """
    node = "" if target.node is None else f"jobs.{target.node}."
    return f"${{{{parent.{node}{target.place}.{target.name}}}}}"


def data_type(declared: object) -> str:
    """The type of data that a component declares, in the words of today."""
    kind = lower(declared or "uri_folder")
    return OLDER_TYPES.get(kind, kind)


def references_in(node: Source) -> Mapping[Binding, None]:
    """The references of a node to its pipeline, without those inside the component that it brings along."""
    own = {key: value for key, value in node.value.items() if key not in OF_A_COMPONENT}
    return dict.fromkeys(one for _, text in bindings.texts(own) for one in bindings.found(text))
