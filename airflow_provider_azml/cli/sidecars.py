"""What is wrong with a sidecar, held against the AML file that it stands beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import overrides, sidecars, unrendered
from airflow_provider_azml.spec.kind_names import inferred
from airflow_provider_azml.spec.pipeline_plans import plan_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.pipeline_plans import PlannedPipeline
    from airflow_provider_azml.spec.source import Source

_WHOLE = ("job", "azml_submit", "azml_job")
"""Tasks that submit or watch a whole pipeline, in the renderings that have them."""


def problems(sidecar: Path) -> Sequence[Problem]:
    """All that is wrong with a sidecar, but for what only Airflow can tell, such as callbacks that are not there.

    Args:
        sidecar: The file.

    Raises:
        SpecError: It cannot be read.
    """
    source, found = sidecars.read(sidecar)
    return sorted(dict.fromkeys((*found, *_of_names(sidecar, source))))


def _of_names(sidecar: Path, source: Source) -> Iterator[Problem]:
    yield from (problem for problem in sidecars.alone(sidecar.parent) if problem.file == str(sidecar))
    beside = sidecars.aml_files_of(sidecar)
    plan = _planned(beside[0]) if beside else None
    if plan is None:
        yield from overrides.wrong_tasks(source, {}, of_many=True)
        return
    kinds = overrides.kinds_of(plan)
    whole = {name: "pipeline" for name in _WHOLE if name not in kinds}
    wrong = [*overrides.wrong_tasks(source, {**kinds, **whole}), *overrides.wrong_order(source, kinds)]
    yield from wrong
    if wrong:
        return
    try:
        overrides.order([source], kinds, overrides.upstream_of(plan))
    except SpecError as error:
        yield from error.problems


def _planned(file: Path) -> PlannedPipeline | None:
    """The plan of a pipeline file; what is wrong with that file is told of it, not of its sidecar."""
    try:
        source = unrendered.read(file)
        is_pipeline = inferred(source.value) == "job" and source.value.get("type") == "pipeline"
        return plan_pipeline(source) if is_pipeline and not unrendered.problems(source) else None
    except SpecError:
        return None
