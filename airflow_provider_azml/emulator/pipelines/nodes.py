"""The nodes of pipelines, each with the component that it runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.pipelines.shapes import wrong_part
from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.rest.flows import Json

    Find = Callable[[str], Json | None]

_PREFIX = "azureml:"
_HUMP = re.compile(r"_(\w)")


class PipelineError(AzmlError):
    """A pipeline asks for something that cannot be.

    Args:
        message: What is wrong.
        target: Path of what is wrong below ``properties``, if it is in one place.
    """

    def __init__(self, message: str, target: str = "") -> None:
        super().__init__(message)
        self.target = target


@dataclass(frozen=True)
class Node:
    """A node of a pipeline.

    Args:
        key: Its name in the pipeline.
        given: What the pipeline says of it: keys in snake case, but for the ids.
        component_id: ARM id of the component that it runs; empty for one without.
        spec: The ``componentSpec`` of that.

    Source: azure-ai-ml 1.35.2, ``entities._builders``.
    """

    key: str
    given: Json
    component_id: str
    spec: Json

    @property
    def kind(self) -> str:
        """Its type."""
        return str(self.given.get("type") or "command")

    @property
    def inputs(self) -> dict[str, Json]:
        """The inputs that its component declares, but for what a sweep gives it."""
        searched: Json = self.given.get("search_space") or {}
        return {name: entry for name, entry in _declared(self.spec, "inputs").items() if name not in searched}

    @property
    def outputs(self) -> dict[str, Json]:
        """The outputs that its component declares."""
        return _declared(self.spec, "outputs")


def nodes_of(properties: Json, find: Find) -> dict[str, Node]:
    """The nodes of a pipeline by name, its own or those of the component that it is made of.

    Args:
        properties: ``properties`` of the pipeline job, or the specification of a pipeline component.
        find: Finds components.

    Raises:
        PipelineError: A component is not there, or a node is not what one must be.
    """
    jobs: dict[str, Json | None] = properties.get("jobs") or component_spec(properties, find).get("jobs") or {}
    for key, given in jobs.items():
        if given is not None and (wrong := wrong_part(given, values=True)):
            raise PipelineError(f"in its job '{key}', {_said(*wrong)}", f"jobs.{key}.{wrong[0]}".rstrip("."))
    return {key: _node(key, given or {}, find) for key, given in jobs.items()}


def component_spec(holder: Json, find: Find) -> Json:
    """The specification of the component that a job or node names; empty when it names none.

    Args:
        holder: The job's ``properties``, or the node.
        find: Finds components.

    Raises:
        PipelineError: The component is not there, or cannot run.
    """
    component_id = component_of(holder)
    if not component_id:
        return {}
    found = find(component_id) if component_id.startswith("/") else None
    if found is None:
        where = "the emulator's registry has no components" if "/registries/" in component_id else "register it first"
        raise PipelineError(f"the component '{component_id}' does not exist; {where}", "componentId")
    spec: Json | None = found["properties"].get("componentSpec")
    if spec is None:
        raise PipelineError(f"'{component_id}' is no component", "componentId")
    if wrong := wrong_part(spec):
        raise PipelineError(f"the component '{component_id}' cannot run: its {_said(*wrong)}", "componentId")
    return spec


def component_of(holder: Json) -> str:
    """The id of the component that a job or node names; empty when it names none."""
    return without_prefix(holder.get("componentId"))


def without_prefix(reference: object) -> str:
    """The id in a reference; what is no id stays as it is.

    Example:
        >>> without_prefix("azureml:/subscriptions/s")
        '/subscriptions/s'
    """
    text = str(reference or "")
    return text.removeprefix(_PREFIX) if text.startswith(f"{_PREFIX}/") and "//" not in text else text


def is_on(value: object) -> bool:
    """Whether a switch of a component or of settings is on, as a truth value or as a word."""
    return str(value).lower() == "true"


def in_camel_case(value: Json) -> Json:
    """A part of a node in the words of jobs; what it holds stays as it is.

    Example:
        >>> in_camel_case({"job_input_type": "literal", "value": "1"})
        {'jobInputType': 'literal', 'value': '1'}
    """
    return {_HUMP.sub(lambda found: found[1].upper(), key): part for key, part in value.items()}


def _node(key: str, given: Json, find: Find) -> Node:
    holder = given.get("trial") or {} if given.get("type") == "sweep" else given
    try:
        return Node(key, given, component_of(holder), component_spec(holder, find))
    except PipelineError as error:
        raise PipelineError(f"in its job '{key}', {error}", f"jobs.{key}.{error.target}") from error


def _said(path: str, what: str) -> str:
    return f"{path or 'all of it'} must be {what}"


def _declared(spec: Json, place: str) -> dict[str, Json]:
    declared: dict[str, Json | None] = spec.get(place) or {}
    return {name: entry or {} for name, entry in declared.items()}
