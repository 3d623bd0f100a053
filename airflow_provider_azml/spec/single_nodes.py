"""The pipeline job of one node: what is submitted where each node of a pipeline is a task of its own.

That is the one shape in which the service takes nodes of all types, and in which it finds steps again that it ran
before. What the node takes from others is given as inputs of its pipeline; what it writes goes to a path that is said.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import bindings, node_parts, references
from airflow_provider_azml.spec.component_io import VALUE_TYPES
from airflow_provider_azml.spec.marks import Marks
from airflow_provider_azml.spec.pipeline_graph import inputs_of, is_optional
from airflow_provider_azml.spec.pipeline_levels import OF_A_COMPONENT, OutputOf, data_type, reference, written
from airflow_provider_azml.spec.pipeline_plans import ENDS
from airflow_provider_azml.spec.rules import boolean, integer, lower, mapping, number
from airflow_provider_azml.spec.yaml_text import MAX_TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.bindings import Binding
    from airflow_provider_azml.spec.pipeline_levels import Level, NodePath
    from airflow_provider_azml.spec.pipeline_plans import PlannedNode, PlannedOutput, PlannedPipeline
    from airflow_provider_azml.spec.source import Source


@dataclass(frozen=True)
class Value:
    """An output that is no data.

    Args:
        is_: What it is: text, a number, true or false.
    """

    is_: Any


class Later:
    """Stands for a value that nobody knows yet, where the job of a node is written down and not run.

    As text it is what a template calls it.
    """

    def or_else(self, default: object) -> Later:
        """The same, or what a pipeline component has by default where it comes to nothing."""
        del default
        return self


Results: TypeAlias = "Mapping[NodePath, Mapping[str, str | Value] | None]"
"""Node -> output -> URI of where it is, or its value; ``None`` for a node that a decision has left out."""
_BEGUN = object()
"""Stands for what is being found out."""
_BLOB_STORE = "workspaceblobstore"
_LONGEST_WAY = 100
"""Most references that are followed one to the next."""
_KEPT = ("$schema", "experiment_name", "tags", "properties", "compute", "identity")
"""Keys of a pipeline job that hold for each of its nodes."""
_OF_MANY = (*ENDS, "continue_on_step_failure")
"""Settings that say something of nodes beside each other."""
_LITERALS: Mapping[str, Callable[[Any], object]] = {
    "boolean": boolean,
    "integer": integer,
    "number": number,
    "string": str,
}


def single_node(
    plan: PlannedPipeline,
    node: PlannedNode,
    results: Results,
    *,
    folder: str,
    force_rerun: bool = False,
) -> Source:
    """The pipeline job of one node of a pipeline.

    Args:
        plan: The pipeline, with the values that its inputs have.
        node: The node.
        results: What the nodes that it takes something from have written.
        folder: Folder of the datastore that outputs go to for which the file says no path.
        force_rerun: Whether it runs even if the service has run the same before.

    Raises:
        SpecError: It takes what another node has not written.

    Source: reuse asks for the same output settings, so the path is the same each time but for ``${{name}}``, which the
    service fills in: https://learn.microsoft.com/azure/machine-learning/how-to-debug-pipeline-reuse-issues
    """
    values = _Values(results, node)
    try:
        given = {target: _with_type(values.of(node.level, target), target, node) for target in node.taken}
    except RecursionError as error:  # what found out where references lead got as far as Python lets it
        raise values.too_far() from error
    names = _names(given)
    inputs = {names[target]: value for target, value in given.items() if value not in (None, "") and target in names}
    settings = {key: item for key, item in mapping(plan.source.value.get("settings")).items() if key not in _OF_MANY}
    if force_rerun:
        settings["force_rerun"] = True
    data = [one for one in node.outputs.values() if one.type not in VALUE_TYPES]
    outputs = {one.name: _written(one, f"{_datastore(settings)}/{folder}", node) for one in data}
    own = {**_rebound(node.source.value, given, names), **({"outputs": outputs} if outputs else {})}
    kept = {key: plan.source.value[key] for key in _KEPT if plan.source.value.get(key) is not None}
    value = {**kept, "type": "pipeline", "settings": settings, "inputs": inputs, "jobs": {node.path[-1]: own}}
    marks = plan.source.marks
    jobs = Marks(marks.file, *marks[1:4], inside={node.path[-1]: node.source.marks})
    inside: dict[str | int, Marks] = {**{key: marks.at((key,)) for key in (*_KEPT, "settings", "inputs")}, "jobs": jobs}
    return replace(node.source, value=value, marks=marks._replace(inside=inside), place=())


def value_of(node: PlannedNode, given: Any, results: Results) -> Any:  # any value of an input
    """What something that a node is given comes to: a literal, a mapping of data, or ``None`` where there is nothing.

    Args:
        node: The node.
        given: A literal, a mapping, or text with references in it.
        results: What the nodes that it takes something from have written.

    Raises:
        SpecError: It takes what another node has not written.
    """
    found = _Values(results, node).resolved(node.level, given, node.source)
    return _with_type(found, None, node)


def lacking(node: PlannedNode, results: Results) -> str | None:
    """An input that a node cannot do without and that a node is to give which was not run; ``None`` if there is none.

    Args:
        node: The node.
        results: What the nodes that it takes something from have written.
    """
    component = node.component
    known = inputs_of(component) if component else {}
    for port, given in mapping(node.source.value.get("inputs")).items():
        target = reference(given)
        led = node.taken.get(target, ()) if target else ()
        declared = mapping(known.get(port))
        is_needed = port in known and not is_optional(declared) and declared.get("default") is None
        if is_needed and any(isinstance(one, OutputOf) and results.get(one.node, {}) is None for one in led):
            return str(port)
    return None


@dataclass(frozen=True)
class _Values:
    """What references lead to, once it is known what ran nodes have written.

    Args:
        results: What they have written.
        asking: The node that refers.
        known: What is known of references already, by the pipeline that each stands in.
        way: The references that led to the one that is looked at.
    """

    results: Results
    asking: PlannedNode
    known: dict[tuple[NodePath, Binding], Any] = field(default_factory=dict)
    way: list[Binding] = field(default_factory=list)

    def of(self, level: Level, target: Binding) -> Any:  # any value of an input
        """A literal, a mapping of data, or ``None`` where there is nothing."""
        key = (level.path, target)
        if key not in self.known:
            if len(self.way) > _LONGEST_WAY:
                raise self.too_far()
            self.known[key] = _BEGUN
            self.way.append(target)
            self.known[key] = self._output(level, target) if target.place == "outputs" else self._input(level, target)
            self.way.pop()
        if self.known[key] is _BEGUN:
            raise self._not_to_be_had(target, "it leads to itself")
        return self.known[key]

    def too_far(self) -> SpecError:
        """What is wrong with a node whose references lead further than anybody follows them."""
        reason = "what it is given leads through too many inputs of other nodes"
        return SpecError([self.asking.source.problem((), reason, at_key=True)])

    def _input(self, level: Level, target: Binding) -> Any:
        at, value = level.input_at(target)
        if target.node is not None:
            component = level.graph.components.get(target.node)
            declared = mapping(mapping(component.value.get("inputs")).get(target.name)) if component else {}
        else:
            declared = mapping(level.declared.get(target.name))
        home = level.holder if target.node is None and level.above is None else at.graph.source
        found = self.resolved(at, value, home)
        if isinstance(found, Later):
            return found.or_else(declared.get("default"))
        # what the pipeline around was not given stands for nothing here
        return _typed(declared.get("default") if found is None else found, declared)

    def _output(self, level: Level, target: Binding) -> Any:
        if target.node is None:
            return None
        writer = level.writer(target.node, target.name)
        known = self.results.get(writer.node, {}) if writer else {}
        if known is None:
            return None
        found = known.get(writer.name) if writer else None
        if isinstance(found, Value):
            return found.is_
        if writer is None or found is None:
            who = ".".join(writer.node) if writer else f"no node of {target.node}"
            what = writer.name if writer else target.name
            raise self._not_to_be_had(target, f"{who} has written no {what!r}")
        return {"type": level.type_of_output(target), "path": found}

    def resolved(self, at: Level, value: Any, home: Source) -> Any:
        """A value with what its references lead to in their place; local paths as whoever is elsewhere names them."""
        target = reference(value)
        if target is not None:
            found = self.of(at, target)
            mode = mapping(value).get("mode")
            return {**found, "mode": mode} if isinstance(found, dict) and mode else found
        if isinstance(value, str):
            return self._filled(at, value)
        if isinstance(value, dict) and isinstance(value.get("path"), str):
            filled = {key: self._filled(at, item) if isinstance(item, str) else item for key, item in value.items()}
            return {**filled, "path": _absolute(filled["path"], home)}
        if isinstance(value, dict) and "value" in value:
            return self.resolved(at, value["value"], home)
        return value

    def _filled(self, at: Level, text: str) -> str:
        filled = bindings.filled(text, lambda one: _as_text(self.of(at, one)))
        if len(filled) > MAX_TEXT:
            reason = f"a text that it is given comes to more than {MAX_TEXT:,} characters"
            raise SpecError([self.asking.source.problem((), reason, at_key=True)])
        return filled

    def _not_to_be_had(self, target: Binding, why: str) -> SpecError:
        reason = f"{written(target)} is not to be had: {why}"
        return SpecError([self.asking.source.problem((), reason, at_key=True)])


def _names(given: Mapping[Binding, Any]) -> dict[Binding, str]:
    """What inputs of the node's own pipeline are called: as those of the pipeline around it where it takes these."""
    names = {one: one.name for one in given if one.node is None and one.place == "inputs"}
    taken = set(names.values())
    for one in given:
        if one.node is None:
            continue
        name = f"{one.node}_{one.name}"
        while name in taken:
            name += "_"
        names[one] = name
        taken.add(name)
    return names


def _rebound(node: Json, given: Mapping[Binding, Any], names: Mapping[Binding, str]) -> Json:
    """The node with its references leading to the inputs of its own pipeline; without inputs that have no value."""

    def rebound(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: rebound(item) for key, item in value.items()}
        if isinstance(value, list):
            return [rebound(item) for item in value]
        return bindings.filled(value, leading) if isinstance(value, str) else value

    def leading(target: Binding) -> str:
        if given.get(target) in (None, ""):  # an empty input of a pipeline is not sent, one of a node is
            return ""
        return f"${{{{parent.inputs.{names[target]}}}}}"

    kept = {key: item if key in OF_A_COMPONENT else rebound(item) for key, item in node.items() if key != "outputs"}
    if not isinstance(node.get("inputs"), dict):
        return kept
    absent = {name for name, item in node["inputs"].items() if _is_absent(reference(item), given)}
    return {**kept, "inputs": {name: item for name, item in kept["inputs"].items() if name not in absent}}


def _is_absent(target: Binding | None, given: Mapping[Binding, Any]) -> bool:
    return target is not None and given.get(target) is None


def _written(output: PlannedOutput, place: str, node: PlannedNode) -> Json:
    """An output as the node has it, with the place that it goes to."""
    end = "" if output.type == "uri_file" else "/"
    path = output.path or f"{place}/{'/'.join(node.path)}/${{{{name}}}}/{output.name}{end}"
    name, version = output.asset or (None, None)
    said = {"type": output.type, "mode": output.mode, "path": path, "name": name, "version": version}
    return {key: value for key, value in said.items() if value is not None}


def _datastore(settings: Json) -> str:
    named = str(settings.get("default_datastore") or _BLOB_STORE).removeprefix(references.PREFIX)
    return f"azureml://datastores/{named.rpartition('/')[2]}/paths"


def _typed(value: Any, declared: Json) -> Any:
    """A value as the type that a component declares, as far as that leaves its text as it is; else the value."""
    if node_parts.takes_data(declared):
        given = node_parts.as_data(value, declared)
        is_unsaid = isinstance(given, dict) and given.get("type", given) is None
        return {**given, "type": data_type(declared["type"])} if is_unsaid else given
    convert = _LITERALS.get(lower(declared.get("type")))
    if convert is None or not isinstance(value, (str, int, float)):
        return value
    try:
        converted = convert(value)
    except (ValueError, OverflowError):  # whoever takes it will say what is wrong
        return value
    return converted if str(converted) == str(value) else value


def _with_type(value: Any, target: Binding | None, node: PlannedNode) -> Any:
    """Data of which only the service knows the type, as of that which the node wants by a reference to them."""
    if not isinstance(value, dict) or value.get("type", value) is not None:
        return value
    known = inputs_of(node.component) if node.component else {}
    takers = (port for port, item in mapping(node.source.value.get("inputs")).items() if reference(item) == target)
    wanted = (mapping(known[port]).get("type") for port in takers if node_parts.takes_data(known.get(port)))
    return {**value, "type": data_type(next(wanted, None))}


def _absolute(path: str, home: Source) -> str:
    """A path as whoever is in another folder names it."""
    if references.is_registered(path) or references.is_remote(path):
        return path
    return str(home.base_path / path.removeprefix(references.FILE))


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("path", value.get("value", "")))
    return "" if value is None else str(value)
