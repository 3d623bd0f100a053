"""What the UI shows of a pipeline for people to read: descriptions, inputs and outputs, where each node is written."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from airflow_provider_azml.rest.secret_names import is_secret
from airflow_provider_azml.spec import bindings, node_components
from airflow_provider_azml.spec.asset_uris import asset_name
from airflow_provider_azml.spec.pipeline_assets import uri_of
from airflow_provider_azml.spec.pipeline_graph import FOLDER, Graph, inputs_of, is_optional
from airflow_provider_azml.spec.pipeline_plans import PlannedOutput
from airflow_provider_azml.spec.rules import lower, mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_azml.spec.pipeline_plans import NodePath, PlannedNode, PlannedPipeline
    from airflow_provider_azml.spec.source import Source

_PARAMS = ("Input", "Type", "Default", "Description")
_INPUTS = ("Input", "Type", "Value", "Default", "Description")
_OUTPUTS = ("Output", "Type", "Asset", "Path", "Description")
_DECISION = ("Decision", "Value")
_OF_DECISIONS = ("condition", "true_block", "false_block", "items", "body")
"""Keys of nodes that decide which others run, and how often."""
_OWNER = "owner"
"""The tag that says who owns what a file describes."""
_LONGEST_TAG = 100
_LONGEST_VALUE = 200
_LONGEST_TOOLTIP = 120
_BREAKS = re.compile(r"\s*\n\s*")
_GROUPS_HAVE_DOCS = hasattr(TaskGroup, "doc_md")
"""From Airflow 3.3 on."""


def dag_documentation(plan: PlannedPipeline, file: Path | None) -> dict[str, Any]:
    """What a DAG says of its pipeline file, as keyword arguments of the DAG.

    There are always ``doc_md`` and ``tags`` (``team:risk`` for the file's ``team: risk``), and where the file has them
    ``description`` and ``dag_display_name``. A tag ``owner`` gives the tasks their owner, in ``default_args``.

    Args:
        plan: The pipeline.
        file: Its file; ``None`` for one that stands in no file.

    Raises:
        SpecError: The component that it is of cannot be read.
    """
    source = plan.source
    component = node_components.declared(source) if source.value.get("component") is not None else None
    said, known = source.value, component.value if component else {}
    taken, written = (_both(known, said, place) for place in ("inputs", "outputs"))
    declared = inputs_of(component) if component else {}
    graph = Graph.of(source)
    documentation: dict[str, Any] = {
        "doc_md": _joined(
            said.get("description") or known.get("description"),
            f"The pipeline {f'{_code(file.name)} ' if file else ''}of Azure ML{_component(source, component, file)}.",
            _table(_PARAMS, (_param(graph, name, declared.get(name), given) for name, given in taken.items())),
            _table(_OUTPUTS, (_output(_planned(known, name, given)) for name, given in written.items())),
        ),
        "tags": tags_of(mapping(said.get("tags"))),
    }
    if said.get("description"):
        documentation["description"] = str(said["description"])
    if _is_fixed(source, said.get("display_name")):
        documentation["dag_display_name"] = str(said["display_name"])
    owner = _owner(source, component)
    return documentation | ({"default_args": {"owner": owner}} if owner else {})


def overlaid(documentation: Mapping[str, Any], dag_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What a DAG is given, over what its file says: tags beside the file's, all else instead.

    Args:
        documentation: What its file says, see :func:`dag_documentation`.
        dag_kwargs: Keyword arguments of the DAG.
    """
    tags = sorted({*documentation.get("tags", ()), *(dag_kwargs.get("tags") or ())})
    defaults = {**documentation.get("default_args", {}), **(dag_kwargs.get("default_args") or {})}
    return {**documentation, **dag_kwargs, "tags": tags, "default_args": defaults}


def documented(node: PlannedNode, file: Path | None) -> dict[str, Any]:
    """What the task of a node says of it, as keyword arguments of its operator.

    There is always ``doc_md``, and where the file has them ``task_display_name`` and ``owner``, from the tag ``owner``
    of the node or of its component.

    Args:
        node: The node.
        file: The pipeline's file; ``None`` for one that stands in no file.
    """
    source, component = node.source, node.component
    documentation = {"doc_md": _of_node(node, source, component, file)}
    if _is_fixed(source, source.value.get("display_name")):
        documentation["task_display_name"] = str(source.value["display_name"])
    owner = _owner(source, component)
    return documentation | ({"owner": owner} if owner else {})


def documented_group(node: PlannedNode, file: Path | None) -> dict[str, Any]:
    """The same of a node that is a pipeline itself, as keyword arguments of its task group.

    There are ``tooltip`` and ``group_display_name`` where the file has them, and ``doc_md`` where Airflow's task groups
    have it.

    Args:
        node: The node.
        file: The pipeline's file; ``None`` for one that stands in no file.
    """
    source, component = node.source, node.component
    documentation = {"doc_md": _of_node(node, source, component, file)} if _GROUPS_HAVE_DOCS else {}
    described = str(_described(source, component) or "").strip()
    if described:
        documentation["tooltip"] = described.partition("\n")[0][:_LONGEST_TOOLTIP]
    if _is_fixed(source, source.value.get("display_name")):
        documentation["group_display_name"] = str(source.value["display_name"])
    return documentation


def tags_of(tags: Mapping[str, object]) -> list[str]:
    """The tags of an AML file as those of a DAG, in the order of the alphabet; without any that a task would render."""
    return sorted({tag(name, value) for name, value in tags.items() if "{" not in f"{name}{value}"})


def tag(name: str, value: object) -> str:
    """A tag of an AML file as a DAG has it.

    Example:
        >>> tag("team", "risk"), tag("nightly", "")
        ('team:risk', 'nightly')
    """
    return (f"{name}:{value}" if value not in (None, "") else str(name))[:_LONGEST_TAG]


def _of_node(node: PlannedNode, source: Source, component: Source | None, file: Path | None) -> str:
    declared = inputs_of(component) if component else {}
    level, taken = node.level, {**dict.fromkeys(declared), **mapping(source.value.get("inputs"))}
    line = f", line {source.marks.key[0]}" if source.marks.key else ""
    where = f"{_code(_relative(source.file, file))}{line}" if source.file else "the pipeline"
    decides = [key for key in _OF_DECISIONS if key in source.value]
    return _joined(
        _described(source, component),
        f"The {lower(node.type)} node {_code(node.dotted)} of {where}{_component(source, component, file)}.",
        _table(
            _INPUTS, (_input(level.graph, name, declared.get(name), value, level.path) for name, value in taken.items())
        ),
        _table(_OUTPUTS, (_output(output) for output in node.outputs.values())),
        _table(_DECISION, ((_code(key), _given(source.value.get(key), level.path)) for key in decides)),
    )


def _described(source: Source, component: Source | None) -> object:
    return source.value.get("description") or (component.value.get("description") if component else None)


def _component(source: Source, component: Source | None, file: Path | None) -> str:
    """What component a node or a job runs, as the end of a sentence."""
    given = source.value.get(node_components.key_of(source))
    if given is None:
        return ""
    if component is None:
        return f"; it runs the component {_code(given)}"
    name, version = component.value.get("name"), component.value.get("version")
    called = f" {_code(name if version is None else f'{name}:{version}')}" if name else ""
    if component.file is None or isinstance(given, dict):
        return f"; it runs its own component{called}"
    return f"; it runs the component{called} of {_code(_relative(component.file, file))}"


def _param(graph: Graph, name: str, declared: object, given: object) -> Sequence[str]:
    """An input of a whole pipeline, whose value is what a run has unless it is given another."""
    called, kind, default, declared_default, description = _input(graph, name, declared, given)
    return called, kind, default or declared_default, description


def _input(graph: Graph, name: str, declared: object, given: object, around: NodePath = ()) -> Sequence[str]:
    known = mapping(declared)
    kind = known.get("type") or graph.typed(given)["type"]
    default = known.get("default")
    if is_secret(name) and kind == "string":  # whoever may see the DAG need not be one who may see the file
        default, given = None, given if bindings.is_whole(given) else None
    return (
        _code(name),
        f"{kind}, optional" if is_optional(known) else str(kind),
        _given(given, around),
        "" if default is None else _code(_shown(default)),
        _cell(known.get("description") or mapping(given).get("description")),
    )


def _given(value: object, around: NodePath = ()) -> str:
    """What an input is given; in words where that is another's input or output.

    Args:
        value: What the file says.
        around: The nodes that lead to the pipeline in which it says so.
    """
    if isinstance(value, dict):
        value = value.get("value", value.get("path"))
    if value is None:
        return ""
    target = next(bindings.found(str(value)), None) if bindings.is_whole(value) else None
    if target is None:
        return _code(_shown(value))
    path = around if target.node is None else (*around, target.node)
    if not target.place:
        return _code(".".join(path))
    return (
        f"{target.place.removesuffix('s')} {_code(target.name)} of {_code('.'.join(path)) if path else 'the pipeline'}"
    )


def _output(output: PlannedOutput) -> Sequence[str]:
    uri = uri_of(output)
    asset = ""
    if output.asset and uri:
        version = f", version {_code(output.asset[1])}" if output.asset[1] else ""
        asset = f"{_code(asset_name(uri))}{version}"
    return _code(output.name), output.type, asset, _code(output.path) if output.path else "", _cell(output.description)


def _planned(component: Mapping[str, Any], name: str, given: object) -> PlannedOutput:
    """An output of a whole pipeline."""
    said = {**mapping(mapping(component.get("outputs")).get(name)), **mapping(given)}
    asset, version, path, described = (_text(said.get(key)) for key in ("name", "version", "path", "description"))
    named = (asset, version) if asset else None
    return PlannedOutput(name, lower(said.get("type") or FOLDER), asset=named, path=path, description=described)


def _both(component: Mapping[str, Any], job: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    """The inputs or outputs of a component, with what the job that runs it says of them."""
    return {**dict.fromkeys(mapping(component.get(place))), **mapping(job.get(place))}


def _owner(source: Source, component: Source | None) -> str | None:
    for one in (source, component):
        named = mapping(one.value.get("tags")).get(_OWNER) if one else None
        if one and named and _is_fixed(one, named):
            return str(named)
    return None


def _is_fixed(source: Source, text: object) -> bool:
    """Whether a name says the same before and after a task renders the file; in one with blanks nobody knows."""
    return text not in (None, "") and source.render is None and "{" not in str(text)


@lru_cache(maxsize=256)
def _relative(file: Path, of: Path | None) -> str:
    """A file as seen from the pipeline's, which is the same on all machines."""
    return os.path.relpath(file, of.parent) if of else file.name


def _joined(*parts: object) -> str:
    # Airflow takes a text that ends with .md for the name of a file
    return "\n\n".join(text for text in (str(part or "").strip() for part in parts) if text) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown without the columns that are empty; nothing without rows."""
    given = list(rows)
    columns = [column for column in zip(header, *given, strict=True) if any(column[1:])] if given else []
    if not columns:
        return ""
    names, *lines = (" | ".join(cells) for cells in zip(*columns, strict=True))
    rule = " | ".join(["---"] * len(columns))
    return "\n".join(f"| {line} |" for line in (names, rule, *lines))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _shown(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _cell(value: object) -> str:
    """A text as a cell of a table."""
    text = "" if value is None else str(value).strip()
    return _BREAKS.sub(" ", text).replace("|", r"\|") if "\n" in text or "|" in text else text


def _code(value: object) -> str:
    """A text as code, in a cell of a table too."""
    text = _cell(value) or '""'
    return f"`` {text} ``" if "`" in text else f"`{text}`"
