"""Components that run by themselves: command, parallel, Spark, data transfer, import.

Source: azure-ai-ml 1.35.2, ``_schema.component`` and ``entities._component``: which keys there are, and that all types
but parallel send keys on that they do not know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import (
    component_io,
    component_parts,
    environments,
    origins,
    parallel_components,
    places,
    running,
    schema_files,
    spark_components,
)
from airflow_provider_azml.spec.needs import SpecDigest
from airflow_provider_azml.spec.rules import Rule, boolean, lower, nested, sendable, texts, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_COMMON_RULES = (
    Rule("$schema", "$schema"),
    Rule("id", "id"),
    Rule("name", "name"),
    Rule("version", "version", str),
    Rule("display_name", "display_name"),
    Rule("description", "description"),
    Rule("tags", "tags"),
    Rule("is_deterministic", "is_deterministic", boolean, default=True),
)
_NOT_SENT = frozenset({"creation_context", "latest_version", "intellectual_property"})
"""What may be in a component that was shown or downloaded."""
_RETIRED = "https://componentsdk.azureedge.net/"
_IMPORT = "import"
_EXTERNAL = nested((Rule("type", "type", lower),))
_TRANSFER_RULES = (
    Rule("task", "task"),
    Rule("data_copy_mode", "data_copy_mode", lower),
    Rule("source", "source", _EXTERNAL),
    Rule("sink", "sink", _EXTERNAL),
)
_REFERENCE = re.compile(r"\$\{\{\s*([^\s{}]*)\s*\}\}")
_FACTS = frozenset({"type", "path", "mode", "description", "default", "optional", "min", "max", "enum"})
"""What a reference may ask of an input or output, e.g. ``${{inputs.data.path}}``."""


def spec(source: Source) -> Json:
    """The ``componentSpec`` of a component.

    Args:
        source: The component; it says of itself that it comes from a file.
    """
    kind = type_of(source.value)
    body = translated(source.value, _COMMON_RULES)
    for place, declared in (("inputs", component_io.inputs), ("outputs", component_io.outputs)):
        found = declared(source.value.get(place))
        body |= {place: found} if found else {}
    body |= {"type": kind, **_OWN[kind](source), **_sent_on(kind, source.value)}
    return {**body, "_source": _origin(source.value)}


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with it besides what its schema says."""
    kind = type_of(source.value)
    yield from component_io.problems(source, *(("source",) if kind == _IMPORT else ()))
    yield from _unknown_keys(source, kind)
    if str(source.value.get("$schema")).startswith(_RETIRED):
        yield source.problem(("$schema",), "components of this format are not taken; write one of the current format")
    if source.value.get("intellectual_property") is not None:
        yield source.problem(
            ("intellectual_property",), "is part of a private preview, which is not taken", at_key=True
        )
    if kind in _MORE_PROBLEMS:
        yield from _MORE_PROBLEMS[kind](source)


def properties(source: Source, spec: Json) -> Json:
    """The ``properties`` of a version of a registered component with this specification.

    Source: azure-ai-ml 1.35.2 sends less of a pipeline component.
    """
    value = source.value
    body = {"componentSpec": spec, "isAnonymous": False, **translated(value, _VERSION_RULES)}
    if spec["type"] == "pipeline":
        return body
    digest = {"client_component_hash": SpecDigest.of(spec)}
    return {**body, "isArchived": False, "properties": {**body.get("properties", {}), **digest}}


_VERSION_RULES = (
    Rule("description", "description"),
    Rule("tags", "tags"),
    Rule("properties", "properties", texts),
)


def type_of(value: Mapping[str, Any]) -> str:
    """The type of a component; one that says none is a command."""
    given = lower(value.get("type") or "command")
    return given if given in _OWN else "command"


def unknown_references(source: Source, command: str) -> Iterator[Problem]:
    """References in a command to what the component does not have.

    Source: azure-ai-ml 1.35.2, ``CommandComponent._validate_command``: other than in jobs, a reference that may be left
    out names an input all the same.
    """
    for text in dict.fromkeys(_REFERENCE.findall(command)):
        if not _refers(source.value, str(text)):
            listed = "; ".join(f"{place}: {', '.join(_named(source.value, place)) or 'none'}" for place in _PLACES)
            yield source.problem(("command",), f"${{{{{text}}}}} names nothing that the component has ({listed})")


_PLACES = ("inputs", "outputs")


def _named(value: Json, place: str) -> list[str]:
    given = value.get(place)
    return list(given) if isinstance(given, dict) else []


def _refers(value: Json, text: str) -> bool:
    head, *rest = text.split(".")
    if head not in _PLACES:
        return not rest and (head in value or head in _known("command"))
    known = _named(value, head)
    if len(rest) == 1 and rest[0] in known:
        return True
    leads = {".".join(rest[:end]) for end in range(len(rest) + 1)}
    groups = {name.rpartition(".")[0] for name in known}
    return ".".join(rest) in {"", *groups, *known} or (rest[-1] in _FACTS and bool(leads & set(known)))


def _command(source: Source) -> Json:
    return {
        **translated(source.value, _COMMAND_RULES),
        **component_parts.resources_of(source.value),
        **component_parts.code(source),
        **component_parts.environment(source),
    }


_COMMAND_RULES = (
    Rule("command", "command"),
    Rule("distribution", "distribution", running.component_distribution),
    Rule("additional_includes", "additional_includes", lambda value: value or None),
    Rule("properties", "properties", lambda value: sendable(value) or None),
)


def _command_problems(source: Source) -> Iterator[Problem]:
    yield from component_parts.code_problems(source)
    yield from component_parts.resources_problems(source)
    yield from environments.problems(source, ("environment",))
    if isinstance(source.value.get("command"), str):
        yield from unknown_references(source, source.value["command"])


def _data_transfer(source: Source) -> Json:
    body = translated(source.value, _TRANSFER_RULES)
    if body.get("task") == "import_data" and not source.value.get("outputs"):
        body["outputs"] = {"sink": {"type": "mltable"}}
    return body


def _data_transfer_problems(source: Source) -> Iterator[Problem]:
    """Copies keep the type of what they copy, or gather several into a folder."""
    into, outof = (source.value.get(place) for place in _PLACES)
    if source.value.get("task") != "copy_data" or not (isinstance(into, dict) and isinstance(outof, dict)):
        return
    types = [value.get("type") if isinstance(value, dict) else None for value in into.values()]
    for name, value in outof.items():
        given = value.get("type") if isinstance(value, dict) else None
        wanted = types[0] if len(types) == 1 else "uri_folder"
        if given != wanted:
            what = "its only input is" if len(types) == 1 else "what copies several inputs must be"
            yield source.problem(("outputs", name, "type"), f"is {given!r}; {what} {wanted!r}")


def _import(source: Source) -> Json:
    """An import is sent as a command component that is marked as an import."""
    tags = {**(source.value.get("tags") or {}), "component_type_overwrite": _IMPORT}
    declared = component_io.outputs({"output": source.value.get("output")})
    inputs = component_io.inputs(source.value.get("source"))
    return {"type": "command", "command": _IMPORT, "inputs": inputs, "outputs": declared, "tags": tags}


_OWN: Mapping[str, Callable[[Source], Json]] = {
    "command": _command,
    "parallel": parallel_components.spec,
    "spark": spark_components.spec,
    "data_transfer": _data_transfer,
    _IMPORT: _import,
}
TYPES = tuple(_OWN)
"""The types of components that run by themselves."""
_MORE_PROBLEMS: Mapping[str, Callable[[Source], Iterator[Problem]]] = {
    "command": _command_problems,
    "parallel": parallel_components.problems,
    "spark": spark_components.problems,
    "data_transfer": _data_transfer_problems,
}


def _known(kind: str) -> Mapping[str, Json]:
    known: Mapping[str, Json] = schema_files.load(f"{kind}_component.schema.json")["properties"]
    return known


def _strange(kind: str, value: Mapping[str, Any]) -> list[str]:
    known = _known(kind)
    return [key for key in value if key not in known and key not in _NOT_SENT]


def _sent_on(kind: str, value: Mapping[str, Any]) -> Json:
    """The keys that azure-ai-ml sends without knowing them."""
    if kind == "parallel":
        return {}
    kept = {key: sendable(value[key]) for key in _strange(kind, value)}
    return {key: member for key, member in kept.items() if member is not None}


def _unknown_keys(source: Source, kind: str) -> Iterator[Problem]:
    schema = f"{kind}_component.schema.json"
    for key in _strange(kind, source.value):
        close = places.closest(key, _known(kind))
        elsewhere = None if close else places.belongs(key, (), schema, source.value)
        hint = f"; did you mean {close!r}?" if close else f"; {elsewhere}" if elsewhere else ""
        reason = f"unknown key, which a {kind} component does not heed{hint}"
        yield source.problem((key,), reason, at_key=True, severity="warning")


def _origin(value: Mapping[str, Any]) -> str:
    """Where a specification comes from, as azure-ai-ml tells the service."""
    return origins.of_id(str(value["id"])) if value.get("id") else origins.FILE
