"""The assets that outputs of a pipeline's nodes become."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.spec.asset_uris import asset_uri
from airflow_provider_azml.spec.job_io import asset_kind

if TYPE_CHECKING:
    from airflow_provider_azml.spec.pipeline_plans import PlannedNode, PlannedOutput


def uri_of(output: PlannedOutput) -> str | None:
    """The URI of the asset that an output becomes; ``None`` for one that becomes none."""
    return asset_uri(asset_kind({"type": output.type}), output.asset[0]) if output.asset else None


def uris_of(node: PlannedNode) -> dict[str, str]:
    """The outputs of a node that become assets -> the URIs of those."""
    uris = {name: uri_of(output) for name, output in node.outputs.items() if output.asset}
    return {name: uri for name, uri in uris.items() if uri}
