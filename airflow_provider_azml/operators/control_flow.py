"""Operators for the nodes of a pipeline file that decide which others run, and how often."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.hooks.airflow_versions import SkipMixin
from airflow_provider_azml.operators.earlier_runs import left_out
from airflow_provider_azml.operators.pipeline_nodes import FOLDER, AzmlPipelineNodeOperator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.spec.pipeline_plans import PlannedNode, PlannedPipeline

_LONGEST_NAME = 100


class AzmlIfElseOperator(AzmlPipelineNodeOperator, SkipMixin):
    """Decides which of two sets of tasks run, as an ``if_else`` node of a pipeline file does; the others are skipped.

    The condition is true or false as the file says, an input of the pipeline, or what a component has written: an
    output of type boolean (or another whose text is ``true`` or ``false``), or a small file. Nothing is submitted.

    Args:
        true_tasks: Ids of the tasks of the nodes in ``true_block``.
        false_tasks: Ids of the tasks of the nodes in ``false_block``.

    Returns:
        ``{"node", "condition", "runs", "skips"}``: the condition, and ids of tasks.

    Raises:
        SpecError: The condition is neither true nor false.
        NotFound: The file that it is in is not there.

    Example:
        >>> choose = AzmlIfElseOperator(
        ...     task_id="choose",
        ...     file="pipeline.yml",
        ...     node="choose",
        ...     results_of={"evaluate": "evaluate"},
        ...     true_tasks=["register"],
        ... )

    Source: azure-ai-ml 1.35.2, ``dsl._condition``
    """

    inherits_from_skipmixin = True

    def __init__(self, *, true_tasks: Sequence[str] = (), false_tasks: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.true_tasks = list(true_tasks)
        self.false_tasks = list(false_tasks)

    def submit(self, context: Context) -> Json:
        """Decide, and skip those that do not run; where the run leaves the decision out, its choice of nodes counts."""
        fate = self._selection(context).of(self._path)
        if fate == "skip":
            return left_out(context, fate, self.log)
        if fate != "run":
            self.log.info("left out; the nodes that the run chooses are run, whatever the condition is")
            return {"node": self.node, "condition": None, "runs": [*self.true_tasks, *self.false_tasks], "skips": []}
        node = self.planned(self.plan(context))
        holds = self._condition(context, node)
        runs, skips = (self.true_tasks, self.false_tasks) if holds else (self.false_tasks, self.true_tasks)
        self.log.info("The condition is %s: %s", str(holds).lower(), f"on with {', '.join(runs) or 'nothing'}")
        told = {"node": self.node, "condition": holds, "runs": runs, "skips": skips}
        # to skip others, Airflow ends the task before it can return anything
        context["ti"].xcom_push(key="return_value", value=told)
        dag = self.get_dag()
        self.skip(context["ti"], [dag.get_task(one) for one in skips if dag and one not in runs])
        return told

    def _condition(self, context: Context, node: PlannedNode) -> bool:
        from airflow_provider_azml.spec.rules import FALSE_WORDS, TRUE_WORDS

        found = text_of(self, context, node, node.source.value["condition"])
        word = found.strip().strip('"').lower()
        if word not in TRUE_WORDS | FALSE_WORDS:
            reason = f"comes to {found!r:.80}, which is neither true nor false"
            raise SpecError([node.source.problem(("condition",), reason)])
        return word in TRUE_WORDS


class AzmlLoopItemsOperator(AzmlPipelineNodeOperator):
    """Tells what a ``parallel_for`` node of a pipeline file runs over, for the task that is mapped over it.

    The items stand in the file, or are JSON: an input of the pipeline, or what a component has written. Nothing is
    submitted.

    Args:
        body: The node that the loop runs.

    Returns:
        A list of ``{"name", "inputs"}``: what the item is called, and the inputs that it gives to the body.

    Raises:
        SpecError: That is no list or mapping of mappings.

    Example:
        >>> items = AzmlLoopItemsOperator(task_id="each.items", file="pipeline.yml", node="each", body="train")

    Source: azure-ai-ml 1.35.2, ``dsl._parallel_for``
    """

    def __init__(self, *, body: str, **kwargs: Any) -> None:
        super().__init__(**{"multiple_outputs": False, **kwargs})
        self.body = body

    def submit(self, context: Context) -> Any:  # a list: no other result can be mapped over
        """Work out the items, unless the run leaves out all that they are for."""
        selection = self._selection(context)
        leaves = [path for path in self.plan(context).leaves if path[0] == self.body]
        if all(selection.of(path) == "skip" for path in (self._path, *leaves)):
            return left_out(context, "skip", self.log)
        from airflow_provider_azml.spec import control_flow
        from airflow_provider_azml.spec.single_nodes import value_of

        node = self.planned(self.plan(context))
        given = control_flow.items(node.source)
        if isinstance(given, str):
            given = self._read(node, text_of(self, context, node, given))
        results = self.results(context)
        items: list[Json] = []
        for name, item in control_flow.each(given):
            inputs = {key: value_of(node, value, results) for key, value in item.items()}
            called = name if isinstance(name, str) else _name(inputs) or str(name + 1)
            items.append({"name": called[:_LONGEST_NAME], "inputs": inputs})
        self.log.info("%d items: %s", len(items), ", ".join(item["name"] for item in items))
        return items

    def _read(self, node: PlannedNode, text: str) -> list[Any] | dict[str, Any]:
        try:
            read = json.loads(text)
        except ValueError:
            read = None
        members: Iterable[object] = read.values() if isinstance(read, dict) else read if isinstance(read, list) else ()
        if not isinstance(read, (list, dict)) or not all(isinstance(one, dict) for one in members):
            reason = f"comes to {text!r:.80}, which is no JSON list or mapping of mappings"
            raise SpecError([node.source.problem(("items",), reason)])
        return read


class AzmlLoopBodyOperator(AzmlPipelineNodeOperator):
    """Runs a node of a loop's body for one item, as a job of its own.

    Everything that :class:`~airflow_provider_azml.operators.AzmlPipelineNodeOperator` takes and promises.

    Args:
        body: The node that the loop runs: this one, or the pipeline component that this one is a node of.
        item: The item, ``{"name", "inputs"}``; its inputs go over those that the file gives to the body.

    Example:
        >>> AzmlLoopBodyOperator.partial(task_id="train", file="pipeline.yml", node="train", body="train").expand(
        ...     item=items.output
        ... )

    Source: azure-ai-ml 1.35.2, ``dsl._parallel_for``
    """

    template_fields: Sequence[str] = (*AzmlPipelineNodeOperator.template_fields, "item")

    def __init__(self, *, body: str, item: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.body = body
        self.item = item

    def plan(self, context: Context) -> PlannedPipeline:
        """The whole pipeline, with what the item gives to the body."""
        from airflow_provider_azml.spec.pipeline_plans import plan_pipeline

        plan = super().plan(context)
        given = {self.body: {"inputs": self.item["inputs"]}}
        return plan_pipeline(plan.source.merged({"jobs": given}))

    def told(self, context: Context, node: str, task: str) -> Json | None:
        """The result of another node's task: of the same item, where the loop runs that too."""
        if node != self.body and not node.startswith(f"{self.body}."):
            return super().told(context, node, task)
        result: Json | None = context["ti"].xcom_pull(task_ids=task, map_indexes=context["ti"].map_index)
        return result


class AzmlLoopOutputsOperator(AzmlPipelineNodeOperator):
    """Gathers what the runs of a loop's body have written: data as a table of their places, values as a JSON list.

    Args:
        items: Id of the task that tells the items.
        body: The node that the loop runs.

    Returns:
        ``{"name", "node", "items", "outputs", "values"}``: the number of items, and what other nodes take from the
        loop.

    Raises:
        ApiError: The table cannot be written.

    Example:
        >>> AzmlLoopOutputsOperator(
        ...     task_id="each.outputs",
        ...     file="pipeline.yml",
        ...     node="each",
        ...     items="each.items",
        ...     body="train",
        ...     results_of={"train": "train"},
        ... )

    Sources: azure-ai-ml 1.35.2, ``ParallelFor.OUT_TYPE_MAPPING`` (data becomes a table, values a text);
    https://learn.microsoft.com/azure/machine-learning/reference-yaml-mltable
    """

    def __init__(self, *, items: str, body: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.items = items
        self.body = body

    def submit(self, context: Context) -> Json:
        """Gather, or take what an earlier run has gathered where this one leaves the loop out."""
        fate = self._selection(context).of(self._path)
        if fate != "run":
            return left_out(context, fate, self.log)
        from airflow_provider_azml.spec.pipeline_levels import OutputOf

        plan = self.plan(context)
        node = self.planned(plan)
        count = len(context["ti"].xcom_pull(task_ids=self.items))
        pulled = {
            leaf: context["ti"].xcom_pull(task_ids=task, map_indexes=range(count))
            for leaf, task in self.results_of.items()
        }
        outputs, values = {}, {}
        for name in self._names(node, pulled):
            writer = node.level.writer(self.body, name) or OutputOf((self.body,), name)
            runs = pulled.get(".".join(writer.node)) or []
            told = [run["values"][writer.name] for run in runs if writer.name in (run.get("values") or {})]
            places = [run["outputs"][writer.name] for run in runs if writer.name in (run.get("outputs") or {})]
            if told:
                values[name] = json.dumps(told)
            elif places:
                kind = node.level.graph.typed(f"${{{{parent.jobs.{self.body}.outputs.{name}}}}}")["type"]
                outputs[name] = self.hook.run(self._table(context, name, kind, places))
        return {"name": self.node, "node": self.node, "items": count, "outputs": outputs, "values": values}

    def _names(self, node: PlannedNode, pulled: Mapping[str, Sequence[Json]]) -> list[str]:
        """The outputs of the body: those that its component declares, or else those that its runs have."""
        declared = node.level.graph.outputs_of_body(node.source)
        if declared is not None:
            return list(declared)
        runs = [run for one in pulled.values() for run in one]
        return list(dict.fromkeys(name for run in runs for name in (*run.get("outputs", ()), *run.get("values", ()))))

    def _table(self, context: Context, name: str, kind: str, places: Sequence[str]) -> Flow[str]:
        """Write the table of some places into the workspace's own datastore; where it is."""
        from airflow_provider_azml.operators.submission import submission_hash
        from airflow_provider_azml.rest import datastores
        from airflow_provider_azml.rest.listed_blobs import write_blob

        store = "workspaceblobstore"
        key = "file" if kind == "uri_file" else "folder"
        folder = f"{FOLDER}/{self.dag_id}/{self.node}/{submission_hash(context)}/{name}"
        opened = yield from datastores.opened(
            self.hook.workspace_id, self.hook.cloud, store, act="tables are written to"
        )
        # JSON is YAML
        table = json.dumps({"type": "mltable", "paths": [{key: place} for place in places]}, indent=2)
        yield from write_blob(opened, f"{folder}/MLTable", table)
        return datastores.uri(store, f"{folder}/")


def text_of(operator: AzmlPipelineNodeOperator, context: Context, node: PlannedNode, given: object) -> str:
    """The text that a condition, or the items of a loop, come to.

    Args:
        operator: The operator of the node.
        context: Its task's context.
        node: The node.
        given: What the file has: true, false, or a reference.

    Raises:
        SpecError: It leads to nothing, or to what holds no text.
        NotFound: The file that it leads to is not there.
    """
    from airflow_provider_azml.rest.control_outputs import text_at
    from airflow_provider_azml.spec.single_nodes import value_of

    found = value_of(node, given, operator.results(context))
    if found is None:
        raise SpecError([node.source.problem((), f"{given} has no value", at_key=True)])
    if not isinstance(found, dict):
        return json.dumps(found) if isinstance(found, (list, bool)) else str(found)
    hook = operator.hook
    return hook.run(text_at(hook.workspace_id, hook.cloud, str(found["path"])))


def _name(inputs: Mapping[str, Any]) -> str:
    """What an item is called: its values, and the last part of its data's paths.

    Example:
        >>> _name({"rate": 0.1, "data": {"path": "azureml:iris:1"}})
        'rate=0.1, data=azureml:iris:1'
    """
    said = {key: value.get("path", "") if isinstance(value, dict) else value for key, value in inputs.items()}
    return ", ".join(f"{key}={str(value).rstrip('/').rpartition('/')[2]}" for key, value in said.items())
