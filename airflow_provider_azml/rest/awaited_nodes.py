"""Nodes of a pipeline that runs as one job: whether each has a job of its own yet, or never will have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from airflow_provider_azml.rest import arm_ids, families, history
from airflow_provider_azml.rest.node_jobs import run_of
from airflow_provider_azml.rest.readings import Reading
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

NODE: Literal["node"] = "node"
"""The goal: that the node of a pipeline job has a job of its own."""
ALIKE, ABSENT = "AlikeJobs", "NoJob"
"""Our codes for a node whose job cannot be told from others, and for one that never had a job."""
Step: TypeAlias = tuple[str, str | None]
"""Name and ``display_name`` of a node."""
Nodes: TypeAlias = "Mapping[str, tuple[str | None, Nodes]]"
"""The nodes of a pipeline: ``display_name`` by name, and their own nodes."""
_JOB = RESOURCES["job"]


def wanted(path: Sequence[Step]) -> Json:
    """The values that the goal takes.

    Args:
        path: Name and ``display_name`` of each node that leads to the one that is waited for, from the outermost
            pipeline inwards, and of itself.
    """
    return {"path": [list(step) for step in path]}


def find_each(plane: DataPlane, arm_id: str, asked: Sequence[Json]) -> Flow[list[Json | None]]:
    """What has become of some nodes of a pipeline job, by as few requests as one of them takes.

    How the pipeline around a node fares is asked before its children are: what is not among the children of one that
    had ended will never be.

    Args:
        plane: Where the pipeline job is.
        arm_id: It.
        asked: Each node, as :func:`wanted` says it.

    Returns:
        For each: ``child``, its run if it has one; ``around``, name and ``status`` of the innermost pipeline around it
        that has begun; ``alike``, how many jobs there are called as it is.

    Raises:
        ApiError: The service cannot be asked.

    Source: nested pipelines are children with children of their own, see :func:`node_jobs.node_job`.
    """
    root = yield from history.run(plane, arm_ids.parse(arm_id).name)
    below: dict[str, list[Json]] = {}
    found: list[Json | None] = []
    for each in asked:
        around, child, alike = root, None, 0
        for depth, (name, shown) in enumerate(each["path"]):
            job = str(around["runId"])
            if job not in below:
                below[job] = yield from families.all_of(plane, job)
            child = run_of(below[job], name, display_name=shown)
            if child is None:
                alike = sum(families.name_of(run) == (shown or name) for run in below[job])
                break
            if depth + 1 < len(each["path"]):
                around, child = child, None
        said = {"name": str(around["runId"]), "status": str(around.get("status"))}
        found.append({"child": child, "around": said, "alike": alike})
    return found


def found_at(arm_id: str, body: Json) -> str:
    """ARM id of the node's own job; that of the pipeline job while it has none."""
    child = body["child"]
    return arm_id if child is None else arm_ids.parse(arm_id).workspace.child("job", str(child["runId"]))


def read(body: Json, _: Json) -> Reading:
    """Whether a node has a job: it has, it never will have, or it may have."""
    status = body["around"]["status"]
    known = status in _JOB.terminal | _JOB.active
    if body["child"] is not None:
        return Reading(status, "good", known=known)
    if status not in _JOB.terminal:
        return Reading(status, known=known)
    job = f"pipeline job {body['around']['name']!r}"
    if body["alike"]:
        reason = f"{body['alike']} jobs in {job} are called as it is; give each a display_name of its own"
        return Reading(status, "bad", code=ALIKE, message=reason)
    return Reading(status, "bad", code=ABSENT, message=f"{job} ended as {status} without it")


def failed_nodes(plane: DataPlane, job: str, nodes: Nodes) -> Flow[list[str] | None]:
    """The nodes by which a pipeline failed, each after those that lead to it, with dots; ``None``: by something else.

    Args:
        plane: Where the pipeline job is.
        job: Its name.
        nodes: Its nodes.

    Raises:
        ApiError: The service cannot be asked.
    """
    runs = yield from families.all_of(plane, job)
    known = {
        run["runId"]: name for name, (shown, _) in nodes.items() if (run := run_of(runs, name, display_name=shown))
    }
    found: list[str] = []
    for run in [run for run in runs if run.get("status") in _JOB.bad and families.kind_of(run) != "child"]:
        name = known.get(run["runId"])
        if name is None:
            return None
        inner = nodes[name][1]
        if not inner:
            found.append(name)
            continue
        below = yield from failed_nodes(plane, str(run["runId"]), inner)
        if not below and run["status"] != "Canceled":
            return None
        found += [f"{name}.{one}" for one in below or ()]
    return found
