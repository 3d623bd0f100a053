"""The operator that runs one node of a pipeline file."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import ApiError, NotFound, SpecError
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowSkipException
from airflow_provider_azml.operators.earlier_runs import FROM_RUN
from airflow_provider_azml.operators.jobs import AzmlSubmitPipelineOperator

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.node_jobs import NodeJob
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.node_selection import Selection
    from airflow_provider_azml.spec.pipeline_plans import NodePath, PlannedNode, PlannedPipeline
    from airflow_provider_azml.spec.single_nodes import Value
    from airflow_provider_azml.spec.source import Source

FOLDER = "airflow"
"""Folder of a datastore that holds what nodes write for which their files say no path."""

_FAILED = "failed"


class AzmlPipelineNodeOperator(AzmlSubmitPipelineOperator):
    """Runs one node of a pipeline file as a job of its own, and waits for its end; never twice.

    Everything that :class:`~airflow_provider_azml.operators.AzmlSubmitPipelineOperator` takes and promises. The job is
    a pipeline of this one node: the service takes nodes of all types in that shape, and uses what it ran before again.
    What the node takes from others is what their tasks tell that it is; what it writes, its task tells.

    :func:`~airflow_provider_azml.dags.azml_dag` makes a DAG of such tasks.

    Args:
        node: The node; one inside of a pipeline component after the node that runs it, e.g. ``training.score``. It may
            be left out where `jobs` has one alone; a run does not choose such a one, and inputs that have no value, or
            no path, are left out of it.
        results_of: Node -> id of its task, for the nodes that it takes something from.
        may_lack: Those of these nodes that a decision may leave out: what they would give is left out too, and the task
            is skipped where the node cannot do without it.
        after: Node -> the nodes that it comes after though it takes nothing from them; of the whole pipeline.
        force_rerun: Whether it runs even if the service has run the same before.

    The params ``azml_only``, ``azml_skip`` and ``azml_force_rerun`` of a DAG run choose nodes of its pipelines. A node
    that a run leaves out has the result of the last good run of the DAG, if others need it; else it is skipped. With
    ``continue_on_step_failure: false`` in the file, a first try fails where another node of the run has failed.

    Returns:
        As of any job, with ``outputs`` (output -> URI of where it really is), ``assets`` (output -> ``name`` and
        ``version`` of the asset that it became), ``node``, ``child`` (the job of the node itself), and ``reused_from``
        (the job whose results were used again, or ``None``), and ``values`` (output -> value, of those of type boolean,
        integer, number or string). That of a node which was left out has ``from_run`` besides, the id of the run that
        it is of.

    Raises:
        RunFailed: The node failed or was canceled.
        SpecError: The file has no such node, or the node takes what another has not written.

    Example:
        >>> prep = AzmlPipelineNodeOperator(task_id="prep", file="pipeline.yml", node="prep")
        >>> train = AzmlPipelineNodeOperator(
        ...     task_id="train", file="pipeline.yml", node="train", results_of={"prep": "prep"}
        ... )
        >>> prep >> train

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-pipeline
    """

    chooses_nodes = True
    _plan_of_try: tuple[tuple[object, ...], PlannedPipeline] | None = None
    """The try that has read the files, and what it has found."""

    def __init__(
        self,
        *,
        node: str | None = None,
        results_of: Mapping[str, str] | None = None,
        may_lack: Collection[str] = (),
        after: Mapping[str, Sequence[str]] | None = None,
        force_rerun: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.node = node or ""
        self.results_of = dict(results_of or {})
        self.may_lack = list(may_lack)
        self.after = after
        self.force_rerun = force_rerun

    def submit(self, context: Context) -> Ticket | Json:
        """Submit the job of the node, or take the result of an earlier one where the run leaves the node out."""
        from airflow_provider_azml.operators.earlier_runs import left_out

        fate = self._selection(context).of(self._path) if self.node else "run"
        if fate != "run":
            return left_out(context, fate, self.log)
        self._stop_after_a_failure(context)
        return super().submit(context)

    def source(self, context: Context) -> Source:
        """The job of the node alone.

        Raises:
            SpecError: The file cannot be used, or what the node takes is not there.
            AirflowSkipException: A decision has left out a node that it cannot do without.
        """
        from airflow_provider_azml.spec.single_nodes import lacking, single_node

        plan = self.plan(context)
        node = self.planned(plan)
        results = self.results(context)
        unknown = [".".join(path) for path in node.upstream if path not in results]
        if unknown:
            reason = (
                f"takes outputs of {', '.join(unknown)}, for which results_of has no task; if the file has changed "
                "since Airflow read it, clear this task when Airflow has read it anew"
            )
            raise SpecError([node.source.problem((), reason, at_key=True)])
        lacks = lacking(node, results)
        if lacks:
            raise AirflowSkipException(f"Skipped: {lacks!r} is an output of a node that a decision has left out")
        return single_node(plan, node, results, folder=self._folder(), force_rerun=self._is_forced(context))

    def plan(self, context: Context) -> PlannedPipeline:
        """The whole pipeline, with the inputs of this run; a try reads its files once."""
        from airflow_provider_azml.spec.pipeline_plans import plan_pipeline

        ti = context["ti"]
        asking = (ti.run_id, ti.map_index, ti.try_number)
        if self._plan_of_try is None or self._plan_of_try[0] != asking:
            job = super().source(context)
            self._plan_of_try = (asking, plan_pipeline(job if self.node else _of_its_own(job)))
        return self._plan_of_try[1]

    def planned(self, plan: PlannedPipeline) -> PlannedNode:
        """The node of this task.

        Raises:
            SpecError: There is none.
        """
        from airflow_provider_azml.spec.places import closest

        known = {node.dotted: node for node in plan.leaves.values()}
        if self.node in known:
            return known[self.node]
        if not self.node:
            if len(known) == 1:
                return next(iter(known.values()))
            reason = f"must hold one node where node is not given; it has {', '.join(known) or 'none'}"
            raise SpecError([plan.source.problem(("jobs",), reason, at_key=True)])
        meant = closest(self.node, known)
        hint = f"did you mean {meant!r}?" if meant else f"it has {', '.join(known) or 'none'}"
        raise SpecError([plan.source.problem(("jobs",), f"there is no node {self.node!r}; {hint}", at_key=True)])

    def results(self, context: Context) -> dict[NodePath, Mapping[str, str | Value] | None]:
        """What the nodes that it takes something from have written, as their tasks tell."""
        found: dict[NodePath, Mapping[str, str | Value] | None] = {}
        for node, task in self.results_of.items():
            result = self.told(context, node, task)
            found[tuple(node.split("."))] = None if result is None and node in self.may_lack else written(result or {})
        return found

    def told(self, context: Context, node: str, task: str) -> Json | None:
        """The result of another node's task, of the same item where both are mapped; ``None`` where it has none."""
        ti, dag = context["ti"], self.get_dag()
        other = dag.task_dict.get(task) if dag else None
        group = other.get_closest_mapped_task_group() if other else None
        index = ti.map_index if group is not None and group is self.get_closest_mapped_task_group() else None
        result: Json | None = ti.xcom_pull(task_ids=task, map_indexes=-1 if index is None else index)
        return result

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Turn what the node did into the task's result, or into an error that says why it failed."""
        step = super().advance(context, outcome)
        if not isinstance(step, dict):
            return step
        result = self._with_outputs(context, step)
        self._tell_reason(context, result)
        return result

    def finish(self, context: Context, result: object) -> None:
        """Tell the task's assets, if it has any, which versions of them the node has made."""
        from airflow_provider_azml.operators.asset_events import tell_assets

        if isinstance(result, dict) and FROM_RUN not in result:
            tell_assets(context, result)

    def made(self, context: Context, result: Json) -> Flow[NodeJob | None]:
        """The job of the node itself, once it has ended."""
        from airflow_provider_azml.rest.node_jobs import node_job

        name = self.node.rpartition(".")[2] if self.node else self.planned(self.plan(context)).path[-1]
        return node_job(self.hook.workspace_id, result["name"], name, alone=True)

    def _with_outputs(self, context: Context, result: Json) -> Json:
        made = self.hook.run(self.made(context, result))
        assets = {} if made is None else {one: {"name": name, "version": at} for one, (name, at) in made.assets.items()}
        return {
            **result,
            **(self._of_child(made.name, result["studio_url"]) if made else {}),
            "outputs": {} if made is None else dict(made.outputs),
            "assets": assets,
            "node": self.node or self.task_id,
            "child": made and made.name,
            "reused_from": made and made.reused_from,
            "values": {} if made is None else self._values(context, made),
        }

    def _of_child(self, job: str, studio_url: str) -> Json:
        """What the job of the node itself has logged, and its best trial, which its pipeline has not."""
        from airflow_provider_azml.rest.results import told

        try:
            child = self.hook.run(told(self.hook.workspace_id.child("job", job), {}, studio_url))
        except ApiError as error:
            self.log.warning("The node has ended, but its job %s cannot be read: %s", job, error)
            return {}
        return {key: child[key] for key in ("metrics", "best_trial") if key in child}

    def _stop_after_a_failure(self, context: Context) -> None:
        """Begin no node once another has failed, where the file asks for that; one that is cleared is begun.

        Raises:
            AirflowFailException: One has.
        """
        ti, plan = context["ti"], self.plan(context)
        if ti.try_number > 1 or not plan.stops_at_a_failure or self._path[0] == plan.last:
            return
        nodes = self._tasks_of_pipeline()
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=nodes, run_ids=[ti.run_id]).get(ti.run_id, {})
        failed = sorted(task for task, state in states.items() if state == _FAILED)
        if failed:
            raise AirflowFailException(
                f"node {self.node!r} is not run: {', '.join(failed)} failed, and the file says "
                "continue_on_step_failure: false. Clear this task to run it all the same"
            )

    def _tasks_of_pipeline(self) -> list[str]:
        """The tasks of the other nodes of the same pipeline."""
        prefix = self.task_id.removesuffix(self.node)
        dag = self.get_dag()
        tasks = (task for task in (dag.tasks if dag else ()) if isinstance(task, AzmlPipelineNodeOperator))
        return [task.task_id for task in tasks if task.task_id != self.task_id and task.task_id.startswith(prefix)]

    def _values(self, context: Context, made: NodeJob) -> Json:
        """The outputs that are values: as run history has them, or else what the file of one holds."""
        from airflow_provider_azml.rest.control_outputs import text_at
        from airflow_provider_azml.spec.component_io import VALUE_TYPES

        values = dict(made.values)
        try:
            declared = self.planned(self.plan(context)).outputs.values()
        except SpecError as error:  # the file is another one than when the job was submitted, which went well
            self.log.warning("The file has changed, so that only values in run history are told: %s", error)
            return values
        for one in declared:
            if one.type in VALUE_TYPES and one.name not in values and one.name in made.outputs:
                # what the node has not written, nobody may ask for
                with suppress(NotFound):
                    file = text_at(self.hook.workspace_id, self.hook.cloud, made.outputs[one.name])
                    values[one.name] = self.hook.run(file).strip()
        return values

    def _tell_reason(self, context: Context, result: Json) -> None:
        from airflow_provider_azml.operators.earlier_runs import previous_result
        from airflow_provider_azml.operators.node_reasons import tell_reason

        earlier, forced = previous_result(context["ti"]), False
        with suppress(SpecError):  # the file may have changed since; what the service has tells as well
            forced = self._is_forced(context)
        tell_reason(self.hook, self.log, result, earlier, forced=forced)

    @property
    def _path(self) -> NodePath:
        return tuple(self.node.split("."))

    def _folder(self) -> str:
        """Folder that the node writes to; one that stands alone tells by its task which pipelines it is in."""
        around = [] if self.node else self.task_id.split(".")[:-1]
        return "/".join([FOLDER, self.dag_id, *around])

    def _is_forced(self, context: Context) -> bool:
        return self.force_rerun or (bool(self.node) and self._path in self._selection(context).forced)

    def _selection(self, context: Context) -> Selection:
        """What becomes of the nodes of the pipeline in this run."""
        from airflow_provider_azml.operators.earlier_runs import elsewhere
        from airflow_provider_azml.spec.node_selection import selected

        more = [(one, node) for node, others in (self.after or {}).items() for one in others]
        order = [(tuple(one.split(".")), tuple(node.split("."))) for one, node in more]
        return selected(self.plan(context), context["params"], order, elsewhere(context["dag"]))


def _of_its_own(job: Source) -> Source:
    """A pipeline of one node whose inputs say what they are; data without a path are given nothing.

    Raises:
        SpecError: One is a reference to another, which a run may have been given.
    """
    from airflow_provider_azml.spec.bindings import holds_any

    inputs = job.value.get("inputs") or {}
    said = {name: item.get("path", "") if isinstance(item, dict) else item for name, item in inputs.items()}
    reason = "is a reference, which an input of a whole pipeline cannot be"
    wrong = [job.problem(("inputs", name), reason) for name, item in said.items() if holds_any(item)]
    if wrong:
        raise SpecError(wrong)
    absent = [name for name, item in said.items() if isinstance(inputs[name], dict) and item is None]
    return job.merged({"inputs": dict.fromkeys(absent)}) if absent else job


def written(result: Json) -> Mapping[str, str | Value]:
    """What the result of a node's task says that the node has written."""
    from airflow_provider_azml.spec.single_nodes import Value

    values = {name: Value(value) for name, value in (result.get("values") or {}).items()}
    return {**(result.get("outputs") or {}), **values}
