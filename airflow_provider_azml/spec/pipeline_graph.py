"""A pipeline as a graph: what is declared where, and of what type it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import bindings, control_flow, node_components
from airflow_provider_azml.spec.rules import lower, mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.bindings import Binding
    from airflow_provider_azml.spec.source import Source

FOLDER = "uri_folder"
_LITERALS: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
_LONGEST = 100
"""Most references that are followed one to the next."""


@dataclass(frozen=True)
class Graph:
    """The nodes of a pipeline.

    Args:
        source: The pipeline job, or pipeline component.
    """

    source: Source

    @classmethod
    def of(cls, source: Source) -> Graph:
        """The graph of a pipeline, made once for all who look at the same text of it."""
        known, key = source.opened.graphs, (id(source.value), id(source.render), source.place)
        if key not in known:
            known[key] = cls(source)
        return known[key]

    @cached_property
    def nodes(self) -> Mapping[str, Source]:
        """The nodes by their names."""
        given = mapping(self.source.value.get("jobs"))
        return {name: self.source.at("jobs", name) for name in given}

    @cached_property
    def components(self) -> Mapping[str, Source | None]:
        """The components that nodes bring along; ``None`` for a node without one, or whose file cannot be read."""
        return {name: None if isinstance(it, SpecError) else it for name, it in self.found.items()}

    @cached_property
    def found(self) -> Mapping[str, Source | SpecError | None]:
        """The same, with the reasons why files cannot be read."""
        return {name: node_components.found(node) for name, node in self.nodes.items()}

    @cached_property
    def inputs(self) -> Json:
        """The inputs that a pipeline component declares: one that only optional inputs take is optional itself.

        Source: azure-ai-ml 1.35.2, ``PipelineComponent._validate_binding_inputs``: the last node that takes it decides.
        """
        declared = mapping(self.source.value.get("inputs"))
        # members of groups stay as they are written
        free = {
            name
            for name, item in declared.items()
            if "." not in str(name) and isinstance(item, dict) and item.get("optional") is None
        }
        optional: dict[str, bool] = {}
        for name in self.nodes if free else ():
            optional |= self._taken_by(name)
        return {
            name: {**item, "optional": True} if name in free and optional.get(name) else item
            for name, item in declared.items()
        }

    @cached_property
    def loops(self) -> Mapping[str, Source]:
        """The loops, by the node that each runs; of two that run the same the first."""
        found: dict[str, Source] = {}
        for node in self.nodes.values():
            body = control_flow.body(node) if control_flow.is_control_flow(node) else None
            if body is not None:
                found.setdefault(body, node)
        return found

    def outputs_of_body(self, loop: Source) -> Json | None:
        """The outputs that the component of a loop's body declares; ``None`` where it is not at hand."""
        component = self.components.get(control_flow.body(loop) or "")
        return None if component is None else mapping(component.value.get("outputs"))

    def _taken_by(self, name: str) -> Mapping[str, bool]:
        """The inputs of the pipeline that a node takes, and whether it can do without them."""
        node, component = self.nodes[name], self.components[name]
        key = node_components.key_of(node)
        if key == "trial" or (component is None and node.value.get(key) is not None):
            return {}
        known = inputs_of(component) if component else {}
        taken: dict[str, bool] = {}
        for port, given in mapping(node.value.get("inputs")).items():
            path = given.get("path") if isinstance(given, dict) else given
            target = next(bindings.found(str(path)), None) if bindings.is_whole(path) else None
            if target and target.node is None and not (component and port not in known):
                taken[target.name] = taken.get(target.name, True) and is_optional(known.get(port))
        return taken

    def typed(self, value: Any, depth: int = 0) -> Json:
        """Type and mode of what an input or output is given, as a component declares them.

        Args:
            value: A literal, a mapping, or a reference.
            depth: How many references led here.
        """
        if value is None:
            return {"type": FOLDER}
        if bindings.is_whole(value) and depth < _LONGEST:
            return self._of_binding(next(iter(bindings.found(value)), None), depth + 1)
        if not isinstance(value, dict):
            return {"type": _LITERALS.get(type(value), "string")}
        if "value" in value:
            return self.typed(value["value"], depth)
        mode = {"mode": lower(value["mode"])} if value.get("mode") else {}
        return {"type": lower(value.get("type") or FOLDER), **mode}

    def _of_binding(self, target: Binding | None, depth: int) -> Json:
        if target is None:
            return {"type": FOLDER}
        if target.node is None:
            return self.typed(mapping(self.source.value.get(target.place)).get(target.name), depth)
        # how a node writes something does not tell how another reads it
        return {"type": self._of_node(target, depth)["type"]}

    def _of_node(self, target: Binding, depth: int) -> Json:
        node = self.nodes.get(str(target.node))
        if node is None:
            return {"type": FOLDER}
        if lower(node.value.get("type")) == "automl":
            return {"type": "mltable"}
        if lower(node.value.get("type")) == control_flow.PARALLEL_FOR:
            of_body = self.typed(mapping(self.outputs_of_body(node)).get(target.name), depth)
            return {"type": control_flow.gathered(of_body["type"])}
        component = self.components[str(target.node)]
        place = (component or node).value.get(target.place)
        return self.typed(mapping(place).get(target.name), depth)


def inputs_of(component: Source) -> Json:
    """The inputs of a component of any type, looked for once however many nodes run it."""
    if lower(component.value.get("type")) != "pipeline":
        return mapping(component.value.get("inputs"))
    known, file = component.opened.component_inputs, component.file
    if file is None or component.place:
        return Graph.of(component).inputs
    if file not in known:
        known[file] = Graph.of(component).inputs
    return known[file]


def is_optional(declared: object) -> bool:
    """Whether an input that a component declares may be left out, even where it has no default."""
    return str(mapping(declared).get("optional")).lower() == "true"
