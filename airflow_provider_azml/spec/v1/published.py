"""Pipeline files of CLI v1 as what publishing them makes today: pipeline components.

Source: ``az ml pipeline create -y`` of CLI v1, and
https://learn.microsoft.com/azure/machine-learning/reference-yaml-component-pipeline
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.v1 import pipelines
from airflow_provider_azml.spec.v1.pipeline_parts import DATAPATH, Pipeline
from airflow_provider_azml.spec.v1.translation import Remark, Translation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_TYPES = {"string": "string", "int": "integer", "float": "number", "bool": "boolean"}
_COMPUTE = "default_compute"


def component(source: Source, name: str, *, version: str | None = None) -> Translation:
    """The pipeline component that a pipeline file of CLI v1 is published as.

    Parameters become its inputs, with their defaults. Data references, which nobody could choose at a run, stand where
    nodes take them. A component has no default compute: each node names it.

    Args:
        source: The file, as it is written.
        name: Name of the component.
        version: Its version; by default the next one.

    Raises:
        SpecError: It is no valid pipeline file, or says what v2 cannot say; with all problems of all its files at once.

    Example:
        >>> component(as_written(Path("pipeline.yml")), "retrain").source.value["inputs"]["epochs"]
        {'type': 'integer', 'default': 3}
    """
    made = pipelines.translation(source)
    pipeline, job = Pipeline(source), made.source.value
    given = mapping(job.get("inputs"))
    fixed = {f"${{{{parent.inputs.{key}}}}}": value for key, value in given.items() if key not in pipeline.parameters}
    compute = mapping(job.get("settings")).get(_COMPUTE)
    inputs = {key: _input(pipeline, key, value) for key, value in given.items() if key in pipeline.parameters}
    jobs = {key: _node(mapping(node), compute, fixed) for key, node in mapping(job.get("jobs")).items()}
    value: Json = {
        "name": name,
        **({"version": version} if version else {}),
        "type": "pipeline",
        **{key: job[key] for key in ("display_name", "description") if key in job},
        **({"inputs": inputs} if inputs else {}),
        "jobs": jobs,
    }
    kept = (told for told in made.remarks if told.place[:1] != ("inputs",) or told.place[1] in inputs)
    remarks = [*kept, *_remarks(pipeline, inputs, compute)]
    return replace(made, kind="component", source=replace(made.source, value=value), remarks=remarks)


def _input(pipeline: Pipeline, name: str, default: Any) -> Json:
    kind = pipeline.type_of(name)
    if kind == DATAPATH:
        return {"type": mapping(default).get("type", "uri_folder")}
    return {"type": _TYPES[kind], "default": default}


def _node(node: Json, compute: Any, fixed: Json) -> Json:
    taken = {key: _fixed(value, fixed) for key, value in mapping(node.get("inputs")).items()}
    made = {**node, "inputs": taken} if taken else node
    return made if compute is None or "compute" in node else {**made, "compute": compute}


def _fixed(value: Any, fixed: Json) -> Any:
    """What a node takes: the data reference itself, where it takes one."""
    if isinstance(value, str):
        return fixed.get(value, value)
    place = fixed.get(str(mapping(value).get("path")))
    return value if place is None else {**value, **place}


def _remarks(pipeline: Pipeline, inputs: Json, compute: Any) -> Iterator[Remark]:
    for name in inputs:
        if pipeline.type_of(name) == DATAPATH:
            yield Remark(
                ("inputs", name), "data that a component takes has no default: whoever runs it says where it is"
            )
    if compute is not None:
        yield Remark(("jobs",), f"each node names the {_COMPUTE} of v1, for a component has none")
