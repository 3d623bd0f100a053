"""What was chosen in making a pipeline job of a pipeline file of CLI v1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.v1 import environments
from airflow_provider_azml.spec.v1.parallel_steps import ParallelRunStep
from airflow_provider_azml.spec.v1.pipeline_parts import node_name
from airflow_provider_azml.spec.v1.steps import DATA, PARAMETER, Step
from airflow_provider_azml.spec.v1.translation import Remark
from airflow_provider_azml.spec.v1.unsayable import is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
from airflow_provider_azml.spec.v1.pipeline_parts import Pipeline

_NOTHING_SAID = "v1 says nothing here; this is what it took then"


def of(pipeline: Pipeline, job: Json) -> Iterator[Remark]:
    """The choices that were made.

    Args:
        pipeline: The pipeline.
        job: The content of the pipeline job.
    """
    for name in mapping(job.get("inputs")):
        yield from _of_input(pipeline, name)
    for key in pipeline.steps:
        yield from _of_node(Step(pipeline, key), mapping(mapping(job.get("jobs")).get(node_name(key))))


def _of_input(pipeline: Pipeline, name: str) -> Iterator[Remark]:
    place: Path = ("inputs", name)
    if mapping(pipeline.data.get(name)).get("dataset_name"):
        yield Remark(place, "the newest version, as v1 took it; a tabular dataset is of type mltable today")
    elif pipeline.type_of(name) in {"int", "float", "bool"} and is_unset(pipeline.parameters[name].get("default")):
        yield Remark(place, _NOTHING_SAID)


def _of_node(step: Step, node: Json) -> Iterator[Remark]:
    name = node_name(step.key)
    place: Path = ("jobs", name)
    if name != step.key:
        yield Remark(place, f"{step.key} in v1; today's names have lower case letters, digits and underscores")
    inside = ("component",) if isinstance(node.get("component"), dict) else ()
    body = mapping(node.get("component")) if inside else node
    environment = mapping(body.get("environment"))
    if environment and environment.get("conda_file") == environments.CONDA:
        yield Remark((*place, *inside, "environment"), "v1 names no packages; this is what it took then")
    command = body.get("command")
    if isinstance(command, str) and command.startswith((DATA, PARAMETER)):
        told = "no argument names what the environment variables hold; v1 gave it to the script in these"
        yield Remark((*place, *inside, "command"), told)
    if inside:
        yield Remark((*place, *inside), "v2 says is_deterministic, and what parameters set, in components alone")
    if node.get("type") == "parallel" and "mini_batch_size" in body and not _says_batch(step):
        yield Remark((*place, *inside, "mini_batch_size"), _NOTHING_SAID)


def _says_batch(step: Step) -> bool:
    return "mini_batch_size" in ParallelRunStep(step).config.value
