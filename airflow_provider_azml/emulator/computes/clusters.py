"""Clusters: their nodes come when jobs ask for them, stay idle for a while, and go."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import durations
from airflow_provider_azml.emulator.computes.nodes import Cluster, Node, Scale

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from airflow_provider_azml.emulator.clock import Clock
    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.rest.flows import Json

_COLLECTION = "nodes:"
_PREEMPTED_SECONDS = 5.0


class Clusters:
    """The nodes of all clusters.

    Sources: ``ScaleSettings`` ("Node Idle Time before scaling down amlCompute") and ``nodeState`` of the 2024-04-01
    OpenAPI file. How long a node takes to come or go is the emulator's own.

    Args:
        store: The emulator's memory.
        clock: The time that nodes go by.
        node_seconds: How long a node takes to start, and to stop.
    """

    def __init__(self, store: Store, clock: Clock, node_seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._takes = timedelta(seconds=node_seconds)
        self._clusters: dict[str, Cluster] = {}

    def take(self, job_id: str, compute_id: str, count: int) -> asyncio.Future[None]:
        """Let a job have nodes: idle ones, and new ones where those do not suffice.

        Args:
            job_id: The job, for which there is room.
            compute_id: The compute; one that is no cluster has no nodes of its own.
            count: How many.

        Returns:
            Done once they are up.
        """
        up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.scale_of(compute_id) is None:
            up.set_result(None)
            return up
        cluster, job = self._cluster(compute_id), job_id.lower()
        nodes = cluster.held[job] = [cluster.idle.popitem()[1] for _ in range(min(count, len(cluster.idle)))]
        nodes += [self._begin(cluster) for _ in range(count - len(nodes))]
        for node in nodes:
            node.job = job_id
        cluster.busy += count
        cluster.awaited[job] = up
        self._look(cluster)
        return up

    def runs(self, job_id: str, compute_id: str) -> None:
        """Take note that a job runs on its nodes by now."""
        cluster = self._clusters.get(compute_id.lower())
        if cluster is not None and job_id.lower() in cluster.held:
            cluster.running.add(job_id.lower())
            cluster.note()

    def leave(self, job_id: str, compute_id: str) -> None:
        """Take the nodes of a job back; nothing happens when it has none."""
        cluster = self._clusters.get(compute_id.lower())
        if cluster is None:
            return
        nodes = cluster.held.pop(job_id.lower(), [])
        cluster.busy -= len(nodes)
        for node in nodes:
            node.job = None
            if not node.comes:
                node.since = self._clock.now()
                cluster.idle[node.id] = node
        self._released(cluster, job_id.lower())
        self._look(cluster)

    def evict(self, compute_id: str) -> None:
        """Take all nodes of a cluster away, as Azure does with low-priority ones.

        Source: "Spot/Low-priority Compute Nodes which have been preempted are included in this count", of
        ``currentLowPriorityNodes`` in Azure Batch's reference.
        """
        cluster, now = self._cluster(compute_id), self._clock.now()
        there = [node for node, _ in cluster.nodes() if node.goes is None]
        for job in [*cluster.held]:
            self._released(cluster, job)
        cluster.idle, cluster.held, cluster.busy, cluster.coming = {}, {}, 0, []
        for node in there:
            node.job = None
            self._let_go(cluster, node, "preempted", now)
        self._look(cluster)

    def changed(self, compute_id: str) -> None:
        """Follow what a cluster says of its scale by now; one that is gone is forgotten."""
        if self.scale_of(compute_id) is None:
            self.forget(compute_id)
            return
        cluster = self._cluster(compute_id)
        cluster.due = None
        self._look(cluster)

    def forget(self, compute_id: str) -> None:
        """Let all nodes of a cluster go that is deleted."""
        cluster = self._clusters.pop(compute_id.lower(), None)
        if cluster is not None and cluster.timer is not None:
            cluster.timer.cancel()

    def shown(self, compute_id: str, awaited: int) -> Json:
        """What a GET of a cluster says of its nodes.

        Args:
            compute_id: The cluster.
            awaited: How many more nodes jobs want that wait.
        """
        scale = self.scale_of(compute_id)
        assert scale is not None
        return self._cluster(compute_id).shown(scale, awaited)

    def listed(self, compute_id: str) -> list[Json]:
        """The nodes of a cluster, as ``listNodes`` has them."""
        nodes = sorted(self._cluster(compute_id).nodes(), key=lambda found: found[0].number)
        return [node.shown(state) for node, state in nodes]

    def size(self, compute_id: str) -> int:
        """How many nodes a cluster has."""
        return self._cluster(compute_id).size()

    def recover(self) -> None:
        """At the start: clusters have the nodes that they had when an emulator ended, and nobody uses them."""
        for compute in self._store.below("/subscriptions", "computes"):
            if compute.get("properties", {}).get("computeType") == "AmlCompute":
                self._look(self._cluster(compute["id"]))

    async def close(self) -> None:
        """Stop waiting."""
        timers = [cluster.timer for cluster in self._clusters.values() if cluster.timer is not None]
        for timer in timers:
            timer.cancel()
        if timers:
            await asyncio.wait(timers)

    def scale_of(self, compute_id: str) -> Scale | None:
        """How a cluster scales; ``None`` for what is none."""
        compute = self._store.get(compute_id) if compute_id else None
        properties = (compute or {}).get("properties", {})
        if properties.get("computeType") != "AmlCompute":
            return None
        scale = properties["properties"]["scaleSettings"]
        idle_seconds = durations.seconds(scale["nodeIdleTimeBeforeScaleDown"])
        return Scale(int(scale["minNodeCount"]), int(scale["maxNodeCount"]), idle_seconds)

    def _cluster(self, compute_id: str) -> Cluster:
        key = compute_id.lower()
        if key not in self._clusters:
            cluster = self._clusters[key] = Cluster(key)
            for record in self._store.records(_COLLECTION + key):
                cluster.born = max(cluster.born, record["number"])
                cluster.idle[record["id"]] = Node(record["id"], record["number"], self._clock.now())
        return self._clusters[key]

    def _begin(self, cluster: Cluster) -> Node:
        node = cluster.begin(self._clock.now())
        self._store.put_record(_COLLECTION + cluster.compute_id, node.id, {"id": node.id, "number": node.number})
        if self._takes:
            node.comes = True
            cluster.coming.append(node)
        return node

    def _let_go(self, cluster: Cluster, node: Node, state: str, now: datetime) -> None:
        node.goes, node.since, node.comes = state, now, False
        cluster.going.append(node)
        # an emulator that starts again does not find it, however far it was
        self._store.delete_record(_COLLECTION + cluster.compute_id, node.id)

    def _released(self, cluster: Cluster, job: str) -> None:
        cluster.running.discard(job)
        awaited = cluster.awaited.pop(job, None)
        if awaited is not None:
            awaited.cancel()

    def _look(self, cluster: Cluster) -> None:
        """Do what is due by now, and wait for what is due next."""
        self._settle(cluster)
        due = self._due(cluster)
        if due is None or (cluster.due is not None and cluster.due <= due):
            return
        if cluster.timer is not None:
            cluster.timer.cancel()
        cluster.due = due
        cluster.timer = asyncio.create_task(self._follow(cluster))

    async def _follow(self, cluster: Cluster) -> None:
        while cluster.due is not None:
            await self._clock.wait_until(cluster.due)
            self._settle(cluster)
            cluster.due = self._due(cluster)

    def _settle(self, cluster: Cluster) -> None:
        scale, now = self.scale_of(cluster.compute_id), self._clock.now()
        if scale is None:
            return
        while cluster.coming and cluster.coming[0].since + self._takes <= now:
            self._arrived(cluster, cluster.coming.pop(0), now)
        self._answer(cluster)
        for node in [*_superfluous(cluster, scale, now)]:
            del cluster.idle[node.id]
            self._let_go(cluster, node, "leaving", now)
        for _ in range(scale.least - cluster.size()):
            node = self._begin(cluster)
            if not node.comes:
                cluster.idle[node.id] = node
        cluster.going = [node for node in cluster.going if self._gone_at(node) > now]
        cluster.note()

    def _arrived(self, cluster: Cluster, node: Node, now: datetime) -> None:
        node.comes, node.since = False, now
        if node.job is None:
            cluster.idle[node.id] = node

    def _answer(self, cluster: Cluster) -> None:
        for job, up in [*cluster.awaited.items()]:
            if not any(node.comes for node in cluster.held[job]):
                del cluster.awaited[job]
                with suppress(asyncio.InvalidStateError):  # whoever asked may have been cancelled
                    up.set_result(None)

    def _gone_at(self, node: Node) -> datetime:
        if node.goes == "preempted":
            return node.since + max(self._takes, timedelta(seconds=_PREEMPTED_SECONDS))
        return node.since + self._takes

    def _due(self, cluster: Cluster) -> datetime | None:
        """The next moment at which something changes by itself."""
        scale = self.scale_of(cluster.compute_id)
        if scale is None:
            return None
        moments = [node.since + self._takes for node in cluster.coming[:1]]
        moments += [self._gone_at(node) for node in cluster.going]
        if cluster.idle and cluster.size() > scale.least:
            moments.append(next(iter(cluster.idle.values())).since + timedelta(seconds=scale.idle_seconds))
        return min(moments, default=None)


def _superfluous(cluster: Cluster, scale: Scale, now: datetime) -> Iterator[Node]:
    """The idle nodes that have to go: more than may be, or idle for long enough and more than are kept."""
    size = cluster.size()
    for node in cluster.idle.values():
        idle = (now - node.since).total_seconds()
        if size > scale.most or (size > scale.least and idle >= scale.idle_seconds):
            size -= 1
            yield node
        else:
            return  # the others are idle for less long
