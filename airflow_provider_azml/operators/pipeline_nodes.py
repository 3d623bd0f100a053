"""The operator that runs one node of a pipeline file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.operators.jobs import AzmlSubmitPipelineOperator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.node_jobs import NodeJob
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.pipeline_plans import NodePath, PlannedNode, PlannedPipeline
    from airflow_provider_azml.spec.source import Source

FOLDER = "airflow"
"""Folder of a datastore that holds what nodes write for which their files say no path."""


class AzmlPipelineNodeOperator(AzmlSubmitPipelineOperator):
    """Runs one node of a pipeline file as a job of its own, and waits for its end; never twice.

    Everything that :class:`~airflow_provider_azml.operators.AzmlSubmitPipelineOperator` takes and promises. The job is
    a pipeline of this one node: the service takes nodes of all types in that shape, and uses what it ran before again.
    What the node takes from others is what their tasks tell that it is; what it writes, its task tells.

    :func:`~airflow_provider_azml.dags.azml_dag` makes a DAG of such tasks.

    Args:
        node: The node; one inside of a pipeline component after the node that runs it, e.g. ``training.score``.
        results_of: Node -> id of its task, for the nodes that it takes something from.
        force_rerun: Whether it runs even if the service has run the same before.

    Returns:
        As of any job, with ``outputs`` (output -> URI of where it really is), ``assets`` (output -> ``name`` and
        ``version`` of the asset that it became), ``node``, ``child`` (the job of the node itself), and ``reused_from``
        (the job whose results were used again, or ``None``).

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

    def __init__(
        self, *, node: str, results_of: Mapping[str, str] | None = None, force_rerun: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.node = node
        self.results_of = dict(results_of or {})
        self.force_rerun = force_rerun

    def source(self, context: Context) -> Source:
        """The job of the node alone.

        Raises:
            SpecError: The file cannot be used, or what the node takes is not there.
        """
        from airflow_provider_azml.spec.single_nodes import single_node

        plan = self.plan(context)
        node = self.planned(plan)
        return single_node(
            plan, node, self.results(context), folder=f"{FOLDER}/{self.dag_id}", force_rerun=self.force_rerun
        )

    def plan(self, context: Context) -> PlannedPipeline:
        """The whole pipeline, with the inputs of this run."""
        from airflow_provider_azml.spec.pipeline_plans import plan_pipeline

        return plan_pipeline(super().source(context))

    def planned(self, plan: PlannedPipeline) -> PlannedNode:
        """The node of this task.

        Raises:
            SpecError: There is none.
        """
        from airflow_provider_azml.spec.places import closest

        known = {node.dotted: node for node in plan.leaves.values()}
        if self.node in known:
            return known[self.node]
        meant = closest(self.node, known)
        hint = f"did you mean {meant!r}?" if meant else f"it has {', '.join(known) or 'none'}"
        raise SpecError([plan.source.problem(("jobs",), f"there is no node {self.node!r}; {hint}", at_key=True)])

    def results(self, context: Context) -> dict[NodePath, Mapping[str, str]]:
        """Where the nodes that it takes something from have put their outputs, as their tasks tell."""
        told = {node: context["ti"].xcom_pull(task_ids=task) for node, task in self.results_of.items()}
        return {tuple(node.split(".")): (result or {}).get("outputs") or {} for node, result in told.items()}

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Turn what the node did into the task's result, or into an error that says why it failed."""
        step = super().advance(context, outcome)
        return self._with_outputs(context, step) if isinstance(step, dict) else step

    def finish(self, context: Context, result: object) -> None:
        """Tell the task's assets, if it has any, which versions of them the node has made."""
        from airflow_provider_azml.operators.asset_events import tell_assets

        if isinstance(result, dict):
            tell_assets(context, result)

    def made(self, context: Context, result: Json) -> Flow[NodeJob | None]:
        """The job of the node itself, once it has ended."""
        from airflow_provider_azml.rest.node_jobs import node_job

        return node_job(self.hook.workspace_id, result["name"], self.node.rpartition(".")[2], alone=True)

    def _with_outputs(self, context: Context, result: Json) -> Json:
        made = self.hook.run(self.made(context, result))
        assets = {} if made is None else {one: {"name": name, "version": at} for one, (name, at) in made.assets.items()}
        return {
            **result,
            "outputs": {} if made is None else dict(made.outputs),
            "assets": assets,
            "node": self.node,
            "child": made and made.name,
            "reused_from": made and made.reused_from,
        }
