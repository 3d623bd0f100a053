"""Decisions of a pipeline: which of its nodes run, by values that others have written."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.emulator.pipelines.nodes import PipelineError, is_on
from airflow_provider_azml.emulator.storage.locations import LocationError, Locations
from airflow_provider_azml.rest.control_outputs import values_in
from airflow_provider_azml.spec import bindings
from airflow_provider_azml.spec.component_io import VALUE_TYPES
from airflow_provider_azml.spec.rules import FALSE_WORDS, TRUE_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.pipelines.nodes import Node
    from airflow_provider_azml.emulator.pipelines.values import Scope
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

IF_ELSE = "if_else"
BLOCKS = ("true_block", "false_block")
_MOST_BYTES = 10_000
"""What is larger is no value."""


def block(node: Node, key: str) -> list[str]:
    """The nodes that a decision names in a block."""
    given = node.given.get(key)
    return [name for name in map(bindings.node, given if isinstance(given, list) else [given]) if name]


def led(node: Node) -> list[str]:
    """The nodes that run when a node says so; none for one that does not decide."""
    return [name for key in BLOCKS for name in block(node, key)] if node.kind == IF_ELSE else []


class Decisions:
    """What the decisions of a pipeline have left out so far.

    Nodes of the block that is not taken have no job. Neither have those that cannot do without what these would have
    written, or take nothing else; the others go without it.

    Sources: azure-ai-ml 1.35.2, ``dsl._condition`` ("Block to be executed if condition resolved result is true"), and
    "'condition' of dsl.condition node must be primitive type with value 'True'"; mldesigner 0.1.0b23 for where values
    are written. What becomes of nodes that take something from one that is left out was not found; it follows from
    which inputs are optional.

    Args:
        nodes: The nodes of the pipeline, by name.
        scope: What they can refer to.
    """

    def __init__(self, nodes: Mapping[str, Node], scope: Scope) -> None:
        self._nodes = nodes
        self._scope = scope

    def decide(self, node: Node) -> bool:
        """Whether a condition holds; the nodes of the other block are left out.

        Raises:
            PipelineError: It is neither true nor false.
        """
        condition = node.given.get("condition")
        found = str(self._scope.filled(condition) if isinstance(condition, str) else condition).strip().lower()
        if found not in TRUE_WORDS | FALSE_WORDS:
            raise PipelineError(f"the condition of its job '{node.key}' is '{found[:80]}', neither true nor false")
        taken, other = BLOCKS if found in TRUE_WORDS else BLOCKS[::-1]
        self._scope.left_out.update(set(block(node, other)) - set(block(node, taken)))
        return found in TRUE_WORDS

    def leaves_out(self, node: Node) -> bool:
        """Whether a node is not to run: it was left out, or cannot do without one that was."""
        taken = {target.node for target in bindings.found(json.dumps(node.given)) if target.node} - {*led(node)}
        takes_nothing_else = bool(taken) and taken <= self._scope.left_out
        if node.key not in self._scope.left_out and not takes_nothing_else and not any(self._lacking(node)):
            return False
        self._scope.left_out.update((node.key, *led(node)))
        return True

    def _lacking(self, node: Node) -> Iterator[str]:
        given: dict[str, Any] = node.given.get("inputs") or {}
        for name, entry in given.items():
            text = entry.get("value") if isinstance(entry, dict) else entry
            declared = node.inputs.get(name, {})
            needs = declared.get("default") is None and not is_on(declared.get("optional"))
            if needs and any(one.node in self._scope.left_out for one in bindings.found(str(text or ""))):
                yield name


def values_of(emulator: Emulator, workspace: WorkspaceId, node: Node, job: Json, properties: Json) -> dict[str, Any]:
    """The values that a node has written: those that its job has told run history, or else what their files hold.

    Args:
        emulator: The emulator.
        workspace: Whose pipeline it is.
        node: The node.
        job: Its job, with the URIs of its outputs.
        properties: ``properties`` of its run.
    """
    values = values_in(properties)
    places = Locations(emulator.store, workspace)
    for name, entry in (job.get("outputs") or {}).items():
        if name in values or node.outputs.get(name, {}).get("type") not in VALUE_TYPES:
            continue
        with suppress(LocationError, KeyError):  # what the node has not written has no value
            place = places.find(entry["uri"])
            values[name] = emulator.blobs.read(place.container, place.path)[:_MOST_BYTES].decode().strip()
    return values
