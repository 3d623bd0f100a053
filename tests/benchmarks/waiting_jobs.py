"""What many waits cost one triggerer: requests, processor time, memory, and how soon an end is noticed."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.resources import RESOURCES
from airflow_provider_azml.triggers.wait import AzmlWaitTrigger
from tests.benchmarks.triggerer import LoopWatch, Triggerer, loop_watched, resident_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from typing import Any

    from tests.benchmarks.simulation import Simulation

SLACK_SECONDS = 2.0
_LATEST_SECONDS = 60.0
"""How much later than one pause between two looks a trigger may fire."""
LASTING_SECONDS = 86_400.0
_SUBMIT_SECONDS, _SUBMITTED_TOGETHER = 0.01, 200


@dataclass(frozen=True)
class Load:
    """What is waited for.

    Args:
        jobs: How many jobs run on and on.
        ending: How many more end after that.
        poll_seconds: Pause between two looks, in seconds.
        cycles: For how many such pauses they are watched.
    """

    jobs: int
    ending: int
    poll_seconds: float
    cycles: int


@dataclass
class Cost:
    """What it cost to wait for some time.

    Args:
        poll_seconds: Pause between two looks, in seconds.
        seconds: How long it has lasted.
        cpu_seconds: Processor time of this process.
        requests: Requests that the service had, by operation.
        most_at_once: How many of an operation it answered at one moment, since the emulator began.
    """

    poll_seconds: float
    seconds: float = 0
    cpu_seconds: float = 0
    requests: Counter[str] = field(default_factory=Counter)
    most_at_once: dict[str, int] = field(default_factory=dict)

    @property
    def cycles(self) -> float:
        """How many pauses between two looks it has lasted."""
        return self.seconds / self.poll_seconds

    @property
    def requests_per_cycle(self) -> float:
        """Requests from one look at each job to the next."""
        return self.requests.total() / self.cycles

    @property
    def cpu_seconds_per_cycle(self) -> float:
        """Processor time of this process from one look at each job to the next."""
        return self.cpu_seconds / self.cycles


@dataclass(frozen=True)
class Waits:
    """How triggers fared that waited for jobs.

    Args:
        starting: The cost of the first pause, from the start of the first trigger on.
        waiting: The cost of the pauses afterwards, in which nothing ends.
        ending: The cost of the time in which jobs end.
        loops: How the loop fared in the first and the last of these.
        bytes_per_trigger: Memory that one of them takes.
        delays: How long after its job's end a trigger fired, in seconds, for each job that ended.
        silent: How many jobs ended and had no trigger that fired.
    """

    starting: Cost
    waiting: Cost
    ending: Cost
    loops: Sequence[LoopWatch]
    bytes_per_trigger: float
    delays: Sequence[float]
    silent: int


class IdleTrigger(BaseTrigger):
    """Waits for nothing: what a task of the triggerer takes by itself."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Nothing to store."""
        return f"{__name__}.IdleTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for ever."""
        await asyncio.Event().wait()
        yield TriggerEvent(None)


class PeerTrigger(BaseTrigger):
    """Waits as other providers do: a GET of its own every interval, here through a client that all share.

    Args:
        hook: What speaks to the service.
        job_id: The job.
        poll_seconds: The interval.
    """

    def __init__(self, hook: AzmlHook, job_id: str, poll_seconds: float) -> None:
        super().__init__()
        self._hook, self._job_id, self._poll_seconds = hook, job_id, poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Nothing to store."""
        return f"{__name__}.PeerTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the job has ended."""
        await asyncio.sleep(random.uniform(0, self._poll_seconds))
        while True:
            body = await self._hook.arun(flows.get(self._job_id))
            if body["properties"]["status"] in RESOURCES["job"].terminal:
                yield TriggerEvent(body["properties"]["status"])
                return
            await asyncio.sleep(self._poll_seconds)


@asynccontextmanager
async def costs(simulation: Simulation, poll_seconds: float) -> AsyncIterator[Cost]:
    """Measure what the block costs."""
    cost, before = Cost(poll_seconds), await simulation.requests()
    began, worked = time.monotonic(), time.process_time()
    yield cost
    cost.cpu_seconds = time.process_time() - worked
    after = await simulation.requests()
    cost.seconds = time.monotonic() - began
    cost.requests, cost.most_at_once = after.by_operation - before.by_operation, after.most_at_once


async def idle(tasks: int) -> tuple[float, LoopWatch]:
    """Memory that a trigger takes that does nothing, and how the loop fares with many of them."""
    empty, triggerer = resident_bytes(), Triggerer()
    async with loop_watched() as loop:
        await triggerer.start({f"idle-{number}": IdleTrigger() for number in range(tasks)})
        await asyncio.sleep(0.1)
    held = resident_bytes() - empty
    await triggerer.stop()
    return held / tasks, loop


async def wait_in_triggers(simulation: Simulation, load: Load, *, prefix: str = "quiet") -> Waits:
    """Wait for jobs as the triggerer does, without their logs.

    Args:
        simulation: Where they run.
        load: How many, and for how long.
        prefix: What their names begin with.
    """
    lasting = await simulation.submit({f"{prefix}-{number}": LASTING_SECONDS for number in range(load.jobs)})
    await _wait_a_moment(simulation, lasting[0], load.poll_seconds)
    quiet, spread = load.poll_seconds * (load.cycles + 1.5), load.poll_seconds / load.ending
    ending = await simulation.submit({
        f"{prefix}-ending-{number}": quiet + number * spread for number in range(load.ending)
    })
    jobs, triggerer, empty = [*lasting, *ending], Triggerer(), resident_bytes()
    async with costs(simulation, load.poll_seconds) as starting, loop_watched() as first:
        await triggerer.start({job: trigger_of(job, load.poll_seconds) for job in jobs})
        started = time.time()
        await asyncio.sleep(load.poll_seconds)
    held = resident_bytes() - empty
    async with costs(simulation, load.poll_seconds) as waiting:
        await asyncio.sleep(load.cycles * load.poll_seconds)
    async with costs(simulation, load.poll_seconds) as stopping, loop_watched() as last:
        await triggerer.wait_for(load.ending, seconds=2.5 * load.poll_seconds + _LATEST_SECONDS)
    await triggerer.stop()
    ended = await simulation.ends(ending)
    return Waits(
        starting,
        waiting,
        stopping,
        loops=[first, last],
        bytes_per_trigger=held / len(jobs),
        # on a slow machine some end before anybody waits for them
        delays=[firing.at - max(ended[job], started) for job, firing in triggerer.fired.items()],
        silent=load.ending - len(triggerer.fired),
    )


async def wait_for_ends_at_once(simulation: Simulation, load: Load) -> Sequence[float]:
    """Wait for jobs that all end at one moment, and answer how long after it their triggers fired, in seconds.

    Args:
        simulation: Where they run.
        load: How many, and how often they are looked at.
    """
    ends_at = time.time() + load.jobs * _SUBMIT_SECONDS + 2 * load.poll_seconds
    jobs: list[str] = []
    for start in range(0, load.jobs, _SUBMITTED_TOGETHER):
        names = [f"wave-{number}" for number in range(start, min(start + _SUBMITTED_TOGETHER, load.jobs))]
        jobs += await simulation.submit(dict.fromkeys(names, ends_at - time.time()))
    triggerer = Triggerer()
    await triggerer.start({job: trigger_of(job, load.poll_seconds) for job in jobs})
    await triggerer.wait_for(load.jobs, seconds=ends_at - time.time() + 3 * load.poll_seconds)
    fired = dict(triggerer.fired)
    await triggerer.stop()
    last = max((await simulation.ends(jobs)).values())
    return [fired[job].at - last if job in fired else math.inf for job in jobs]


async def wait_as_peers_do(simulation: Simulation, load: Load, *, prefix: str = "quiet") -> Cost:
    """Wait for jobs with one GET for each in each cycle.

    Args:
        simulation: Where they run, since ``wait_in_triggers`` submitted them.
        load: How many, and for how long.
        prefix: What their names begin with.
    """
    hook, triggerer = AzmlHook(), Triggerer()
    await hook.arun(flows.get(str(hook.workspace_id)))
    jobs = [hook.workspace_id.child("job", f"{prefix}-{number}") for number in range(load.jobs)]
    await triggerer.start({job: PeerTrigger(hook, job, load.poll_seconds) for job in jobs})
    await asyncio.sleep(load.poll_seconds)
    async with costs(simulation, load.poll_seconds) as cost:
        await asyncio.sleep(load.cycles * load.poll_seconds)
    await triggerer.stop()
    await hook.aclose()
    return cost


def trigger_of(job_id: str, poll_seconds: float, *, stream_logs: bool = False) -> AzmlWaitTrigger:
    """The trigger that an operator would make for a job."""
    return AzmlWaitTrigger(
        arm_id=job_id,
        azml_conn_id="azml_default",
        poll_seconds=poll_seconds,
        deadlines={"ends": time.time() + LASTING_SECONDS, "limit": "timeout_seconds", "queue_ends": None},
        stream_logs=stream_logs,
        cancel_on_kill=True,
        links={"azml_studio_url": f"https://ml.azure.com/runs/{job_id.rpartition('/')[2]}?wsid={job_id}"},
    )


async def _wait_a_moment(simulation: Simulation, job_id: str, poll_seconds: float) -> None:
    """Have everything imported, connected and cached that is so once for a process."""
    triggerer = Triggerer()
    await triggerer.start({job_id: trigger_of(job_id, poll_seconds)})
    await asyncio.sleep(1.5)
    await triggerer.stop()
