"""What many waits do while the service is out of reach, and in the moment in which it is back."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.benchmarks.triggerer import Triggerer
from tests.benchmarks.waiting_jobs import LASTING_SECONDS, costs, trigger_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.simulation import Simulation
    from tests.benchmarks.waiting_jobs import Cost, Load


@dataclass(frozen=True)
class Outage:
    """How triggers fared whose service went away for some time.

    Args:
        down: The cost of the time in which it was away.
        per_second: Looks of run history in each second afterwards.
        failed: How many triggers told an error.
        delays: How long after the service was back the triggers of jobs fired that had ended meanwhile, in seconds.
        silent: How many of these did not fire.
    """

    down: Cost
    per_second: Sequence[int]
    failed: int
    delays: Sequence[float]
    silent: int


async def wait_through(simulation: Simulation, load: Load, *, down_seconds: float) -> Outage:
    """Wait for jobs, some of which end while the service tears every connection down.

    Args:
        simulation: Where they run.
        load: How many, and for how long they are watched afterwards.
        down_seconds: How long the service is away.
    """
    lasting = await simulation.submit({f"outlasting-{number}": LASTING_SECONDS for number in range(load.jobs)})
    begins = load.poll_seconds * 1.5
    step = down_seconds / (load.ending + 1)
    ending = await simulation.submit({
        f"unseen-{number}": begins + (number + 1) * step for number in range(load.ending)
    })
    triggerer = Triggerer()
    await triggerer.start({job: trigger_of(job, load.poll_seconds) for job in [*lasting, *ending]})
    await asyncio.sleep(begins)
    await simulation.set_faults("reset=1")
    async with costs(simulation, load.poll_seconds) as down:
        await asyncio.sleep(down_seconds)
    await simulation.set_faults("")
    back, per_second = time.time(), []
    for _ in range(round(load.cycles * load.poll_seconds)):
        async with costs(simulation, load.poll_seconds) as second:
            await asyncio.sleep(1)
        per_second.append(second.requests["POST batchrundata"])
    fired = dict(triggerer.fired)
    await triggerer.stop()
    return Outage(
        down,
        per_second,
        failed=sum("error" in firing.event.payload for firing in fired.values()),
        delays=[firing.at - back for firing in fired.values()],
        silent=len(set(ending) - set(fired)),
    )
