"""Nodes that decide which others run, and how often: ``if_else``, ``parallel_for`` and ``do_while``.

They are a private preview of Azure ML: azure-ai-ml takes them where ``AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED`` is true.

Source: azure-ai-ml 1.35.2, ``_schema.pipeline.condition_node``, ``_schema.pipeline.control_flow_job`` and
``entities._builders`` (``condition_node``, ``parallel_for``, ``do_while``).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_azml.spec import bindings, job_io, node_parts, origins
from airflow_provider_azml.spec.component_io import VALUE_TYPES
from airflow_provider_azml.spec.needs import AsJson
from airflow_provider_azml.spec.rules import boolean, lower, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

Items: TypeAlias = "list[Any] | dict[str, Any] | str"
"""What a loop runs over: a list, mappings by name, or a reference to one of them."""
IF_ELSE, PARALLEL_FOR, DO_WHILE = "if_else", "parallel_for", "do_while"
TYPES = (IF_ELSE, PARALLEL_FOR, DO_WHILE)
BLOCKS = ("true_block", "false_block")
LEADING = frozenset({*BLOCKS, "body", "mapping"})
"""Keys that name nodes, and ports of theirs, rather than take something from them."""


def is_control_flow(node: Source) -> bool:
    """Whether a node runs nothing itself."""
    kind = node.value.get("type")
    return kind is not None and lower(kind) in TYPES


def block(node: Source, key: str) -> tuple[str, ...]:
    """The nodes that an ``if_else`` names under ``true_block`` or ``false_block``."""
    given = node.value.get(key)
    texts = given if isinstance(given, list) else [given]
    return tuple(name for name in map(bindings.node, texts) if name)


def body(node: Source) -> str | None:
    """The node that a loop runs."""
    return bindings.node(node.value.get("body"))


def led(node: Source) -> tuple[str, ...]:
    """The nodes that run when a node of this sort says so; none for any other node."""
    if not is_control_flow(node):
        return ()
    if lower(node.value["type"]) == IF_ELSE:
        return tuple(name for key in BLOCKS for name in block(node, key))
    name = body(node)
    return (name,) if name else ()


def items(node: Source) -> Items:
    """What a ``parallel_for`` runs over; JSON is read, so that text is a reference, or nothing that can be read."""
    given: Any = node.value.get("items")
    if not isinstance(given, str):
        return given if isinstance(given, (list, dict)) else ""
    try:
        read = json.loads(given)
    except ValueError:
        return given
    return read if isinstance(read, (list, dict)) else given


def each(given: Items) -> Iterator[tuple[str | int, Any]]:
    """The items of a loop, each with its name or number."""
    if isinstance(given, dict):
        yield from given.items()
    elif isinstance(given, list):
        yield from enumerate(given)


def port(text: str, node: str | None) -> str:
    """The input or output of a loop's body that a text stands for: its name, or a reference to it.

    Example:
        >>> port("${{parent.jobs.train.outputs.again}}", "train")
        'again'
    """
    target = next(bindings.found(text), None)
    return target.name if target and target.node == node else text


def mapped(node: Source) -> Mapping[str, tuple[str, ...]]:
    """The outputs of a ``do_while``'s body, and the inputs that they become in the next round."""
    name = body(node)
    return {
        port(str(key), name): tuple(port(str(one), name) for one in (value if isinstance(value, list) else [value]))
        for key, value in mapping(node.value.get("mapping")).items()
    }


def gathered(kind: str) -> str:
    """The type of what all runs of a loop's body have written to one output.

    Source: azure-ai-ml 1.35.2, ``ParallelFor.OUT_TYPE_MAPPING``: data becomes a table, values a text.
    """
    return "string" if kind in VALUE_TYPES else "mltable"


def sent(node: Source, known: Mapping[str, Any] | None) -> Json:
    """What is sent for a node of this sort.

    Args:
        node: The node.
        known: The outputs that the component of a loop's body declares, where it is at hand: others are not sent.
    """
    kind = lower(node.value["type"])
    own = {IF_ELSE: _if_else, PARALLEL_FOR: _parallel_for, DO_WHILE: _do_while}[kind](node)
    outputs = node_parts.outputs(node, known) if kind == PARALLEL_FOR else {}
    return {"type": kind, **own, **({"outputs": outputs} if outputs else {}), "_source": origins.JOB}


def _if_else(node: Source) -> Json:
    condition = node.value["condition"]
    given = {key: node.value[key] for key in BLOCKS if node.value.get(key) is not None}
    blocks = {key: one[0] if isinstance(one, list) and len(one) == 1 else one for key, one in given.items()}
    return {"condition": condition if "${{" in str(condition) else boolean(condition), **blocks}


def _parallel_for(node: Source) -> Json:
    given = items(node)
    written: Any = given
    if isinstance(given, list):
        written = AsJson([_item(node, one) for one in given])
    elif isinstance(given, dict):
        written = AsJson({name: _item(node, one) for name, one in given.items()})
    most = node.value.get("max_concurrency")
    return {"body": node.value["body"], "items": written, **({} if most is None else {"max_concurrency": int(most)})}


def _item(node: Source, item: Mapping[str, Any]) -> Json:
    """An item with its data as bodies have it; azure-ai-ml cuts ``azureml:`` off where it should look data up."""
    data = {name: value for name, value in item.items() if isinstance(value, dict) and "value" not in value}
    found = job_io.inputs(replace(node, value={"inputs": data}))
    values = {name: mapping(value).get("value", value) for name, value in item.items() if name not in data}
    return {**{name: node_parts.in_snake_case(value) for name, value in found.items()}, **values}


def _do_while(node: Source) -> Json:
    condition = node.value.get("condition")
    limits = {"max_iteration_count": int(node.value["limits"]["max_iteration_count"])}
    again = {} if condition is None else {"condition": port(condition, body(node))}
    mapped_lists = {name: list(inputs) for name, inputs in mapped(node).items()}
    return {"body": node.value["body"], **again, "mapping": mapped_lists, "limits": limits}
