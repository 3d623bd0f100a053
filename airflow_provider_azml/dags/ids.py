"""Ids of DAGs and tasks, from the names of AML files and of the nodes in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import templating

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.pipeline_plans import NodePath, PlannedNode, PlannedPipeline

_NOT_LEGAL = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST = 250
_LONGEST_GROUP = 200


def legal(name: str) -> str:
    """A name as Airflow takes it for an id: what it cannot hold becomes ``_``.

    Example:
        >>> legal("retrain (nightly)")
        'retrain_nightly_'
    """
    return _NOT_LEGAL.sub("_", name)[:_LONGEST] or "_"


def of_node(name: str) -> str:
    """The last part of a task's id, from the name of its node; there are dots between parts alone.

    Example:
        >>> of_node("score v1.2")
        'score_v1_2'
    """
    return (_NOT_LEGAL.sub("_", name) or "_").replace(".", "_")


def task_ids(plan: PlannedPipeline, *, group: str = "", taken: Collection[str] = ()) -> dict[NodePath, str]:
    """The ids of the tasks and task groups of a pipeline: names of nodes from the outermost inwards, with dots between.

    An id depends on nothing but these names, so that it stays as it is while the file grows.

    Args:
        plan: The pipeline.
        group: Id of the task group that holds them all; empty for the DAG itself.
        taken: Ids inside that group that others have.

    Returns:
        Path of a node -> its id, of nested pipelines too.

    Raises:
        SpecError: Two nodes, or a node and another task, would have one id, or an id would be too long for Airflow.

    Example:
        >>> task_ids(plan_pipeline(read(Path("pipeline.yml"))))
        {('prep',): 'prep', ('train_group',): 'train_group', ('train_group', 'train'): 'train_group.train'}

    Source: ``validate_key`` and ``validate_group_key`` of Airflow's ``sdk.definitions._internal.node``.
    """
    found: dict[NodePath, str] = {}
    problems = list(_named(plan.nodes, f"{group}." if group else "", taken, found))
    if problems:
        raise SpecError(list(dict.fromkeys(problems)))  # a component that two nodes run has each of its own twice
    return found


def _named(
    nodes: Mapping[str, PlannedNode], prefix: str, taken: Collection[str], found: dict[NodePath, str]
) -> Iterator[Problem]:
    """Fill in the ids of the nodes of a pipeline, and tell those that cannot be."""
    owners: dict[str, PlannedNode] = {}
    for name, node in nodes.items():
        own = of_node(name)
        other = owners.setdefault(own, node)
        found[node.path] = prefix + own
        if other is not node:
            first, second = (f"{one.path[-1]!r} ({_place(one)})" for one in (other, node))
            reason = f"{first} and {second} would both be the task {prefix + own!r}; rename one of them"
            yield from (one.source.problem((), reason, at_key=True) for one in (other, node))
        if own in taken:
            reason = f"would be the task {prefix + own!r}, which is there already; rename it"
            yield node.source.problem((), reason, at_key=True)
        if templating.has_templates(name):
            reason = (
                f"{name!r} is a template, and a task has its id before any is rendered; name it, or give render='job'"
            )
            yield node.source.problem((), reason, at_key=True)
        # Airflow measures the own part of a group's id, and all of a task's
        what, length, longest = (
            ("task group", len(own), _LONGEST_GROUP) if node.nodes else ("task", len(prefix) + len(own), _LONGEST)
        )
        if length > longest:
            reason = (
                f"would be a {what} with an id of {length} characters, and Airflow takes {longest}; shorten the name"
            )
            yield node.source.problem((), f"{reason}, or give render='job'", at_key=True)
        if node.nodes:
            yield from _named(node.nodes, f"{prefix}{own}.", (), found)


def _place(node: PlannedNode) -> str:
    problem = node.source.problem((), "", at_key=True)
    return f"{problem.file}:{problem.line}" if problem.line else problem.file
