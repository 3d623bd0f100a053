"""What the events of Airflow's assets tell: which version in Azure ML it is, and which job made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.asset_uris import SCHEME, asset_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Asset, Context

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.node_jobs import NodeJob
    from airflow_provider_azml.spec.pipeline_plans import NodePath, PlannedNode
    from airflow_provider_azml.spec.source import Source


def outlets(context: Context) -> dict[str, Asset]:
    """The task's assets in Azure ML, by their URIs."""
    uris = ((getattr(asset, "uri", None), asset) for asset in context["task"].outlets)
    return {uri: asset for uri, asset in uris if uri and uri.startswith(f"{SCHEME}://")}


def tell_assets(context: Context, result: Json) -> None:
    """Put into the events of a task's assets what its node made; to be called once the node's job is known to be good.

    The extra of an event is ``{"asset", "version", "uri", "node", "output", "job", "id", "child", "run"}``: name and
    version in Azure ML, where it is, the node and its output, the pipeline job's name and ARM id, the node's own job,
    and the DAG run; with ``reused_from`` where another job made it before, and ``from_run`` where that was in an
    earlier run of the DAG.

    Args:
        context: The task's.
        result: The task's: ``{"name", "id", "node", "child", "outputs", "assets", "reused_from"}``.
    """
    by_name = {made["name"]: output for output, made in result.get("assets", {}).items()}
    for uri, asset in outlets(context).items():
        _tell(context, asset, result, by_name.get(asset_name(uri)))


def tell_pipeline_assets(place: WorkspaceId, context: Context, result: Json, source: Source) -> Flow[None]:
    """The same for the task of a whole pipeline, whose assets its nodes have made.

    Args:
        place: The workspace.
        context: The task's.
        result: The task's.
        source: The pipeline.
    """
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.spec.pipeline_assets import uris_of
    from airflow_provider_azml.spec.pipeline_plans import plan_pipeline

    assets = outlets(context)
    plan = plan_pipeline(source)
    found = {node.path: uris_of(node) for node in plan.leaves.values()}
    wanted = {path: uris for path, uris in found.items() if not assets.keys().isdisjoint(uris.values())}
    jobs = yield from _jobs(DataPlane.of(place), str(result["name"]), plan.nodes, wanted)
    for path, uris in wanted.items():
        told = {**result, "node": ".".join(path), **_made(jobs.get(path))}
        for output, uri in uris.items():
            if uri in assets:
                _tell(context, assets[uri], told, output)


def _tell(context: Context, asset: Asset, result: Json, output: str | None) -> None:
    """Put into the event of an asset what is known of it."""
    made: Mapping[str, Any] = result.get("assets", {}).get(output, {})
    told = {
        "asset": made.get("name", asset_name(asset.uri)),
        "version": made.get("version"),
        "uri": result.get("outputs", {}).get(output),
        "node": result.get("node"),
        "output": output,
        "job": result.get("name"),
        "id": result.get("id"),
        "child": result.get("child"),
        "reused_from": result.get("reused_from"),
        "from_run": result.get("from_run"),
        "run": context["run_id"],
    }
    context["outlet_events"][asset].extra.update({key: value for key, value in told.items() if value is not None})


def _jobs(
    plane: DataPlane, job: str, nodes: Mapping[str, PlannedNode], wanted: Mapping[NodePath, object]
) -> Flow[dict[NodePath, NodeJob]]:
    """The jobs of nodes, in as many requests as there are pipelines with any of them."""
    from airflow_provider_azml.rest import families, node_jobs

    depth = len(next(iter(nodes.values())).path) if nodes else 0
    names = {path[depth - 1] for path in wanted}
    runs = (yield from families.all_of(plane, job)) if names else []
    found: dict[NodePath, NodeJob] = {}
    for name in (name for name in nodes if name in names):
        node = nodes[name]
        run = node_jobs.run_of(runs, name, display_name=node.source.value.get("display_name"))
        if run is None:
            continue
        if node.nodes:
            inside = {path: uris for path, uris in wanted.items() if path[: len(node.path)] == node.path}
            found |= yield from _jobs(plane, str(run["runId"]), node.nodes, inside)
        else:
            found[node.path] = yield from node_jobs.described(plane, run)
    return found


def _made(job: NodeJob | None) -> Json:
    if job is None:
        return {}
    assets = {output: {"name": name, "version": version} for output, (name, version) in job.assets.items()}
    return {"child": job.name, "reused_from": job.reused_from, "outputs": job.outputs, "assets": assets}
