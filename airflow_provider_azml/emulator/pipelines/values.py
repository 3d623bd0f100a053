"""What the inputs and outputs of a pipeline's nodes are, once what they are bound to is known."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.emulator.pipelines.nodes import PipelineError, in_camel_case, is_on
from airflow_provider_azml.emulator.storage.locations import BLOB_STORE
from airflow_provider_azml.spec import bindings
from airflow_provider_azml.spec.component_io import VALUE_TYPES
from airflow_provider_azml.spec.pipeline_levels import OLDER_TYPES

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pipelines.nodes import Node
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.bindings import Binding

_FOLDER = "uri_folder"
_DATA = ("custom_model", "mlflow_model", "mltable", "triton_model", "uri_file", "uri_folder")
_ASSET_FIELDS = {"name": "assetName", "version": "assetVersion"}


@dataclass
class Scope:
    """What the nodes of one pipeline can refer to.

    Args:
        inputs: The pipeline's inputs, as jobs have them.
        outputs: Its outputs, as jobs have them.
        datastore: Where outputs go that do not say.
        steps: The ``properties`` of the nodes' jobs, of those that have completed.
        values: What these have written that is no data.
        left_out: The nodes that a decision does not let run.

    Source: "expression syntax for binding inputs and outputs between steps in a pipeline job",
    https://learn.microsoft.com/azure/machine-learning/reference-yaml-core-syntax
    """

    inputs: dict[str, Json]
    outputs: dict[str, Json]
    datastore: str = BLOB_STORE
    steps: dict[str, Json] = field(default_factory=dict)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    def inputs_of(self, node: Node) -> dict[str, Json]:
        """The inputs of a node as its job has them: defaults filled in, optional ones without a value left out.

        Raises:
            PipelineError: One is missing.
        """
        given: dict[str, Json | str | None] = node.given.get("inputs") or {}
        found = {}
        for name in {**node.inputs, **given}:
            entry = self._input(given.get(name), node.inputs.get(name, {}))
            if entry is not None:
                found[name] = entry
        return with_defaults(found, node.inputs, f"its job '{node.key}'")

    def outputs_of(self, node: Node) -> dict[str, Json]:
        """The outputs of a node as its job has them: all that its component declares.

        What is to be an asset of the pipeline's is one of the step that writes it: it is there even where the pipeline
        fails later, and its path has the step's name in it.

        Source: https://github.com/Azure/azure-sdk-for-python/issues/32578 and 38205.
        """
        given: dict[str, Json | None] = node.given.get("outputs") or {}
        return {
            name: self._output(given.get(name) or {}, node.outputs.get(name, {})) for name in {**node.outputs, **given}
        }

    def filled(self, value: object) -> object:
        """A value of a node with all references to the pipeline in it replaced by literals."""
        if isinstance(value, dict):
            return {key: self.filled(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.filled(part) for part in value]
        if not bindings.holds_any(value):
            return value
        return bindings.filled(str(value), lambda target: literal(self._find(target) or {}))

    def _input(self, given: Json | str | None, declared: Json) -> Json | None:
        if given is None:
            return None
        entry: Json = in_camel_case(given) if isinstance(given, dict) else {"jobInputType": "literal", "value": given}
        text = entry.get("value")
        if bindings.is_whole(text):
            source = self._find(next(bindings.found(str(text))))
            if source is None:
                return None
            entry = {**source, **({"mode": entry["mode"]} if entry.get("mode") else {})}
        elif entry.get("value") is not None:
            entry = {**entry, "value": self.filled(text)}
        return _typed(entry, declared)

    def _output(self, given: Json, declared: Json) -> Json:
        kind = type_of(declared) if declared else given.get("job_output_type") or _FOLDER
        kind = "uri_file" if kind in VALUE_TYPES else kind
        bound = next(bindings.found(str(given.get("value") or "")), None)
        around = (self.outputs.get(bound.name) or {}) if bound else {}
        uri = around.get("uri") if bound else given.get("uri")
        if not uri and self.datastore != BLOB_STORE:
            uri = "azureml://datastores/${{default_datastore}}/paths/azureml/${{name}}/${{output_name}}/"
        entry = {"jobOutputType": kind, "mode": given.get("mode") or declared.get("mode") or "ReadWriteMount"}
        if uri:
            entry["uri"] = str(uri).replace("${{default_datastore}}", self.datastore)
        named = {key: around[key] for key in _ASSET_FIELDS.values() if around.get(key) is not None}
        own = {_ASSET_FIELDS[key]: given[key] for key in _ASSET_FIELDS if given.get(key) is not None}
        return {**entry, **named, **own}

    def _find(self, target: Binding) -> Json | None:
        """What a reference leads to, as an input of a job; ``None`` when it has no value."""
        if target.node is None:
            return self.inputs.get(target.name)
        if target.node in self.left_out:
            return None
        if target.place == "outputs" and target.name in self.values.get(target.node, {}):
            return {"jobInputType": "literal", "value": _as_text(self.values[target.node][target.name])}
        step = self.steps.get(target.node)
        if step is None:
            raise PipelineError(f"the job '{target.node}' has not completed, and its {target.place} are not known")
        entry: Json | None = (step.get(target.place) or {}).get(target.name)
        if target.place == "inputs" or entry is None:
            return entry
        return {"jobInputType": entry.get("jobOutputType") or _FOLDER, "uri": entry["uri"]}


def with_defaults(given: dict[str, Json], declared: dict[str, Json], who: str) -> dict[str, Json]:
    """Inputs with the defaults that a component declares.

    Args:
        given: The inputs that have a value.
        declared: What the component declares.
        who: Whose inputs they are, for the message.

    Raises:
        PipelineError: One is missing, and not optional.
    """
    found = dict(given)
    for name, entry in declared.items():
        if name in found:
            continue
        if entry.get("default") is not None:
            found[name] = _typed({"jobInputType": "literal", "value": str(entry["default"])}, entry)
        elif not is_on(entry.get("optional")):
            raise PipelineError(f"{who} lacks the required input '{name}'")
    return found


def type_of(declared: Json) -> str:
    """The type of an input or output that a component declares."""
    kind = str(declared.get("type") or _FOLDER)
    return OLDER_TYPES.get(kind.lower(), kind)


def literal(entry: Json) -> str:
    """The text that stands for an input where a literal is wanted."""
    value = entry.get("value") if entry.get("jobInputType") == "literal" else entry.get("uri")
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _typed(entry: Json, declared: Json) -> Json:
    """An input as the kind of thing that its component declares: a text may be the path of data."""
    mode = entry.get("mode") or declared.get("mode")
    entry = {**entry, **({"mode": mode} if mode else {})}
    is_text = entry.get("jobInputType") == "literal" and entry.get("value") is not None
    if not is_text or not declared or type_of(declared) not in _DATA:
        return entry
    return {"jobInputType": type_of(declared), "uri": str(entry["value"]), **({"mode": mode} if mode else {})}
