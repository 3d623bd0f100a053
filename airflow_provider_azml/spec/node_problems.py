"""What is wrong with a single node of a pipeline, besides what its schema says.

Source: azure-ai-ml 1.35.2, ``BaseNode._validate_inputs`` and the checks of the component that a job becomes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import (
    automl_jobs,
    bindings,
    command_jobs,
    components,
    control_flow,
    control_flow_problems,
    data_transfer_nodes,
    input_types,
    job_io,
    marks,
    node_components,
    node_parts,
    pipeline_nodes,
    places,
    references,
    schema_files,
    spark_nodes,
    validate,
)
from airflow_provider_azml.spec.pipeline_graph import is_optional
from airflow_provider_azml.spec.pipeline_nodes import AUTOML, AUTOML_DATA, PIPELINE
from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.wording import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.pipeline_graph import Graph
    from airflow_provider_azml.spec.source import Source

    Check = Callable[[Source], Iterable[Problem]]

_OF_INLINE = ("command", "code", "environment", "task", "mini_batch_size")
"""Keys of a job that its component gets as they are."""
_ANY_NAME = "a"
"""Stands for the name of a component that is used without one."""
_SENT_OF_NODES = (("target_column_name",), ("test_data",), *((key, "mode") for key in AUTOML_DATA))
"""What an AutoML job does not send and a node does."""
_COMPONENT_TYPES = (*components.TYPES, PIPELINE)


def problems(graph: Graph, name: str, check: Check) -> Iterator[Problem]:
    """What is wrong with a node.

    Args:
        graph: The pipeline.
        name: The node's name.
        check: Finds what is wrong with a pipeline component.
    """
    node = graph.nodes[name]
    if control_flow.is_control_flow(node):
        yield from job_io.name_problems(node, "outputs")
        yield from control_flow_problems.problems(graph, name)
        return
    yield from _data_problems(node, graph.components[name])
    yield from job_io.name_problems(node, "outputs")
    if pipeline_nodes.type_of(node) == "data_transfer":
        yield from data_transfer_nodes.problems(node)
    if pipeline_nodes.type_of(node) == "spark":
        is_job = node_components.key_of(node) not in node.value
        yield from spark_nodes.problems(node, node if is_job else graph.components[name])
    if pipeline_nodes.type_of(node) == AUTOML:
        yield from _automl_problems(node)
    elif node_components.key_of(node) in node.value:
        yield from component_problems(node, graph.found[name], check)
        yield from _port_problems(graph, name)
        yield from input_types.problems(graph, name)
        yield from _unknown_keys(node)
    elif pipeline_nodes.type_of(node) in pipeline_nodes.NODE_TYPES:
        yield from _inline_problems(graph, node)


def component_problems(node: Source, component: Source | SpecError | None, check: Check) -> Iterator[Problem]:
    """What is wrong with the component that a node, or a whole pipeline job, names or holds.

    Args:
        node: The node.
        component: What was found of the component.
        check: Finds what is wrong with a pipeline component.
    """
    key = node_components.key_of(node)
    path, given = (key,), node.value.get(key)
    if isinstance(given, str) and node_components.is_remote(given):
        try:
            node_components.registered(given)
        except references.BadReference as error:
            yield node.problem(path, str(error))
        return
    if isinstance(component, SpecError):
        for found in component.problems:
            yield found if found.line else node.problem(path, f"{found.file}: {found.reason}")
    elif component is not None:
        yield from _type_problems(node, path, component)
        yield from _of_component(component, check)


def _type_problems(node: Source, path: Path, component: Source) -> Iterator[Problem]:
    wanted = pipeline_nodes.type_of(node)
    wanted = "command" if wanted == "sweep" else wanted
    found = lower(component.value.get("type") or "command")
    if wanted in pipeline_nodes.NODE_TYPES and found != wanted:
        yield node.problem(path, f"is a component of type {found}, and the node is of type {wanted}")


def _of_component(component: Source, check: Check) -> Sequence[Problem]:
    """The problems of a component, which are looked for once however many nodes run it."""
    kind = lower(component.value.get("type") or "command")
    if kind not in _COMPONENT_TYPES:
        return [component.problem(("type",), f"is {kind!r}, which is no type of component")]
    file = component.file if not component.place else None
    known = component.opened.component_problems
    if file and file in known:
        return known[file]
    # a component that is used without registering it needs no name, and none that can be registered
    named = replace(component, value={**component.value, "name": _ANY_NAME, "version": _ANY_NAME})
    others = check if kind == PIPELINE else components.problems
    # once each: pipelines that run each other many times would tell the same again and again
    found = list(dict.fromkeys((*validate.problems(named, f"{kind}_component.schema.json"), *others(component))))
    if file:
        known[file] = found
    return found


def _port_problems(graph: Graph, name: str) -> Iterator[Problem]:
    """Inputs that a component needs and does not get, and what is given to it that it does not have."""
    node, component = graph.nodes[name], graph.components[name]
    if component is None:
        return
    tried = mapping(node.value.get("search_space"))
    by_loop = control_flow_problems.given_by_loop(graph, name)
    for port, declared in mapping(component.value.get("inputs")).items() if by_loop is not None else ():
        given = {**mapping(node.value.get("inputs")), **dict.fromkeys(by_loop or ())}
        if port not in given and port not in tried and is_needed(declared):
            yield node.problem(("inputs",), f"{port!r} is missing: the component needs it", at_key=True)
    for place in ("inputs", "outputs"):
        known = mapping(component.value.get(place))
        for port in mapping(node.value.get(place)):
            if port not in known and not any(key.startswith(f"{port}.") for key in known):
                close = places.closest(str(port), known)
                listed = f"did you mean {close!r}?" if close else f"it has {', '.join(known) or 'none'}"
                reason = f"not sent: the component has no such {place.removesuffix('s')}; {listed}"
                yield node.problem((place, port), reason, at_key=True, severity="warning")


def is_needed(declared: Any) -> bool:
    """Whether an input that a component declares must be given."""
    return not is_optional(declared) and mapping(declared).get("default") is None


def _unknown_keys(node: Source) -> Iterator[Problem]:
    if pipeline_nodes.type_of(node) not in pipeline_nodes.NODE_TYPES:
        return
    schema = pipeline_nodes.schema_of(node)
    known = schema_files.part(*schema.split("#"))["properties"]
    for key in pipeline_nodes.unknown_keys(schema, node.value):
        # one that other nodes have is no slip of the pen, and azure-ai-ml takes it
        close = None if pipeline_nodes.is_key_of_any(key) else places.closest(key, known)
        unheeded = "which is sent on, and heeded by nobody" if pipeline_nodes.is_sent_on(node, key) else "not sent"
        hint = f"; did you mean {close!r}?" if close else f", {unheeded}"
        yield node.problem((key,), f"unknown key{hint}", at_key=True, severity="error" if close else "warning")


def _data_problems(node: Source, component: Source | None) -> Iterator[Problem]:
    """What keeps the data of inputs from being found or uploaded; what the component does not have is not sent."""
    known = mapping(component.value.get("inputs")) if component else None
    for port, given in mapping(node.value.get("inputs")).items():
        if known is not None and port not in known:
            continue
        value = node_parts.as_data(given, known[port]) if known else given
        if value is not given:
            path = ("inputs", port)
            yield from job_io.path_problems(node, path, value) if value["path"] else [node.problem(path, "is empty")]
        elif not node_parts.is_bound(value):
            yield from job_io.input_problems(node, ("inputs", port))
            yield from _value_problems(node, port, given, known)


def _value_problems(node: Source, port: str, given: object, known: Json | None) -> Iterator[Problem]:
    literal = given.get("value") if isinstance(given, dict) else given
    if known and isinstance(literal, (bool, int, float)) and node_parts.takes_data(known[port]):
        kind = mapping(known[port])["type"]
        yield node.problem(("inputs", port), f"is {shown(literal)}; the component takes a {kind} there: write a path")


def _inline_problems(graph: Graph, node: Source) -> Iterator[Problem]:
    """What is wrong with the component that a job becomes."""
    value = node.value
    kept: Json = {key: value[key] for key in _OF_INLINE if key in value and not bindings.holds_any(value[key])}
    if isinstance(kept.get("command"), str):
        kept["command"] = command_jobs.command_line(kept["command"])
    kept["type"] = pipeline_nodes.type_of(node)
    ports = {place: pipeline_nodes.typed(graph, node, place) for place in ("inputs", "outputs")}
    yield from components.problems(replace(node, value={**kept, **ports}))


def _automl_problems(node: Source) -> Iterator[Problem]:
    """What is wrong with AutoML, where references may stand for values."""
    data = {key for key in AUTOML_DATA if node_parts.is_bound(node.value.get(key))}
    kept = {key: item for key, item in node.value.items() if key not in {*data, "outputs"}}
    standing_in = {key: {"type": "mltable", "path": "azureml:any:1"} for key in data}
    source = replace(node, value={**kept, **standing_in})
    bound = {
        marks.dotted((*node.place, *path))
        for path, member in marks.members(kept)
        if isinstance(member, str) and "${{" in member
    }
    sent = {marks.dotted((*node.place, *path)) for path in _SENT_OF_NODES}
    for found in (*validate.problems(source, "automl_job.schema.json"), *automl_jobs.problems(source)):
        if found.path not in bound and not (found.severity == "note" and found.path in sent):
            yield found
