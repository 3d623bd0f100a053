"""Who may run now: jobs wait until their compute, and this machine, have room for them."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@dataclass(frozen=True, eq=False)
class _Request:
    compute: str
    nodes: int
    limit: Callable[[], int]
    granted: asyncio.Future[None]


class Capacity:
    """Room for jobs, given in the order in which it is asked for.

    Source: ``scaleSettings.maxNodeCount`` and the job status ``Queued`` of the 2024-04-01 OpenAPI file; how many jobs
    run at once on one machine is the emulator's own.

    Args:
        most: How many jobs this machine runs at once, whatever their computes would allow.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._running = 0
        self._nodes: Counter[str] = Counter()
        self._waiting: list[_Request] = []

    @asynccontextmanager
    async def held(self, compute: str, nodes: int, limit: Callable[[], int]) -> AsyncIterator[None]:
        """Wait for room on a compute, and keep it for as long as the block runs.

        Args:
            compute: The compute.
            nodes: How many of its nodes are needed.
            limit: Says how many it has; asked again whenever room is made.

        Raises:
            AzmlError: What ``limit`` raises, to the one who waits for that compute and to no other.
        """
        request = _Request(compute, nodes, limit, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self.admit()
        try:
            await request.granted
            yield
        finally:
            if request in self._waiting:
                self._waiting.remove(request)
            else:
                self._running -= 1
                self._nodes[compute] -= nodes
            self.admit()

    def admit(self) -> None:
        """Give room to those for whom there is some; called also when a compute has changed."""
        for request in [*self._waiting]:
            # one that was cancelled leaves by itself, a moment later
            if not request.granted.done():
                self._try(request)

    def _try(self, request: _Request) -> None:
        try:
            limit = request.limit()
        except AzmlError as error:
            request.granted.set_exception(error)
            return
        if self._running < self._most and self._nodes[request.compute] + request.nodes <= limit:
            self._waiting.remove(request)
            self._running += 1
            self._nodes[request.compute] += request.nodes
            request.granted.set_result(None)
