"""Who may run now: jobs wait until their compute, and this machine, have room for them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from heapq import merge
from itertools import chain, count, islice
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@dataclass(eq=False)
class Place:
    """A place on a compute that a job has asked for.

    Args:
        number: Its place in the order in which room was asked for.
        compute: The compute.
        nodes: How many of its nodes are needed.
        limit: Says how many it has.
        granted: Done once there is room.
    """

    number: int
    compute: str
    nodes: int
    limit: Callable[[], int]
    granted: asyncio.Future[None]


@dataclass
class _Compute:
    waiting: dict[int, Place] = field(default_factory=dict)
    granted: dict[int, Place] = field(default_factory=dict)

    @property
    def held(self) -> int:
        return sum(place.nodes for place in self.granted.values())


class Capacity:
    """Room for jobs, given in the order in which it is asked for.

    Source: ``scaleSettings.maxNodeCount`` and the job status ``Queued`` of the 2024-04-01 OpenAPI file; how many jobs
    run at once on one machine is the emulator's own.

    Args:
        most: How many jobs this machine runs at once, whatever their computes would allow; no limit when not given.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._running = 0
        self._numbers = count()
        self._computes: dict[str, _Compute] = {}

    def ask(self, compute: str, nodes: int, limit: Callable[[], int]) -> Place:
        """Ask for room on a compute; the place has to be left in the end.

        Args:
            compute: The compute.
            nodes: How many of its nodes are needed.
            limit: Says how many it has; asked again whenever room is made. An AzmlError that it raises goes to those
                who wait for that compute and to no others.
        """
        place = Place(next(self._numbers), compute, nodes, limit, asyncio.get_running_loop().create_future())
        self._computes.setdefault(compute, _Compute()).waiting[place.number] = place
        self.admit()
        return place

    @asynccontextmanager
    async def held(self, place: Place) -> AsyncIterator[None]:
        """Wait for room, and keep it for as long as the block runs.

        Args:
            place: What was asked for.

        Raises:
            AzmlError: What its ``limit`` raises.
        """
        try:
            await place.granted
            yield
        finally:
            self.leave(place)

    def leave(self, place: Place) -> None:
        """Give up a place, or the wait for one."""
        compute = self._computes[place.compute]
        if compute.waiting.pop(place.number, None) is None:
            del compute.granted[place.number]
            self._running -= 1
        if not (compute.waiting or compute.granted):
            del self._computes[place.compute]
        self.admit()

    def admit(self) -> None:
        """Give room to those for whom there is some; called also when a compute has changed."""
        room = None if self._most is None else max(0, self._most - self._running)
        fitting = merge(*(_fitting(compute) for compute in self._computes.values()), key=lambda place: place.number)
        for place in [*islice(fitting, room)]:
            compute = self._computes[place.compute]
            compute.granted[place.number] = compute.waiting.pop(place.number)
            self._running += 1
            place.granted.set_result(None)

    def awaited(self, compute: str) -> int:
        """How many more nodes of a compute they want that wait."""
        found = self._computes.get(compute)
        return sum(place.nodes for place in found.waiting.values()) if found else 0


def _fitting(compute: _Compute) -> Iterator[Place]:
    """Those for whom a compute has room, first come, first served; one that wants much holds up nobody."""
    # one that was cancelled leaves by itself, a moment later
    waiting = (place for place in compute.waiting.values() if not place.granted.done())
    first = next(waiting, None)
    if first is None:
        return
    try:
        room = first.limit() - compute.held
    except AzmlError as error:
        for place in (first, *waiting):
            place.granted.set_exception(error)
        return
    for place in chain([first], waiting):
        if place.nodes <= room:
            room -= place.nodes
            yield place
        if room <= 0:
            return
