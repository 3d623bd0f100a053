"""``azml_task_group``: the tasks of a pipeline file as a group of a DAG that has others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from airflow_provider_azml.dags.ids import legal
from airflow_provider_azml.dags.pipeline import of_file, render_tasks
from airflow_provider_azml.dags.wishes import Rendering
from airflow_provider_azml.spec import unrendered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.dags.wishes import Labels, Render


def azml_task_group(
    file: str | Path,
    group_id: str | None = None,
    render: Render = "tasks",
    *,
    task_overrides: Mapping[str, Mapping[str, Any]] | None = None,
    after: Mapping[str, Sequence[str]] | None = None,
    labels: Labels = "run",
    inputs: Mapping[str, Any] | None = None,
) -> TaskGroup:
    """The tasks of a pipeline file, as a group of the DAG that is being made.

    Args:
        file: Pipeline file of the AML CLI, v2 or v1, relative to the folder of the file that calls this.
        group_id: Id of the group; by default the file's name without its ending.
        render: ``tasks`` for a task per node, ``job`` for one that submits the whole, ``watch`` for that and a task per
            node that shows what becomes of it.
        task_overrides: As for :func:`~airflow_provider_azml.dags.azml_dag`.
        after: As for :func:`~airflow_provider_azml.dags.azml_dag`.
        labels: As for :func:`~airflow_provider_azml.dags.azml_dag`.
        inputs: Values of inputs of the pipeline: templates, or what other tasks return. Others are params of the DAG.

    Raises:
        SpecError: The file cannot be used; with all its problems, with file and line.

    Example:
        >>> with DAG("retrain", schedule="@daily"):
        ...     extract = SQLExecuteQueryOperator(task_id="extract", ...)
        ...     extract >> azml_task_group("training.yml", inputs={"day": "{{ ds }}"})

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-pipeline
    """
    caller = Path(sys._getframe(1).f_code.co_filename)  # noqa: SLF001 (as Airflow finds the file of a DAG)
    path = caller.parent / file
    group = TaskGroup(group_id or legal(path.stem))
    fileloc = Path(getattr(group.dag, "fileloc", None) or caller)
    rendering = Rendering(render, task_overrides, after, labels)
    pipeline = of_file(unrendered.read(path), path, fileloc.parent, rendering, inputs)
    with group:
        render_tasks(pipeline, group.dag)
    return group
