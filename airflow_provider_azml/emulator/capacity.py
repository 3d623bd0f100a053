"""Who may run now: jobs wait until their compute, and this machine, have room for them."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
        """
        request = _Request(compute, nodes, limit, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._admit()
        try:
            await request.granted
            yield
        finally:
            if request in self._waiting:
                self._waiting.remove(request)
            else:
                self._running -= 1
                self._nodes[compute] -= nodes
            self._admit()

    def _admit(self) -> None:
        """Give room to those for whom there is some."""
        for request in [*self._waiting]:
            if self._running < self._most and self._nodes[request.compute] + request.nodes <= request.limit():
                self._waiting.remove(request)
                self._running += 1
                self._nodes[request.compute] += request.nodes
                request.granted.set_result(None)
