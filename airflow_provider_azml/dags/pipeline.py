"""The tasks of a pipeline file: one for each of its nodes, or one for all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow.sdk import DAG, TaskGroup

from airflow_provider_azml.dags.ids import legal
from airflow_provider_azml.dags.tasks import TASK_ID, job_arguments, relative
from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.operators.pipeline_nodes import AzmlPipelineNodeOperator
from airflow_provider_azml.spec import unrendered
from airflow_provider_azml.spec.pipeline_plans import plan_pipeline
from airflow_provider_azml.spec.schedule_plans import PlannedJob

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow.sdk import BaseOperator

    from airflow_provider_azml.dags.wishes import Wishes
    from airflow_provider_azml.spec.pipeline_plans import NodePath, PlannedNode, PlannedPipeline
    from airflow_provider_azml.spec.source import Source

Render = Literal["tasks", "job", "watch"]


@dataclass(frozen=True)
class Pipeline:
    """A pipeline file that becomes tasks.

    Args:
        plan: What it runs.
        path: The file.
        folder: Folder of the DAG file.
        changes: What is to be otherwise than the file says; each a keyword argument of the operator.
        settings: Task -> keyword arguments of its operator that say how Airflow runs it.
    """

    plan: PlannedPipeline
    path: Path
    folder: Path
    changes: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def arguments(self, dotted: str) -> dict[str, Any]:
        """Keyword arguments of the operator of a task, but for what is the task's own."""
        file = relative(self.path, self.folder)
        return {"file": file, **self.changes, **self.settings.get(dotted, {})}


def pipeline_dag(source: Source, path: Path, wishes: Wishes) -> DAG:
    """The DAG of a pipeline file.

    Args:
        source: The file, read.
        path: The file.
        wishes: What else is wanted.

    Raises:
        SpecError: It is no valid pipeline, or what is wanted is not to be had.
    """
    wrong = unrendered.problems(source)
    if wrong:
        raise SpecError(wrong)
    pipeline = Pipeline(plan_pipeline(source), path, wishes.fileloc.parent)
    given = {"catchup": False, **wishes.dag_kwargs}
    dag = DAG(given.pop("dag_id", legal(path.stem)), schedule=given.pop("schedule", None), **given)
    dag.fileloc = str(wishes.fileloc)
    with dag:
        render_tasks(pipeline, wishes.render or "tasks")
    return dag


def render_tasks(pipeline: Pipeline, render: Render) -> None:
    """Make the tasks of a pipeline, of the DAG or group that is being made.

    Args:
        pipeline: The pipeline.
        render: ``tasks`` for a task per node, ``job`` for one that submits the whole, ``watch`` for that and a task per
            node that shows what becomes of it.

    Raises:
        SpecError: `render` is something else.
    """
    if render not in get_args(Render):
        reason = f"is {render!r:.80}; it must be {', '.join(get_args(Render)[:-1])} or {get_args(Render)[-1]}"
        raise SpecError([Problem("<arguments>", 0, 0, "render", reason)])
    if render == "job" or not pipeline.plan.nodes:
        job_tasks(pipeline)
    else:
        node_tasks(pipeline)


def job_tasks(pipeline: Pipeline) -> BaseOperator:
    """The task that submits a whole pipeline as one job."""
    operator, given = job_arguments(PlannedJob(pipeline.path), pipeline.folder, changes={}, display_name=None)
    return operator(task_id=TASK_ID, **{**given, **pipeline.arguments(TASK_ID)})


def node_tasks(pipeline: Pipeline) -> Mapping[NodePath, AzmlPipelineNodeOperator]:
    """A task for each node, in the order of the file; nodes of a pipeline component in a group."""
    tasks: dict[NodePath, AzmlPipelineNodeOperator] = {}
    for node in pipeline.plan.nodes.values():
        _add(pipeline, node, tasks)
    for path, task in tasks.items():
        taken = pipeline.plan.leaves[path].upstream
        task.results_of = {".".join(before): tasks[before].task_id for before in taken}
    for before, after in pipeline.plan.edges:
        tasks[before].set_downstream(tasks[after])
    return tasks


def _add(pipeline: Pipeline, node: PlannedNode, tasks: dict[NodePath, AzmlPipelineNodeOperator]) -> None:
    name = legal(node.path[-1])
    if node.nodes:
        with TaskGroup(name):
            for inner in node.nodes.values():
                _add(pipeline, inner, tasks)
        return
    tasks[node.path] = AzmlPipelineNodeOperator(task_id=name, node=node.dotted, **pipeline.arguments(node.dotted))
