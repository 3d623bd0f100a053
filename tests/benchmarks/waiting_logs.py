"""What logs cost while many wait: reads, memory, and whether a large one holds up the others."""

from __future__ import annotations

import asyncio
import io
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow.sdk.log import configure_logging

from tests.benchmarks.triggerer import Triggerer, loop_watched, resident_bytes
from tests.benchmarks.waiting_jobs import LASTING_SECONDS, costs, trigger_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from typing_extensions import Buffer

    from tests.benchmarks.simulation import Simulation
    from tests.benchmarks.triggerer import LoopWatch
    from tests.benchmarks.waiting_jobs import Cost, Load

LINES_PER_SECOND = 150
"""What all jobs write together: a triggerer tells 200 lines a second, and leaves out what is more."""
_BYTES_PER_LINE = 100
_FOUND_SECONDS = 60
LARGE_BYTES_PER_SECOND = 10_000_000
"""What a job with a large log writes; much more keeps the emulator from answering."""


@dataclass(frozen=True)
class Followed:
    """How triggers fared that told the logs of their jobs.

    Args:
        cost: What it cost once all logs had been found.
        loop: How the loop fared from the start on.
        lines: How many lines were told in that time.
        peak_bytes: How much more memory the process held at most than before.
        delays: How long after its job's end a trigger fired, in seconds, for each job that ended.
    """

    cost: Cost
    loop: LoopWatch
    lines: int
    peak_bytes: int
    delays: Sequence[float]


class LogOfTasks(io.BufferedWriter):
    """Takes what tasks log, and counts the lines that come from logs of jobs."""

    lines = 0

    def write(self, record: Buffer, /) -> int:
        """Take a record."""
        self.lines += b"simulated line" in bytes(record)
        return super().write(record)


@contextmanager
def log_of_tasks(file: Path) -> Iterator[LogOfTasks]:
    """Have a file take what is logged, line by line as the triggerer's process hands it on.

    Source: ``_configure_logs_over_json_channel`` of Airflow 3.3.2, ``sdk/execution_time/supervisor.py``.
    """
    with LogOfTasks(io.FileIO(file, "w")) as log:
        configure_logging(json_output=True, output=log, sending_to_supervisor=True)
        yield log


async def follow(simulation: Simulation, load: Load, log: LogOfTasks, *, writing: int) -> Followed:
    """Wait for jobs with their logs, of which only some write.

    Args:
        simulation: Where they run.
        load: How many, and for how long.
        log: Where the lines go that are told.
        writing: How many of the jobs write.
    """
    silent = await simulation.submit({f"silent-{number}": LASTING_SECONDS for number in range(load.jobs - writing)})
    seconds = load.poll_seconds * (load.cycles + 20)
    loud = await simulation.submit(
        {f"loud-{number}": seconds for number in range(writing)},
        log_bytes_per_second=str(LINES_PER_SECOND / writing * _BYTES_PER_LINE),
    )
    return await _followed(simulation, load, log, [*silent, *loud], writing)


async def follow_large(simulation: Simulation, load: Load, log: LogOfTasks, *, size: int) -> Followed:
    """Wait for jobs with their logs, one of which writes very much, and some of which end.

    Args:
        simulation: Where they run.
        load: How many, and for how long.
        log: Where the lines go that are told.
        size: How much the one writes in all, in bytes; that settles for how long they are watched.
    """
    writing = size / LARGE_BYTES_PER_SECOND
    load = replace(load, cycles=max(4, math.ceil(writing / load.poll_seconds)))
    quiet = await simulation.submit({f"beside-{number}": LASTING_SECONDS for number in range(load.jobs)})
    large = await simulation.submit({"large": writing}, log_bytes_per_second=str(LARGE_BYTES_PER_SECOND))
    begin, step = 2 * load.poll_seconds, (load.cycles - 2) * load.poll_seconds / load.ending
    seconds = {f"beside-ending-{number}": begin + number * step for number in range(load.ending)}
    ending = await simulation.submit(seconds, log_lines="10")
    return await _followed(simulation, load, log, [*quiet, *large, *ending], 1, ending=load.ending)


async def _followed(
    simulation: Simulation, load: Load, log: LogOfTasks, jobs: Sequence[str], logs: int, *, ending: int = 0
) -> Followed:
    triggerer, empty, begins = Triggerer(), resident_bytes(), log.lines
    async with loop_watched() as whole:
        await triggerer.start({job: trigger_of(job, load.poll_seconds, stream_logs=True) for job in jobs})
        started = time.time()
        await _found(log, begins, logs, load)
        before = log.lines
        async with costs(simulation, load.poll_seconds) as cost:
            await asyncio.sleep(load.cycles * load.poll_seconds)
        told = log.lines - before
        await triggerer.wait_for(ending, seconds=_FOUND_SECONDS)
    fired = {job: firing.at for job, firing in triggerer.fired.items()}
    await triggerer.stop()
    ended = await simulation.ends([*fired])
    # on a slow machine some end before anybody waits for them
    delays = [at - max(ended[job], started) for job, at in fired.items()]
    return Followed(cost, whole, told, whole.peak_bytes - empty, delays)


async def _found(log: LogOfTasks, begins: int, logs: int, load: Load) -> None:
    """Wait for two pauses, and for a line of each log, if that takes longer."""
    await asyncio.sleep(2 * load.poll_seconds)
    ends = time.monotonic() + _FOUND_SECONDS
    while log.lines < begins + logs and time.monotonic() < ends:  # noqa: ASYNC110 (nobody says so)
        await asyncio.sleep(load.poll_seconds)
