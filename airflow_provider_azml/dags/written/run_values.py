"""What a DAG file says for values that only a run knows: params of the DAG, and results of other tasks."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_azml.dags.params import params_of
from airflow_provider_azml.dags.written.python_text import Call, Name, imported
from airflow_provider_azml.spec import references
from airflow_provider_azml.spec.component_io import VALUE_TYPES
from airflow_provider_azml.spec.input_values import TEXT
from airflow_provider_azml.spec.pipeline_inputs import declared
from airflow_provider_azml.spec.pipeline_plans import OutputOf
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.single_nodes import Later, Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.sdk import Param

    from airflow_provider_azml.spec.input_values import DeclaredInput
    from airflow_provider_azml.spec.pipeline_plans import NodePath, PlannedNode, PlannedPipeline
    from airflow_provider_azml.spec.source import Source

PATH = "PATH"
"""The constant that holds the pattern of paths that a run may be given, which are no files of a worker."""
PATHS = "azureml:|https?:|wasbs?:|abfss?:|adl:"
_NOT_IN_PARAMS = ("$comment", "section", "title")


@dataclass(frozen=True)
class OfTemplate(Later):
    """A value that a template says.

    Args:
        template: The template.
    """

    template: str

    def __str__(self) -> str:
        return self.template


@dataclass(frozen=True)
class OfParam(Later):
    """The value of a param of the DAG.

    Args:
        name: The param.
        may_be_null: Whether a run may give it null.
    """

    name: str
    may_be_null: bool = False

    @property
    def expression(self) -> str:
        """What it is called inside of a template."""
        return f"params.{self.name}" if self.name.isidentifier() else f"params[{self.name!r}]"

    def __str__(self) -> str:
        return f"{{{{ {self.expression} }}}}"

    def or_else(self, default: object) -> Later:
        """The same, or what a pipeline component has by default where it comes to nothing."""
        if default is None or not self.may_be_null:
            return self
        return OfTemplate(f"{{{{ {default!r} if {self.expression} is none else {self.expression} }}}}")


@dataclass(frozen=True)
class Inputs:
    """The inputs of a pipeline, as its DAG has them.

    Args:
        source: The pipeline, with inputs that stand for what runs are given.
        params: The DAG's params.
        secrets: Names of Airflow's variables that hold what stands in the file and must not be written.
    """

    source: Source
    params: Mapping[str, Call]
    secrets: tuple[str, ...]


def inputs_of(source: Source) -> Inputs:
    """The inputs of a pipeline, as params of a DAG.

    Args:
        source: The pipeline.

    Raises:
        SpecError: An input cannot be one.
    """
    known = {name: one for name, one in declared(source).items() if "params" not in (one.template or "")}
    defined = params_of(source)
    written = mapping(source.value.get("inputs"))
    secrets = tuple(name for name, one in known.items() if one.is_secret and one.is_kept_back and not one.template)
    inputs = {**written, **{name: _later(one, written.get(name), name in secrets) for name, one in known.items()}}
    params = {name: _param(one, defined[name]) for name, one in known.items() if name not in secrets}
    return Inputs(replace(source, value={**source.value, "inputs": inputs}), params, secrets)


def results_of(
    plan: PlannedPipeline, node: PlannedNode, task_ids: Mapping[NodePath, str]
) -> dict[NodePath, dict[str, str | Value]]:
    """What templates say for the outputs that a node takes of others.

    Args:
        plan: The pipeline.
        node: The node.
        task_ids: The ids of the tasks of all nodes.
    """
    results: dict[NodePath, dict[str, str | Value]] = {}
    for one in (one for led in node.taken.values() for one in led if isinstance(one, OutputOf)):
        output = plan.leaves[one.node].outputs.get(one.name)
        is_value = output is not None and output.type in VALUE_TYPES
        place = "values" if is_value else "outputs"
        template = f"{{{{ ti.xcom_pull({task_ids[one.node]!r})[{place!r}][{one.name!r}] }}}}"
        results.setdefault(one.node, {})[one.name] = Value(OfTemplate(template)) if is_value else template
    return results


def said(value: object) -> object:
    """A value of a job with what Python says for what is known later."""
    if isinstance(value, OfParam):
        return Name(f'dag.param("{value.name}")')
    if isinstance(value, OfTemplate):
        return value.template
    if isinstance(value, dict):
        return {key: said(item) for key, item in value.items()}
    if isinstance(value, list):
        return [said(item) for item in value]
    return value


def params_in(value: object) -> Iterator[OfParam]:
    """The params that a value of a job holds as they are."""
    if isinstance(value, OfParam):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from params_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from params_in(item)


def _later(one: DeclaredInput, written: object, is_kept_secret: bool) -> object:
    """What stands for an input."""
    param = OfParam(one.name, one.optional)
    later: Later = param
    if is_kept_secret:
        later = OfTemplate(f"{{{{ var.value.{one.name} }}}}")
    elif one.template is not None:
        later = OfTemplate(_or_else(param, one.template))
    if not one.is_data:
        return later
    kept = {key: item for key, item in mapping(written).items() if key != "value"} or {"type": one.type}
    return {**kept, "path": later}


def _or_else(param: OfParam, template: str) -> str:
    """The template of what a run has been given, or else of what the file says."""
    inner = template.strip()
    is_one = inner.startswith("{{") and inner.endswith("}}") and inner.count("{{") == 1
    if is_one:
        own = inner[2:-2].strip()
        own = f"({own})" if " if " in own else own
        return f"{{{{ {own} if {param.expression} is none else {param.expression} }}}}"
    return f"{{% if {param.expression} is none %}}{template}{{% else %}}{param}{{% endif %}}"


def _param(one: DeclaredInput, defined: Param) -> Call:
    schema = {key: item for key, item in defined.schema.items() if key not in _NOT_IN_PARAMS}
    description = defined.description
    if one.is_data:  # a mapping would have to take the place of the job's own
        nullable = "null" in schema["type"]
        schema["type"] = [TEXT, "null"] if nullable else TEXT
        own = f"|{re.escape(str(one.default))}$" if is_local(one.default) else None
        schema["pattern"] = f"^({PATHS}{own})" if own else Name(PATH)
        description = one.description or f"A {one.type}: azureml:<name>:<version>, or another path."
    given = [] if one.is_needed else [defined.value]
    told = {"description": description} if description else {}
    return Call(imported("airflow.sdk", "Param"), given, {**told, **schema})


def is_local(path: object) -> bool:
    """Whether a path leads into the folder of a file, and is a path."""
    if not isinstance(path, str) or "${{" in path:
        return False
    return not (references.is_registered(path) or references.is_remote(path))
