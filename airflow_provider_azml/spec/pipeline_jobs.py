"""Pipeline jobs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import (
    control_flow,
    job_io,
    jobs,
    node_components,
    node_parts,
    node_problems,
    origins,
    pipeline_nodes,
    pipeline_problems,
    references,
)
from airflow_provider_azml.spec.needs import WorkspaceResource
from airflow_provider_azml.spec.pipeline_graph import Graph
from airflow_provider_azml.spec.rules import Rule, boolean, lower, mapping, sendable, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.needs import Named, Need
    from airflow_provider_azml.spec.source import Source

_INPUT_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_ENDS = ("on_init", "on_finalize")


def _datastore(value: Any) -> str | Named:
    name = str(value).removeprefix(references.PREFIX)
    return name if name.startswith("/") else WorkspaceResource("datastore", (name,))


def _compute(value: Any) -> str | Named | Need:
    name = str(value).removeprefix(references.PREFIX)
    if name.startswith("/"):
        return name
    return node_parts.compute(lower(value) if lower(value) == node_parts.SERVERLESS else str(value))


_SETTINGS = (
    Rule("default_compute", "default_compute", _compute),
    Rule("default_datastore", "default_datastore", _datastore),
    Rule("continue_on_step_failure", "continue_on_step_failure", boolean),
    Rule("force_rerun", "force_rerun", boolean),
)


def properties(source: Source, name: str | None) -> Json:
    """The ``properties`` of a pipeline job.

    Args:
        source: The job.
        name: Its name; ``None`` inside something else.
    """
    component = node_components.declared(source)
    given = _with_component(source, component)
    body = {**jobs.shared_properties(given, "Pipeline", name), **_runs(source, component)}
    if source.value.get("compute"):
        body["computeId"] = node_parts.compute(source.value["compute"])
    origin = origins.PIPELINE if source.value.get("component") else origins.JOB
    body["settings"] = {**_settings(mapping(source.value.get("settings"))), "_source": origin}
    body["inputs"] = job_io.inputs(given)
    body["outputs"] = job_io.outputs(given)
    return body


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with it besides what its schema says; with all files that it pulls in."""
    yield from job_io.name_problems(source, "outputs")
    yield from _input_problems(source)
    yield from pipeline_problems.of_nodes(Graph.of(source))
    yield from _settings_problems(source)
    component = node_components.found(source) if source.value.get("component") is not None else None
    yield from node_problems.component_problems(source, component, pipeline_problems.of_component)
    if isinstance(component, SpecError):
        return
    if component is not None:
        given = mapping(source.value.get("inputs"))
        for name in pipeline_problems.needed_inputs(component):
            if given.get(name) is None or given[name] == "":
                yield source.problem(("inputs",), f"{name!r} is missing: the component needs it", at_key=True)
    if not source.value.get("compute") and not mapping(source.value.get("settings")).get("default_compute"):
        yield from pipeline_problems.without_compute(component or source)


def _settings_problems(source: Source) -> Iterator[Problem]:
    """Nodes that are to run first or last, and are not there, or the same."""
    settings, nodes = mapping(source.value.get("settings")), mapping(source.value.get("jobs"))
    given = {key: settings[key] for key in _ENDS if isinstance(settings.get(key), str)}
    for key, name in given.items():
        if name not in nodes:
            yield source.problem(("settings", key), f"{name!r} is none of the nodes ({', '.join(nodes) or 'none'})")
        elif control_flow.is_control_flow(source.at("jobs", name)):
            yield source.problem(("settings", key), f"{name!r} only decides what others do; name a node that runs")
    if len(given) > 1 and len(set(given.values())) == 1:
        yield source.problem(("settings", _ENDS[1]), f"must be another node than {_ENDS[0]}")
    if given and nodes and set(nodes) <= set(given.values()):
        yield source.problem(
            ("settings",), "the pipeline has no node besides those that run first and last", at_key=True
        )


def _input_problems(source: Source) -> Iterator[Problem]:
    """Names and data of inputs; the names of those that form a group hold dots."""
    for name in mapping(source.value.get("inputs")):
        if not _INPUT_NAME.fullmatch(name):
            reason = f"{name!r} is no name: letters, digits and underscores, with dots between the parts of a group"
            yield source.problem(("inputs", name), reason, at_key=True)
        yield from job_io.input_problems(source, ("inputs", name))


def _runs(source: Source, component: Source | None) -> Json:
    """The nodes, or the component that the whole job is."""
    if source.value.get("component") is None:
        return {"jobs": pipeline_nodes.jobs(source)}
    return {"componentId": node_components.used(source, component, pipeline_nodes.component_spec).id}


def _settings(value: Json) -> Json:
    """The settings; what is not known of them is sent as it is, as azure-ai-ml does."""
    return {**{key: sendable(item) for key, item in value.items() if item is not None}, **translated(value, _SETTINGS)}


def _with_component(source: Source, component: Source | None) -> Source:
    """The job with what its component declares: names, defaults of inputs, and outputs. Empty inputs are not sent."""
    value, declared = source.value, component.value if component else {}
    inputs = mapping(value.get("inputs"))
    if component:
        known = mapping(declared.get("inputs"))
        inputs = {name: inputs.get(name, mapping(item).get("default")) for name, item in known.items()}
    names = {key: value.get(key) or declared.get(key) for key in ("display_name", "description")}
    outputs = {**mapping(declared.get("outputs")), **mapping(value.get("outputs"))}
    filled = {name: item for name, item in inputs.items() if item is not None and item != ""}
    return replace(source, value={**value, **names, "inputs": filled, "outputs": outputs})
