"""What the nodes of pipelines share: their keys are those of jobs, but written in snake case on the wire.

Source: azure-ai-ml 1.35.2, ``get_rest_dict_for_node_attrs``: the models of jobs by their attribute names, with a
reference wherever the author wrote one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import bindings, job_io, jobs, references
from airflow_provider_azml.spec.component_io import VALUE_TYPES
from airflow_provider_azml.spec.needs import ExistingCompute, WorkspaceResource
from airflow_provider_azml.spec.rules import mapping, snake

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.needs import Named, Need
    from airflow_provider_azml.spec.source import Source

SERVERLESS = "serverless"
_PLAIN = ("display_name", "tags", "properties", "comment")


def shared(source: Source, node_type: str) -> Json:
    """The fields that nodes of all types have."""
    value = source.value
    body: Json = {"name": source.place[-1], "type": node_type}
    body |= {key: value[key] for key in _PLAIN if value.get(key) is not None}
    if value.get("compute"):
        body["computeId"] = compute(value["compute"])
    return body


def compute(name: str) -> str | Named | Need:
    """The compute that a pipeline or a node of one runs on; it must be there."""
    given = name.removeprefix(references.PREFIX)
    if bindings.holds_any(name):
        return name
    if given == SERVERLESS:
        return WorkspaceResource("compute", (SERVERLESS,))
    found = references.compute(name)
    if isinstance(found, WorkspaceResource):
        return ExistingCompute(*found.names)
    if isinstance(found, str) and "/computes/" in found:
        return ExistingCompute(found.rpartition("/")[2])
    return found


def with_bindings(value: Mapping[str, Any], convert: Callable[[Mapping[str, Any]], Json]) -> Json:
    """What a conversion makes of a mapping, in snake case; references stay as they are, under their own keys."""
    free = {key: item for key, item in value.items() if not bindings.holds_any(item)}
    bound = {key: item for key, item in value.items() if key not in free}
    return {**in_snake_case(convert(free)), **bound}


def in_snake_case(body: Mapping[str, Any]) -> Json:
    """A part of a body with its own keys in snake case; what is inside ``properties`` is the author's."""
    return {
        snake(key): in_snake_case(item) if isinstance(item, dict) and key != "properties" else item
        for key, item in body.items()
    }


def identity(value: Mapping[str, Any]) -> Json:
    """Who a node acts as."""
    return with_bindings(value, jobs.identity)


def inputs(source: Source, known: Mapping[str, Any] | None) -> Json:
    """The inputs of a node.

    Args:
        source: The node.
        known: The inputs that its component declares, where that is a local file: others are not sent.
    """
    given = mapping(source.value.get("inputs"))
    if known is not None:
        given = {name: as_data(item, known[name]) for name, item in given.items() if name in known}
    bound = {name: item for name, item in given.items() if _target(item) is not None}
    free = {name: item for name, item in given.items() if name not in bound}
    sent_free = job_io.inputs(replace(source, value={"inputs": free}))
    body = {name: in_snake_case(item) for name, item in sent_free.items()}
    for name, item in bound.items():
        sent = job_io.inputs(replace(source, value={"inputs": {name: _unbound(item)}}))[name]
        mode = {"mode": sent["mode"]} if "mode" in sent else {}
        body[name] = {"job_input_type": "literal", "value": _target(item), **mode}
    return body


def as_data(item: Any, declared: object) -> Any:
    """What an input of a node is given; a text for an input that a component declares as data is a path.

    Args:
        item: A literal, a mapping or a reference.
        declared: The input as the component declares it.
    """
    literal = item.get("value") if isinstance(item, dict) else item
    if not takes_data(declared) or not isinstance(literal, str) or bindings.holds_any(literal):
        return item
    return {"type": mapping(declared)["type"], "path": literal}


def takes_data(declared: object) -> bool:
    """Whether an input that a component declares is data or a model, not a value."""
    kind = mapping(declared).get("type")
    return isinstance(kind, str) and kind not in VALUE_TYPES


def outputs(source: Source, known: Mapping[str, Any] | None) -> Json:
    """The outputs of a node; ``known`` as for inputs.

    Source: azure-ai-ml 1.35.2, ``_update_output_types``: of the types that a component declares, files alone count.
    """
    given = mapping(source.value.get("outputs"))
    body: Json = {}
    for name, item in given.items():
        if item is None or (known is not None and name not in known):
            continue
        is_file = mapping((known or {}).get(name)).get("type") == "uri_file"
        body[name] = _output(source, {**item, "type": "uri_file"} if is_file and isinstance(item, dict) else item)
    return body


def _output(source: Source, item: Any) -> Json:
    value = {} if isinstance(item, str) else item
    sent = job_io.outputs(replace(source, value={"outputs": {"it": value}}))["it"]
    renamed = {"assetName": "name", "assetVersion": "version"}
    body: Json = {renamed.get(key, snake(key)): part for key, part in sent.items()}
    target = _target(item)
    if target is None:
        return body
    kept: Json = {key: body[key] for key in ("mode", "name", "version") if key in body}
    return {"type": "literal", "value": target, **kept}


def _target(item: object) -> str | None:
    """The reference that an input or output is, if it is one."""
    path = item.get("path") if isinstance(item, dict) else item
    return path if isinstance(path, str) and bindings.is_whole(path) else None


def _unbound(item: Any) -> Json:
    return {key: part for key, part in item.items() if key != "path"} if isinstance(item, dict) else {}


def is_bound(value: object) -> bool:
    """Whether an input or output is a reference to another one."""
    return _target(value) is not None


def is_bound_mapping(value: object) -> bool:
    """Whether an input is a mapping around a reference to another one."""
    return isinstance(value, dict) and is_bound(value)
