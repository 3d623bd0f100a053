"""The nodes of pipelines as bodies have them: THE table of their types.

Source: azure-ai-ml 1.35.2, ``entities._builders`` (what each type of node sends) and ``_component_translatable`` (what
a job inside a pipeline becomes). Their keys are in snake case, but for the ids.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import (
    automl_jobs,
    command_nodes,
    component_io,
    component_parts,
    components,
    control_flow,
    data_transfer_nodes,
    node_components,
    node_parts,
    origins,
    parallel_nodes,
    schema_files,
    spark_nodes,
)
from airflow_provider_azml.spec.pipeline_graph import Graph
from airflow_provider_azml.spec.rules import Rule, boolean, lower, mapping, sendable, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.node_components import Used
    from airflow_provider_azml.spec.source import Source

_COMPONENT_RULES = (
    Rule("$schema", "$schema"),
    Rule("name", "name"),
    Rule("version", "version", str),
    Rule("display_name", "display_name"),
    Rule("description", "description"),
    Rule("tags", "tags"),
    Rule("is_deterministic", "is_deterministic", boolean),
)
_UNSENT = frozenset({"base_path", "creation_context", "id", "services", "status"})
"""Keys that no node has and azure-ai-ml takes for its own, which it does not send."""
_ALWAYS_DETERMINISTIC = frozenset({"command", "data_transfer", "parallel"})
"""Types of nodes that azure-ai-ml sends no ``is_deterministic`` for; that of the component counts."""
AUTOML = "automl"
AUTOML_DATA = ("training_data", "validation_data", "test_data")
PIPELINE = "pipeline"


@dataclass(frozen=True)
class NodeType:
    """One row: a type of node that runs a component.

    Args:
        body: What is sent for the node, besides what it reads and writes.
        inline: The component that a job of this type becomes; ``None`` where a file must name one.
    """

    body: Callable[[Source, Used], Json]
    inline: Callable[[Source], Json] | None = None


def _pipeline(source: Source, used: Used) -> Json:
    return {**node_parts.shared(source, PIPELINE), "componentId": used.id}


NODE_TYPES: Mapping[str, NodeType] = {
    "command": NodeType(command_nodes.command, command_nodes.component_of),
    "sweep": NodeType(command_nodes.sweep),
    "parallel": NodeType(parallel_nodes.parallel, parallel_nodes.component_of),
    PIPELINE: NodeType(_pipeline),
    "spark": NodeType(spark_nodes.spark, spark_nodes.component_of),
    "data_transfer": NodeType(data_transfer_nodes.data_transfer, data_transfer_nodes.component_of),
}


def type_of(node: Source) -> str:
    """The type of a node; one that says none is a command."""
    return lower(node.value.get("type") or "command")


def jobs(pipeline: Source) -> Json:
    """The nodes of a pipeline job, or of a pipeline component."""
    graph = Graph.of(pipeline)
    return {name: _node(graph, name) for name in graph.nodes}


def component_spec(source: Source) -> Json:
    """The ``componentSpec`` of a component of any type."""
    if lower(source.value.get("type")) != PIPELINE:
        return components.spec(source)
    declared = {
        "inputs": component_io.inputs(Graph.of(source).inputs),
        "outputs": component_io.outputs(source.value.get("outputs")),
    }
    body = {**translated(source.value, _COMPONENT_RULES), **declared, "type": PIPELINE, "jobs": jobs(source)}
    unknown = unknown_keys(f"{PIPELINE}_component.schema.json", source.value)
    sent_on = {key: sendable(source.value[key]) for key in unknown if source.value[key] is not None}
    return {**sent_on, **body, "_source": origins.FILE}


def _node(graph: Graph, name: str) -> Json:
    source = graph.nodes[name]
    if control_flow.is_control_flow(source):
        return control_flow.sent(source, graph.outputs_of_body(source))
    if type_of(source) == AUTOML:
        return _automl(source)
    row = NODE_TYPES[type_of(source)]
    used = _used(graph, name, row)
    known = used.declared.value if used.declared else None
    body = {
        **row.body(source, used),
        "inputs": node_parts.inputs(source, mapping(known.get("inputs")) if known else None),
        "outputs": node_parts.outputs(source, mapping(known.get("outputs")) if known else None),
        "_source": used.origin,
    }
    return {**_sent_on(source), **body}


def _used(graph: Graph, name: str, row: NodeType) -> Used:
    source = graph.nodes[name]
    if source.value.get(node_components.key_of(source)) is not None:
        return node_components.used(source, graph.components[name], component_spec)
    built_in = data_transfer_nodes.built_in(source) if type_of(source) == "data_transfer" else None
    if built_in or row.inline is None:
        return built_in or node_components.used(source, None, component_spec)
    ports = {place: typed(graph, source, place) for place in ("inputs", "outputs")}
    return node_components.of_job(source, {**row.inline(source), **ports}, component_spec)


def typed(graph: Graph, source: Source, place: str) -> Json:
    """Inputs or outputs of a job as a component declares them; a value that is given is the default."""
    given = mapping(source.value.get(place))
    return {name: {**graph.typed(value), **_default(value, place)} for name, value in given.items()}


def _default(value: object, place: str) -> Json:
    literal = value.get("value") if isinstance(value, dict) else value
    if place == "outputs" or literal is None or node_parts.is_bound(literal):
        return {}
    return {"default": literal}


def _automl(source: Source) -> Json:
    compute, experiment = source.value.get("compute"), source.value.get("experiment_name")
    # azure-ai-ml makes a text of a mapping around a reference, which nobody could read
    data = {key: source.value[key]["path"] for key in AUTOML_DATA if node_parts.is_bound_mapping(source.value.get(key))}
    return {
        **automl_jobs.node(replace(source, value={**source.value, **data})),
        "name": source.place[-1],
        **({"experiment_name": experiment} if experiment else {}),
        "outputs": node_parts.outputs(source, None),
        **({"compute": component_parts.prefixed(node_parts.compute(compute))} if compute else {}),
    }


def _sent_on(source: Source) -> Json:
    """The keys of a node with a component that azure-ai-ml sends without knowing them."""
    if node_components.key_of(source) not in source.value:
        return {}
    value = source.value
    unknown = (key for key in unknown_keys(schema_of(source), value) if is_sent_on(source, key))
    return {key: sendable(value[key]) for key in unknown if value[key] is not None}


def is_sent_on(node: Source, key: str) -> bool:
    """Whether a key that a node does not have is sent to the service all the same."""
    return key not in _UNSENT and not (key == "is_deterministic" and type_of(node) in _ALWAYS_DETERMINISTIC)


def is_key_of_any(key: str) -> bool:
    """Whether a key is one of nodes of some type."""
    forms = (f"pipeline_nodes.schema.json#/$defs/{name}_node" for name in NODE_TYPES)
    return any(key in schema_files.part(*form.split("#"))["properties"] for form in forms)


def unknown_keys(schema: str, value: Json) -> list[str]:
    """The keys of a mapping that a schema does not have."""
    name, _, pointer = schema.partition("#")
    known = schema_files.part(name, pointer)["properties"]
    return [key for key in value if key not in known]


def schema_of(node: Source) -> str:
    """The schema of a node."""
    is_job = node_components.key_of(node) not in node.value and not control_flow.is_control_flow(node)
    form = "job" if is_job else "node"
    return f"pipeline_nodes.schema.json#/$defs/{type_of(node)}_{form}"
