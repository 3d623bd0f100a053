"""Pipeline files of CLI v1 as pipeline jobs of today.

Paths start from the file's folder; v1 let them start from wherever it was called.

Source: https://learn.microsoft.com/azure/machine-learning/v1/reference-pipeline-yaml, and azureml-pipeline-core 1.62
(``_pipeline_yaml_parser``), which read the files.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import validate
from airflow_provider_azml.spec.v1 import pipeline_problems, pipeline_remarks, step_types
from airflow_provider_azml.spec.v1.pipeline_parts import ROOT, Pipeline, node_name
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put, unless_empty
from airflow_provider_azml.spec.v1.steps import Step, compute_name
from airflow_provider_azml.spec.v1.translation import Translation
from airflow_provider_azml.spec.v1.unsayable import is_unset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.source import Source

SCHEMA = "v1_pipeline.schema.json"
_TELLING = frozenset({"steps", "data_references", "default_compute"})
"""Keys under the root of which one is enough; other programs have files of that root too."""


def is_pipeline(source: Source) -> bool:
    """Whether a source is a pipeline file of CLI v1, as it is written."""
    found = source.value.get(ROOT)
    return isinstance(found, dict) and "type" not in source.value and not _TELLING.isdisjoint(found)


def check(source: Source) -> Sequence[Problem]:
    """Check a pipeline file, and the files that it names, before anything is made of it.

    Returns:
        The notes, of what v1 heeded and v2 has no need of.

    Raises:
        SpecError: It is no valid pipeline file, or says what v2 cannot say; with all problems of all its files at once.
    """
    return validate.check(source, SCHEMA, lambda given: pipeline_problems.found(Pipeline(given)), strict=True)


def translated(source: Source) -> Source:
    """A pipeline file as a pipeline job of CLI v2, whose problems are told with lines of the file of v1.

    A step becomes a node under its key in lower case. Parameters and data references become inputs of the job. What no
    argument of a script names reaches it in the environment variables of v1. Steps that ran on Databricks, Azure Batch
    or Data Factory become nodes of type ``databricks``, ``azure_batch`` and ``data_transfer_v1``, which no AML job can
    have; see :mod:`~airflow_provider_azml.spec.v1.foreign_steps`.

    Args:
        source: The file of v1; anything else is returned as it is.

    Raises:
        SpecError: It is no valid pipeline file, or says what v2 cannot say; with all problems of all its files at once.

    Example:
        >>> translated(as_written(Path("pipeline.yml"))).value["jobs"]["train"]["command"]
        'python train.py --epochs ${{inputs.epochs}}'
    """
    return translation(source).source if is_pipeline(source) else source


def translation(source: Source) -> Translation:
    """As :func:`translated`, of a pipeline file of CLI v1, with the choices that were made and the notes of the check.

    Raises:
        SpecError: As :func:`translated`.
    """
    notes = check(source)
    pipeline = Pipeline(source)
    given = pipeline.source
    members: dict[str, Placed | None] = {
        "type": put("pipeline", source, ROOT),
        "display_name": kept(given, "name"),
        "description": kept(given, "description"),
        "settings": _settings(given),
        "inputs": unless_empty(gathered(pipeline.inputs(), given, "parameters")),
        "jobs": gathered(
            {node_name(key): step_types.of(Step(pipeline, key)).node() for key in pipeline.steps}, given, "steps"
        ),
    }
    made = gathered(members, source)
    job = replace(source, value=made.value, marks=made.marks)
    return Translation("job", job, remarks=[*pipeline_remarks.of(pipeline, made.value)], notes=notes)


def _settings(given: Source) -> Placed | None:
    compute = given.value.get("default_compute")
    if is_unset(compute):
        return None
    return put({"default_compute": compute_name(compute)}, given, "default_compute")
