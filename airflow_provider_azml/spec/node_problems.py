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
    data_transfer_nodes,
    job_io,
    node_components,
    node_parts,
    pipeline_nodes,
    places,
    references,
    schema_files,
    spark_nodes,
    validate,
)
from airflow_provider_azml.spec.pipeline_nodes import AUTOML, AUTOML_DATA, PIPELINE
from airflow_provider_azml.spec.rules import lower, mapping

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
_BOUND = "'${{"
_COMPONENT_TYPES = (*components.TYPES, PIPELINE)


def problems(graph: Graph, name: str, check: Check) -> Iterator[Problem]:
    """What is wrong with a node.

    Args:
        graph: The pipeline.
        name: The node's name.
        check: Finds what is wrong with a pipeline component.
    """
    node = graph.nodes[name]
    yield from _data_problems(node)
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
    for port, declared in mapping(component.value.get("inputs")).items():
        given = mapping(node.value.get("inputs"))
        if port not in given and port not in tried and is_needed(declared):
            yield node.problem(("inputs",), f"{port!r} is missing: the component needs it", at_key=True)
    for place in ("inputs", "outputs"):
        known = mapping(component.value.get(place))
        for port in mapping(node.value.get(place)):
            if port not in known and not any(key.startswith(f"{port}.") for key in known):
                close = places.closest(str(port), known)
                listed = f"did you mean {close!r}?" if close else f"it has {', '.join(known) or 'none'}"
                reason = f"not sent: the component has no such {place.removesuffix('s')}; {listed}"
                yield node.problem((place, port), reason, at_key=True, warning=True)


def is_needed(declared: Any) -> bool:
    """Whether an input that a component declares must be given."""
    value = mapping(declared)
    return str(value.get("optional")).lower() != "true" and value.get("default") is None


def _unknown_keys(node: Source) -> Iterator[Problem]:
    if pipeline_nodes.type_of(node) not in pipeline_nodes.NODE_TYPES:
        return
    schema = pipeline_nodes.schema_of(node)
    known = schema_files.part(*schema.split("#"))["properties"]
    for key in pipeline_nodes.unknown_keys(schema, node.value):
        close = places.closest(key, known)
        hint = f"; did you mean {close!r}?" if close else ", which is sent on, and heeded by nobody"
        yield node.problem((key,), f"unknown key{hint}", at_key=True, warning=not close)


def _data_problems(node: Source) -> Iterator[Problem]:
    """What keeps the data of inputs from being found or uploaded."""
    for port, value in mapping(node.value.get("inputs")).items():
        if not node_parts.is_bound(value):
            yield from job_io.input_problems(node, ("inputs", port))


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
    for found in (*validate.problems(source, "automl_job.schema.json"), *automl_jobs.problems(source)):
        if _BOUND not in found.reason:
            yield found
