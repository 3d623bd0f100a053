"""The nodes of one cluster."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.clock import timestamp

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from datetime import datetime

    from airflow_provider_azml.rest.flows import Json

STATES = ("preparing", "running", "idle", "unusable", "leaving", "preempted")
_FIRST_PORT, _PORTS = 50000, 10000
_PER_NETWORK = 250


@dataclass(frozen=True)
class Scale:
    """How many nodes a cluster keeps and may have, and for how long idle ones stay.

    Source: ``ScaleSettings`` of the 2024-04-01 OpenAPI file.
    """

    least: int
    most: int
    idle_seconds: float


@dataclass(eq=False)
class Node:
    """A node.

    Args:
        id: Its id.
        number: What tells its addresses from those of others.
        since: From when on it is in its state.
        job: Id of the job that it is there for.
        comes: Whether it is still being started.
        goes: The state in which it is until it is gone: leaving or preempted.
    """

    id: str
    number: int
    since: datetime
    job: str | None = None
    comes: bool = False
    goes: str | None = None

    def shown(self, state: str) -> Json:
        """What a list of nodes says of it.

        Source: ``AmlComputeNodeInformation`` of the 2024-04-01 OpenAPI file.
        """
        network, host = divmod(self.number, _PER_NETWORK)
        return {
            "nodeId": self.id,
            "privateIpAddress": f"10.0.{network % _PER_NETWORK}.{host + 4}",
            "publicIpAddress": None,
            "port": _FIRST_PORT + self.number % _PORTS,
            "nodeState": state,
            "runId": self.job.rpartition("/")[2] if self.job and state == "running" else None,
        }


@dataclass(eq=False)
class Cluster:
    """The nodes of a cluster, by what they do.

    Args:
        compute_id: The cluster.
        idle: By id, the longest idle first.
        held: By the job that they are there for.
        busy: How many that are.
        coming: Those that are being started, the first to be up first; those of jobs among them.
        going: Those that are on their way out, the first to be gone first.
        awaited: Done once all nodes of a job are up, by job.
        running: The jobs that run by now.
        changed: When it last began or ended to resize.
        due: The moment that its timer waits for.
        timer: Waits for the next moment at which something changes by itself.
    """

    compute_id: str
    idle: dict[str, Node] = field(default_factory=dict)
    held: dict[str, list[Node]] = field(default_factory=dict)
    busy: int = 0
    coming: list[Node] = field(default_factory=list)
    going: list[Node] = field(default_factory=list)
    awaited: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    changed: str = field(default_factory=timestamp)
    was_resizing: bool = False
    born: int = 0
    due: datetime | None = None
    timer: asyncio.Task[None] | None = None

    def size(self) -> int:
        """How many nodes it has that stay for now."""
        free = sum(node.job is None for node in self.coming)
        return len(self.idle) + free + self.busy

    def nodes(self) -> Iterator[tuple[Node, str]]:
        """Every node, with its state."""
        for node in self.idle.values():
            yield node, "idle"
        for job, nodes in self.held.items():
            for node in nodes:
                yield node, "running" if job in self.running else "preparing"
        for node in self.coming:
            if node.job is None:
                yield node, "preparing"
        for node in self.going:
            yield node, str(node.goes)

    def begin(self, moment: datetime) -> Node:
        """A new node, which is nowhere yet."""
        self.born += 1
        return Node(f"tvmps_{uuid.uuid4().hex}_d", self.born, moment)

    def note(self) -> None:
        """Take down when it began or ended to resize."""
        resizing = bool(self.coming or self.going or len(self.running) < len(self.held))
        if resizing != self.was_resizing:
            self.was_resizing, self.changed = resizing, timestamp()

    def shown(self, scale: Scale, awaited: int) -> Json:
        """What a GET of the cluster says of its nodes.

        Source: ``AllocationState`` ("Resizing - the number of compute nodes is being changed") and ``NodeStateCounts``
        of the 2024-04-01 OpenAPI file.

        Args:
            scale: How it scales.
            awaited: How many more nodes jobs want that wait.
        """
        counts = Counter(state for _, state in self.nodes())
        busy, stay = counts["preparing"] + counts["running"], self.size()
        target = max(stay, min(busy + awaited, scale.most))
        return {
            "allocationState": "Resizing" if self.was_resizing or target > stay else "Steady",
            "allocationStateTransitionTime": self.changed,
            "currentNodeCount": sum(counts.values()),
            "targetNodeCount": target,
            "nodeStateCounts": {f"{state}NodeCount": counts[state] for state in STATES},
        }
