"""Whether a web service fits where it is to run, beside those that run there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.locations import sizes
from airflow_provider_azml.emulator.arm.usages import cores_of
from airflow_provider_azml.emulator.v1.service_requests import replicas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

_NODES, _NODE_SIZE = 3, "Standard_D3_v2"
_MOST_CORES, _MOST_MEMORY = 4.0, 16.0
_PER_CORE = 3.5


@dataclass
class _Room:
    """What is left of a node, or what a replica takes."""

    cores: float
    memory: float
    gpus: float

    def lacks(self, need: _Room) -> list[str]:
        short = {
            "cpu": need.cores > self.cores,
            "memory": need.memory > self.memory,
            "nvidia.com/gpu": need.gpus > self.gpus,
        }
        return [name for name, lacking in short.items() if lacking]

    def take(self, need: _Room) -> None:
        self.cores -= need.cores
        self.memory -= need.memory
        self.gpus -= need.gpus


def shortage(store: Store, workspace: WorkspaceId, request: Json, others: Sequence[Json]) -> str | None:
    """Why a service cannot be scheduled, if it cannot.

    Args:
        store: Has the computes.
        workspace: The workspace.
        request: What the service was asked for with.
        others: The requests of the services that have been scheduled.

    Sources: "0/3 nodes are available: 3 Insufficient nvidia.com/gpu." in Azure/MachineLearningNotebooks issue 487; the
    number and size of nodes that azureml-core gives a new AKS cluster; the sizes of container groups in
    https://learn.microsoft.com/azure/container-instances/container-instances-resource-and-quota-limits
    """
    need = _need(request)
    if request["computeType"] == "ACI":
        if not _Room(_MOST_CORES, _MOST_MEMORY, 0).lacks(need):
            return None
        asked = f"'{need.cores:g}' CPU '{need.memory:g}' GB memory 'Linux' OS"
        return (
            "The requested resource is not available in the location 'local' at this moment. Please retry with a "
            f"different resource request or in another location. Resource requested: {asked}"
        )
    compute = store.get(workspace.child("compute", request["computeName"])) or {"properties": {}}
    nodes = _nodes(compute["properties"].get("properties") or {})
    for other in others:
        if str(other.get("computeName")).lower() == str(request["computeName"]).lower():
            _place(nodes, other)
    return _place(nodes, request)


def _place(nodes: list[_Room], request: Json) -> str | None:
    """Put the replicas of a service on nodes; what those lack on which the next one finds no room."""
    need = _need(request)
    for _ in range(replicas(request)):
        node = next((node for node in nodes if not node.lacks(need)), None)
        if node is None:
            lacking = [name for node in nodes for name in node.lacks(need)]
            counts = ", ".join(f"{lacking.count(name)} Insufficient {name}" for name in dict.fromkeys(lacking))
            return f"0/{len(nodes)} nodes are available: {counts}."
        node.take(need)
    return None


def _need(request: Json) -> _Room:
    asked = request["containerResourceRequirements"]
    return _Room(float(asked["cpu"]), float(asked["memoryInGB"]), float(asked.get("gpu") or 0))


def _nodes(cluster: Json) -> list[_Room]:
    size = str(cluster.get("agentVmSize") or cluster.get("agentVMSize") or _NODE_SIZE)
    known = next((one for one in sizes() if one["name"].lower() == size.lower()), {})
    cores = cores_of(size)
    room = _Room(cores, float(known.get("memoryGB", _PER_CORE * cores)), float(known.get("gpus", 0)))
    return [_Room(room.cores, room.memory, room.gpus) for _ in range(int(cluster.get("agentCount") or _NODES))]
