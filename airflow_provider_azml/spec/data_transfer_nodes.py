"""Nodes of pipelines that move data: from one place to another, or out of or into a store outside of AML.

Source: azure-ai-ml 1.35.2, ``entities._builders.data_transfer``; components of Microsoft's move data in and out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.spec import node_parts
from airflow_provider_azml.spec.node_components import Used
from airflow_provider_azml.spec.rules import Rule, lower, mapping, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

COPY = "copy_data"
IMPORT = "import_data"
EXPORT = "export_data"
BUILT_IN = "BUILTIN"
_REGISTRY = "azureml://registries/azureml/components"
_COPY_KEYS = ("description", "tags", "data_copy_mode")


def _store(value: Json) -> Json:
    return {**value, "type": lower(value["type"])}


_RULES = (
    Rule("task", "task", lower),
    Rule("data_copy_mode", "data_copy_mode", lower),
    Rule("source", "source", _store),
    Rule("sink", "sink", _store),
)


def data_transfer(source: Source, used: Used) -> Json:
    """A node that moves data."""
    value, declared = source.value, used.declared.value if used.declared else {}
    mode = declared.get("data_copy_mode") or value.get("data_copy_mode")
    body = {**node_parts.shared(source, "data_transfer"), **translated({**value, "data_copy_mode": mode}, _RULES)}
    return {**body, "componentId": used.id}


def component_of(source: Source) -> Json:
    """The component that a copy inside a pipeline becomes, without what it reads and writes."""
    kept = {key: source.value[key] for key in _COPY_KEYS if source.value.get(key) is not None}
    return {"type": "data_transfer", "task": COPY, **kept}


def problems(node: Source) -> Iterator[Problem]:
    """What is wrong with an import or an export besides what its schema says: what it reads and writes."""
    task = lower(node.value.get("task"))
    if task not in _ENDS:
        return
    store, place, port, types = _ENDS[task]
    kind = lower(mapping(node.value.get(store)).get("type") or "file_system")
    if kind not in types:
        yield node.problem((store, "type"), f"is {kind}; data can be brought to a {' or '.join(types)} alone")
    given = node.value_at((place, port))
    if not isinstance(given, dict) or node_parts.is_bound(given) or kind not in types:
        return
    found = lower(given.get("type") or "uri_folder")
    if found != types[kind]:
        yield node.problem((place, port), f"is of type {found}; with a {kind} it must be {types[kind]}", at_key=True)


_ENDS: Mapping[str, tuple[str, str, str, Mapping[str, str]]] = {
    IMPORT: ("source", "outputs", "sink", {"database": "mltable", "file_system": "uri_folder"}),
    EXPORT: ("sink", "inputs", "source", {"database": "uri_file"}),
}
"""Task -> key of the store outside, place and name of the data, and what type it is by the type of the store."""


def built_in(source: Source) -> Used | None:
    """Microsoft's component for what the node does; ``None`` for a copy, which has one of its own."""
    task = lower(source.value.get("task"))
    outside = lower(mapping(source.value.get("source" if task == IMPORT else "sink")).get("type"))
    if task == IMPORT:
        store = "database" if outside == "database" else "file_system"
        return Used(f"{_REGISTRY}/import_data_{store}/versions/0.0.1", BUILT_IN)
    return Used(f"{_REGISTRY}/export_data_database/versions/0.0.1", BUILT_IN) if task == EXPORT else None
