"""Computes, as jobs see them: something to run on that may first have to be started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.computes.clusters import Clusters
from airflow_provider_azml.emulator.computes.instances import Instances

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from airflow_provider_azml.emulator.clock import Clock
    from airflow_provider_azml.emulator.store import Store


class Computes:
    """The computes of an emulator: clusters and instances; all others are always there.

    Args:
        store: The emulator's memory.
        clock: The time that they go by.
        node_seconds: How long a node or an instance takes to start, and to stop.
        stopped: Told the id of an instance that stops, for the jobs that run on it.
    """

    def __init__(self, store: Store, clock: Clock, node_seconds: float, stopped: Callable[[str], None]) -> None:
        self.clusters = Clusters(store, clock, node_seconds)
        self.instances = Instances(store, clock, node_seconds, stopped)

    def take(self, job_id: str, compute_id: str, nodes: int) -> asyncio.Future[None]:
        """Let a job have nodes of a compute that has room for it.

        Args:
            job_id: The job.
            compute_id: The compute; empty for serverless.
            nodes: How many.

        Returns:
            Done once they are up.
        """
        if self.clusters.scale_of(compute_id) is not None:
            return self.clusters.take(job_id, compute_id, nodes)
        return self.instances.take(job_id, compute_id)

    def runs(self, job_id: str, compute_id: str) -> None:
        """Take note that a job runs by now on what it was given."""
        self.clusters.runs(job_id, compute_id)

    def leave(self, job_id: str, compute_id: str) -> None:
        """Take back what a job was given."""
        self.clusters.leave(job_id, compute_id)
        self.instances.leave(job_id, compute_id)

    def forget(self, compute_id: str) -> None:
        """Let a compute go that is deleted."""
        self.clusters.forget(compute_id)
        self.instances.forget(compute_id)

    def recover(self) -> None:
        """At the start: go on with the computes that an emulator has left that ended."""
        self.clusters.recover()
        self.instances.recover()

    async def close(self) -> None:
        """At the end: stop following them."""
        await self.clusters.close()
        await self.instances.close()
