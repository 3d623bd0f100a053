"""The tasks of nodes that decide which others run, and how often: branches, and tasks that are mapped over items."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import TaskGroup, task_group

from airflow_provider_azml.dags.ids import of_node
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.operators.control_flow import (
    AzmlIfElseOperator,
    AzmlLoopBodyOperator,
    AzmlLoopItemsOperator,
    AzmlLoopOutputsOperator,
)
from airflow_provider_azml.spec import control_flow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow.sdk import BaseOperator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.operators.pipeline_nodes import AzmlPipelineNodeOperator
    from airflow_provider_azml.spec.pipeline_plans import NodePath, PlannedNode, PlannedPipeline

    Arguments = Callable[[PlannedNode], Mapping[str, Any]]
    Tasks = dict[NodePath, AzmlPipelineNodeOperator]

AFTER_A_BRANCH = "none_failed_min_one_success"
_ITEM_NAME = "{{ task.item['name'] }}"
_INSTEAD = "render the pipeline as job or watch"


@dataclass(frozen=True)
class Loop:
    """The tasks around the body of a ``parallel_for``.

    Args:
        node: The node.
        items: Tells the items.
        outputs: Gathers what was written for them.
    """

    node: PlannedNode
    items: AzmlLoopItemsOperator
    outputs: AzmlLoopOutputsOperator

    @property
    def body(self) -> NodePath:
        """The node that it runs."""
        return (*self.node.path[:-1], str(control_flow.body(self.node.source)))

    @property
    def each(self) -> dict[str, Any]:
        """Keyword arguments of the operators of its body."""
        most = self.node.source.value.get("max_concurrency")
        named = {"body": ".".join(self.body), "map_index_template": _ITEM_NAME}
        return named if not most else {**named, "max_active_tis_per_dagrun": int(most)}


@dataclass
class Control:
    """What decides, in a pipeline whose nodes are tasks.

    Args:
        plan: The pipeline.
        decides: Whether its tasks decide; else Azure ML does, and the nodes that decide have none.
        loops: Its loops, by the path of their node.
    """

    plan: PlannedPipeline
    decides: bool
    loops: dict[NodePath, Loop] = field(default_factory=dict)
    _around: tuple[Loop, object] | None = None
    """The loop whose body is being made, and the item that its tasks will get."""

    def check(self) -> None:
        """Refuse what cannot become tasks.

        Raises:
            SpecError: There is something of that sort.
        """
        problems: list[Problem] = []
        if not self.decides:
            return
        for node in self.plan.leaves.values():
            reason = self._reason(node)
            if reason:
                problems.append(node.source.problem(("type",), f"{reason}; {_INSTEAD}"))
        bodies = {
            (*node.path[:-1], control_flow.body(node.source)): node
            for node in self._deciding[control_flow.PARALLEL_FOR]
        }
        for node in self.plan.leaves.values():
            for path in node.upstream:
                loop = bodies.get(path[:1])
                if loop and node.path[:1] != path[:1]:
                    name = loop.path[-1]
                    reason = f"takes an output of the body of {name!r}; write ${{{{parent.jobs.{name}.outputs...}}}}"
                    problems.append(node.source.problem((), reason, at_key=True))
        if problems:
            raise SpecError(problems)

    def adds(self, node: PlannedNode, tasks: Tasks, arguments: Arguments, add: Callable[[PlannedNode], None]) -> bool:
        """Make the tasks of a node that decides, or that a loop runs.

        Args:
            node: The node.
            tasks: Where its task goes; of a loop that which comes last.
            arguments: Tells the keyword arguments of an operator, but for what is the task's own.
            add: Makes the tasks of a node inside of this one.

        Returns:
            Whether it is a node of this sort.
        """
        name = of_node(node.path[-1])
        if control_flow.is_control_flow(node.source):
            if self.decides and node.type == control_flow.IF_ELSE:
                tasks[node.path] = AzmlIfElseOperator(task_id=name, node=node.dotted, **arguments(node))
            elif self.decides:
                tasks[node.path] = self._loop(node, arguments).outputs
            return True
        if not self.decides and node.path[-1] in node.level.graph.loops:
            return True  # of the many jobs that it has, none is the node's
        if self._around and not node.nodes:
            loop, item = self._around
            given = {**loop.each, **arguments(node)}
            tasks[node.path] = AzmlLoopBodyOperator(task_id=name, node=node.dotted, item=item, **given)
            return True
        runs = self.loop_of(node.path) if self.decides else None
        if runs is None:
            return False
        loop = self._loop(runs, arguments)
        if node.nodes:
            self._add_group(loop, node, add)
        else:
            mapped = AzmlLoopBodyOperator.partial(
                task_id=name, node=node.dotted, **{**loop.each, **arguments(node)}
            ).expand(item=loop.items.output)
            tasks[node.path] = cast("AzmlPipelineNodeOperator", mapped)
        return True

    def _add_group(self, loop: Loop, node: PlannedNode, add: Callable[[PlannedNode], None]) -> None:
        """A group that is mapped over the items, with the nodes of a pipeline component."""

        @task_group(group_id=of_node(node.path[-1]))
        def body(item: object) -> None:
            self._around = loop, item
            for inner in node.nodes.values():
                add(inner)
            self._around = None

        body.expand(item=loop.items.output)

    def _loop(self, node: PlannedNode, arguments: Arguments) -> Loop:
        """The tasks around the body of a loop, made once."""
        if node.path not in self.loops:
            given = dict(arguments(node))
            body = str(control_flow.body(node.source))
            with TaskGroup(of_node(node.path[-1])):
                quiet = {key: item for key, item in given.items() if key != "outlets"}
                items = AzmlLoopItemsOperator(task_id="items", node=node.dotted, body=body, **quiet)
                outputs = AzmlLoopOutputsOperator(
                    task_id="outputs", node=node.dotted, items=items.task_id, body=body, **given
                )
            items.set_downstream(outputs)
            self.loops[node.path] = Loop(node, items, outputs)
        return self.loops[node.path]

    def loop_of(self, path: NodePath) -> PlannedNode | None:
        """The loop that runs a node as its body."""
        around = (node for node in self._deciding[control_flow.PARALLEL_FOR] if node.path[:-1] == path[:-1])
        return next((node for node in around if control_flow.body(node.source) == path[-1]), None)

    def rule(self, node: PlannedNode) -> dict[str, Any]:
        """Keyword arguments of the operator of a node that bears others having been left out; empty for others."""
        lacking = [path for path in node.upstream if path in self._conditional]
        if not lacking or node.path in self._led:
            return {}
        return {"trigger_rule": AFTER_A_BRANCH, "may_lack": [".".join(path) for path in lacking]}

    def join(self, tasks: Tasks) -> None:
        """Tell tasks whose results they take, and put them after each other."""
        for path, task in tasks.items():
            upstream = [before for before in self.plan.leaves[path].upstream if before in tasks]
            taken = {".".join(before): tasks[before].task_id for before in upstream}
            if path in self.loops:
                body = self.loops[path].body
                inside = {one: tasks[one] for one in tasks if one[: len(body)] == body}
                self.loops[path].items.results_of = taken
                task.results_of = {".".join(one): inner.task_id for one, inner in inside.items()}
                for inner in inside.values():
                    inner.set_downstream(task)
            else:
                give(task, "results_of", taken)
            if isinstance(task, AzmlIfElseOperator):
                node = self.plan.leaves[path]
                task.true_tasks = self._ids(node, "true_block", tasks)
                task.false_tasks = self._ids(node, "false_block", tasks)
        for before, after in self._edges(tasks):
            tasks[before].set_downstream(self.begin(after, tasks))
        for path in tasks if self.plan.last else ():
            if path[0] == self.plan.last:
                # it runs whatever has become of the others, and how it ends says nothing of the run
                tasks[path].as_teardown()

    def _edges(self, tasks: Tasks) -> Iterator[tuple[NodePath, NodePath]]:
        """Which task comes before which; where the nodes that decide have none, those before and after them."""
        for before, after in self.plan.edges:
            run = control_flow.led(self.plan.leaves[before].source)
            is_led = any(after[: len(before)] == (*before[:-1], name) for name in run)
            if is_led and (before in self.loops or before not in tasks):
                continue  # what is mapped over items comes after them anyway
            ends = [before] if before in tasks else self._below(before, run, tasks)
            begins = (
                [after]
                if after in tasks
                else self._below(after, control_flow.led(self.plan.leaves[after].source), tasks)
            )
            yield from ((end, begin) for end in ends for begin in begins if end != begin)

    def _below(self, node: NodePath, names: Sequence[str], tasks: Tasks) -> list[NodePath]:
        """The tasks of the nodes that a node lets run."""
        led = [(*node[:-1], name) for name in names]
        return [path for path in tasks if any(path[: len(one)] == one for one in led)]

    def begin(self, path: NodePath, tasks: Tasks) -> BaseOperator:
        """The task by which a node begins: of a loop that which tells the items."""
        return self.loops[path].items if path in self.loops else tasks[path]

    def firsts(self, tasks: Tasks) -> Sequence[BaseOperator]:
        """The tasks that nothing comes before."""
        every = [*tasks.values(), *(loop.items for loop in self.loops.values())]
        return [task for task in every if not task.upstream_task_ids]

    def _ids(self, node: PlannedNode, key: str, tasks: Tasks) -> list[str]:
        """The ids of the tasks of a block."""
        paths = self._below(node.path, control_flow.block(node.source, key), tasks)
        return [self.loops[path].items.task_id if path in self.loops else tasks[path].task_id for path in paths]

    @cached_property
    def _deciding(self) -> Mapping[str, Sequence[PlannedNode]]:
        """The nodes that decide, by their types."""
        leaves = self.plan.leaves.values()
        return {kind: [node for node in leaves if node.type == kind] for kind in control_flow.TYPES}

    @cached_property
    def _led(self) -> set[NodePath]:
        """The nodes that a decision names."""
        deciding = {node.path for node in self._deciding[control_flow.IF_ELSE]}
        return {after for before, after in self.plan.edges if before in deciding} if deciding else set()

    @cached_property
    def _conditional(self) -> set[NodePath]:
        """These, and all that takes something from them."""
        found = set(self._led)
        while found:
            more = {path for path, node in self.plan.leaves.items() if not found.isdisjoint(node.upstream)}
            if more <= found:
                break
            found |= more
        return found

    def _reason(self, node: PlannedNode) -> str | None:
        """Why a node cannot become a task."""
        if node.type == control_flow.DO_WHILE:
            return "cannot become tasks: a DAG has no circles"
        if node.type == control_flow.PARALLEL_FOR and node.level.graph.source is not self.plan.source:
            return "cannot become tasks inside of a pipeline component"
        loop = self.loop_of(node.path[:1])
        if loop is not None and control_flow.is_control_flow(node.source):
            return f"cannot become tasks inside of what {loop.path[-1]!r} runs"
        return None


def give(task: AzmlPipelineNodeOperator, name: str, value: object) -> None:
    """Set an argument of a task that is there already, mapped or not."""
    mapped: Any = task
    if mapped.is_mapped:
        mapped.partial_kwargs[name] = value
    else:
        setattr(task, name, value)
