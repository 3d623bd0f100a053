"""Airflow's assets for what the nodes of pipelines register in Azure ML."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import Asset

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import unrendered
from airflow_provider_azml.spec.pipeline_assets import uri_of
from airflow_provider_azml.spec.pipeline_plans import plan_pipeline
from airflow_provider_azml.spec.places import closest
from airflow_provider_azml.spec.source import from_mapping, text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from airflow_provider_azml.spec.pipeline_plans import PlannedNode, PlannedOutput, PlannedPipeline
    from airflow_provider_azml.spec.schedule_plans import PlannedJob

GROUP = "azml"
_MAY_NAME = re.compile(r"\bname[\"']?\s*:|(?:^[ \t]+|[{,]\s*)[\"']?type[\"']?\s*:\s*[\"']?pipeline\b", re.MULTILINE)
"""What the text of a pipeline has that names an output, or that has pipeline components, which may name some."""


def azml_asset(file: str | Path, node: str, output: str) -> Asset:
    """The asset that an output of a pipeline's node becomes, for DAGs that are to run whenever there is a new version.

    It is the asset that the output's ``name`` says, the same however the pipeline is rendered: ``azml://data/<name>``,
    or ``azml://models/<name>`` for the types of models. A success of the node's task, or of the one task of
    ``render="job"``, is an event of the asset, whose extra tells which version it is and what made it:
    ``{"asset", "version", "uri", "node", "output", "job", "child", "run"}``.

    The workspace is the connection's, so a file that runs in two workspaces has one asset; ``id`` in the extra is the
    ARM id of the job, which tells them apart.

    Args:
        file: The pipeline file, relative to the folder of the file that calls this.
        node: The node's name, after those of the nodes around it: ``train``, ``train_group.train``.
        output: The output's name.

    Raises:
        SpecError: There is no such node or output, or the output becomes no asset of which the name is known.

    Example:
        >>> with DAG("deploy", schedule=[azml_asset("pipeline.yml", "train", "model")]):
        ...     AzmlDeployModelOperator(task_id="deploy", ...)

    Source: ``outputs.<name>.name`` of
    https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-pipeline
    """
    caller = Path(sys._getframe(1).f_code.co_filename)  # noqa: SLF001 (as Airflow finds the file of a DAG)
    source = unrendered.read(caller.parent / file)
    plan = plan_pipeline(source)
    writer, name = _writer(plan, node, output)
    uri = _uri(writer, writer.outputs[name])
    if uri is None:
        raise SpecError([_unnamed(writer, name)])
    return _asset(uri)


def outlets_of(*nodes: PlannedNode) -> list[Asset]:
    """The assets that the outputs of nodes become, each once.

    Args:
        nodes: The nodes of a task.
    """
    outputs = ((node, output) for node in nodes for output in node.outputs.values() if output.asset)
    return [_asset(uri) for uri in dict.fromkeys(_uri(*output) for output in outputs) if uri]


def outlets_of_job(job: PlannedJob) -> list[Asset]:
    """The assets that the outputs of a job's nodes become, of one that is submitted as a whole.

    Args:
        job: The job; one that ran before, and one that is no pipeline, has none.
    """
    if job.ran is not None or job.job_type != "pipeline":
        return []
    if job.file is not None and not _MAY_NAME.search(text_of(job.file)):  # most need not be read for it
        return []
    source = unrendered.read(job.file) if job.file else from_mapping(job.spec or {}, base_path=job.folder)
    return outlets_of(*plan_pipeline(source.merged(job.changes)).leaves.values())


def _writer(plan: PlannedPipeline, dotted: str, output: str) -> tuple[PlannedNode, str]:
    """The node that writes an output, of a pipeline component too, and what the output is called there."""
    nodes = {node.dotted: node for node in _all(plan.nodes)}
    if dotted not in nodes:
        raise SpecError([plan.source.problem(("jobs",), f"has no node {dotted!r}{_meant(dotted, nodes)}", at_key=True)])
    node = nodes[dotted]
    written = node.level.writer(node.path[-1], output) if output in node.outputs else None
    if written is None:
        reason = f"has no output {output!r}{_meant(output, node.outputs)}"
        raise SpecError([node.source.problem(("outputs",), reason, at_key=True)])
    return plan.leaves[written.node], written.name


def _all(nodes: Mapping[str, PlannedNode]) -> Iterator[PlannedNode]:
    for node in nodes.values():
        yield node
        yield from _all(node.nodes)


def _asset(uri: str) -> Asset:
    # Airflow wants one name for one URI, and whoever writes the URI alone gives it this one
    return Asset(name=uri, uri=uri, group=GROUP)


def _uri(node: PlannedNode, output: PlannedOutput) -> str | None:
    """The URI of the asset that an output becomes; ``None`` for one that becomes none, or whose name a task learns."""
    if output.asset is None or node.source.render is not None or "{" in output.asset[0]:
        return None
    return uri_of(output)


def _unnamed(node: PlannedNode, output: str) -> Problem:
    if node.outputs[output].asset is None:
        reason = "becomes no asset, so there is nothing to wait for; give the output a name: ..."
    elif node.source.render is None:
        reason = "becomes an asset with a template as its name, which is known when the pipeline runs and not before"
    else:
        reason = "may become an asset; put all templates of the file in quotation marks, for its name to be known"
    return node.source.problem(("outputs", output), reason, at_key=True)


def _meant(name: str, known: Collection[str]) -> str:
    close = closest(name, known)
    if close:
        return f"; did you mean {close!r}?"
    return f"; it has {', '.join(known)}" if known else ""
