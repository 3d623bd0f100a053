"""The nodes of computes: how many a compute has, how many a job wants, and what a job is told that waits for some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.jobs.records import JobFailure

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.rest.flows import Json

SERVERLESS = "/computes/serverless"


def nodes_of(store: Store, compute_id: str) -> int | None:
    """How many nodes a compute can have; ``None`` where that is not Azure ML's affair: serverless and attached ones.

    Args:
        store: The emulator's memory.
        compute_id: The compute; empty for serverless.

    Raises:
        JobFailure: It does not exist, or is something else.
    """
    if not compute_id or compute_id.lower().endswith(SERVERLESS):
        return None
    compute = store.get(compute_id)
    if compute is None:
        raise JobFailure("UserError", f"The compute {compute_id} does not exist.")
    properties = compute["properties"]
    if "computeType" not in properties:
        raise JobFailure("UserError", f"{compute_id} is no compute.")
    if properties["computeType"] == "ComputeInstance":
        return 1
    scale = (properties.get("properties") or {}).get("scaleSettings") or {}
    return int(scale["maxNodeCount"]) if properties["computeType"] == "AmlCompute" else None


def is_low_priority(compute: Json | None) -> bool:
    """Whether the nodes of a compute may be taken away from its jobs."""
    properties = (compute or {}).get("properties", {})
    inner = properties.get("properties") or {}
    return properties.get("computeType") == "AmlCompute" and str(inner.get("vmPriority")).lower() == "lowpriority"


def nodes_wanted(job: Json) -> int:
    """How many nodes a job runs on."""
    return int((job["properties"].get("resources") or {}).get("instanceCount") or 1)


def too_many_nodes(job: Json, most: int) -> JobFailure:
    """Why a job fails that wants more nodes than its compute can have."""
    compute_id, nodes = job["properties"].get("computeId"), nodes_wanted(job)
    return JobFailure("UserError", f"The job asks for {nodes} nodes, and {compute_id} has at most {most}.")


def queueing_info(compute_id: str, nodes: int, *, starting: bool = False) -> Json:
    """What run history says of a job that waits for nodes.

    Source: ``QueueingInfo`` of azure-ai-ml's run history client; code and words are the emulator's own.
    """
    where = compute_id.rpartition("/")[2] or "serverless compute"
    why = "they are being started" if starting else "all that it has are in use or held by earlier jobs"
    message = f"The job waits for {nodes} node(s) of {where}; {why}."
    return {"code": "WaitingForNodes", "message": message, "lastRefreshTimestamp": timestamp()}
