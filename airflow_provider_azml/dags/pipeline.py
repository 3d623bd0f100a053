"""The tasks of a pipeline file: one for each of its nodes, or one for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from airflow.sdk import DAG, TaskGroup

from airflow_provider_azml.dags.assets import outlets_of
from airflow_provider_azml.dags.control_flow import Control, give
from airflow_provider_azml.dags.documentation import dag_documentation, documented, documented_group, overlaid
from airflow_provider_azml.dags.file_warnings import warn
from airflow_provider_azml.dags.foreign_steps import foreign_operator, foreign_task, is_foreign
from airflow_provider_azml.dags.ids import legal, of_node, task_ids
from airflow_provider_azml.dags.params import add_params
from airflow_provider_azml.dags.pinned import ParsedLabels
from airflow_provider_azml.dags.takeover import TASK_ID as TAKEOVER
from airflow_provider_azml.dags.task_settings import settings_of, settings_of_dag
from airflow_provider_azml.dags.tasks import TASK_ID, relative
from airflow_provider_azml.dags.watch import JOB, SUBMIT, watched
from airflow_provider_azml.dags.wishes import Render
from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.operators.jobs import AzmlSubmitPipelineOperator
from airflow_provider_azml.operators.pipeline_nodes import AzmlPipelineNodeOperator
from airflow_provider_azml.spec import overrides, unrendered
from airflow_provider_azml.spec.pipeline_inputs import stood_in
from airflow_provider_azml.spec.pipeline_plans import plan_pipeline
from airflow_provider_azml.spec.source import from_mapping
from airflow_provider_azml.spec.v1.foreign_steps import with_stand_ins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from airflow.sdk import BaseOperator

    from airflow_provider_azml.dags.task_settings import TaskSettings
    from airflow_provider_azml.dags.wishes import Rendering, Wishes
    from airflow_provider_azml.spec.pipeline_plans import NodePath, PlannedNode, PlannedPipeline
    from airflow_provider_azml.spec.schedule_plans import PlannedJob
    from airflow_provider_azml.spec.source import Source

_OWN_TASKS: Mapping[Render, Sequence[str]] = {"tasks": (), "job": (TASK_ID,), "watch": (SUBMIT, JOB)}
"""The tasks that are no nodes."""


@dataclass(frozen=True)
class Pipeline:
    """A pipeline that becomes tasks.

    Args:
        plan: What it runs.
        given: Keyword arguments of operators that say which pipeline it is, and what is to be otherwise in it.
        render: What becomes of it.
        settings: How Airflow runs its tasks.
        labels: What labels stand for, where they are looked up when the DAG is parsed.
    """

    plan: PlannedPipeline
    given: Mapping[str, Any]
    render: Render
    settings: TaskSettings
    labels: ParsedLabels

    def arguments(self, dotted: str, operator: type[BaseOperator] | None = None) -> dict[str, Any]:
        """Keyword arguments of the operator of a task, but for what is the task's own."""
        given = {
            "strict": False,
            "params_as_inputs": True,
            **self.given,
            **self.settings.for_task(dotted, operator=operator),
        }
        return {**given, **self.labels.of(given)}


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
    told = overlaid(dag_documentation(pipeline.plan, path), pipeline.settings.for_dag(wishes.dag_kwargs))
    given = {"catchup": False, **told}
    dag = DAG(given.pop("dag_id", legal(path.stem)), schedule=given.pop("schedule", None), **given)
    dag.fileloc = str(wishes.fileloc)
    with dag:
        render_tasks(pipeline, dag)
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
    as_tasks = (rendering.render or "tasks") == "tasks"
    complete = stood_in(source)
    told = unrendered.problems(with_stand_ins(complete) if as_tasks else complete, strict=False)
    if any(problem.severity == "error" for problem in told):
        raise SpecError([*told, *_problems_beside(path)])
    warn(told)
    given: dict[str, Any] = {"file": relative(path, folder), **({"inputs": inputs} if inputs else {})}
    return _pipeline(plan_pipeline(source), given, rendering, path)


def _problems_beside(path: Path) -> Sequence[Problem]:
    """What is wrong with the sidecars of a file, whatever nodes it has."""
    try:
        settings_of_dag(path)
    except SpecError as error:
        return error.problems
    return ()


def of_schedule(path: Path, job: PlannedJob, given: Mapping[str, Any], rendering: Rendering) -> Pipeline:
    """The pipeline that a schedule submits.

    Args:
        path: The file of the schedule.
        job: The job of the schedule.
        given: Keyword arguments of an operator that submits it.
        rendering: What is wanted of it.

    Raises:
        SpecError: It is no pipeline file, or what is wanted is not to be had.
    """
    if job.ran is not None or job.job_type != "pipeline":
        reason = f"render is {rendering.render!r}, and the job of the schedule is no pipeline in a file; leave it out"
        raise SpecError([Problem(str(path), 0, 0, "", reason)])
    source = unrendered.read(job.file) if job.file else from_mapping(job.spec or {}, base_path=job.folder)
    return _pipeline(plan_pipeline(source.merged(job.changes)), given, rendering, path, job.file, others=(TAKEOVER,))


def _pipeline(
    plan: PlannedPipeline,
    given: Mapping[str, Any],
    rendering: Rendering,
    path: Path,
    job: Path | None = None,
    *,
    others: Sequence[str] = (),
) -> Pipeline:
    """A pipeline with what is wanted of it, in a DAG that has other tasks too.

    Raises:
        SpecError: That is not to be had.
    """
    render = rendering.render or "tasks"
    if render not in get_args(Render):
        reason = f"render is {render!r:.80}; it must be {', '.join(get_args(Render)[:-1])} or {get_args(Render)[-1]}"
        raise SpecError([Problem(str(path), 0, 0, "", reason)])
    if not plan.nodes:  # what only the service knows is one task
        render = "job"
    settings = settings_of(
        path,
        overrides.kinds_of(plan),
        rendering.task_overrides,
        rendering.after,
        upstream=overrides.upstream_of(plan),
        beside={**dict.fromkeys(_OWN_TASKS[render], "pipeline"), **dict.fromkeys(others, "")},
        job=job,
        as_one_job=render != "tasks",
    )
    return Pipeline(plan, given, render, settings, ParsedLabels(plan.source, rendering.labels))


def render_tasks(pipeline: Pipeline, dag: DAG) -> Sequence[BaseOperator]:
    """Make the tasks of a pipeline, of the DAG or group that is being made, and the DAG's params.

    Args:
        pipeline: The pipeline.
        dag: The DAG.

    Returns:
        The tasks that come first.

    Raises:
        SpecError: Two nodes would be one task.
        AzmlError: Labels are to be looked up now, and the service cannot be asked.
    """
    pipeline.labels.default_args.update(dag.default_args)
    firsts = _render(pipeline)
    # params of the DAG are copied for each task that is made while it has them, which takes longer than the task itself
    nodes = map(".".join, pipeline.plan.leaves) if pipeline.render == "tasks" else None
    add_params(dag, pipeline.plan.source, nodes, given=pipeline.given.get("inputs") or ())
    return firsts


def _render(pipeline: Pipeline) -> Sequence[BaseOperator]:
    if pipeline.render == "job":
        outlets = outlets_of(*pipeline.plan.leaves.values())
        return [AzmlSubmitPipelineOperator(task_id=TASK_ID, **{"outlets": outlets, **pipeline.arguments(TASK_ID)})]
    if pipeline.render == "watch":
        return [watched(pipeline, node_tasks)]
    control = Control(pipeline.plan, decides=True)
    return control.firsts(_joined(pipeline, AzmlPipelineNodeOperator, control))


def node_tasks(
    pipeline: Pipeline, operator: Callable[..., AzmlPipelineNodeOperator] = AzmlPipelineNodeOperator
) -> Mapping[NodePath, AzmlPipelineNodeOperator]:
    """A task for each node, in the order of the file; nodes of a pipeline component in a group.

    Raises:
        SpecError: Two nodes would be one task.
    """
    return _joined(pipeline, operator, Control(pipeline.plan, decides=operator is AzmlPipelineNodeOperator))


def _joined(
    pipeline: Pipeline, operator: Callable[..., AzmlPipelineNodeOperator], control: Control
) -> dict[NodePath, AzmlPipelineNodeOperator]:
    """The tasks of nodes, one after the other."""
    tasks: dict[NodePath, AzmlPipelineNodeOperator] = {}
    task_ids(pipeline.plan)
    control.check()
    for node in pipeline.plan.nodes.values():
        _add(pipeline, node, tasks, operator, control)
    control.join(tasks)
    for task in tasks.values() if pipeline.settings.after else ():
        give(task, "after", pipeline.settings.after)
    for name, others in pipeline.settings.after.items():
        first = control.begin(tuple(name.split(".")), tasks)
        first.set_upstream([tasks[tuple(other.split("."))] for other in others])
    return tasks


def _add(
    pipeline: Pipeline,
    node: PlannedNode,
    tasks: dict[NodePath, AzmlPipelineNodeOperator],
    operator: Callable[..., AzmlPipelineNodeOperator],
    control: Control,
) -> None:
    name, file = of_node(node.path[-1]), pipeline.plan.source.file

    def add(inner: PlannedNode) -> None:
        _add(pipeline, inner, tasks, operator, control)

    def arguments(one: PlannedNode) -> dict[str, Any]:
        own = {**documented(one, file), **control.rule(one)}
        return {"outlets": outlets_of(one), **own, **pipeline.arguments(one.dotted)}

    if control.adds(node, tasks, arguments, add):
        return
    if node.nodes:
        with TaskGroup(name, **documented_group(node, file)):
            for inner in node.nodes.values():
                add(inner)
        return
    if is_foreign(node):
        own = {**arguments(node), **pipeline.arguments(node.dotted, foreign_operator(node))}
        foreign: Any = foreign_task(node, name, own)  # is told what tasks of nodes are told
        tasks[node.path] = foreign
        return
    tasks[node.path] = operator(task_id=name, node=node.dotted, **arguments(node))
