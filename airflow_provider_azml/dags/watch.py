"""A pipeline file as one job, with a task for each node that shows what becomes of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from airflow_provider_azml.dags.ids import task_ids
from airflow_provider_azml.operators.jobs import AzmlSubmitPipelineOperator
from airflow_provider_azml.operators.watched_pipelines import (
    AzmlWatchPipelineNodeOperator,
    AzmlWatchPipelineOperator,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.dags.pipeline import Pipeline
    from airflow_provider_azml.operators.pipeline_nodes import AzmlPipelineNodeOperator
    from airflow_provider_azml.spec.pipeline_plans import NodePath

    NodeOperator: TypeAlias = Callable[..., AzmlPipelineNodeOperator]
    NodeTasks: TypeAlias = Callable[[Pipeline, NodeOperator], Mapping[NodePath, AzmlPipelineNodeOperator]]

SUBMIT, JOB = "azml_submit", "azml_job"
"""Ids of the tasks that submit the job and answer for it; no node may be called so."""
_DOCUMENTATION = {
    SUBMIT: "Submits the whole pipeline as one job. Clear this task and those after it to run the pipeline anew.",
    JOB: "Waits for the job of the whole pipeline. The job is cancelled when this task is ended.",
}


def watched(pipeline: Pipeline, node_tasks: NodeTasks) -> AzmlSubmitPipelineOperator:
    """Make the tasks of a pipeline that runs as one job, of the DAG or group that is being made.

    Args:
        pipeline: The pipeline.
        node_tasks: Makes a task for each node, with an operator.

    Returns:
        The task that comes first.

    Raises:
        SpecError: Two nodes would be one task, or a node is called as a task is that is made here.
    """
    task_ids(pipeline.plan, taken=(SUBMIT, JOB))
    given = {task: {"doc_md": told, **pipeline.arguments(task)} for task, told in _DOCUMENTATION.items()}
    submit = AzmlSubmitPipelineOperator(task_id=SUBMIT, **{**given[SUBMIT], "wait": False})
    whole = AzmlWatchPipelineOperator(task_id=JOB, submitted_by=submit.task_id, **given[JOB])
    nodes = node_tasks(pipeline, partial(AzmlWatchPipelineNodeOperator, submitted_by=submit.task_id))
    submit.set_downstream([whole, *(task for task in nodes.values() if not task.upstream_task_ids)])
    return submit
