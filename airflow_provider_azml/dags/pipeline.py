"""The tasks of a pipeline file: one for each of its nodes, or one for all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow.sdk import DAG, TaskGroup

from airflow_provider_azml.dags.assets import outlets_of
from airflow_provider_azml.dags.documentation import dag_documentation, documented, documented_group, overlaid
from airflow_provider_azml.dags.ids import legal, of_node, task_ids
from airflow_provider_azml.dags.tasks import TASK_ID, relative
from airflow_provider_azml.dags.watch import watched
from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.operators.jobs import AzmlSubmitPipelineOperator
from airflow_provider_azml.operators.pipeline_nodes import AzmlPipelineNodeOperator
from airflow_provider_azml.spec import unrendered
from airflow_provider_azml.spec.pipeline_plans import plan_pipeline
from airflow_provider_azml.spec.source import from_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from airflow.sdk import BaseOperator

    from airflow_provider_azml.dags.wishes import Rendering, Wishes
    from airflow_provider_azml.spec.pipeline_plans import NodePath, PlannedNode, PlannedPipeline
    from airflow_provider_azml.spec.schedule_plans import PlannedJob
    from airflow_provider_azml.spec.source import Source

Render = Literal["tasks", "job", "watch"]
Labels = Literal["run", "parse"]


@dataclass(frozen=True)
class Pipeline:
    """A pipeline that becomes tasks.

    Args:
        plan: What it runs.
        given: Keyword arguments of operators that say which pipeline it is, and what is to be otherwise in it.
        settings: Task -> keyword arguments of its operator that say how Airflow runs it.
    """

    plan: PlannedPipeline
    given: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def arguments(self, dotted: str) -> dict[str, Any]:
        """Keyword arguments of the operator of a task, but for what is the task's own."""
        return {**self.given, **self.settings.get(dotted, {})}


def pipeline_dag(source: Source, path: Path, wishes: Wishes) -> DAG:
    """The DAG of a pipeline file.

    Args:
        source: The file, read.
        path: The file.
        wishes: What else is wanted.

    Raises:
        SpecError: It is no valid pipeline, or what is wanted is not to be had.
    """
    pipeline = of_file(source, path, wishes.fileloc.parent, wishes.rendering)
    given = {"catchup": False, **overlaid(dag_documentation(pipeline.plan, path), wishes.dag_kwargs)}
    dag = DAG(given.pop("dag_id", legal(path.stem)), schedule=given.pop("schedule", None), **given)
    dag.fileloc = str(wishes.fileloc)
    with dag:
        render_tasks(pipeline, wishes.rendering.render or "tasks")
    return dag


def of_file(
    source: Source, path: Path, folder: Path, rendering: Rendering, inputs: Mapping[str, Any] | None = None
) -> Pipeline:
    """A pipeline file.

    Args:
        source: The file, read.
        path: The file.
        folder: Folder of the DAG file.
        rendering: What is wanted of it.
        inputs: Values of some of its inputs.

    Raises:
        SpecError: It is no valid pipeline, or what is wanted is not to be had.
    """
    wrong = unrendered.problems(source)
    if wrong:
        raise SpecError(wrong)
    given: dict[str, Any] = {"file": relative(path, folder), **({"inputs": inputs} if inputs else {})}
    return Pipeline(plan_pipeline(source), given)


def of_schedule(job: PlannedJob, given: Mapping[str, Any], rendering: Rendering) -> Pipeline:
    """The pipeline that a schedule submits.

    Args:
        job: The job of the schedule.
        given: Keyword arguments of an operator that submits it.
        rendering: What is wanted of it.

    Raises:
        SpecError: It is no pipeline file, or what is wanted is not to be had.
    """
    if job.ran is not None or job.job_type != "pipeline":
        reason = f"is {rendering.render!r}, and the schedule's job is no pipeline that a file holds; leave render out"
        raise SpecError([Problem("<arguments>", 0, 0, "render", reason)])
    source = unrendered.read(job.file) if job.file else from_mapping(job.spec or {}, base_path=job.folder)
    return Pipeline(plan_pipeline(source.merged(job.changes)), given)


def render_tasks(pipeline: Pipeline, render: Render) -> Sequence[BaseOperator]:
    """Make the tasks of a pipeline, of the DAG or group that is being made.

    Args:
        pipeline: The pipeline.
        render: ``tasks`` for a task per node, ``job`` for one that submits the whole, ``watch`` for that and a task per
            node that shows what becomes of it.

    Returns:
        The tasks that come first.

    Raises:
        SpecError: `render` is something else.
    """
    if render not in get_args(Render):
        reason = f"is {render!r:.80}; it must be {', '.join(get_args(Render)[:-1])} or {get_args(Render)[-1]}"
        raise SpecError([Problem("<arguments>", 0, 0, "render", reason)])
    if render == "job" or not pipeline.plan.nodes:
        outlets = outlets_of(*pipeline.plan.leaves.values())
        return [AzmlSubmitPipelineOperator(task_id=TASK_ID, **{"outlets": outlets, **pipeline.arguments(TASK_ID)})]
    if render == "watch":
        return [watched(pipeline, node_tasks)]
    tasks = node_tasks(pipeline)
    return [task for path, task in tasks.items() if all(after != path for _, after in pipeline.plan.edges)]


def node_tasks(
    pipeline: Pipeline, operator: Callable[..., AzmlPipelineNodeOperator] = AzmlPipelineNodeOperator
) -> Mapping[NodePath, AzmlPipelineNodeOperator]:
    """A task for each node, in the order of the file; nodes of a pipeline component in a group.

    Raises:
        SpecError: Two nodes would be one task.
    """
    tasks: dict[NodePath, AzmlPipelineNodeOperator] = {}
    task_ids(pipeline.plan)
    for node in pipeline.plan.nodes.values():
        _add(pipeline, node, tasks, operator)
    for path, task in tasks.items():
        taken = pipeline.plan.leaves[path].upstream
        task.results_of = {".".join(before): tasks[before].task_id for before in taken}
    for before, after in pipeline.plan.edges:
        tasks[before].set_downstream(tasks[after])
    return tasks


def _add(
    pipeline: Pipeline,
    node: PlannedNode,
    tasks: dict[NodePath, AzmlPipelineNodeOperator],
    operator: Callable[..., AzmlPipelineNodeOperator],
) -> None:
    name, file = of_node(node.path[-1]), pipeline.plan.source.file
    if node.nodes:
        with TaskGroup(name, **documented_group(node, file)):
            for inner in node.nodes.values():
                _add(pipeline, inner, tasks, operator)
        return
    given = {"outlets": outlets_of(node), **documented(node, file), **pipeline.arguments(node.dotted)}
    tasks[node.path] = operator(task_id=name, node=node.dotted, **given)
