"""What is wrong with a pipeline file of CLI v1 besides what its schema says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.v1 import step_types, unsayable
from airflow_provider_azml.spec.v1.pipeline_parts import DATAPATH, node_name
from airflow_provider_azml.spec.v1.steps import Step
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.v1.pipeline_parts import Pipeline

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_SQL = "v2 has no data of databases in pipelines; import it with a schedule (import_data), and name the asset"
_UNSAYABLE = (
    Unsayable(("dataset_id",), "v2 knows data by name and version; write dataset_name"),
    *(Unsayable((key,), _SQL) for key in ("sql_table", "sql_query", "sql_stored_procedure")),
)
_IN_A_DATASTORE = frozenset({"path_on_datastore", "sql_table", "sql_query", "sql_stored_procedure"})
_OLDER = ("module", *(f"{name}_step" for name in ("python_script", "parallel_run", "adla", "data_transfer")))
_OLDER_FORMS = frozenset({*_OLDER, "databricks_step", "azurebatch_step"})


def found(pipeline: Pipeline) -> Iterator[Problem]:
    """The problems of a pipeline and of all files that it names.

    Args:
        pipeline: The pipeline.
    """
    yield from _names(pipeline)
    yield from _data(pipeline)
    yield from _destinations(pipeline)
    for key, step in pipeline.steps.items():
        if not isinstance(step, dict):
            continue
        for older in sorted(_OLDER_FORMS & step.keys()):
            reason = "is v1's older form; put its keys beside a key type, e.g. type: PythonScriptStep"
            yield pipeline.source.problem(("steps", key, older), reason, at_key=True)
        yield from step_types.problems(Step(pipeline, key))


def _names(pipeline: Pipeline) -> Iterator[Problem]:
    source, nodes = pipeline.source, dict[str, str]()
    for key in pipeline.steps:
        name = node_name(str(key))
        if name in nodes:
            reason = f"{key!r} and {nodes[name]!r} both become the node {name!r}; rename one"
            yield source.problem(("steps", key), reason, at_key=True)
        nodes.setdefault(name, str(key))
    for section in ("parameters", "data_references"):
        for name in mapping(source.value.get(section)):
            if not _NAME.fullmatch(str(name)):
                reason = f"{name!r} is no name in v2: letters, digits and underscores, not beginning with a digit"
                yield source.problem((section, name), reason, at_key=True)
    for name in pipeline.data:
        if name in pipeline.parameters:
            reason = f"{name!r} is a parameter too; both become inputs in v2, so rename one"
            yield source.problem(("data_references", name), reason, at_key=True)


def _data(pipeline: Pipeline) -> Iterator[Problem]:
    for name in pipeline.data:
        given = pipeline.source.at("data_references", name)
        yield from unsayable.problems(given, _UNSAYABLE)
        told = [key for key in ("datastore", "dataset_name", "dataset_id") if not is_unset(given.value.get(key))]
        if len(told) != 1:
            both = f"{' and '.join(told)} are given" if told else "neither datastore nor dataset_name is given"
            yield given.problem((), f"{both}; give one", at_key=True)
        elif told == ["datastore"] and not any(
            key in given.value for key in ("path_on_datastore", "sql_table", "sql_query")
        ):
            yield given.problem((), "'path_on_datastore' is missing", at_key=True)


def _destinations(pipeline: Pipeline) -> Iterator[Problem]:
    """Outputs of one name, of which an input would not know which is meant."""
    for name, written in pipeline.writers.items():
        for step, output in written:
            place = ("steps", step, "outputs", output, "destination")
            if pipeline.is_data(name):
                what = "a parameter" if pipeline.type_of(name) == DATAPATH else "a data reference"
                yield pipeline.source.problem(place, f"{name!r} is {what} of the pipeline too; rename one")
            elif len(written) > 1:
                others = ", ".join(f"{one.step}.{one.output}" for one in written if one != (step, output))
                yield pipeline.source.problem(place, f"{name!r} is the destination of {others} too; rename one")
